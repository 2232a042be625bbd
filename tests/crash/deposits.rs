//! INV-12: a private keeper is killed at random moments of adds and rotates; afterwards everything
//! is readable, and each deposit is wholly there or wholly not.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use tests::world::census::Process;
use tests::world::http::Ask;
use tests::world::until::seen;
use tests::world::{Call, HANDLE, Running, World, below, key};

/// How many deposits are tried.
pub(super) fn turns() -> u32 {
    match std::env::var("UGENT_TESTS").as_deref() {
        Ok("quick") => 30,
        Ok("long") => 1000,
        Ok(_) | Err(_) => 100,
    }
}

/// When a keeper dies.
#[derive(Clone, Copy)]
pub(super) enum Moment {
    /// At any time of the command's life.
    Any(Duration),
    /// Just after something in the vault's directory has changed: between a sealed file and its row.
    VaultChanged,
}

impl Moment {
    /// One or the other, by turns; `whole` is how long an undisturbed command takes.
    pub(super) fn of(turn: u32, whole: Duration) -> Self {
        match turn % 2 {
            0 => Self::Any(whole.mul_f64(f64::from(below(1600)) / 1000.0)),
            _ => Self::VaultChanged,
        }
    }

    fn wait(self, world: &World, call: &mut Running) {
        match self {
            Self::Any(time) => drop(call.ends_within(time)),
            Self::VaultChanged => {
                let before = vault_entries(world);
                while vault_entries(world) == before && !call.ends_within(Duration::ZERO) {}
                // From nothing to some milliseconds later, in which the commit and the next file fall.
                let _ = call.ends_within(Duration::from_micros(u64::from(below(6000))));
            }
        }
    }
}

fn vault_entries(world: &World) -> BTreeSet<OsString> {
    let vault = world.home().path().join("secrets/vault");
    std::fs::read_dir(vault).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect()
}

/// Runs a command and kills its keeper at that moment; says whether it succeeded all the same.
pub(super) fn interrupted(world: &World, call: Call, moment: Moment) -> bool {
    let mut call = call.start();
    let pid = call.pid();
    let keeper = || Process::children(pid).into_iter().find(|child| child.name == "keeperd");
    if seen(Duration::from_secs(5), keeper).is_some() {
        moment.wait(world, &mut call);
        // A command may have one after the other: whichever it has now.
        if let Some(keeper) = keeper() {
            let _ = kill(keeper.pid, Signal::SIGKILL);
        }
    }
    let outcome = call.outcome();
    assert!(outcome.signal.is_none(), "the CLI itself does not die: {}", outcome.stderr);
    assert!(outcome.code == Some(0) || outcome.stderr.contains("error: "), "{}", outcome.stderr);
    outcome.code == Some(0)
}

/// How long a command takes that nobody disturbs.
fn undisturbed(world: &World, arguments: &[&str]) -> Duration {
    let started = Instant::now();
    drop(world.ugent(arguments).typing(key()).run().succeeded());
    started.elapsed()
}

#[test]
fn each_deposit_is_wholly_there_or_wholly_not_after_a_kill() {
    let world = World::with_vault();
    let handles: Vec<String> = (0..5).map(|number| format!("@key{number}")).collect();
    // What each may hold: the last value that is known to be there, and those since whose command
    // failed, which may have been committed before the kill.
    let mut may_hold: BTreeMap<&str, Vec<Option<String>>> =
        handles.iter().map(|handle| (handle.as_str(), vec![None])).collect();
    let whole = undisturbed(&world, &["add", "@undisturbed", "--stdin"]);
    drop(world.ugent(&["remove", "@undisturbed", "--yes"]).run().succeeded());
    let (mut kills, mut unseen) = (0, 0);
    for turn in 0..turns() {
        let handle = &handles[turn as usize % handles.len()];
        let exists = world.handles().contains(handle);
        let value = key();
        let arguments: &[&str] = if exists {
            &["rotate", handle, "--stdin"]
        } else {
            &["add", handle, "--provider", "openai", "--stdin"]
        };
        let before = versions(&world, handle);
        let succeeded =
            interrupted(&world, world.ugent(arguments).typing(value.as_str()), Moment::of(turn, whole));
        let may = may_hold.get_mut(handle.as_str()).unwrap();
        if succeeded {
            may.clear();
        } else {
            kills += 1;
            unseen += u32::from(versions(&world, handle) != before);
        }
        may.push(Some(value));
    }
    eprintln!("{kills} of {} deposits were killed, {unseen} of these were complete", turns());
    assert!(kills > 0 && kills < turns(), "too many or too few: the moments are badly chosen");

    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
    let there = world.handles();
    for (handle, may) in &may_hold {
        assert!(may.contains(&None) || there.iter().any(|known| known == handle), "{handle} was lost");
    }
    each_opens(&world, &there, &may_hold);
    let vault = std::fs::read_dir(world.home().path().join("secrets/vault")).unwrap().count();
    assert_eq!(vault, there.len() + 1, "a header, one sealed file a secret, and no orphans");
}

/// The version of that secret, 0 if there is none.
fn versions(world: &World, handle: &str) -> u64 {
    let outcome = world.ugent(&["inspect", handle, "--json"]).run();
    let row: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
    row["version"].as_u64().unwrap_or_default()
}

/// Asks the provider with each secret in turn; it shows which value it was given.
fn each_opens(world: &World, there: &[String], may_hold: &BTreeMap<&str, Vec<Option<String>>>) {
    for handle in there {
        world.home().write(
            "secrets.grants.toml",
            &World::grant_of(handle.trim_start_matches('@'), "ugent-core", "localhost", 300),
        );
        let broker = world.broker();
        let before = world.standin().log().all().len();
        let _ = world.ask(&Ask::chat());
        let seen = world.standin().log().all();
        assert_eq!(seen.len(), before + 1, "{handle} opens and is sent");
        let shown = String::from_utf8(seen[before].header("authorization").next().unwrap().to_vec()).unwrap();
        let value = shown.strip_prefix("Bearer ").unwrap().to_owned();
        assert!(
            may_hold[handle.as_str()].contains(&Some(value)),
            "{handle} holds a value it was never given last"
        );
        let _ = broker.stop().succeeded();
    }
}

#[test]
fn a_keeper_killed_during_init_leaves_something_init_can_finish() {
    let whole = undisturbed(&World::bare(), &["init"]);
    for turn in 0..20 {
        let world = World::bare();
        let _ = interrupted(&world, world.ugent(&["init"]), Moment::of(turn, whole));
        drop(world.ugent(&["init"]).run().succeeded());
        world.add(HANDLE, world.key());
        assert_eq!(world.handles(), [HANDLE]);
        drop(world.ugent(&["audit", "--verify"]).run().succeeded());
    }
}

#[test]
fn a_killed_command_leaves_no_keeper_behind() {
    let world = World::ready();
    for _ in 0..5 {
        let mut call = world.ugent(&["rotate", HANDLE, "--stdin"]).typing(key()).start();
        let keeper = seen(Duration::from_secs(5), || Process::children(call.pid()).into_iter().next());
        call.signal(Signal::SIGKILL);
        let _ = call.outcome();
        if let Some(keeper) = keeper {
            tests::world::until::until_true("its keeper is gone", || !keeper.lives());
        }
    }
    assert_eq!(world.handles(), [HANDLE]);
}
