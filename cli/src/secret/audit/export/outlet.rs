//! The sink itself. One that is a socket is waited for as long as it takes; one that is a file and was
//! moved away ends this process, and the next one opens the new file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, send, socket};
use proto::failure::{Failure, FailureClass};

use super::super::view::RecordView;
use super::dress;
use crate::ending::{Halt, Outcome};
use crate::keeper::Keeper;
use crate::settings::Sink;

/// Before a sink that is down is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a full sink is waited for before the broker is looked at.
const FULL: u16 = 500;
/// Bytes that are gathered before they are written to a file.
const GATHERED: usize = 64 * 1024;

/// An open sink.
pub(super) struct Outlet {
    way: Way,
    /// Whether the broker ends, and nobody is waited for any more.
    patience: Patience,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Endless,
    None,
}

enum Way {
    File { file: File, path: PathBuf, gathered: Vec<u8> },
    Socket { path: PathBuf, socket: Option<OwnedFd>, dress: Dress, state: State },
}

enum Dress {
    Syslog { host: String },
    Journald,
}

/// What was said of a sink.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    Down,
}

impl Outlet {
    /// Opens it. A socket is connected when there is something for it.
    pub(super) fn open(sink: &Sink) -> Result<Self, Failure> {
        let socket =
            |path: &PathBuf, dress| Way::Socket { path: path.clone(), socket: None, dress, state: State::Up };
        let way = match sink {
            Sink::File(path) => {
                Way::File { file: open_file(path)?, path: path.clone(), gathered: Vec::new() }
            }
            Sink::Syslog(path) => socket(path, Dress::Syslog { host: dress::host() }),
            Sink::Journald(path) => socket(path, Dress::Journald),
        };
        Ok(Self { way, patience: Patience::Endless })
    }

    /// Hands on one record, however long that takes; only the broker's end stops it.
    pub(super) fn put(&mut self, record: &RecordView, keeper: &Keeper) -> Outcome {
        match &mut self.way {
            Way::File { gathered, .. } => {
                gathered.append(&mut dress::json_line(record));
                if gathered.len() >= GATHERED { self.flush() } else { Ok(()) }
            }
            Way::Socket { path, socket, dress, state } => {
                let message = match dress {
                    Dress::Syslog { host } => dress::syslog(record, host),
                    Dress::Journald => dress::journald(record),
                };
                loop {
                    match try_to_send(path, socket, &message) {
                        Ok(()) => {
                            if *state == State::Down {
                                *state = State::Up;
                                say(&format!("{} takes records again", path.display()));
                            }
                            return Ok(());
                        }
                        Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                            wait_for_room(socket.as_ref());
                            stop_if(keeper.is_gone_within(Duration::ZERO), self.patience)?;
                        }
                        Err(error) => {
                            *socket = None;
                            if *state == State::Up {
                                *state = State::Down;
                                let text =
                                    format!("{}: {error}; records wait until it is back", path.display());
                                say(&text);
                            }
                            stop_if(keeper.is_gone_within(AGAIN), self.patience)?;
                        }
                    }
                }
            }
        }
    }

    /// What was gathered is in the file, and on the disk, when this returns.
    pub(super) fn flush(&mut self) -> Outcome {
        match &mut self.way {
            Way::File { file, path, gathered } => {
                let written = file.write_all(gathered).and_then(|()| file.sync_data());
                // A FIFO or a terminal has no disk.
                let written = match written {
                    Err(error) if error.raw_os_error() == Some(nix::libc::EINVAL) => Ok(()),
                    written => written,
                };
                gathered.clear();
                written.map_err(|error| failed("written", path, &error).into())
            }
            Way::Socket { .. } => Ok(()),
        }
    }

    /// Ends this process if the file is not the one under its name any more.
    pub(super) fn look_after(&self) -> Outcome {
        let Way::File { file, path, .. } = &self.way else { return Ok(()) };
        let place = |found: io::Result<std::fs::Metadata>| found.ok().map(|found| (found.dev(), found.ino()));
        if place(file.metadata()) == place(path.symlink_metadata()) { Ok(()) } else { Err(Halt::Said(0)) }
    }

    /// The broker is gone: what cannot be handed on at once is left to the next process.
    pub(super) fn hurry(&mut self) {
        self.patience = Patience::None;
    }
}

fn stop_if(gone: bool, patience: Patience) -> Outcome {
    if gone || patience == Patience::None { Err(Halt::Said(0)) } else { Ok(()) }
}

fn try_to_send(path: &Path, open: &mut Option<OwnedFd>, message: &[u8]) -> Result<(), Errno> {
    let fd = match open {
        Some(fd) => fd,
        None => {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let fd = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
            connect(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
            open.insert(fd)
        }
    };
    send(fd.as_raw_fd(), message, MsgFlags::MSG_NOSIGNAL).map(drop)
}

fn wait_for_room(socket: Option<&OwnedFd>) {
    if let Some(socket) = socket {
        let mut watched = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
        let _ = poll(&mut watched, PollTimeout::from(FULL));
    }
}

/// Appends to it. A line that a crash cut short is ended first, so that the next is whole.
fn open_file(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).custom_flags(O_NOFOLLOW | O_NONBLOCK);
    let opened = options.open(path).and_then(|mut file| {
        let found = file.metadata()?;
        let mut last = [b'\n'];
        if let Some(before) = found.len().checked_sub(1).filter(|_| found.is_file()) {
            file.read_exact_at(&mut last, before)?;
        }
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
        Ok(file)
    });
    opened.map_err(|error| failed("opened", path, &error))
}

fn failed(done: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        FailureClass::Io,
        format!("{} could not be {done}: {error}; records wait until it can", path.display()),
        "look at its directory, owner and mode, and at the room on its disk",
    )
}

/// To the launcher, which logs it.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_short_is_ended_before_the_next() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.jsonl");
        std::fs::write(&path, "whole\ncut").unwrap();
        let mut file = open_file(&path).unwrap();
        file.write_all(b"next\n").unwrap();
        drop(open_file(&path).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole\ncut\nnext\n");
    }

    #[test]
    fn a_file_that_was_moved_away_is_noticed_and_a_link_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.jsonl");
        let outlet = Outlet::open(&Sink::File(path.clone())).unwrap();
        assert!(outlet.look_after().is_ok());
        std::fs::rename(&path, place.path().join("a.jsonl.1")).unwrap();
        assert!(outlet.look_after().is_err());
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert!(Outlet::open(&Sink::File(path)).is_err());
    }
}
