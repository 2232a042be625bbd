//! What a daemon writes to its stderr: where it panicked, and why it could not even reach its lane. It
//! goes into the log like all else a daemon says, since a daemon that was taken over writes what it
//! likes, and to wherever its stderr leads.

use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// Most that is kept of a line, in bytes; the rest is cut off.
const LINE_MAX: usize = 512;
/// Most that is read in one turn of the loop.
const TURN: usize = 4096;

/// Our end of a daemon's stderr.
pub(super) struct Mutter {
    socket: Option<UnixStream>,
    /// Lines, the last of them without its end.
    begun: Vec<u8>,
    /// How long that one is.
    last: usize,
}

impl Mutter {
    /// Of a socket that does not block.
    pub(super) const fn of(socket: UnixStream) -> Self {
        Self { socket: Some(socket), begun: Vec::new(), last: 0 }
    }

    /// What to watch, as long as there is somebody at the other end.
    pub(super) fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// Lines that are whole by now; at the end, the last one as it is.
    pub(super) fn lines(&mut self) -> Vec<String> {
        let Some(socket) = &mut self.socket else {
            return Vec::new();
        };
        let mut read = [0; TURN];
        match socket.read(&mut read) {
            Ok(0) => self.socket = None,
            Ok(length) => {
                for byte in read.iter().take(length) {
                    self.take(*byte);
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.socket = None,
        }
        self.split()
    }

    fn take(&mut self, byte: u8) {
        if byte == b'\n' {
            self.last = 0;
        } else {
            self.last = self.last.saturating_add(1);
        }
        if self.last <= LINE_MAX {
            self.begun.push(byte);
        }
    }

    fn split(&mut self) -> Vec<String> {
        let whole = match (&self.socket, self.begun.iter().rposition(|byte| *byte == b'\n')) {
            (None, _) => self.begun.len(),
            (Some(_), Some(end)) => end + 1,
            (Some(_), None) => 0,
        };
        let taken: Vec<u8> = self.begun.drain(..whole).collect();
        let lines = String::from_utf8_lossy(&taken);
        lines.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_come_when_they_are_whole_and_the_last_at_the_end() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut mutter = Mutter::of(ours);
        theirs.write_all(b"one\ntwo\nthr").unwrap();
        assert_eq!(mutter.lines(), ["one", "two"]);
        theirs.write_all(b"ee").unwrap();
        assert!(mutter.lines().is_empty() && mutter.watched().is_some());
        drop(theirs);
        assert_eq!(mutter.lines(), ["three"]);
        assert!(mutter.watched().is_none() && mutter.lines().is_empty());
    }

    #[test]
    fn a_line_without_an_end_is_cut_and_takes_no_more_room() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut mutter = Mutter::of(ours);
        for _ in 0..8 {
            theirs.write_all(&[b'x'; 1000]).unwrap();
            assert!(mutter.lines().is_empty());
        }
        assert!(mutter.begun.len() <= LINE_MAX);
        theirs.write_all(b"\nnext\n").unwrap();
        let lines = mutter.lines();
        assert_eq!((lines[0].len(), lines[1].as_str()), (LINE_MAX, "next"));
    }
}
