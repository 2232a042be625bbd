//! The memory of another process: its mappings, and what is in them. Root only.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

const PAGE: u64 = 4096;
/// How much is read at once.
const STEP: usize = 1 << 20;

/// A mapping.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) permissions: String,
    pub(super) name: String,
    /// The kernel's flags (VmFlags): `lo` is locked, `dd` is kept out of cores.
    flags: Vec<String>,
}

impl Mapping {
    /// Whether it is memory made for values: locked, and kept out of cores.
    pub(super) fn is_locked(&self) -> bool {
        let has = |flag| self.flags.iter().any(|known| known == flag);
        self.name.starts_with("/secretmem") || (has("lo") && has("dd"))
    }
}

/// All readable mappings.
pub(super) fn mappings(pid: i32) -> io::Result<Vec<Mapping>> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps"))?;
    let mut all: Vec<Mapping> = Vec::new();
    for line in text.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags: ") {
            if let Some(mapping) = all.last_mut() {
                mapping.flags = flags.split_ascii_whitespace().map(str::to_owned).collect();
            }
        } else if let Some(mapping) = head(line) {
            all.push(mapping);
        }
    }
    all.retain(|mapping| mapping.permissions.starts_with('r'));
    Ok(all)
}

/// What was read of a mapping, and how many bytes of it the kernel did not give (zeros here).
pub(super) fn read(memory: &File, mapping: &Mapping) -> (Vec<u8>, u64) {
    let length = usize::try_from(mapping.end - mapping.start).unwrap_or_default();
    let mut bytes = vec![0; length];
    let mut denied = 0;
    for (number, part) in bytes.chunks_mut(STEP).enumerate() {
        let from = mapping.start + u64::try_from(number * STEP).unwrap_or_default();
        if memory.read_exact_at(part, from).is_ok() {
            continue;
        }
        part.fill(0);
        for (at, page) in (from..).step_by(4096).zip(part.chunks_mut(4096)) {
            if memory.read_exact_at(page, at).is_err() {
                denied += PAGE;
            }
        }
    }
    (bytes, denied)
}

/// `START-END PERMISSIONS OFFSET DEVICE INODE NAME`.
fn head(line: &str) -> Option<Mapping> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let (start, end) = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
    let permissions = words.next()?.to_owned();
    let name = words.skip(3).collect::<Vec<_>>().join(" ");
    Some(Mapping { start, end, permissions, name, flags: Vec::new() })
}
