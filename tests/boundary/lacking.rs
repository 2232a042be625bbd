//! Where the kernel gives no Landlock, or refuses the filters: no daemon serves, unless the user has
//! said that it may do without the first; without the second there is no way.

use std::collections::BTreeSet;

use serde_json::Value;
use tests::world::{Outcome, World};

const NO_LANDLOCK: &str = "landlock_create_ruleset=ENOSYS";
const NO_FILTERS: &str = "seccomp=EPERM";

/// What it is told, by a command with a keeper of its own and by a broker.
fn both(world: &World, lacking: &str) -> [Outcome; 2] {
    [world.ugent(&["list"]), world.launcher()].map(|call| call.without_call(lacking).run())
}

fn let_do_without(world: &World) {
    let text = world.settings();
    world.home().write("secrets.toml", &format!("confinement = \"best-effort\"\n{text}"));
}

fn layers(process: &Value) -> BTreeSet<&str> {
    process["layers"].as_array().unwrap().iter().map(|layer| layer.as_str().unwrap()).collect()
}

#[test]
fn without_landlock_nothing_serves_and_the_error_names_both_mends() {
    let world = World::ready();
    for told in both(&world, NO_LANDLOCK) {
        assert!(told.stdout.is_empty(), "{}", told.stdout);
        for mend in ["AppArmor", "Linux 6.7 or later with Landlock", "confinement = \"best-effort\""] {
            assert!(told.stderr.contains(mend), "{mend}: {}", told.stderr);
        }
        told.refused(78, &["could not be confined: Landlock"]);
    }
}

#[test]
fn best_effort_does_without_landlock_and_shows_what_is_missing() {
    let world = World::ready();
    let_do_without(&world);
    drop(world.ugent(&["list"]).without_call(NO_LANDLOCK).run().succeeded());
    let broker = world.broker_without_call(NO_LANDLOCK);
    assert_eq!(world.ask(&tests::world::http::Ask::chat()).status, 200);
    let status = world.json(&["broker", "status", "--json"]);
    let daemons: Vec<_> = status["processes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|each| each["name"] != "secret-broker")
        .collect();
    assert_eq!(daemons.len(), 2);
    for daemon in daemons {
        assert_eq!(daemon["landlock_abi"], 0, "{daemon}");
        for missing in ["files", "tcp_ports", "scopes"] {
            assert!(!layers(daemon).contains(missing), "{missing}: {daemon}");
        }
        for held in ["no_core", "undumpable", "no_caps", "no_new_privs", "filter"] {
            assert!(layers(daemon).contains(held), "{held}: {daemon}");
        }
    }
    // Of the running broker, whatever this command itself would find.
    let told = world.doctor();
    for id in ["process.keeperd", "process.egressd"] {
        let [level, what, _] = told.of(id);
        assert!(level == "warn" && what.contains("does without files"), "{level}: {what}");
    }
    drop(broker.stop().succeeded());
}

#[test]
fn without_filters_nothing_serves_whatever_the_settings_say() {
    let world = World::ready();
    let refused = || {
        let [list, broker] = both(&world, NO_FILTERS);
        for told in [&list, &broker] {
            assert!(told.stderr.contains("hint: this is required and has no switch"), "{}", told.stderr);
        }
        list.refused(78, &["keeperd could not be confined: system-call filters"]);
        broker.refused(78, &["secret-broker could not be confined: system-call filters"]);
    };
    refused();
    let_do_without(&world);
    refused();
    // The same commands succeed where the kernel takes the filters: nothing else stood in their way.
    drop(world.ugent(&["list"]).run().succeeded());
}
