//! How far a sink has come: which record was handed on last, and its link, by which it is known again.
//! One small file a sink, replaced whole. One that is missing or makes no sense means: from the start.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc::O_NOFOLLOW;
use proto::failure::{Failure, FailureClass};
use proto::journal::LINK_LEN;
use unix::owned::{self, Privacy};

use crate::settings::Sink;

/// More than a cursor is.
const LEN_MAX: u64 = 256;
/// Bytes of a link that are kept: enough to know a record again, nothing rests on it.
const KEPT: usize = 8;

/// Which record was handed on last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    /// Number of its segment.
    pub(super) segment: u32,
    pub(super) seq: u64,
    link: [u8; KEPT],
}

/// The file, and what it says or is to say.
pub(super) struct Cursor {
    dir: PathBuf,
    path: PathBuf,
    at: Option<At>,
}

impl Cursor {
    /// Reads the one of that sink. Makes the directory, where it is missing.
    pub(super) fn open(dir: &Path, sink: &Sink) -> Result<Self, Failure> {
        match DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed("made", dir, &error)),
        }
        owned::directory(dir, Privacy::Private).map_err(|wrong| wrong.failure(dir))?;
        let path = dir.join(format!("{}.cursor", name(sink)));
        let at = match OpenOptions::new().read(true).custom_flags(O_NOFOLLOW).open(&path) {
            Ok(file) => {
                let mut text = String::new();
                let read = file.take(LEN_MAX).read_to_string(&mut text);
                read.ok().and_then(|_| parse(&text))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed("opened", &path, &error)),
        };
        Ok(Self { dir: dir.to_owned(), path, at })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) const fn at(&self) -> Option<At> {
        self.at
    }

    /// Whether that is the record.
    pub(super) fn is_at(&self, segment: u32, seq: u64, link: &[u8; LINK_LEN]) -> bool {
        self.at == Some(At { segment, seq, link: kept(link) })
    }

    /// That record was handed on.
    pub(super) fn passed(&mut self, segment: u32, seq: u64, link: &[u8; LINK_LEN]) {
        self.at = Some(At { segment, seq, link: kept(link) });
    }

    /// Writes it down.
    pub(super) fn note(&self) -> Result<(), Failure> {
        let Some(At { segment, seq, link }) = self.at else { return Ok(()) };
        let new = self.path.with_extension("new");
        let link: String = link.iter().map(|byte| format!("{byte:02x}")).collect();
        write(&new, &format!("{segment} {seq} {link}\n"))
            .and_then(|()| std::fs::rename(&new, &self.path))
            .map_err(|error| failed("written", &self.path, &error))
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).custom_flags(O_NOFOLLOW);
    let mut file: File = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

fn parse(text: &str) -> Option<At> {
    let mut words = text.strip_suffix('\n')?.split(' ');
    let (segment, seq) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let hex = words.next().filter(|hex| hex.len() == 2 * KEPT && words.next().is_none())?;
    let mut link = [0; KEPT];
    for (byte, at) in link.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(At { segment, seq, link })
}

fn kept(link: &[u8; LINK_LEN]) -> [u8; KEPT] {
    let mut kept = [0; KEPT];
    kept.iter_mut().zip(link).for_each(|(to, from)| *to = *from);
    kept
}

/// Kind and a hash of the path, so that a path may be anything.
fn name(sink: &Sink) -> String {
    use std::os::unix::ffi::OsStrExt;
    let hash = blake3::hash(sink.path().as_os_str().as_bytes()).to_hex();
    format!("{}-{}", sink.kind(), hash.get(..16).unwrap_or_default())
}

fn failed(done: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        FailureClass::Io,
        format!("{} could not be {done}: {error}", path.display()),
        "make room on that disk, and look at its owner and mode",
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_noted_is_known_again_and_by_its_link_too() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("export");
        let (file, socket) = (Sink::File("/a".into()), Sink::Syslog("/a".into()));
        let mut cursor = Cursor::open(&dir, &file).unwrap();
        assert_eq!(cursor.at(), None);
        cursor.passed(3, 700, &[0xab; LINK_LEN]);
        cursor.note().unwrap();
        let again = Cursor::open(&dir, &file).unwrap();
        assert!(again.is_at(3, 700, &[0xab; LINK_LEN]));
        assert!(!again.is_at(3, 700, &[0xac; LINK_LEN]) && !again.is_at(3, 701, &[0xab; LINK_LEN]));
        assert_eq!(Cursor::open(&dir, &socket).unwrap().at(), None, "each sink has its own");
    }

    #[test]
    fn one_that_makes_no_sense_is_none() {
        let whole = "3 700 abababababababab\n";
        assert!(parse(whole).is_some());
        for text in ["", "3 700\n", "3 700 ab\n", "3 700 abababababababab", "x 7 abababababababab\n"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&format!("{} x\n", whole.trim_end())), None);
        assert_eq!(parse("3 700 \u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\n"), None);
    }

    #[test]
    fn a_directory_others_can_enter_is_refused() {
        let place = tempfile::tempdir().unwrap();
        std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
        assert!(Cursor::open(place.path(), &Sink::File("/a".into())).is_err());
    }
}
