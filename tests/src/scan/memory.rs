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
    /// How many KiB of it are in swap.
    pub(super) swapped: u64,
    /// The kernel's flags (VmFlags): `lo` is locked, `dd` is kept out of cores, `wf` is wiped in a child.
    flags: Vec<String>,
}

impl Mapping {
    /// Whether it is memory made for values: locked, and kept out of cores.
    pub(super) fn is_locked(&self) -> bool {
        self.is_secret() || (self.has("lo") && self.has("dd"))
    }

    /// Whether somebody began to make it such memory, and did not do all of it: it is locked or kept out
    /// of cores, and not both; or a child would have it. The kernel wipes no shared memory in a child, and
    /// secret memory is shared.
    pub(super) fn is_half_locked(&self) -> bool {
        let flags: &[&str] = if self.is_secret() { &["lo", "dd"] } else { &["lo", "dd", "wf"] };
        let is_meant = self.is_secret() || self.has("lo") || self.has("dd");
        is_meant && !self.is_of_the_kernel() && !flags.iter().all(|flag| self.has(flag))
    }

    /// The flags in a row.
    pub(super) fn flags(&self) -> String {
        self.flags.join(" ")
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|known| known == flag)
    }

    fn is_secret(&self) -> bool {
        self.name.starts_with("/secretmem")
    }

    /// The kernel maps its own into every process, and keeps them out of cores.
    fn is_of_the_kernel(&self) -> bool {
        ["[vvar", "[vdso]", "[vsyscall]"].iter().any(|own| self.name.starts_with(own))
    }
}

/// All readable mappings.
pub(super) fn mappings(pid: i32) -> io::Result<Vec<Mapping>> {
    let mut all = parsed(&fs::read_to_string(format!("/proc/{pid}/smaps"))?)?;
    all.retain(|mapping| mapping.permissions.starts_with('r'));
    Ok(all)
}

/// What proc_pid_smaps(5) says.
fn parsed(text: &str) -> io::Result<Vec<Mapping>> {
    let mut all: Vec<Mapping> = Vec::new();
    for line in text.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags: ") {
            if let Some(mapping) = all.last_mut() {
                mapping.flags = flags.split_ascii_whitespace().map(str::to_owned).collect();
            }
        } else if let Some(swapped) = line.strip_prefix("Swap:") {
            if let Some(mapping) = all.last_mut() {
                let number = swapped.trim().trim_end_matches(" kB").parse();
                mapping.swapped = number.map_err(io::Error::other)?;
            }
        } else if let Some(mapping) = head(line) {
            all.push(mapping);
        }
    }
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
    Some(Mapping { start, end, permissions, name, swapped: 0, flags: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(name: &str, flags: &str) -> Mapping {
        let flags = flags.split(' ').map(str::to_owned).collect();
        Mapping { flags, name: name.to_owned(), ..head("0-1000 rw-p 0 0:0 0").unwrap() }
    }

    #[test]
    fn memory_for_values_is_known_by_its_flags_and_half_of_them_are_not_enough() {
        for (name, flags, is_locked, is_half) in [
            ("", "rd wr lo dd wf", true, false),
            ("", "rd wr lo dd", true, true),
            ("", "rd wr lo", false, true),
            ("", "rd wr dd wf", false, true),
            ("", "rd wr wf", false, false),
            ("[heap]", "rd wr", false, false),
            ("[vdso]", "rd ex de dd", false, false),
            ("/secretmem (deleted)", "rd wr sh lo dd", true, false),
            ("/secretmem (deleted)", "rd wr sh dd", true, true),
        ] {
            let mapping = mapping(name, flags);
            assert_eq!(
                (mapping.is_locked(), mapping.is_half_locked()),
                (is_locked, is_half),
                "{name} {flags}"
            );
        }
    }

    #[test]
    fn flags_and_what_is_in_swap_are_read_of_each_mapping() {
        let one = "7f01-7f02 rw-p 00000000 00:00 0 [heap] x\nSize: 4 kB\nSwap:                 12 kB\n\
                   SwapPss: 7 kB\nVmFlags: rd wr mr \n";
        let all =
            parsed(&format!("{one}{}", one.replace("12 kB", "0 kB").replace(" mr", " lo dd wf"))).unwrap();
        assert_eq!(all.iter().map(|mapping| mapping.swapped).collect::<Vec<_>>(), [12, 0]);
        assert_eq!(all.iter().map(Mapping::is_locked).collect::<Vec<_>>(), [false, true]);
        assert_eq!(
            (all[0].name.as_str(), all[0].start, all[1].flags().as_str()),
            ("[heap] x", 0x7f01, "rd wr lo dd wf")
        );
    }
}
