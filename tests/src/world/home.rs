//! The directories of a world, and what lies in them.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::layout::{Layout, user};

/// A UGENT_HOME, and beside it a workspace to work in.
pub struct Home {
    dir: TempDir,
    layout: Layout,
}

/// What lies in a directory, to be compared: mode and content of each file, by path.
pub type Snapshot = BTreeMap<PathBuf, (u32, Vec<u8>)>;

impl Home {
    /// Makes both directories.
    #[must_use]
    pub fn make(layout: Layout) -> Self {
        let dir = tempfile::Builder::new().prefix("ugent-").tempdir().expect("a temporary directory");
        let home = Self { dir, layout };
        for path in [home.path(), home.workspace(), home.workspace().join(".git")] {
            fs::create_dir(&path).expect("a new directory");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("our own directory");
        }
        match layout {
            Layout::OneUser => {}
            Layout::System => {
                let passable = fs::Permissions::from_mode(0o711);
                fs::set_permissions(home.around(), passable).expect("our own directory");
                home.share(&home.path(), 0o750);
            }
        }
        home
    }

    /// Lets the keeper's group in: what root puts here is for it to read.
    fn share(&self, path: &Path, mode: u32) {
        match self.layout {
            Layout::OneUser => {}
            Layout::System => {
                let (_, group) = user("ugent-keeper");
                chown(path, None, Some(group.as_raw())).expect("we are root");
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own");
            }
        }
    }

    /// Where the sockets of a broker of the machine are.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// `keeperd.sock`.
    #[must_use]
    pub fn keeper_socket(&self) -> PathBuf {
        match self.layout {
            Layout::OneUser => self.path().join("secrets/keeperd.sock"),
            Layout::System => self.run().join("keeperd.sock"),
        }
    }

    /// UGENT_HOME.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// The directory above both.
    #[must_use]
    pub fn around(&self) -> &Path {
        self.dir.path()
    }

    /// A workspace: a directory with `.git` in it.
    #[must_use]
    pub fn workspace(&self) -> PathBuf {
        self.dir.path().join("workspace")
    }

    /// The gateway's socket for that workspace, by the rule that is documented for clients.
    #[must_use]
    pub fn gateway_socket(&self) -> PathBuf {
        match self.layout {
            Layout::OneUser => {}
            Layout::System => return self.run().join("gateway.sock"),
        }
        let workspace = self.workspace().canonicalize().expect("it exists");
        let hash = blake3::hash(workspace.as_os_str().as_encoded_bytes()).to_hex();
        let hash: String = hash.chars().take(16).collect();
        self.path().join("instances").join(hash).join("secret-broker.sock")
    }

    /// Writes a file of UGENT_HOME as a careful editor does: a new one, 0600, renamed over the old.
    pub fn write(&self, name: &str, text: &str) {
        let new = self.path().join(format!("{name}.new"));
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .expect("our own directory");
        file.write_all(text.as_bytes()).expect("there is room");
        self.share(&new, 0o640);
        fs::rename(&new, self.path().join(name)).expect("our own directory");
    }

    /// Sets the mode of a file or directory of UGENT_HOME (`.` for itself).
    pub fn chmod(&self, name: &str, mode: u32) {
        let path = self.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own file");
    }

    /// Everything below UGENT_HOME.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::new();
        walk(&self.path(), &mut snapshot);
        snapshot
    }

    /// Everything a process of a world may write: the home, the workspace, and the directory for
    /// temporary files, which is the one around both.
    #[must_use]
    pub fn everything(&self) -> Snapshot {
        let mut snapshot = Snapshot::new();
        walk(self.around(), &mut snapshot);
        snapshot
    }

    /// Everything below UGENT_HOME but the journal, which grows by what was tried, and the
    /// database, which its library may touch when it is opened.
    #[must_use]
    pub fn deposits(&self) -> Snapshot {
        let secrets = self.path().join("secrets");
        let (journal, catalog) = (secrets.join("audit"), secrets.join("metadata.redb"));
        let mut snapshot = self.snapshot();
        snapshot.retain(|path, _| !path.starts_with(&journal) && *path != catalog);
        snapshot
    }
}

fn walk(path: &Path, snapshot: &mut Snapshot) {
    let Ok(meta) = fs::symlink_metadata(path) else { return };
    let kind = meta.file_type();
    let content = if kind.is_file() {
        fs::read(path).unwrap_or_default()
    } else if kind.is_symlink() {
        fs::read_link(path).unwrap_or_default().into_os_string().into_encoded_bytes()
    } else {
        Vec::new()
    };
    snapshot.insert(path.to_owned(), (meta.mode(), content));
    if kind.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            walk(&entry.path(), snapshot);
        }
    }
}
