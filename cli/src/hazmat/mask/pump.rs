//! One stream of a child through the filter, in a thread of its own: what waits for a slow reader
//! waits for nobody else.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{read, write};
use unix::wash;

use super::filter::{Filter, Rest};
use super::patterns::Patterns;
use crate::ending::no_slot;
use proto::failure::{Failure, FailureClass};

/// How a stream ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// All of it was passed on.
    Whole,
    /// Whoever was to read it is gone.
    NobodyReads,
    /// It could not be written.
    Failed(io::Error),
}

/// A stream that is being passed on.
pub(crate) struct Pump(JoinHandle<Ended>);

struct Stream {
    filter: Filter,
    from: OwnedFd,
    to: OwnedFd,
    /// Becomes readable when the child is over: what was written by then is the last that counts.
    over: Arc<OwnedFd>,
}

impl Pump {
    /// Starts a thread that passes on what comes, until its end or until the child is over.
    ///
    /// # Errors
    /// No locked memory, or no thread.
    pub(crate) fn start(
        patterns: &Arc<Patterns>,
        from: OwnedFd,
        to: OwnedFd,
        over: &Arc<OwnedFd>,
    ) -> Result<Self, Failure> {
        let filter = Filter::new(Arc::clone(patterns)).map_err(no_slot)?;
        let stream = Stream { filter, from, to, over: Arc::clone(over) };
        let thread = std::thread::Builder::new().name("mask".to_owned()).spawn(move || stream.run());
        let failed = |error| {
            Failure::new(FailureClass::Io, format!("a thread could not be had: {error}"), "ulimit -u")
        };
        thread.map(Self).map_err(failed)
    }

    /// Waits for its end.
    pub(crate) fn ended(self) -> Ended {
        self.0.join().unwrap_or(Ended::NobodyReads)
    }
}

impl Stream {
    fn run(mut self) -> Ended {
        match self.pass_on() {
            Ok(()) => Ended::Whole,
            // With this, `from` is closed, and the child is told as it would be by its own reader.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ended::NobodyReads,
            Err(error) => Ended::Failed(error),
        }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        loop {
            let came = self.wait()?;
            let piece = match came {
                Came::Bytes => read_some(&self.from, self.filter.space())?,
                Came::Nothing => 0,
            };
            let rest = if piece == 0 { Rest::Closed } else { Rest::Open };
            let to = &self.to;
            self.filter.pass(piece, rest, |bytes| write_all(to, bytes))?;
            if piece == 0 {
                return Ok(());
            }
        }
    }

    fn wait(&self) -> io::Result<Came> {
        // What was looked at must not be what this thread sleeps with.
        wash::registers();
        let mut both = [
            PollFd::new(self.from.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.over.as_fd(), PollFlags::POLLIN),
        ];
        loop {
            match poll(&mut both, PollTimeout::NONE) {
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let [from, over] = &both;
            // What is there is taken first, also once the child is over.
            if from.any() == Some(true) {
                return Ok(Came::Bytes);
            }
            if over.any() == Some(true) {
                return Ok(Came::Nothing);
            }
        }
    }
}

enum Came {
    /// Bytes, or the end.
    Bytes,
    /// The child is over, and all it has written was read.
    Nothing,
}

fn read_some(from: &OwnedFd, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match read(from, room) {
            Err(Errno::EINTR) => {}
            done => return Ok(done?),
        }
    }
}

fn write_all(to: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(to, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            // Somebody else has set it so, and may go on relying on it.
            Err(Errno::EAGAIN) => {
                wash::registers();
                match poll(&mut [PollFd::new(to.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE) {
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
