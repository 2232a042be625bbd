//! UGENT_HOME: where it is, what lies where in it, and whether nobody else can change it.

use std::ffi::OsString;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use proto::control_lane::Account;
use proto::failure::{Failure, FailureClass};
use unix::owned::{self, OwnedError, Owner, Privacy};

use crate::system::{self, Mode, System};

/// Longest path a Unix socket may have: `sun_path` less its final NUL (unix(7)).
const SOCKET_PATH_MAX: usize = 107;

/// An absolute UGENT_HOME, links resolved as far as it exists.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    path: PathBuf,
    /// With `--system`.
    system: Option<System>,
}

impl Home {
    /// From `UGENT_HOME`, else `~/.ugent`, or with `--system` its usual place.
    pub(crate) fn locate(mode: Mode) -> Result<Self, Failure> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        match mode {
            Mode::OneUser => Self::from(set("UGENT_HOME"), set("HOME")),
            Mode::System => {
                let home = Self::from(set("UGENT_HOME").or_else(|| Some(system::HOME.into())), None)?;
                Ok(Self { system: Some(System::find()?), ..home })
            }
        }
    }

    fn from(ugent_home: Option<OsString>, home: Option<OsString>) -> Result<Self, Failure> {
        let wanted = match (ugent_home, home) {
            (Some(path), _) => PathBuf::from(path),
            (None, Some(home)) => Path::new(&home).join(".ugent"),
            (None, None) => {
                return Err(config(
                    "neither UGENT_HOME nor HOME is set",
                    "export UGENT_HOME=/path/of/your/choice",
                ));
            }
        };
        let absolute = std::path::absolute(&wanted)
            .map_err(|error| config(format!("UGENT_HOME is no path to work with: {error}"), ""))?;
        let resolved = resolve(&absolute)
            .map_err(|error| config(format!("{} cannot be reached: {error}", absolute.display()), ""))?;
        if resolved.to_str().is_none() {
            return Err(config("the path of UGENT_HOME is not UTF-8", "choose a path that is"));
        }
        Ok(Self { path: resolved, system: None })
    }

    #[cfg(test)]
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), system: None }
    }

    /// A home in a directory of this one, for what is to become this one's.
    pub(crate) fn within(&self, name: &str) -> Self {
        Self { path: self.path.join(name), system: self.system.clone() }
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Users and places of a broker of the machine, with `--system`.
    pub(crate) const fn system(&self) -> Option<&System> {
        self.system.as_ref()
    }

    /// As text, for messages to keeperd.
    pub(crate) fn text(&self) -> String {
        self.path.display().to_string()
    }

    pub(crate) fn secrets(&self) -> PathBuf {
        self.path.join("secrets")
    }

    pub(crate) fn keeper_socket(&self) -> PathBuf {
        match &self.system {
            None => self.secrets().join("keeperd.sock"),
            Some(system) => system.keeper_socket(),
        }
    }

    /// The bootstrap token's file. A broker of the machine has none: there is nobody it could
    /// belong to.
    pub(crate) fn token(&self) -> Option<PathBuf> {
        self.system.is_none().then(|| self.secrets().join("broker.token"))
    }

    /// What a launcher owns, and no other launcher may use meanwhile.
    pub(crate) fn launchers_own(&self) -> PathBuf {
        match &self.system {
            None => self.secrets(),
            Some(_) => self.path.clone(),
        }
    }

    pub(crate) fn broker_log(&self) -> PathBuf {
        self.launchers_own().join("broker.log")
    }

    pub(crate) fn grants(&self) -> PathBuf {
        self.path.join("secrets.grants.toml")
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.path.join("secrets.toml")
    }

    pub(crate) fn providers(&self) -> PathBuf {
        self.path.join("secrets.providers.toml")
    }

    /// Where the gateway's sockets lie, in a directory a workspace.
    pub(crate) fn instances(&self) -> PathBuf {
        self.path.join("instances")
    }

    /// Directory of the gateway's socket for a workspace, by its hash.
    pub(crate) fn instance(&self, hash: &str) -> PathBuf {
        self.instances().join(hash)
    }

    /// The gateway's socket for a workspace, by its hash.
    pub(crate) fn gateway_socket(&self, hash: &str) -> PathBuf {
        self.instance(hash).join("secret-broker.sock")
    }

    /// Checks that the sockets of a broker can have their paths, whatever the workspace.
    pub(crate) fn fits_sockets(&self) -> Result<(), Failure> {
        fits_a_socket(&self.keeper_socket())?;
        fits_a_socket(&match &self.system {
            None => self.gateway_socket("0123456789abcdef"),
            Some(system) => system.gateway_socket(),
        })
    }

    /// Whether there is a vault whose passphrase could be asked for, as far as we can see: with
    /// `--system` only its keeper may look.
    pub(crate) fn has_vault(&self) -> bool {
        let found = self.secrets().join("vault").join("header").symlink_metadata();
        found.map_or_else(|error| error.kind() == io::ErrorKind::PermissionDenied, |_| true)
    }

    /// Whether it was set up for a vault in a keychain, as far as files can tell. Sealed files without a
    /// header are of a vault that is damaged.
    pub(crate) fn is_in_keychain(&self) -> bool {
        let is_there = |name: &str| self.secrets().join(name).symlink_metadata().is_ok();
        let has_files =
            || self.secrets().join("vault").read_dir().is_ok_and(|mut files| files.next().is_some());
        self.system.is_none()
            && is_there("metadata.redb")
            && is_there("audit")
            && !self.has_vault()
            && !has_files()
    }

    /// Makes the directory itself, where it is missing; with `--system` also `secrets/`, since its
    /// owner may make nothing here.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        match &self.system {
            None => make(&self.path, 0o700),
            Some(system) => {
                let Account { uid, gid } = system.keeper;
                roots_way(&self.path)?;
                make_for(&self.path, 0o750, 0, gid)?;
                make_for(&self.secrets(), 0o700, uid, gid)
            }
        }
    }

    /// With `--system` the keeper is somebody else, and reads the policy here.
    fn lets_the_keeper_in(&self) -> Result<(), Failure> {
        let Some(system) = &self.system else { return Ok(()) };
        let shown = self.path.display();
        let found = self.path.metadata().map_err(|error| config(format!("{shown} {error}"), ""))?;
        let bits = if found.gid() == system.keeper.gid { 0o050 } else { 0o005 };
        if found.mode() & bits == bits {
            return Ok(());
        }
        Err(config(
            format!("{shown} keeps ugent-keeper out (mode {:04o})", found.mode() & 0o7777),
            format!("chgrp ugent-keeper {shown} && chmod 750 {shown}"),
        ))
    }

    /// Checks the home and, where it is there, `secrets/`. Says whether `secrets/` is there.
    pub(crate) fn check(&self) -> Result<Found, Failure> {
        let owner = match &self.system {
            None => Owner::Us,
            Some(system) if system::is_root() => Owner::User(system.keeper.uid),
            // Not ours to look at. Whether the broker is the machine's is seen by its socket's owner.
            Some(_) => return Ok(Found::Secrets),
        };
        if let Some(system) = &self.system {
            roots_way(&self.path)?;
            roots_way(&system.run)?;
        }
        match owned::directory(&self.path, Privacy::NotWritableByOthers) {
            Ok(()) => self.lets_the_keeper_in()?,
            Err(OwnedError::Missing) => return Ok(Found::Nothing),
            Err(error) => return Err(error.failure(&self.path)),
        }
        match (owned::directory_of(&self.secrets(), owner, Privacy::Private), owner) {
            (Ok(()), _) => Ok(Found::Secrets),
            (Err(OwnedError::Missing), _) => Ok(Found::Nothing),
            (Err(error @ OwnedError::Foreign(_)), Owner::User(_)) => {
                let shown = self.secrets().display().to_string();
                let hint = "leave --system out if it is the vault of one user, or use another UGENT_HOME";
                Err(config(format!("{shown} {error}, and with --system it is ugent-keeper's"), hint))
            }
            (Err(error), _) => Err(error.failure(&self.secrets())),
        }
    }
}

fn make(path: &Path, mode: u32) -> Result<(), Failure> {
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|error| {
        Failure::new(
            FailureClass::Io,
            format!("{} could not be made: {error}", path.display()),
            "set UGENT_HOME to a place you can write to",
        )
    })
}

/// Makes a directory for somebody else, whatever the umask; one that is there is left as it is. Only
/// where nobody but root can put something else in its place.
fn make_for(path: &Path, mode: u32, uid: u32, gid: u32) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let what = format!("{} could not be made: {error}", path.display());
        Failure::new(FailureClass::Io, what, "make the directory it is to be in, as root")
    };
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(failed(error)),
    }
    std::os::unix::fs::lchown(path, Some(uid), Some(gid)).map_err(failed)?;
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)
}

/// A path that root is to follow must be root's all along.
fn roots_way(path: &Path) -> Result<(), Failure> {
    owned::way_is_roots(path).map_err(|(directory, error)| {
        let shown = directory.display();
        config(
            format!("{} cannot be used with --system: {shown} on the way to it {error}", path.display()),
            format!("use a place whose directories are root's alone to change, or: chown root {shown}"),
        )
    })
}

/// What [`Home::check`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nobody has run `init` here.
    Nothing,
    /// `secrets/` is there and in order.
    Secrets,
}

/// Checks that a Unix socket can have this path.
pub(crate) fn fits_a_socket(path: &Path) -> Result<(), Failure> {
    let length = path.as_os_str().len();
    if length <= SOCKET_PATH_MAX {
        return Ok(());
    }
    Err(config(
        format!(
            "{} is {length} bytes long, and a Unix socket's path has at most {SOCKET_PATH_MAX}",
            path.display()
        ),
        "set UGENT_HOME to a shorter path",
    ))
}

fn config(what: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Config, what, hint)
}

/// Resolves links in the part of a path that exists and keeps the rest as it is.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => Ok(resolve(parent)?.join(name)),
            (None, _) | (_, None) => Err(error),
        },
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_is_canonical_as_far_as_it_exists() {
        let place = tempfile::tempdir().unwrap();
        let real = place.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("real")).unwrap();
        std::os::unix::fs::symlink(real.join("real"), real.join("link")).unwrap();
        let home = Home::from(Some(real.join("link/new/er").into()), None).unwrap();
        assert_eq!(home.path(), real.join("real/new/er"));
        let home = Home::from(None, Some(real.clone().into())).unwrap();
        assert_eq!(home.path(), real.join(".ugent"));
        assert_eq!(Home::from(None, None).unwrap_err().class, FailureClass::Config);
    }

    #[test]
    fn a_home_others_can_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let home = Home::at(place.path());
        let mode = |mode| std::fs::set_permissions(place.path(), PermissionsExt::from_mode(mode)).unwrap();
        mode(0o755);
        assert_eq!(home.check().unwrap(), Found::Nothing);
        mode(0o775);
        assert!(home.check().unwrap_err().hint.starts_with("chmod go-w "));
        mode(0o700);
        std::os::unix::fs::symlink(".", home.secrets()).unwrap();
        assert!(home.check().unwrap_err().what.ends_with("is a symbolic link"));
    }

    #[test]
    fn long_socket_paths_are_refused_by_length() {
        assert!(fits_a_socket(Path::new(&"x".repeat(107))).is_ok());
        let failure = fits_a_socket(Path::new(&"x".repeat(108))).unwrap_err();
        assert!(failure.what.contains("108 bytes"));
    }

    #[test]
    fn the_longest_home_still_has_room_for_every_socket() {
        // `/instances/`, sixteen of a hash, `/secret-broker.sock`.
        let longest = SOCKET_PATH_MAX - (11 + 16 + 19);
        assert!(Home::at(Path::new(&"x".repeat(longest))).fits_sockets().is_ok());
        assert!(Home::at(Path::new(&"x".repeat(longest + 1))).fits_sockets().is_err());
    }
}
