//! Workspaces: each has a directory below `instances/`, named by a hash of its path.

use std::path::{Path, PathBuf};

use proto::failure::{Failure, FailureClass};
use proto::standing::LauncherStanding;

use crate::home::Home;

/// The canonical path of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workspace(PathBuf);

impl Workspace {
    /// The one a directory belongs to: its nearest ancestor (or itself) with `.git` or `.ugent`,
    /// else the directory. UGENT_HOME named `.ugent` does not make a workspace of what it is in.
    pub(crate) fn of(directory: &Path, home: &Home) -> Result<Self, Failure> {
        let unusable = |why: &str| {
            let what = format!("the workspace {} cannot be used: {why}", directory.display());
            Failure::new(FailureClass::BadInput, what, "name a directory that exists")
        };
        let start = directory.canonicalize().map_err(|error| unusable(&error.to_string()))?;
        if !start.is_dir() {
            return Err(unusable("it is not a directory"));
        }
        let marked = |place: &&Path| {
            let mark = place.join(".ugent");
            place.join(".git").exists()
                || (mark.exists() && mark.canonicalize().ok().as_deref() != Some(home.path()))
        };
        let root = start.ancestors().find(marked).unwrap_or(&start);
        Ok(Self(root.to_owned()))
    }

    /// The one of the working directory.
    pub(crate) fn here(home: &Home) -> Result<Self, Failure> {
        Self::of(Path::new("."), home)
    }

    /// Its directory.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// First 16 hex characters of BLAKE3 of the path's bytes.
    pub(crate) fn hash(&self) -> String {
        use std::os::unix::ffi::OsStrExt;
        blake3::hash(self.0.as_os_str().as_bytes()).to_hex().chars().take(16).collect()
    }

    /// Where the gateway's socket for it is.
    pub(crate) fn socket(&self, home: &Home) -> PathBuf {
        home.gateway_socket(&self.hash())
    }

    /// Whether the broker that runs listens on that socket.
    pub(crate) fn is_served(&self, running: &LauncherStanding, home: &Home) -> bool {
        running.sockets.contains(&self.socket(home).display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_the_nearest_marked_ancestor() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let deep = root.join("a/b/c");
        std::fs::create_dir_all(&deep).unwrap();
        let elsewhere = root.join("elsewhere");
        let home = home_at(&elsewhere);
        assert_eq!(Workspace::of(&deep, &home).unwrap().0, deep);
        std::fs::create_dir(root.join("a/.git")).unwrap();
        assert_eq!(Workspace::of(&deep, &home).unwrap().0, root.join("a"));
        std::fs::create_dir(root.join("a/b/.ugent")).unwrap();
        assert_eq!(Workspace::of(&deep, &home).unwrap().0, root.join("a/b"));
        let same = home_at(&root.join("a/b/.ugent"));
        assert_eq!(Workspace::of(&deep, &same).unwrap().0, root.join("a"));
    }

    #[test]
    fn a_file_is_no_workspace() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        let failure = Workspace::of(&file, &home_at(place.path())).unwrap_err();
        assert_eq!(failure.class, FailureClass::BadInput);
    }

    #[test]
    fn the_hash_has_sixteen_hex_characters_of_blake3() {
        let hash = Workspace(PathBuf::from("/srv/project")).hash();
        assert_eq!(hash, blake3::hash(b"/srv/project").to_hex()[..16]);
    }

    fn home_at(path: &Path) -> Home {
        Home::at(path)
    }
}
