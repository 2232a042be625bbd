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
    /// How many KiB of those were in swap.
    pub swapped: u64,
    /// Mappings that are locked or kept out of cores, and are not all that memory for values must be; with
    /// their flags.
    pub half_locked: Vec<String>,
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

    /// What of the look was blind: nothing was read of memory, no thread's registers, or there is
    /// memory of the process's own that the kernel did not give. Not counted is what it gives nobody:
    /// secret memory, for which there is [`Report::unseen`], and its own pages.
    #[must_use]
    pub fn blind(&self) -> Vec<String> {
        let own = |name: &str| !(name.starts_with("[vvar") || name == "[vsyscall]" || is_secret(name));
        let denied = self.denied.iter().filter(|(name, _)| own(name));
        let denied = denied.map(|(name, bytes)| format!("{bytes} bytes of {name:?} were not given"));
        let nothing = [("memory", self.bytes), ("threads", self.threads)].into_iter();
        let nothing = nothing.filter(|(_, count)| *count == 0).map(|(what, _)| format!("no {what} at all"));
        denied.chain(nothing).collect()
    }

    /// How many bytes of secret memory (`memfd_secret`) not even root could read.
    #[must_use]
    pub fn unseen(&self) -> u64 {
        let secret = self.denied.iter().filter(|(name, _)| is_secret(name));
        secret.map(|(_, bytes)| bytes).sum()
    }
}

fn is_secret(name: &str) -> bool {
    name.starts_with("/secretmem")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(names: &[&str]) -> Report {
        let denied = names.iter().map(|name| ((*name).to_owned(), 4096)).collect();
        Report { threads: 1, bytes: 4096, denied, ..Report::default() }
    }

    #[test]
    fn a_look_that_did_not_see_the_process_is_blind() {
        assert!(
            denied(&["[vvar]", "[vvar_vclock]", "[vsyscall]", "/secretmem (deleted)"]).blind().is_empty()
        );
        for name in ["", "[heap]", "[stack]", "/usr/bin/x", "[vdso]"] {
            assert_eq!(denied(&["[vvar]", name]).blind().len(), 1, "{name}");
        }
        assert_eq!(Report { threads: 0, ..denied(&[]) }.blind(), ["no threads at all"]);
        assert_eq!(Report { bytes: 0, ..denied(&[]) }.blind(), ["no memory at all"]);
        assert_eq!(denied(&["/secretmem (deleted)", "[vvar]"]).unseen(), 4096);
    }
}
