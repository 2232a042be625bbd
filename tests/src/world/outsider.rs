//! What another program of a process's own user sees of it. Root looks as that user: as itself it would
//! see everything, and without capabilities nothing of another user's, whatever the process is.

use std::process::Command;

use super::binaries::Binaries;

/// What came of the ways to look into a process, each with `done` or an errno's name.
#[derive(Debug)]
pub struct Look(Vec<(String, String)>);

/// Looks into that process.
#[must_use]
pub fn into(pid: &str) -> Look {
    Look::taken(&["look", pid])
}

/// Looks into that process, with the capabilities it has itself.
#[must_use]
pub fn as_able_into(pid: &str) -> Look {
    Look::taken(&["look", "able", pid])
}

/// Looks into a program that nothing holds, of the same user.
#[must_use]
pub fn beside(pid: &str) -> Look {
    Look::taken(&["look", "beside", pid])
}

impl Look {
    fn taken(arguments: &[&str]) -> Self {
        let probe = Binaries::of_this_build().beside("boundary-probe");
        // A group of its own: what it looks into may be attached to a terminal.
        let mut look = Command::new(probe);
        std::os::unix::process::CommandExt::process_group(&mut look, 0);
        let output = look.args(arguments).output().expect("it is built with the tests");
        assert!(output.status.success(), "no look was taken: {arguments:?}");
        let said = String::from_utf8(output.stdout).expect("names of errors");
        let ways = said.split_whitespace().filter_map(|way| way.split_once('='));
        let look = Self(ways.map(|(way, result)| (way.to_owned(), result.to_owned())).collect());
        assert!(!look.0.is_empty(), "{said}");
        look
    }

    /// What came of each way.
    pub fn ways(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(way, result)| (way.as_str(), result.as_str()))
    }

    /// Whether every way is refused: not missing, and not let in.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.ways().all(|(_, result)| ["EACCES", "EPERM"].contains(&result))
    }
}
