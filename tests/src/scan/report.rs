//! What a scan found, as the scanning program tells it to the test.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One scan of one process. Holds no value: places and lengths only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Its name in /proc/PID/comm.
    pub process: String,
    /// How many threads' registers were read.
    pub threads: u64,
    /// How many bytes of memory were read.
    pub bytes: u64,
    /// How many bytes of mappings were locked and kept out of cores, read or not.
    pub locked: u64,
    /// How many slots of its locked memory were looked for elsewhere, if they were.
    pub held: u64,
    /// Mappings that the kernel did not give, and how many bytes of them.
    pub denied: Vec<(String, u64)>,
    /// What was found.
    pub finds: Vec<Find>,
}

/// A part of a value that was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Find {
    /// Which value, by its place in the list that was asked for.
    pub value: usize,
    /// What it looks like there.
    pub disguise: String,
    /// How many bytes of that look there are.
    pub length: usize,
    /// How many the whole has.
    pub whole: usize,
    /// Where.
    pub place: String,
    /// Whether that is in locked memory.
    pub locked: bool,
}

impl Report {
    /// What is outside of locked memory.
    #[must_use]
    pub fn outside(&self) -> Vec<&Find> {
        self.finds.iter().filter(|find| !find.locked).collect()
    }

    /// How many bytes of secret memory (`memfd_secret`) not even root could read.
    #[must_use]
    pub fn unseen(&self) -> u64 {
        let secret = self.denied.iter().filter(|(name, _)| name.starts_with("/secretmem"));
        secret.map(|(_, bytes)| bytes).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} threads, {} KiB read, {} KiB locked, {} KiB of secret memory not readable",
            self.process,
            self.threads,
            self.bytes / 1024,
            self.locked / 1024,
            self.unseen() / 1024
        )?;
        self.finds.iter().try_for_each(|find| write!(f, "\n  {find}"))
    }
}

impl fmt::Display for Find {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let locked = if self.locked { " (locked)" } else { "" };
        let Self { value, disguise, length, whole, place, .. } = self;
        write!(f, "value {value} {disguise}: {length} of {whole} bytes in {place}{locked}")
    }
}
