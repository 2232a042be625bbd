//! Whether values stay in memory: locked slots, swap, core files.

use std::fs::read_to_string;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};
use proto::hazmat::SecretBytes;

use super::finding::Finding;

/// Room for every slot a busy broker needs, in bytes.
const LIMIT: u64 = 8 * 1024 * 1024;
/// How a mapping of memfd_secret(2) shows in /proc/PID/maps.
const SECRET: &str = "/secretmem";

/// What the kernel says.
#[derive(Debug)]
pub(super) struct Memory {
    slots: Slots,
    /// Of locked memory, in bytes; none if it cannot be read.
    limit: Option<u64>,
    swaps: Vec<Swap>,
    core_pattern: String,
}

/// What a slot of our own turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slots {
    Secret,
    Locked,
    Refused,
}

#[derive(Debug)]
struct Swap {
    name: String,
    rest: Rest,
}

/// What becomes of what is written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    InMemory,
    Encrypted,
    Plain,
}

/// Looks; a slot is taken to see what the kernel gives, and goes back.
pub(super) fn look() -> Memory {
    Memory {
        slots: slots(),
        limit: getrlimit(Resource::RLIMIT_MEMLOCK).ok().map(|(soft, _)| soft),
        swaps: swaps(&read_to_string("/proc/swaps").unwrap_or_default(), &device_mapper),
        core_pattern: read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default().trim().to_owned(),
    }
}

fn slots() -> Slots {
    let Ok(_slot) = SecretBytes::zeroed(1) else {
        return Slots::Refused;
    };
    let maps = read_to_string("/proc/self/maps").unwrap_or_default();
    if maps.contains(SECRET) { Slots::Secret } else { Slots::Locked }
}

/// The places of /proc/swaps (proc_swaps(5)), and what each is. `uuid` gives a device mapper's, by
/// its kernel name.
fn swaps(text: &str, uuid: &dyn Fn(&str) -> Option<String>) -> Vec<Swap> {
    let names = text.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    let rest = |name: &str| {
        let real = Path::new(name).canonicalize().ok();
        let device = real.as_deref().unwrap_or(Path::new(name)).file_name().and_then(|name| name.to_str());
        match device {
            Some(device) if device.starts_with("zram") => Rest::InMemory,
            Some(device) if uuid(device).is_some_and(|uuid| uuid.starts_with("CRYPT-")) => Rest::Encrypted,
            Some(_) | None => Rest::Plain,
        }
    };
    names.map(|name| Swap { name: name.to_owned(), rest: rest(name) }).collect()
}

fn device_mapper(device: &str) -> Option<String> {
    read_to_string(format!("/sys/block/{device}/dm/uuid")).ok()
}

/// What it comes to.
pub(super) fn judge(memory: &Memory) -> Vec<Finding> {
    let Memory { slots, limit, swaps, core_pattern } = memory;
    vec![locked(*slots), limited(*limit), swapped(swaps), cores(core_pattern)]
}

fn locked(slots: Slots) -> Finding {
    const ID: &str = "memory.locked";
    match slots {
        Slots::Secret => Finding::ok(ID, "values lie in memory that is locked, and mapped for nobody else"),
        Slots::Locked => Finding::warn(
            ID,
            "this kernel gives no memfd_secret: values lie in locked memory that root can read",
            "boot with secretmem.enable=1 (Linux 5.14 or later), outside of sandboxes that forbid it",
        ),
        Slots::Refused => Finding::fail(ID, "there is no locked memory for values", "ulimit -l 8192"),
    }
}

fn limited(limit: Option<u64>) -> Finding {
    const ID: &str = "memory.limit";
    match limit {
        None => Finding::warn(ID, "the limit of locked memory cannot be read", "ulimit -l"),
        Some(u64::MAX) => Finding::ok(ID, "locked memory has no limit"),
        Some(limit) if limit >= LIMIT => Finding::ok(ID, format!("{} KiB may be locked", limit / 1024)),
        Some(limit) => Finding::warn(
            ID,
            format!(
                "only {} KiB of memory may be locked: under load requests are answered busy",
                limit / 1024
            ),
            "ulimit -l 8192, or LimitMEMLOCK=8M in the unit",
        ),
    }
}

fn swapped(swaps: &[Swap]) -> Finding {
    const ID: &str = "memory.swap";
    let plain: Vec<&str> =
        swaps.iter().filter(|swap| swap.rest == Rest::Plain).map(|swap| swap.name.as_str()).collect();
    if swaps.is_empty() {
        return Finding::ok(ID, "there is no swap");
    }
    if plain.is_empty() {
        return Finding::ok(ID, "swap is encrypted or in memory");
    }
    Finding::warn(
        ID,
        format!(
            "swap is not encrypted ({}): slots are never swapped, but what programs make of values is, \
             and hibernation writes all memory",
            plain.join(", ")
        ),
        "encrypt it (crypttab(5), `swap` and a random key), use zram, or: swapoff -a",
    )
}

fn cores(pattern: &str) -> Finding {
    const ID: &str = "memory.cores";
    let program = pattern.strip_prefix('|').and_then(|rest| rest.split_whitespace().next());
    // The broker's own leave none, which is looked at for each of them.
    let place = match (pattern, program) {
        ("", _) => "nowhere".to_owned(),
        (_, Some(program)) => format!("to {program}"),
        (pattern, None) => format!("to files named by \"{pattern}\""),
    };
    Finding::ok(ID, format!("cores of programs that are given values go {place}"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_slot_of_our_own_shows_what_this_kernel_gives() {
        assert_ne!(slots(), Slots::Refused);
        assert_eq!(locked(Slots::Locked).level, Level::Warn);
        assert_eq!(locked(Slots::Refused).level, Level::Fail);
    }

    #[test]
    fn swap_that_can_be_read_from_a_disk_is_a_warning() {
        let text = |name: &str| format!("Filename Type Size Used Priority\n{name} partition 1 0 -2\n");
        let uuid = |device: &str| (device == "dm-1").then(|| "CRYPT-PLAIN-swap".to_owned());
        let judged = |text: &str| swapped(&swaps(text, &uuid));
        assert_eq!(judged("Filename Type Size Used Priority\n").level, Level::Ok);
        assert_eq!(judged(&text("/dev/zram0")).level, Level::Ok);
        assert_eq!(judged(&text("/none/dm-1")).level, Level::Ok);
        for plain in ["/none/dm-2", "/none/sda3", "/none/swapfile"] {
            let found = judged(&text(plain));
            assert_eq!(found.level, Level::Warn, "{plain}");
            assert!(found.what.contains(plain), "{}", found.what);
        }
    }

    #[test]
    fn a_limit_below_what_a_busy_broker_needs_is_a_warning() {
        for (limit, level) in [
            (Some(u64::MAX), Level::Ok),
            (Some(LIMIT), Level::Ok),
            (Some(64 * 1024), Level::Warn),
            (None, Level::Warn),
        ] {
            assert_eq!(limited(limit).level, level, "{limit:?}");
        }
    }
}
