//! Stdout and stderr as the launcher uses them: whoever reads them may stop reading, and a launcher
//! that waits for that supervises nobody. So nothing here ever waits; what finds no room is left out.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use nix::errno::Errno;
use nix::libc::{O_NOCTTY, O_NONBLOCK, PIPE_BUF};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};

/// Where lines go.
pub(super) struct Outlet(Way);

enum Way {
    /// A pipe or a terminal, opened anew: it alone does not block. The descriptor we were started
    /// with is shared with others, and its mode is theirs as much as ours.
    Own(File),
    /// A socket, or what could not be opened anew.
    Shared(OwnedFd),
    /// It was closed when we were started.
    Nowhere,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Put {
    /// Written, or nobody is there to read it any more.
    Done,
    /// There is no room for now.
    NoRoom,
}

impl Outlet {
    /// To where that descriptor leads.
    pub(super) fn to(fd: impl AsFd) -> Self {
        let fd = fd.as_fd();
        let way = match opened_anew(fd) {
            Some(own) => Way::Own(own),
            None => fd.try_clone_to_owned().map_or(Way::Nowhere, Way::Shared),
        };
        Self(way)
    }

    /// Writes a line, and its end, at once or not at all; one too long for that is cut.
    pub(super) fn put(&self, line: &str) -> Put {
        // A pipe with room takes this much in one piece, whoever else writes to it.
        let cut = line.get(..line.floor_char_boundary(PIPE_BUF - 1)).unwrap_or_default();
        let bytes = [cut.as_bytes(), b"\n"].concat();
        let written = match &self.0 {
            Way::Own(file) => (&*file).write(&bytes),
            Way::Shared(fd) => write_shared(fd, &bytes),
            Way::Nowhere => return Put::Done,
        };
        match written {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Put::NoRoom,
            Ok(_) | Err(_) => Put::Done,
        }
    }
}

fn opened_anew(fd: BorrowedFd<'_>) -> Option<File> {
    let kind = File::from(fd.try_clone_to_owned().ok()?).metadata().ok()?.file_type();
    if !kind.is_fifo() && !kind.is_char_device() {
        return None;
    }
    let mut options = File::options();
    options.write(true).custom_flags(O_NONBLOCK | O_NOCTTY);
    options.open(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok()
}

fn write_shared(fd: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
    match send(fd.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
        Err(Errno::ENOTSOCK) => {}
        sent => return Ok(sent?),
    }
    // Another may take the room between this look and the write. Files have no such end, and pipes
    // come here only where they are another user's.
    let mut watched = [PollFd::new(fd.as_fd(), PollFlags::POLLOUT)];
    match poll(&mut watched, PollTimeout::ZERO) {
        Ok(0) => Err(ErrorKind::WouldBlock.into()),
        Ok(_) | Err(_) => Ok(nix::unistd::write(fd, bytes)?),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    use nix::fcntl::{FcntlArg, OFlag, fcntl};

    use super::*;

    /// Puts lines until there is no room, in a thread of its own, since one that waits never ends.
    fn fill(outlet: Outlet) -> Outlet {
        let (done, filled) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            while outlet.put("a line") == Put::Done {}
            let _ = done.send(outlet);
        });
        filled.recv_timeout(Duration::from_secs(20)).expect("it waits for room")
    }

    fn is_nonblocking(fd: impl AsFd) -> bool {
        OFlag::from_bits_truncate(fcntl(fd, FcntlArg::F_GETFL).unwrap()).contains(OFlag::O_NONBLOCK)
    }

    #[test]
    fn a_full_pipe_takes_nothing_and_is_not_waited_for() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let outlet = fill(Outlet::to(&writer));
        assert_eq!(outlet.put("more"), Put::NoRoom);
        assert!(!is_nonblocking(&writer), "those we share it with would lose what they write");
        let mut some = [0; 8192];
        reader.read_exact(&mut some).unwrap();
        assert!(some.starts_with(b"a line\na line\n"));
        assert_eq!(outlet.put("more"), Put::Done);
    }

    #[test]
    fn what_cannot_be_opened_anew_is_not_waited_for_either() {
        let (_reader, writer) = std::io::pipe().unwrap();
        let outlet = fill(Outlet(Way::Shared(writer.into())));
        assert_eq!(outlet.put("more"), Put::NoRoom);
    }

    #[test]
    fn a_full_socket_takes_nothing_and_is_not_waited_for() {
        let (_reader, writer) = UnixStream::pair().unwrap();
        let outlet = fill(Outlet::to(&writer));
        assert_eq!(outlet.put("more"), Put::NoRoom);
        assert!(!is_nonblocking(&writer));
    }

    #[test]
    fn with_nobody_to_read_a_line_is_gone() {
        let (reader, writer) = std::io::pipe().unwrap();
        let outlet = Outlet::to(&writer);
        drop(reader);
        assert_eq!(outlet.put("a line"), Put::Done);
    }

    #[test]
    fn a_line_is_one_write_and_is_cut_between_characters() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let outlet = Outlet::to(&writer);
        assert_eq!(outlet.put(&"ä".repeat(4000)), Put::Done);
        assert_eq!(outlet.put("next"), Put::Done);
        drop((outlet, writer));
        let mut all = String::new();
        reader.read_to_string(&mut all).unwrap();
        assert_eq!(all, format!("{}\nnext\n", "ä".repeat(2047)));
    }

    #[test]
    fn a_file_takes_every_line() {
        let (started, file) = (Instant::now(), tempfile::tempfile().unwrap());
        let outlet = Outlet::to(&file);
        assert!((0..1000).all(|_| outlet.put("a line") == Put::Done));
        assert_eq!(file.metadata().unwrap().len(), 7000);
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}
