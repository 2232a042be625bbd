//! Every promise, broken one at a time.

use proto::standing::ChildKind;

use std::collections::BTreeMap;

use super::super::super::expected::{Layout, Process};
use super::super::super::finding::Level;
use super::*;

const KEEPERD: Process = Process::Daemon(ChildKind::Keeperd);

fn ours() -> Vec<Namespace> {
    vec![Namespace { kind: NamespaceKind::Net, inode: 1 }]
}

/// As it is promised to be, for this user.
fn held(uid: u32) -> Seen {
    let none = || "0000000000000000".to_owned();
    Seen {
        process: KEEPERD,
        pid: 7,
        kernel: BTreeMap::from([
            ("Uid", format!("{uid} {uid} {uid} {uid}")),
            ("Gid", "7 7 7 7".to_owned()),
            ("Groups", String::new()),
            ("CapInh", none()),
            ("CapPrm", none()),
            ("CapEff", none()),
            ("CapBnd", none()),
            ("CapAmb", none()),
            ("NoNewPrivs", "1".to_owned()),
            ("Seccomp", "2".to_owned()),
        ]),
        cores: Some(("0".to_owned(), "0".to_owned())),
        reported: Some(Confinement {
            layers: Layout::OneUser(uid).expected(KEEPERD).layers,
            landlock_abi: 7,
            namespaces: vec![Namespace { kind: NamespaceKind::Net, inode: 2 }],
        }),
        outside: vec![Namespace { kind: NamespaceKind::Net, inode: 2 }],
        insight: Insight::Refused,
    }
}

fn judged(seen: &Seen, strictness: Strictness) -> Finding {
    seen.judge(&Layout::OneUser(1000).expected(seen.process), &ours(), strictness)
}

fn without(layer: Layer) -> Seen {
    let mut seen = held(1000);
    if let Some(reported) = &mut seen.reported {
        reported.layers.retain(|held| *held != layer);
    }
    seen
}

#[test]
fn a_process_that_is_held_as_promised_is_well() {
    let found = judged(&held(1000), Strictness::Required);
    assert_eq!(found.level, Level::Ok, "{}", found.what);
    for word in [
        "keeperd (pid 7)",
        "uid 1000",
        "no capability",
        "seccomp 2",
        "namespaces of its own: net 2",
        "Landlock 7",
    ] {
        assert!(found.what.contains(word), "{word}: {}", found.what);
    }
}

#[test]
fn what_has_no_switch_fails_whatever_the_settings_say() {
    let mut breaches: Vec<(&str, Seen)> = Vec::new();
    for (label, value) in [
        ("Uid", "1000 0 1000 1000"),
        ("CapEff", "0000000000200000"),
        ("CapPrm", "0000000000000001"),
        ("CapInh", "0000000000000001"),
        ("CapAmb", "0000000000000001"),
        ("CapBnd", "000001ffffffffff"),
        ("CapEff", "?"),
        ("NoNewPrivs", "0"),
        ("Seccomp", "0"),
    ] {
        let mut seen = held(1000);
        seen.kernel.insert(label, value.to_owned());
        breaches.push((label, seen));
    }
    for layer in Layer::ALL.iter().filter(|layer| !has_a_switch(**layer)) {
        breaches.push((layer.as_str(), without(*layer)));
    }
    breaches.push(("can look into it", Seen { insight: Insight::Open, ..held(1000) }));
    let cores = Some(("0".to_owned(), "unlimited".to_owned()));
    breaches.push(("may leave a core", Seen { cores, ..held(1000) }));
    let outside = vec![Namespace { kind: NamespaceKind::Net, inode: 1 }];
    breaches.push(("not the one it reports", Seen { outside, ..held(1000) }));
    let mut shared = held(1000);
    if let Some(reported) = &mut shared.reported {
        reported.namespaces = ours();
    }
    breaches.push(("namespace is ours", shared));
    for (what, seen) in breaches {
        for strictness in Strictness::ALL {
            let found = judged(&seen, *strictness);
            assert_eq!(found.level, Level::Fail, "{what}: {}", found.what);
            assert!(found.what.contains(what), "{what}: {}", found.what);
        }
    }
}

#[test]
fn what_has_a_switch_is_a_warning_only_where_it_was_switched() {
    let promised = Layout::OneUser(1000).expected(KEEPERD).layers;
    for layer in promised.iter().filter(|layer| has_a_switch(**layer)) {
        let seen = without(*layer);
        for (strictness, level) in
            [(Strictness::Required, Level::Fail), (Strictness::BestEffort, Level::Warn)]
        {
            let found = judged(&seen, strictness);
            assert_eq!(found.level, level, "{layer}");
            assert!(found.what.contains(&format!("does without {layer}")), "{}", found.what);
            assert!(found.mend.is_some());
        }
    }
}

#[test]
fn a_process_that_is_gone_or_only_starts_is_not_judged() {
    let gone = Seen { kernel: BTreeMap::new(), ..held(1000) };
    assert_eq!(judged(&gone, Strictness::Required).level, Level::Warn);
    let starting = Seen { reported: Some(Confinement::default()), ..held(1000) };
    assert!(judged(&starting, Strictness::Required).what.ends_with("is only starting"));
}

#[test]
fn a_root_launcher_keeps_what_its_children_need_and_no_more() {
    let layout = Layout::OneUser(0);
    let with = |bits: u64| {
        let mut seen = Seen { process: Process::Launcher, reported: None, ..held(0) };
        for label in ["CapPrm", "CapEff", "CapBnd"] {
            seen.kernel.insert(label, format!("{bits:016x}"));
        }
        seen.judge(&layout.expected(Process::Launcher), &ours(), Strictness::Required).level
    };
    assert_eq!(with(1 << 8 | 1 << 21), Level::Ok);
    assert_eq!(with(1 << 8 | 1 << 21 | 1 << 7), Level::Fail);
    assert_eq!(layout.expected(KEEPERD).capabilities, 0, "its daemons keep none");
    assert!(!layout.expected(KEEPERD).layers.contains(&Layer::UserNamespace));
}

#[test]
fn with_system_each_daemon_is_its_own_user_and_in_no_other_group() {
    use proto::control_lane::Account;

    let layout =
        Layout::System { keeper: Account { uid: 1000, gid: 7 }, egress: Account { uid: 1001, gid: 8 } };
    let level = |seen: &Seen| {
        let mut promised = layout.expected(KEEPERD);
        promised.layers.retain(|layer| seen.reports(*layer));
        seen.judge(&promised, &ours(), Strictness::Required).level
    };
    assert_eq!(level(&held(1000)), Level::Ok);
    assert_eq!(level(&held(1001)), Level::Fail, "the other daemon's user");
    for (label, word) in [("Gid", "7 0 7 7"), ("Groups", "0 27")] {
        let mut seen = held(1000);
        seen.kernel.insert(label, word.to_owned());
        assert_eq!(level(&seen), Level::Fail, "{label}");
    }
    assert_eq!(layout.expected(Process::Launcher).uid, 0);
    assert!(!layout.expected(KEEPERD).layers.contains(&Layer::UserNamespace));
}
