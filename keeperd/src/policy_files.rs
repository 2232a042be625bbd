//! The policy files of UGENT_HOME: read as a whole, trusted only if they are ours alone to write,
//! and watched. A rename over a file, a change of its mode or owner and its removal all count.
//!
//! Nothing here decides; `policy/` parses what is read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use proto::failure::{Failure, FailureClass};
use unix::namespaces;
use unix::owned::{self, Owner, Privacy};

use crate::policy::grants::Grants;
use crate::policy::providers::Providers;

/// The grants' file.
pub(crate) const GRANTS: &str = "secrets.grants.toml";
const PROVIDERS: &str = "secrets.providers.toml";
/// Longest policy file, in bytes.
pub(crate) const FILE_MAX: u64 = 8 * 1024 * 1024;
/// Longest file of anchors, in bytes: the largest platform bundles are a quarter of it.
const ANCHORS_FILE_MAX: u64 = 1024 * 1024;

/// Reads and watches the policy files.
pub(crate) struct PolicyFiles {
    home: PathBuf,
    owner: Owner,
    inotify: Inotify,
    /// What each ca_file held when it was last read: one outside of UGENT_HOME can be read only
    /// before this process is confined.
    anchors: BTreeMap<PathBuf, Vec<Vec<u8>>>,
}

/// Which of the files changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) grants: bool,
    pub(crate) providers: bool,
}

enum Text {
    Missing,
    Refused(String),
    Read(String),
}

impl PolicyFiles {
    /// Begins to watch, so that no change after the first reading is missed.
    ///
    /// # Errors
    /// [`Failure`] when inotify is not to be had.
    pub(crate) fn watch(home: &Path, owner: Owner) -> Result<Self, Failure> {
        let watched = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).and_then(|inotify| {
            let changes = AddWatchFlags::IN_MODIFY
                | AddWatchFlags::IN_CLOSE_WRITE
                | AddWatchFlags::IN_ATTRIB
                | AddWatchFlags::IN_CREATE
                | AddWatchFlags::IN_DELETE
                | AddWatchFlags::IN_MOVED_FROM
                | AddWatchFlags::IN_MOVED_TO
                | AddWatchFlags::IN_ONLYDIR;
            inotify.add_watch(home, changes)?;
            Ok(inotify)
        });
        match watched {
            Ok(inotify) => Ok(Self { home: home.to_owned(), owner, inotify, anchors: BTreeMap::new() }),
            Err(error) => Err(Failure::new(
                FailureClass::Io,
                format!("cannot watch {} for changes: {error}", home.display()),
                "raise fs.inotify.max_user_instances and fs.inotify.max_user_watches (sysctl)",
            )),
        }
    }

    /// Takes what changed since the last call.
    pub(crate) fn changed(&self) -> Changed {
        let mut changed = Changed::default();
        loop {
            match self.inotify.read_events() {
                Ok(events) => {
                    for event in events {
                        let lost = event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
                        let name = event.name.unwrap_or_default();
                        changed.grants |= lost || name == GRANTS;
                        changed.providers |= lost || name == PROVIDERS;
                    }
                }
                Err(Errno::EINTR) => {}
                Err(_) => return changed,
            }
        }
    }

    /// Reads the grants.
    pub(crate) fn grants(&self) -> Grants {
        match read(&self.home.join(GRANTS), self.owner) {
            Text::Missing => Grants::Missing,
            Text::Refused(what) => Grants::refused(what),
            Text::Read(text) => Grants::parse(&text),
        }
    }

    /// Reads the providers file, and the anchors it names.
    pub(crate) fn providers(&mut self) -> Providers {
        self.providers_if_any().unwrap_or_else(Providers::built_in)
    }

    /// The same; none where there is no file.
    pub(crate) fn providers_if_any(&mut self) -> Option<Providers> {
        match read(&self.home.join(PROVIDERS), self.owner) {
            Text::Missing => None,
            Text::Refused(what) => Some(Providers::file_refused(what)),
            Text::Read(text) => Some(self.providers_of_text(&text)),
        }
    }

    /// What a text would amount to as the providers file.
    pub(crate) fn providers_of_text(&mut self, text: &str) -> Providers {
        let known = RefCell::new(&mut self.anchors);
        let home = &self.home;
        Providers::with_file(text, &|path| anchors(&home.join(path), &mut known.borrow_mut()))
    }

    /// Where a file of that name is.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }
}

impl AsFd for PolicyFiles {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

fn read(path: &Path, owner: Owner) -> Text {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK | nix::libc::O_CLOEXEC;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Text::Missing,
        Err(error) if error.raw_os_error() == Some(nix::libc::ELOOP) => {
            return Text::Refused("it is a symbolic link; put the file itself there".to_owned());
        }
        Err(error) => return Text::Refused(format!("it cannot be opened: {error}")),
    };
    if let Err(error) = owned::opened_of(&file, owner, Privacy::NotWritableByOthers) {
        let shown = path.display();
        return Text::Refused(match owner {
            Owner::Us => format!("it {error}; it must be yours alone to write: chmod 600 {shown}"),
            Owner::User(_) => format!(
                "it {error}; it must be root's alone to write: chown root:ugent-keeper {shown} && chmod 640 {shown}"
            ),
        });
    }
    match bounded(file, FILE_MAX) {
        Ok(Some(bytes)) => match String::from_utf8(bytes) {
            Ok(text) => Text::Read(text),
            Err(_) => Text::Refused("it is not UTF-8 text".to_owned()),
        },
        Ok(None) => Text::Refused(format!("it is longer than {FILE_MAX} bytes")),
        Err(error) => Text::Refused(format!("it cannot be read: {error}")),
    }
}

/// What a ca_file holds; of one that the fence keeps from us, what it held before.
fn anchors(path: &Path, known: &mut BTreeMap<PathBuf, Vec<Vec<u8>>>) -> Result<Vec<Vec<u8>>, String> {
    let shown = path.display();
    match (open_anchors(path), known.get(path)) {
        (Err(error), Some(before)) if error.kind() == io::ErrorKind::PermissionDenied => Ok(before.clone()),
        (Err(error), None) if error.kind() == io::ErrorKind::PermissionDenied => Err(format!(
            "{shown} cannot be read ({error}); outside of UGENT_HOME files are read only at the start: put it \
             beside this file, or: ugent secret broker stop && ugent secret broker start"
        )),
        (opened, _) => {
            let found = certificates(opened, path)?;
            known.insert(path.to_owned(), found.clone());
            Ok(found)
        }
    }
}

fn certificates(opened: io::Result<File>, path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let shown = path.display();
    let bytes = match opened.and_then(|file| bounded(file, ANCHORS_FILE_MAX)) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(format!("{shown} is longer than {ANCHORS_FILE_MAX} bytes")),
        Err(error) => return Err(format!("{shown} cannot be read: {error}")),
    };
    let blocks = pem::parse_many(&bytes).map_err(|_| format!("{shown} is not well-formed PEM"))?;
    let certificates = blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE");
    let found: Vec<_> = certificates.map(pem::Pem::into_contents).collect();
    if found.is_empty() {
        return Err(format!("{shown} holds no PEM certificate"));
    }
    if found.iter().any(|der| der.len() > proto::frame::HEAD_MAX / 2) {
        return Err(format!("{shown} holds a certificate that is longer than 32 KiB"));
    }
    Ok(found)
}

/// Opens a file of anchors: a regular one that nobody but us and root can write. Never waits: a
/// pipe in its place would stop the loop.
fn open_anchors(path: &Path) -> io::Result<File> {
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    // In a user namespace of our own root shows as the overflow uid, and so does everybody else:
    // there a file of another user's is believed too, if its mode lets only that one write it.
    let roots = if namespaces::shows_root() { 0 } else { namespaces::OVERFLOW_UID };
    if ![roots, nix::unistd::geteuid().as_raw()].contains(&found.uid()) {
        return Err(io::Error::other("it belongs to another user; it must be yours or root's"));
    }
    if found.mode() & 0o022 != 0 {
        return Err(io::Error::other("others can write it: chmod go-w"));
    }
    Ok(file)
}

fn bounded(file: File, max: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    use crate::policy::grants::Table;

    const EMPTY: Grants = Grants::Loaded(Table::EMPTY);

    fn home() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_file_that_others_can_write_or_that_is_a_link_is_refused() {
        let home = home();
        let files = PolicyFiles::watch(home.path(), Owner::Us).unwrap();
        let path = home.path().join(GRANTS);
        assert_eq!(files.grants(), Grants::Missing);
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(files.grants(), EMPTY);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        assert!(matches!(files.grants(), Grants::Refused(_)));
        fs::rename(&path, home.path().join("elsewhere")).unwrap();
        symlink(home.path().join("elsewhere"), &path).unwrap();
        assert!(matches!(files.grants(), Grants::Refused(_)));
    }

    #[test]
    fn every_kind_of_change_is_noticed() {
        let home = home();
        let files = PolicyFiles::watch(home.path(), Owner::Us).unwrap();
        let path = home.path().join(GRANTS);
        let changes: [(&str, &dyn Fn()); 5] = [
            ("made", &|| fs::write(&path, "").unwrap()),
            ("written", &|| fs::write(&path, "# x").unwrap()),
            ("mode", &|| fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap()),
            ("renamed over", &|| {
                fs::write(home.path().join("new"), "# y").unwrap();
                fs::rename(home.path().join("new"), &path).unwrap();
            }),
            ("removed", &|| fs::remove_file(&path).unwrap()),
        ];
        for (what, change) in changes {
            change();
            assert_eq!(files.changed(), Changed { grants: true, providers: false }, "{what}");
            assert_eq!(files.changed(), Changed::default(), "{what}");
        }
    }

    #[test]
    fn anchors_are_the_certificates_of_a_file_and_nothing_else() {
        let home = home();
        let read_at = |path: &Path| anchors(path, &mut BTreeMap::new());
        let read = |text: &str| {
            let path = home.path().join("ca.pem");
            fs::write(&path, text).unwrap();
            read_at(&path)
        };
        let block = |tag: &str| format!("-----BEGIN {tag}-----\nAQID\n-----END {tag}-----\n");
        let two =
            format!("# our own\n{}{}{}", block("CERTIFICATE"), block("PRIVATE KEY"), block("CERTIFICATE"));
        assert_eq!(read(&two).unwrap(), vec![vec![1, 2, 3], vec![1, 2, 3]]);
        for bad in
            ["", "text", &block("PRIVATE KEY"), "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"]
        {
            let complaint = read(bad).unwrap_err();
            assert!(complaint.contains("ca.pem"), "{complaint}");
        }
        assert!(read_at(&home.path().join("none")).is_err());
        let pipe = home.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(read_at(&pipe).unwrap_err().contains("regular file"), "and it did not wait");
        fs::write(home.path().join("ca.pem"), &two).unwrap();
        fs::set_permissions(home.path().join("ca.pem"), fs::Permissions::from_mode(0o664)).unwrap();
        assert!(read_at(&home.path().join("ca.pem")).unwrap_err().contains("others can write it"));
    }
}
