//! Commands to a running keeperd: what was deposited, replaced or removed, and the passphrase, are
//! in no process of the broker any more.

use tests::scan;
use tests::world::clock::ahead;
use tests::world::http::Ask;
use tests::world::until::until_true;
use tests::world::{HANDLE, Pages, World, key_of, letters};

use crate::ground::{all_forgotten, bare, change_key, is_quick, look, processes, random_part, ready};

/// Runs a command that succeeds.
#[track_caller]
fn run(world: &World, arguments: &[&str], input: &str) {
    drop(world.ugent(arguments).typing(input).run().succeeded());
}

fn through_its_life(pages: Pages, lengths: &[usize]) {
    let world = ready(pages);
    let broker = world.broker();
    for length in lengths.iter().copied() {
        let (first, second) = (key_of(length), key_of(length));
        let forgotten = |when: &str| {
            all_forgotten(&broker, &world, &[&first, &second], &format!("{when}, {length} bytes"));
        };
        run(&world, &["add", "@other", "--provider", "openai", "--stdin"], &first);
        forgotten("after add");
        let again = world.ugent(&["add", "@other", "--provider", "openai", "--stdin"]);
        again.typing(first.as_bytes()).run().refused(65, &["@other"]);
        forgotten("after an add that was refused");
        run(&world, &["rotate", "@other", "--stdin"], &second);
        forgotten("after rotate");
        run(&world, &["lock"], "");
        forgotten("after lock");
        run(&world, &["unlock"], "");
        forgotten("after unlock");
        run(&world, &["remove", "@other", "--yes"], "");
        forgotten("after remove");
    }
    let _ = broker.stop().succeeded();
}

#[test]
fn nothing_is_left_in_keeperd_after_any_command() {
    if scan::is_possible("nothing_is_left_in_keeperd_after_any_command") {
        through_its_life(Pages::Plain, if is_quick() { &[164] } else { &[51, 164, 2000, 9000] });
    }
}

#[test]
fn nothing_is_left_in_keeperd_where_the_kernel_has_secret_memory() {
    if scan::is_possible("nothing_is_left_in_keeperd_where_the_kernel_has_secret_memory") {
        through_its_life(Pages::OfTheKernel, if is_quick() { &[51] } else { &[51, 164, 2000, 9000] });
    }
}

/// How many values and versions rest in the vault.
fn sealed(world: &World) -> usize {
    let vault = std::fs::read_dir(world.home().path().join("secrets/vault")).unwrap();
    vault.flatten().filter(|entry| entry.path().extension().is_some_and(|end| end == "sealed")).count()
}

/// A value that is in use is sealed in keeperd between two releases; lock, rotate, remove, the end of
/// its lease, its own, and that of a version that was kept leave no more of it than that.
#[test]
fn a_value_in_use_is_in_keeperd_only_while_it_is_released() {
    if !scan::is_possible("a_value_in_use_is_in_keeperd_only_while_it_is_released") {
        return;
    }
    let world = ready(Pages::Plain);
    let grant = World::grant_of("openai_api_key", "ugent-core", "localhost", 1);
    world.home().write("secrets.grants.toml", &grant);
    let broker = world.broker();
    let key = key_of(164);
    change_key(&world, &key);
    let used = || assert_eq!(world.ask(&Ask::chat()).status, 200);
    used();
    all_forgotten(&broker, &world, &[&key], "between two releases");
    until_true("the lease ends by its time", || {
        world.events("lease.ended").iter().any(|record| record["reason"] == "expired")
    });
    all_forgotten(&broker, &world, &[&key], "after the lease's end");
    used();
    run(&world, &["lock"], "");
    all_forgotten(&broker, &world, &[&key], "after a use and lock");
    run(&world, &["unlock"], "");

    let expiring = key_of(164);
    let end = ahead("+6 seconds");
    run(&world, &["rotate", HANDLE, "--expires", &end, "--stdin"], &expiring);
    world.standin().accept_only(&expiring);
    used();
    all_forgotten(&broker, &world, &[&key, &expiring], "after a use, before the value's own end");
    until_true("the value has expired", || world.ask(&Ask::chat()).status == 403);
    assert_eq!(world.events("lease.denied").last().unwrap()["reason"], "secret_expired");
    all_forgotten(&broker, &world, &[&key, &expiring], "after the value's own end");

    change_key(&world, &key);
    used();
    let after = key_of(164);
    run(&world, &["rotate", HANDLE, "--keep", "8s", "--stdin"], &after);
    world.standin().accept_only(&after);
    used();
    let is_kept = || !world.json(&["inspect", HANDLE, "--json"])["previous"].is_null();
    assert!(is_kept(), "the version before is still there");
    all_forgotten(&broker, &world, &[&key, &after], "while the version before is kept");
    until_true("the kept version is over", || !is_kept());
    until_true("its sealed file is gone", || sealed(&world) == 1);
    all_forgotten(&broker, &world, &[&key, &after], "after the kept version's end");
    used();
    run(&world, &["remove", HANDLE, "--yes"], "");
    all_forgotten(&broker, &world, &[&key, &after], "after a use and remove");
    let _ = broker.stop().succeeded();
}

/// What ends leases ends no stream: until the response is over its value is in egressd's slot, and
/// nowhere else.
#[test]
fn a_stream_in_flight_keeps_its_value_through_rotate_remove_and_lock_until_it_ends() {
    if !scan::is_possible("a_stream_in_flight_keeps_its_value_through_rotate_remove_and_lock_until_it_ends") {
        return;
    }
    let world = ready(Pages::Plain);
    let broker = world.broker();
    let (key, next) = (key_of(164), key_of(164));
    change_key(&world, &key);
    let mut http = world.tcp();
    let ask = Ask::streamed_chat().script("hold gate=a").bearer(&world.token());
    http.send(&ask.bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    assert!(http.event().unwrap().is_some());
    for (arguments, input) in [
        (&["rotate", HANDLE, "--stdin"][..], next.as_str()),
        (&["remove", HANDLE, "--yes"], ""),
        (&["lock"], ""),
    ] {
        run(&world, arguments, input);
        let after = arguments[0];
        for report in look(&processes(&broker), &[&key, &next]) {
            assert!(report.outside().is_empty(), "INV-06: after {after}: {report}");
            let holds = report.finds.iter().any(|find| find.value == 0 && find.length == key.len());
            assert_eq!(holds, report.process == "egressd", "after {after}: {report}");
            assert!(report.finds.iter().all(|find| find.value == 0), "after {after}: {report}");
        }
    }
    world.standin().open_gate("a");
    while http.event().unwrap().is_some() {}
    all_forgotten(&broker, &world, &[&key, &next], "after the stream's end");
    let _ = broker.stop().succeeded();
}

#[test]
fn keys_of_an_open_vault_are_in_locked_memory_and_nowhere_else() {
    if !scan::is_possible("keys_of_an_open_vault_are_in_locked_memory_and_nowhere_else") {
        return;
    }
    let world = ready(Pages::Plain);
    let broker = world.broker();
    let keeper = broker.child("keeperd").pid;
    let mut held = 0;
    for turn in 0..5 {
        assert_eq!(world.ask(&Ask::chat()).status, 200);
        run(&world, &["rotate", HANDLE, "--stdin"], world.key());
        for report in scan::locked(&[keeper]) {
            assert!(report.outside().is_empty(), "in turn {turn}: {report}");
            held = report.held;
        }
    }
    assert!(held >= 5, "keys for values, fingerprints, checkpoints, heads and links, not {held}");
    run(&world, &["lock"], "");
    let report = &scan::locked(&[keeper])[0];
    assert_eq!(report.held, 0, "lock wipes them: {report}");
    let _ = broker.stop().succeeded();
}

#[test]
fn both_passphrases_of_a_rekeying_are_left_nowhere() {
    if !scan::is_possible("both_passphrases_of_a_rekeying_are_left_nowhere") {
        return;
    }
    let world = bare(Pages::Plain).initialized();
    let broker = world.broker();
    let new = letters(40);
    let call = world.ugent(&["rekey", "--new-passphrase-fd", "0"]);
    drop(call.typing(format!("{new}\n")).run().succeeded());
    all_forgotten(&broker, &world, &[&new], "after a rekeying");
    let _ = broker.stop().succeeded();
}

#[test]
fn a_passphrase_is_left_nowhere_once_it_was_taken_or_refused() {
    if !scan::is_possible("a_passphrase_is_left_nowhere_once_it_was_taken_or_refused") {
        return;
    }
    let world = bare(Pages::Plain).initialized();
    let broker = world.locked_broker();
    all_forgotten(&broker, &world, &[], "in a broker that starts locked");
    let wrong = letters(40);
    let call = world.ugent(&["unlock", "--passphrase-fd", "0"]).without("UGENT_SECRETS_PASSPHRASE");
    call.typing(format!("{wrong}\n")).run().refused(77, &[]);
    all_forgotten(&broker, &world, &[&wrong], "after a wrong passphrase");
    let call = world.ugent(&["unlock", "--passphrase-fd", "0"]).without("UGENT_SECRETS_PASSPHRASE");
    drop(call.typing(format!("{}\n", world.passphrase())).run().succeeded());
    all_forgotten(&broker, &world, &[&wrong], "after the right one");
    let _ = broker.stop().succeeded();

    // In the background, where the launcher gets it by a pipe.
    run(&world, &["broker", "start"], "");
    // An egressd has nothing of the home open; it is known by who started it.
    let mut attached = tests::world::census::attached_to(world.home().around());
    attached.retain(|process| process.name == "secret-broker");
    let launcher = attached.first().expect("a launcher").pid;
    attached.extend(tests::world::census::Process::children(launcher));
    assert!(attached.len() >= 3, "a launcher and two daemons: {attached:?}");
    for report in look(&attached, &[random_part(world.passphrase())]) {
        assert!(report.finds.is_empty() && report.unseen() == 0, "{report}");
    }
    run(&world, &["broker", "stop"], "");
    let broker = world.broker();
    assert_eq!(processes(&broker).len(), 3);
    all_forgotten(&broker, &world, &[], "in a broker that starts unlocked");
    let _ = broker.stop().succeeded();
}
