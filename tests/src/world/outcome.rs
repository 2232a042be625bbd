//! How a command ended, and what a test demands of that.

/// How a process ended and what it said.
#[derive(Clone)]
pub struct Outcome {
    /// Its exit code, if it was not killed.
    pub code: Option<i32>,
    /// The signal that killed it, if one did.
    pub signal: Option<i32>,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

impl Outcome {
    /// Demands exit code 0.
    ///
    /// # Panics
    /// If it is another.
    #[must_use]
    #[track_caller]
    pub fn succeeded(self) -> Self {
        self.ended_with(0)
    }

    /// Demands that exit code.
    ///
    /// # Panics
    /// If it is another.
    #[must_use]
    #[track_caller]
    pub fn ended_with(self, code: i32) -> Self {
        assert!(
            self.code == Some(code),
            "exit code {code} was due, not {:?} (signal {:?})\nstdout: {}\nstderr: {}",
            self.code,
            self.signal,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Demands that exit code, an `error:` line that has each of `names` in it, and a `hint:` line.
    ///
    /// # Panics
    /// If it was told otherwise.
    #[track_caller]
    pub fn refused(self, code: i32, names: &[&str]) {
        let told = self.ended_with(code);
        let error = told.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert!(!error.is_empty(), "no `error:` line in: {}", told.stderr);
        assert!(told.stderr.lines().any(|line| line.starts_with("hint: ")), "no `hint:` in: {}", told.stderr);
        for name in names {
            assert!(error.contains(name), "the error does not name {name}: {}", told.stderr);
        }
    }
}
