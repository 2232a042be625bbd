//! CPU time of processes, from the scheduler's own count (proc(5), schedstat), in nanoseconds.

use std::fs;

use crate::Failed;
use crate::options::Options;

/// The processes that are measured.
pub(crate) struct Measured(Vec<u32>);

impl Measured {
    /// `--pids 1,2,3`; none if it is not there.
    pub(crate) fn of(options: &Options) -> Result<Self, Failed> {
        if !options.has("pids") {
            return Ok(Self(Vec::new()));
        }
        let pids: Result<_, _> = options.text("pids")?.split(',').map(str::parse).collect();
        Ok(Self(pids?))
    }

    /// What all their threads have used so far. Threads that have ended are not in it: nothing
    /// that is measured starts or ends one while it serves.
    pub(crate) fn cpu(&self) -> Result<u64, Failed> {
        let mut sum = 0;
        for pid in &self.0 {
            for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
                let text = fs::read_to_string(thread?.path().join("schedstat"))?;
                sum += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
            }
        }
        Ok(sum)
    }
}
