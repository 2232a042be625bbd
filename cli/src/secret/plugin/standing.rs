//! What a supervisor tells `plugin list` of a plugin: a small file below `plugins/` of UGENT_HOME, locked
//! for as long as somebody looks after that plugin. States, pids and names; never a value.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc::{O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK};
use proto::failure::{Failure, FailureClass};
use serde::{Deserialize, Serialize};
use unix::owned::{self, Privacy};

use crate::home::Home;

/// The longest of these files.
const LONGEST: usize = 2048;
/// The longest reason that is kept.
const WHY_MAX: usize = 1024;

/// How a plugin is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// `starting`, `running`, `waiting`, `stopping`, `refused`, `given up`, `done`.
    pub(super) state: String,
    /// Its process.
    pub(super) pid: Option<i32>,
    /// Whoever looks after it.
    pub(super) supervisor: u32,
    /// Since when it is so.
    pub(super) since: String,
    /// How often it was started.
    pub(super) starts: u32,
    /// Why it does not run.
    pub(super) why: Option<String>,
}

/// A plugin's file, held.
pub(super) struct Held(File);

impl Held {
    /// Takes it, unless somebody else looks after that plugin.
    pub(super) fn take(home: &Home, id: &str) -> Result<Self, Failure> {
        let directory = directory(home);
        let failed = |error: std::io::Error| {
            let what = format!("{} could not be made or locked: {error}", directory.join(id).display());
            Failure::new(FailureClass::Io, what, "UGENT_HOME must be yours, on a file system with locks")
        };
        match DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        owned::directory(&directory, Privacy::Private).map_err(|wrong| wrong.failure(&directory))?;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.custom_flags(O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC).open(directory.join(id));
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::Error(error)) => Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                let whose = found(&file).map_or(0, |standing| standing.supervisor);
                let what = format!("plugin {id} is looked after already (pid {whose})");
                Err(Failure::new(FailureClass::TryAgain, what, "ugent secret plugin list"))
            }
        }
    }

    /// Says how it is. What cannot be written is not shown, and changes nothing else.
    pub(super) fn tell(&self, standing: &Standing) {
        let why = standing.why.as_ref().map(|why| why.chars().take(WHY_MAX / 4).collect());
        let Ok(mut text) = serde_json::to_vec(&Standing { why, ..standing.clone() }) else { return };
        if text.len() > LONGEST {
            return;
        }
        // One write of one length: who reads meanwhile finds the old one or the new one.
        text.resize(LONGEST, b' ');
        let _ = self.0.write_all_at(&text, 0);
    }
}

/// How a plugin is; none if nobody looks after it.
pub(super) fn of(home: &Home, id: &str) -> Option<Standing> {
    let mut options = File::options();
    let file =
        options.read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(directory(home).join(id)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => found(&file),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn found(file: &File) -> Option<Standing> {
    let mut text = String::new();
    file.take(LONGEST as u64).read_to_string(&mut text).ok()?;
    serde_json::from_str(text.trim_end()).ok()
}

fn directory(home: &Home) -> PathBuf {
    let home: &Path = home.path();
    home.join("plugins")
}
