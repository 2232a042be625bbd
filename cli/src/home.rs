//! UGENT_HOME: where it is, what lies where in it, and whether it is ours alone to change.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use proto::failure::{Failure, FailureClass};
use unix::owned::{self, OwnedError, Privacy};

/// Longest path a Unix socket may have: `sun_path` less its final NUL (unix(7)).
const SOCKET_PATH_MAX: usize = 107;

/// An absolute UGENT_HOME, links resolved as far as it exists.
#[derive(Clone, Debug)]
pub(crate) struct Home(PathBuf);

impl Home {
    /// From `UGENT_HOME`, else `~/.ugent`.
    pub(crate) fn locate() -> Result<Self, Failure> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self::from(set("UGENT_HOME"), set("HOME"))
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
        Ok(Self(resolved))
    }

    #[cfg(test)]
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// As text, for messages to keeperd.
    pub(crate) fn text(&self) -> String {
        self.0.display().to_string()
    }

    pub(crate) fn secrets(&self) -> PathBuf {
        self.0.join("secrets")
    }

    pub(crate) fn keeper_socket(&self) -> PathBuf {
        self.secrets().join("keeperd.sock")
    }

    pub(crate) fn token(&self) -> PathBuf {
        self.secrets().join("broker.token")
    }

    pub(crate) fn broker_log(&self) -> PathBuf {
        self.secrets().join("broker.log")
    }

    pub(crate) fn grants(&self) -> PathBuf {
        self.0.join("secrets.grants.toml")
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.0.join("secrets.toml")
    }

    pub(crate) fn providers(&self) -> PathBuf {
        self.0.join("secrets.providers.toml")
    }

    /// Where the gateway's sockets lie, in a directory a workspace.
    pub(crate) fn instances(&self) -> PathBuf {
        self.0.join("instances")
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
        fits_a_socket(&self.gateway_socket("0123456789abcdef"))
    }

    /// Whether there is a vault whose passphrase could be asked for. Looks, and never opens.
    pub(crate) fn has_vault(&self) -> bool {
        self.secrets().join("vault").join("header").symlink_metadata().is_ok()
    }

    /// Makes the directory itself, where it is missing, for us alone.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(|error| {
            Failure::new(
                FailureClass::Io,
                format!("{} could not be made: {error}", self.0.display()),
                "set UGENT_HOME to a place you can write to",
            )
        })
    }

    /// Checks the home and, where it is there, `secrets/`. Says whether `secrets/` is there.
    pub(crate) fn check(&self) -> Result<Found, Failure> {
        match owned::directory(&self.0, Privacy::NotWritableByOthers) {
            Ok(()) => {}
            Err(OwnedError::Missing) => return Ok(Found::Nothing),
            Err(error) => return Err(error.failure(&self.0)),
        }
        match owned::directory(&self.secrets(), Privacy::Private) {
            Ok(()) => Ok(Found::Secrets),
            Err(OwnedError::Missing) => Ok(Found::Nothing),
            Err(error) => Err(error.failure(&self.secrets())),
        }
    }
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
        let home = Home(place.path().to_owned());
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
        assert!(Home(PathBuf::from("x".repeat(longest))).fits_sockets().is_ok());
        assert!(Home(PathBuf::from("x".repeat(longest + 1))).fits_sockets().is_err());
    }
}
