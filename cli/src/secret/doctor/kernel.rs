//! What this kernel offers: its version, user namespaces, Landlock. What a confined keeper was
//! granted counts before anything a switch in /proc/sys promises.

use std::fs::read_to_string;

use proto::standing::{Confinement, Layer, Strictness};

use super::finding::{Finding, Level};

/// The first with every Landlock right that is demanded.
const VERSION: (u32, u32) = (6, 7);
/// The first Landlock that closes TCP ports (landlock(7)).
const LANDLOCK: u16 = 4;
/// CAP_SETPCAP and CAP_SYS_ADMIN: who has both needs no user namespace (unix::namespaces::user).
const ENOUGH: u64 = 1 << 8 | 1 << 21;

/// What /proc says.
#[derive(Debug, Default)]
pub(super) struct Offered {
    release: String,
    /// Our own effective capabilities.
    capabilities: u64,
    /// Switches by their names of sysctl(8), where the kernel has them.
    switches: Vec<(&'static str, u64)>,
}

const MAX: &str = "user.max_user_namespaces";
const APPARMOR: &str = "kernel.apparmor_restrict_unprivileged_userns";
const CLONE: &str = "kernel.unprivileged_userns_clone";

/// Reads it. Before capabilities are given up.
pub(super) fn look() -> Offered {
    let release = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or_default();
    let switch = |name: &'static str| {
        let value = read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?;
        Some((name, value.trim().parse().ok()?))
    };
    let switches = [MAX, APPARMOR, CLONE].into_iter().filter_map(switch).collect();
    Offered { release, capabilities, switches }
}

/// What it comes to, with what a keeper was granted if one is there.
pub(super) fn judge(
    offered: &Offered,
    granted: Option<&Confinement>,
    strictness: Strictness,
) -> Vec<Finding> {
    // What is not there is missed only where it is demanded.
    let level = match strictness {
        Strictness::Required => Level::Fail,
        Strictness::BestEffort => Level::Warn,
    };
    let mut findings = vec![version(offered, granted, level), user_namespaces(offered, granted, level)];
    findings.extend(granted.map(|granted| landlock(granted.landlock_abi, level)));
    findings
}

fn version(offered: &Offered, granted: Option<&Confinement>, level: Level) -> Finding {
    let release = &offered.release;
    let enough = granted.is_some_and(|granted| granted.landlock_abi >= LANDLOCK);
    if enough || numbers(release).is_some_and(|version| version >= VERSION) {
        return Finding::ok("kernel.version", format!("Linux {release} has all that is used"));
    }
    let what = format!("Linux {release} may lack a part of what holds the daemons");
    Finding::bad("kernel.version", level, what, mend("run Linux 6.7 or later"))
}

/// The first two numbers of a release.
fn numbers(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn user_namespaces(offered: &Offered, granted: Option<&Confinement>, level: Level) -> Finding {
    const ID: &str = "kernel.user_namespaces";
    if granted.is_some_and(|granted| granted.layers.contains(&Layer::UserNamespace)) {
        return Finding::ok(ID, "user namespaces are to be had: a keeperd is in one");
    }
    if offered.capabilities & ENOUGH == ENOUGH {
        return Finding::ok(ID, "user namespaces are not needed: root enters the others without");
    }
    let (why, first) = match closed(&offered.switches) {
        Some((name, value)) => (format!("{name} is {value}"), open(name)),
        None if granted.is_none() => {
            return Finding::ok(ID, "no switch of this kernel forbids user namespaces");
        }
        None => ("the kernel refuses them".to_owned(), "run it outside of sandboxes that forbid them"),
    };
    Finding::bad(ID, level, format!("no user namespace is to be had: {why}"), mend(first))
}

/// A switch that keeps an ordinary user from them.
fn closed(switches: &[(&'static str, u64)]) -> Option<(&'static str, u64)> {
    let forbids = |name: &str, value: u64| if name == APPARMOR { value != 0 } else { value == 0 };
    switches.iter().copied().find(|(name, value)| forbids(name, *value))
}

fn open(switch: &str) -> &'static str {
    match switch {
        MAX => "sysctl -w user.max_user_namespaces=15000",
        APPARMOR => "an AppArmor profile with `userns,` for keeperd and egressd",
        _ => "sysctl -w kernel.unprivileged_userns_clone=1",
    }
}

fn landlock(abi: u16, level: Level) -> Finding {
    const ID: &str = "kernel.landlock";
    match abi {
        LANDLOCK.. => Finding::ok(ID, format!("Landlock is version {abi}, as far as it is used")),
        0 => Finding::bad(ID, level, "this kernel gives no Landlock", mend("boot with landlock in lsm=")),
        1.. => {
            let what = format!("Landlock is version {abi} and closes no TCP port");
            Finding::bad(ID, level, what, mend("run Linux 6.7 or later"))
        }
    }
}

fn mend(first: &str) -> String {
    format!("{first}; or do without: confinement = \"best-effort\" in secrets.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(layers: Vec<Layer>, landlock_abi: u16) -> Confinement {
        Confinement { layers, landlock_abi, namespaces: Vec::new() }
    }

    fn namespaces(capabilities: u64, switch: (&'static str, u64), granted: Option<Confinement>) -> Finding {
        let offered = Offered { release: "6.12.1".to_owned(), capabilities, switches: vec![switch] };
        judge(&offered, granted.as_ref(), Strictness::Required).remove(1)
    }

    #[test]
    fn what_was_granted_counts_before_switches_and_a_closed_switch_is_named() {
        let entered = || Some(granted(vec![Layer::UserNamespace], 7));
        assert_eq!(namespaces(0, (MAX, 0), entered()).level, Level::Ok);
        assert_eq!(namespaces(ENOUGH, (MAX, 0), None).level, Level::Ok);
        assert_eq!(namespaces(0, (MAX, 100), None).level, Level::Ok);
        assert_eq!(namespaces(0, (MAX, 100), Some(granted(vec![], 7))).level, Level::Fail);
        for switch in [(MAX, 0), (APPARMOR, 1), (CLONE, 0)] {
            let found = namespaces(0, switch, None);
            assert_eq!(found.level, Level::Fail, "{switch:?}");
            assert!(found.what.contains(switch.0), "{}", found.what);
            assert!(found.mend.unwrap().contains("best-effort"));
        }
        for switch in [(APPARMOR, 0), (CLONE, 1)] {
            assert_eq!(namespaces(0, switch, None).level, Level::Ok, "{switch:?}");
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(numbers("6.12.43+deb13-amd64"), Some((6, 12)));
        assert_eq!(numbers("6"), None);
        let level = |release: &str, strictness| {
            let offered = Offered { release: release.to_owned(), ..Offered::default() };
            judge(&offered, None, strictness).remove(0).level
        };
        assert_eq!(level("6.7.0", Strictness::Required), Level::Ok);
        assert_eq!(level("10.0", Strictness::Required), Level::Ok);
        assert_eq!(level("6.1.0", Strictness::Required), Level::Fail);
        assert_eq!(level("6.1.0", Strictness::BestEffort), Level::Warn);
    }

    #[test]
    fn a_landlock_that_closes_no_port_is_missed() {
        for (abi, level) in [(7, Level::Ok), (4, Level::Ok), (3, Level::Warn), (0, Level::Warn)] {
            let found = judge(&Offered::default(), Some(&granted(vec![], abi)), Strictness::BestEffort);
            assert_eq!(found.last().unwrap().level, level, "{abi}");
        }
    }
}
