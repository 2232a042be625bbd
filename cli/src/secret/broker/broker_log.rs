//! `secrets/broker.log`: what a broker in the background writes to.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc::O_NOFOLLOW;
use proto::failure::{Failure, FailureClass};
use unix::owned::{self, Privacy};

/// From here on it starts over.
const SIZE_MAX: u64 = 1024 * 1024;
/// Most that is read back of what a failed start has said.
const READ_BACK: u64 = 64 * 1024;

/// The log, open to append, and where the next start's lines begin.
pub(super) struct BrokerLog {
    pub(super) file: File,
    start: u64,
}

impl BrokerLog {
    /// Opens it for us alone; starts over if it has become long.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            let what = format!("{} could not be opened: {error}", path.display());
            let place = path.parent().unwrap_or(path).display();
            let hint = format!("look at its mode, and whether there is room: ls -l {place}; df {place}");
            Failure::new(FailureClass::Io, what, hint)
        };
        let options = || {
            let mut options = File::options();
            options.read(true).append(true).create(true).mode(0o600).custom_flags(O_NOFOLLOW);
            options
        };
        let file = options().open(path).map_err(failed)?;
        owned::opened(&file, Privacy::Private).map_err(|wrong| wrong.failure(path))?;
        let mut start = file.metadata().map_err(failed)?.len();
        if start > SIZE_MAX {
            file.set_len(0).map_err(failed)?;
            start = 0;
        }
        Ok(Self { file, start })
    }

    /// The `error:` and `hint:` lines written since it was opened.
    pub(super) fn last_words(&mut self) -> String {
        let mut text = Vec::new();
        let read = self.file.seek(SeekFrom::Start(self.start)).and_then(|_| {
            let mut part = (&self.file).take(READ_BACK);
            part.read_to_end(&mut text)
        });
        if read.is_err() {
            return String::new();
        }
        let text = String::from_utf8_lossy(&text);
        let said = text.lines().filter(|line| line.starts_with("error: ") || line.starts_with("hint: "));
        said.collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn last_words_are_of_this_start_only() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("broker.log");
        std::fs::write(&path, "error: of yesterday\n").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let mut log = BrokerLog::open(&path).unwrap();
        (&log.file)
            .write_all(b"T info launcher: starts\nerror: the port is taken\nhint: --listen\n")
            .unwrap();
        assert_eq!(log.last_words(), "error: the port is taken\nhint: --listen");
    }

    #[test]
    fn a_long_log_starts_over() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("broker.log");
        BrokerLog::open(&path).unwrap().file.set_len(SIZE_MAX + 1).unwrap();
        let log = BrokerLog::open(&path).unwrap();
        assert_eq!(log.file.metadata().unwrap().len(), 0);
    }
}
