//! Whether a directory or file is ours alone to change: its kind, owner and mode, without following
//! a link at its end.
//!
//! keeperd, the launcher and the CLI ask the same question before they trust what lies at a path,
//! and give the same answer to the user. Never follows the last part of a path, changes nothing.

use std::fmt;
use std::fs::{Metadata, symlink_metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use proto::failure::{Failure, FailureClass};

/// How far others must be kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Others may read; neither group nor others may write.
    NotWritableByOthers,
    /// Neither group nor others have any access.
    Private,
}

impl Privacy {
    /// Mode bits that may not be set.
    const fn forbidden(self) -> u32 {
        match self {
            Self::NotWritableByOthers => 0o022,
            Self::Private => 0o077,
        }
    }

    /// What `chmod` takes away to mend it.
    const fn mend(self) -> &'static str {
        match self {
            Self::NotWritableByOthers => "go-w",
            Self::Private => "go-rwx",
        }
    }
}

/// Whose what is believed may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Ours alone.
    Us,
    /// That user's alone.
    User(u32),
}

impl Owner {
    fn is(self, uid: u32) -> bool {
        let ours = || uid == nix::unistd::geteuid().as_raw();
        match self {
            Self::Us => ours(),
            Self::User(user) => uid == user,
        }
    }
}

/// Why a path is not to be trusted.
#[derive(Debug)]
pub enum OwnedError {
    /// There is nothing.
    Missing,
    /// It cannot be looked at.
    Unreadable(io::Error),
    /// It is a symbolic link.
    Link,
    /// It is something else than what was asked for, which is named.
    WrongKind(&'static str),
    /// It belongs to this other user.
    Foreign(u32),
    /// Its mode lets others in.
    TooOpen {
        /// The permission bits it has.
        mode: u32,
        /// What it was to be.
        privacy: Privacy,
    },
}

impl fmt::Display for OwnedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("does not exist"),
            Self::Unreadable(error) => write!(f, "cannot be looked at: {error}"),
            Self::Link => f.write_str("is a symbolic link"),
            Self::WrongKind(kind) => write!(f, "is not a {kind}"),
            Self::Foreign(uid) => write!(f, "belongs to another user (uid {uid})"),
            Self::TooOpen { mode, privacy: Privacy::Private } => {
                write!(f, "is open to others (mode {mode:04o})")
            }
            Self::TooOpen { mode, privacy: Privacy::NotWritableByOthers } => {
                write!(f, "can be written by others (mode {mode:04o})")
            }
        }
    }
}

impl std::error::Error for OwnedError {}

impl OwnedError {
    /// As an error for a person, naming the path and what mends it.
    #[must_use]
    pub fn failure(&self, path: &Path) -> Failure {
        let shown = path.display();
        let (class, hint) = match self {
            Self::Missing => (FailureClass::Config, "ugent secret init".to_owned()),
            Self::Unreadable(_) => (FailureClass::Io, String::new()),
            Self::Link => (FailureClass::Config, format!("put a real one in the place of {shown}")),
            Self::WrongKind(kind) => {
                (FailureClass::Config, format!("move {shown} away and put a {kind} there"))
            }
            Self::Foreign(_) => (FailureClass::Config, "use a UGENT_HOME of your own".to_owned()),
            Self::TooOpen { privacy, .. } => {
                (FailureClass::Config, format!("chmod {} {shown}", privacy.mend()))
            }
        };
        Failure::new(class, format!("{shown} {self}"), hint)
    }
}

/// Checks that the path is a directory (no link), belongs to us, and keeps others out that far.
///
/// # Errors
/// [`OwnedError`] says what does not hold; [`OwnedError::failure`] words it for a person.
pub fn directory(path: &Path, privacy: Privacy) -> Result<(), OwnedError> {
    directory_of(path, Owner::Us, privacy)
}

/// As [`directory`], where it may be somebody else's.
///
/// # Errors
/// [`OwnedError`], as above.
pub fn directory_of(path: &Path, owner: Owner, privacy: Privacy) -> Result<(), OwnedError> {
    let found = look(path)?;
    if found.is_dir() { check(&found, owner, privacy) } else { Err(OwnedError::WrongKind("directory")) }
}

/// As [`directory`], for a regular file.
///
/// # Errors
/// [`OwnedError`], as above.
pub fn file(path: &Path, privacy: Privacy) -> Result<(), OwnedError> {
    file_of(path, Owner::Us, privacy)
}

/// As [`fn@file`], where it may be somebody else's.
///
/// # Errors
/// [`OwnedError`], as above.
pub fn file_of(path: &Path, owner: Owner, privacy: Privacy) -> Result<(), OwnedError> {
    let found = look(path)?;
    if found.is_file() { check(&found, owner, privacy) } else { Err(OwnedError::WrongKind("regular file")) }
}

/// Checks owner and mode of a file that is already open, so that nothing can be put in its place
/// between the check and the reading.
///
/// # Errors
/// [`OwnedError`], as above.
pub fn opened(file: &std::fs::File, privacy: Privacy) -> Result<(), OwnedError> {
    opened_of(file, Owner::Us, privacy)
}

/// As [`opened`], where it may be somebody else's.
///
/// # Errors
/// [`OwnedError`], as above.
pub fn opened_of(file: &std::fs::File, owner: Owner, privacy: Privacy) -> Result<(), OwnedError> {
    let found = file.metadata().map_err(OwnedError::Unreadable)?;
    if found.is_file() { check(&found, owner, privacy) } else { Err(OwnedError::WrongKind("regular file")) }
}

/// Checks that nobody but root can put something else in the place of an absolute path, or of a
/// directory on the way to it: each of those is root's, and either not writable by others or one
/// where others cannot rename what is not theirs (the sticky bit).
///
/// # Errors
/// The directory that is not so, and why.
pub fn way_is_roots(path: &Path) -> Result<(), (std::path::PathBuf, OwnedError)> {
    for directory in path.ancestors().skip(1) {
        let wrong = |error| (directory.to_owned(), error);
        let found = look(directory).map_err(wrong)?;
        let is_sticky = found.mode() & 0o1000 != 0;
        match check(&found, Owner::User(0), Privacy::NotWritableByOthers) {
            Err(OwnedError::TooOpen { .. }) if is_sticky => {}
            checked => checked.map_err(wrong)?,
        }
    }
    Ok(())
}

fn look(path: &Path) -> Result<Metadata, OwnedError> {
    match symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(OwnedError::Link),
        Ok(found) => Ok(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OwnedError::Missing),
        Err(error) => Err(OwnedError::Unreadable(error)),
    }
}

fn check(found: &Metadata, owner: Owner, privacy: Privacy) -> Result<(), OwnedError> {
    if !owner.is(found.uid()) {
        return Err(OwnedError::Foreign(found.uid()));
    }
    let mode = found.mode() & 0o7777;
    if mode & privacy.forbidden() != 0 {
        return Err(OwnedError::TooOpen { mode, privacy });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{DirBuilder, Permissions, set_permissions};
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};

    use super::*;

    #[test]
    fn kind_link_and_mode_are_all_looked_at() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("d");
        assert!(matches!(directory(&path, Privacy::Private), Err(OwnedError::Missing)));
        DirBuilder::new().mode(0o700).create(&path).unwrap();
        assert!(directory(&path, Privacy::Private).is_ok());
        assert!(matches!(file(&path, Privacy::Private), Err(OwnedError::WrongKind("regular file"))));
        set_permissions(&path, Permissions::from_mode(0o750)).unwrap();
        assert!(matches!(directory(&path, Privacy::Private), Err(OwnedError::TooOpen { mode: 0o750, .. })));
        assert!(directory(&path, Privacy::NotWritableByOthers).is_ok());
        set_permissions(&path, Permissions::from_mode(0o702)).unwrap();
        let failure = directory(&path, Privacy::NotWritableByOthers).unwrap_err().failure(&path);
        assert_eq!(failure.class, FailureClass::Config);
        assert!(failure.hint.starts_with("chmod go-w "));
        let link = place.path().join("l");
        symlink(&path, &link).unwrap();
        assert!(matches!(directory(&link, Privacy::NotWritableByOthers), Err(OwnedError::Link)));
    }

    #[test]
    fn a_way_through_a_directory_others_can_change_is_not_roots() {
        assert!(way_is_roots(Path::new("/usr/bin")).is_ok());
        let place = tempfile::tempdir().unwrap();
        let open = place.path().join("open");
        DirBuilder::new().create(&open).unwrap();
        set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        let (directory, _) = way_is_roots(&open.join("home")).unwrap_err();
        // Who is not root has made the place itself.
        assert!(directory == open || directory == place.path());
    }

    #[test]
    fn what_belongs_to_another_user_is_refused() {
        let place = tempfile::tempdir().unwrap();
        // Only root can give a directory away; anybody else finds one that is root's.
        let given_away = chown(place.path(), Some(65_534), None).is_ok();
        let path = if given_away { place.path() } else { Path::new("/") };
        assert!(matches!(directory(path, Privacy::NotWritableByOthers), Err(OwnedError::Foreign(_))));
    }
}
