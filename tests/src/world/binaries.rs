//! Where the built binaries are: beside the running test. Nothing is built here.

use std::path::{Path, PathBuf};

/// The five binaries of one build.
#[derive(Clone, Debug)]
pub struct Binaries {
    dir: PathBuf,
}

impl Binaries {
    /// Those of the profile this test was built with.
    ///
    /// # Panics
    /// If they are not there.
    #[must_use]
    pub fn of_this_build() -> Self {
        let test = std::env::current_exe().expect("a test knows where it is");
        let dir = test.parent().and_then(Path::parent).expect("tests lie in target/PROFILE/deps");
        Self::in_dir(dir.to_owned())
    }

    /// Those of the release build.
    ///
    /// # Panics
    /// If they are not there.
    #[must_use]
    pub fn of_release() -> Self {
        let target = Self::of_this_build().dir.parent().expect("target/").to_owned();
        Self::in_dir(target.join("release"))
    }

    /// Those of that directory.
    ///
    /// # Panics
    /// If they are not there.
    #[must_use]
    pub fn in_dir(dir: PathBuf) -> Self {
        for name in ["ugent", "secret-broker", "keeperd", "egressd", "keychaind"] {
            assert!(dir.join(name).is_file(), "{name} is not built: run ./tests/run");
        }
        Self { dir }
    }

    /// A program of this crate, built with the tests.
    ///
    /// # Panics
    /// If it is not there.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        let path = self.dir.join(name);
        assert!(path.is_file(), "{name} is not built: run ./tests/run");
        path
    }

    /// One of them.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}
