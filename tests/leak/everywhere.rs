//! One world is used for everything a user does; then its canaries are looked for everywhere.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use tests::world::census;
use tests::world::http::Ask;
use tests::world::{HANDLE, World, key, outsider};

use crate::ground::processes;

/// What gives a canary away: itself, half of it, and its usual disguises.
fn traces(canary: &str) -> Vec<Vec<u8>> {
    let half = &canary.as_bytes()[canary.len() / 2..];
    let hex: String = canary.bytes().map(|b| format!("{b:02x}")).collect();
    let base64 = base64::engine::general_purpose::STANDARD.encode(canary);
    vec![half.to_vec(), canary.as_bytes()[..canary.len() / 2].to_vec(), hex.into_bytes(), base64.into_bytes()]
}

fn holds(bytes: &[u8], traces: &[Vec<u8>]) -> bool {
    traces.iter().any(|trace| bytes.windows(trace.len()).any(|window| window == &trace[..]))
}

/// Looks into arguments and environments of all processes again and again until told to stop;
/// gives the names of those that held a trace.
fn watch(stop: &AtomicBool, traces: &[Vec<u8>], found: &Mutex<BTreeSet<String>>) {
    let ours = std::process::id().to_string();
    while !stop.load(Ordering::Relaxed) {
        for process in census::all() {
            for name in ["cmdline", "environ"] {
                if process.pid.to_string() != ours && holds(&process.proc_file(name), traces) {
                    let place = format!("{name} of {}", process.name);
                    found.lock().unwrap_or_else(PoisonError::into_inner).insert(place);
                }
            }
        }
    }
}

#[test]
fn no_value_is_in_any_file_log_argument_or_environment() {
    let world = World::with_vault();
    let second = key();
    let values: Vec<_> = [world.key(), &second].into_iter().flat_map(traces).collect();
    let stop = AtomicBool::new(false);
    let found = Mutex::new(BTreeSet::new());
    let said = std::thread::scope(|scope| {
        scope.spawn(|| watch(&stop, &values, &found));
        let said = use_everything(&world, &second);
        stop.store(true, Ordering::Relaxed);
        said
    });
    assert_eq!(found.into_inner().unwrap(), BTreeSet::new(), "a value is where others can read it");

    let mut secrets = values;
    secrets.extend(traces(world.passphrase()));
    for (path, (_, content)) in world.home().everything() {
        assert!(!holds(&content, &secrets), "{} holds a value or the passphrase", path.display());
    }
    assert!(!said.is_empty());
    // The same look finds a value where there is one.
    world.home().write("control", &format!("key = {}", world.key()));
    assert!(world.home().everything().values().any(|(_, content)| holds(content, &secrets)));
    secrets.extend(traces(&world.token()));
    for (what, text) in said {
        assert!(!holds(text.as_bytes(), &secrets), "{what} says a value, a token or the passphrase");
    }
}

/// As an argument it is in the command's own cmdline, which nobody but its user can help; nothing
/// repeats it.
#[test]
fn a_value_given_in_the_place_of_a_name_is_not_said_back_nor_recorded() {
    let world = World::with_vault();
    let value = traces(world.key());
    for verb in ["add", "rotate", "remove", "inspect"] {
        for broker in [None, Some(world.broker())] {
            let told = world.ugent(&[verb, world.key()]).typing("another value").run();
            assert_ne!(told.code, Some(0));
            assert!(!holds(format!("{}{}", told.stdout, told.stderr).as_bytes(), &value), "{verb} says it");
            drop(broker);
        }
    }
    for (path, (_, content)) in world.home().everything() {
        assert!(!holds(&content, &value), "{} holds it", path.display());
    }
}

/// A user's day, with the most talkative log; gives all that was printed.
fn use_everything(world: &World, second: &str) -> Vec<(String, String)> {
    let mut said = Vec::new();
    let mut ran = |arguments: &[&str], input: &str| {
        let outcome = world.ugent(arguments).typing(input).run();
        said.push((arguments.join(" "), format!("{}{}", outcome.stdout, outcome.stderr)));
    };
    ran(&["add", HANDLE, "--provider", "openai", "--stdin"], world.key());
    ran(&["add", HANDLE, "--provider", "openai", "--stdin"], second);
    world.home().write("secrets.grants.toml", &world.grant());
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    assert_eq!(world.ask(&Ask::streamed_chat()).status, 200);
    assert_eq!(world.unix().ask(&Ask::chat()).unwrap().status, 200);
    for answer in [
        world.ask(&Ask::chat().script("status=500")),
        world.ask(&Ask::chat().script("drop")),
        world.ask(&Ask::get("/proxy/openai/v1/chat/completions")),
        world.tcp().ask(&Ask::chat()).unwrap(),
    ] {
        assert!(answer.status >= 400);
    }
    ran(&["rotate", HANDLE, "--stdin"], second);
    world.standin().accept_only(second);
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    for arguments in [
        &["list"][..],
        &["inspect", HANDLE],
        &["audit"],
        &["audit", "--verify"],
        &["broker", "status"],
        &["lock"],
        &["unlock"],
    ] {
        ran(arguments, "");
    }
    ran(&["broker", "start"], "");
    let outcome = broker.stop().succeeded();
    // In the background, with a log in a file; and what goes wrong, each with a value in hand.
    ran(&["broker", "start"], "");
    ran(&["lock"], "");
    ran(&["unlock", "--passphrase-fd", "0"], &format!("{}\n", world.passphrase()));
    ran(&["unlock", "--passphrase-fd", "0"], second);
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    ran(&["broker", "restart"], "");
    ran(&["add", HANDLE, "--provider", "openai", "--stdin"], second);
    ran(&["rotate", "@nobody", "--stdin"], second);
    ran(&["rotate", HANDLE, "--stdin"], &format!("{second}\0"));
    ran(&["rotate", HANDLE, "--stdin"], &second.repeat(2000));
    ran(&["broker", "stop"], "");
    ran(&["init"], "");
    ran(&["audit", "--verify", "--passphrase-fd", "0"], &format!("{}\n", world.passphrase()));
    ran(&["remove", HANDLE, "--yes"], "");
    ran(&["add", HANDLE, "--stdin"], world.key());
    said.push(("the broker".to_owned(), format!("{}{}", outcome.stdout, outcome.stderr)));
    said
}

#[test]
fn an_issued_token_is_in_no_file_log_argument_or_environment() {
    let world = World::ready();
    let broker = world.broker();
    let told = world.ugent(&["token", "issue", "--consumer", "ugent-core"]).run().succeeded();
    let token = told.stdout.trim_end().to_owned();
    let mut said = vec![told.stderr];
    let tokens = traces(&token);
    let stop = AtomicBool::new(false);
    let found = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        scope.spawn(|| watch(&stop, &tokens, &found));
        assert_eq!(world.tcp().ask(&Ask::chat().bearer(&token)).unwrap().status, 200);
        let listed = world.json(&["token", "list", "--json"]);
        let newest = listed.as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
        for arguments in [
            &["token", "list"][..],
            &["token", "rotate", "--grace", "1h"],
            &["token", "revoke", &newest],
            &["token", "revoke", &token[6..14]],
            &["audit"],
            &["audit", "--verify"],
        ] {
            let outcome = world.ugent(arguments).run();
            said.extend([outcome.stdout, outcome.stderr]);
        }
        assert_eq!(world.tcp().ask(&Ask::chat().bearer(&token)).unwrap().status, 401);
        stop.store(true, Ordering::Relaxed);
    });
    let outcome = broker.stop().succeeded();
    said.extend([outcome.stdout, outcome.stderr]);
    assert_eq!(found.into_inner().unwrap(), BTreeSet::new(), "a token is where others can read it");
    for (path, (_, content)) in world.home().snapshot() {
        assert!(!holds(&content, &tokens), "{} holds a token", path.display());
    }
    let secrets: Vec<_> =
        [tokens, traces(&world.token()), traces(world.passphrase())].into_iter().flatten().collect();
    assert!(said.iter().all(|text| !holds(text.as_bytes(), &secrets)), "nothing says a token");
}

#[test]
fn the_passphrase_leaves_the_environment_of_every_process_that_was_given_it() {
    let world = World::ready();
    let broker = world.broker();
    let passphrase = traces(world.passphrase());
    let launcher = census::Process::find(broker.launcher().pid().as_raw()).unwrap();
    for process in broker.children().into_iter().chain([launcher]) {
        for name in ["environ", "cmdline"] {
            assert!(!holds(&process.proc_file(name), &passphrase), "{name} of {}", process.name);
        }
    }
    drop(broker);
    drop(world.ugent(&["broker", "start"]).run().succeeded());
    for process in census::attached_to(world.home().around()) {
        for name in ["environ", "cmdline"] {
            assert!(
                !holds(&process.proc_file(name), &passphrase),
                "{name} of {} in the background",
                process.name
            );
        }
    }
    drop(world.ugent(&["broker", "stop"]).run().succeeded());
}

/// What the kernel swaps to, without those swaps that nobody can read from a disk.
fn plain_swaps() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/swaps").unwrap_or_default();
    let names = table.lines().skip(1).filter_map(|line| line.split_ascii_whitespace().next());
    let is_plain = |name: &&str| {
        let device = std::fs::canonicalize(name).unwrap_or_else(|_| (*name).into());
        let device = device.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let uuid = std::fs::read_to_string(format!("/sys/class/block/{device}/dm/uuid"));
        !device.starts_with("zram") && !uuid.is_ok_and(|uuid| uuid.starts_with("CRYPT-"))
    };
    names.filter(is_plain).map(str::to_owned).collect()
}

/// Slots are not swapped, which each look of this crate demands; all else may be.
#[test]
fn doctor_says_of_swap_what_the_kernel_says() {
    let swaps = std::fs::read_to_string("/proc/swaps").map_or(0, |table| table.lines().skip(1).count());
    let plain = plain_swaps();
    let [level, what, mend] = World::with_vault().doctor().of("memory.swap");
    assert_eq!(level, if plain.is_empty() { "ok" } else { "warn" }, "{plain:?}: {what}");
    assert_eq!(what == "there is no swap", swaps == 0, "{swaps} swaps: {what}");
    assert!(plain.iter().all(|name| what.contains(name.as_str())), "{plain:?}: {what}");
    assert_eq!(mend.contains("swapoff"), !plain.is_empty(), "{mend}");
}

/// By nothing that opens files in /proc, nor by a debugger's calls.
#[test]
fn another_process_of_the_same_user_cannot_look_into_the_daemons() {
    let world = World::ready();
    let broker = world.broker();
    for process in processes(&broker) {
        let seen = outsider::into(&process.pid.to_string());
        assert!(seen.is_refused(), "INV-08: {} can be looked into: {seen:?}", process.name);
    }
    assert!(!outsider::beside("self").is_refused(), "looking itself works");
}
