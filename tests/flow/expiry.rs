//! Values that expire: shown, warned of, and given to nobody from then on.

use std::process::Command;

use tests::world::http::Ask;
use tests::world::until::until_true;
use tests::world::{HANDLE, World, key};

/// A time so far from now, in RFC 3339.
fn ahead(span: &str) -> String {
    let output = Command::new("date").args(["-u", "-d", span, "+%FT%TZ"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn rotate(world: &World, end: &str) -> tests::world::Outcome {
    world.ugent(&["rotate", HANDLE, "--expires", end, "--stdin"]).typing(world.key()).run()
}

#[test]
fn leases_end_with_the_value_and_none_is_had_after_until_there_is_another() {
    let world = World::ready();
    let _broker = world.broker();
    drop(rotate(&world, &ahead("+6 seconds")).succeeded());
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    let is_over = |record: &serde_json::Value| record["reason"] == "secret_expired";
    // Nobody asks: the lease ends by itself.
    until_true("its lease has ended", || world.events("lease.ended").iter().any(is_over));
    let answer = world.ask(&Ask::chat());
    assert_eq!((answer.status, answer.refusal()), (403, Some("not_granted")));
    assert_eq!(world.events("lease.denied").last().unwrap()["reason"], "secret_expired");
    let [level, what, mend] = world.doctor().of("secrets.expiry");
    assert_eq!(level, "fail");
    assert!(what.contains(HANDLE) && mend.contains("rotate"), "{what} {mend}");
    world.rotate(HANDLE, world.key());
    assert_eq!(world.ask(&Ask::chat()).status, 200, "another value has another end, here none");
    assert_eq!(world.standin().log().all().len(), 2);
}

#[test]
fn a_value_that_expired_while_no_broker_ran_is_given_to_nobody_by_the_next() {
    let world = World::ready();
    drop(rotate(&world, &ahead("+3 seconds")).succeeded());
    until_true("it is over", || world.doctor().of("secrets.expiry")[0] == "fail");
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 403);
    assert!(world.standin().log().all().is_empty());
}

#[test]
fn an_end_is_shown_and_warned_of_two_weeks_ahead() {
    let world = World::ready();
    let call = world.ugent(&["add", "@other", "--expires", "2099-12-31", "--stdin"]);
    drop(call.typing(key()).run().succeeded());
    let shown = world.json(&["inspect", "@other", "--json"]);
    assert_eq!(shown["expires"], "2099-12-31T23:59:59Z", "the day's end, in UTC");
    let listed = world.json(&["list", "--json"]);
    let ends: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["expires"].is_string()).collect();
    assert_eq!(ends, [false, true], "{HANDLE} has none");
    assert_eq!(world.doctor().of("secrets.expiry")[0], "ok");
    drop(rotate(&world, &ahead("+13 days")).succeeded());
    let [level, what, _] = world.doctor().of("secrets.expiry");
    assert_eq!(level, "warn");
    assert!(what.contains(HANDLE) && !what.contains("@other"), "{what}");
    drop(rotate(&world, &ahead("+15 days")).succeeded());
    assert_eq!(world.doctor().of("secrets.expiry")[0], "ok");
}

#[test]
fn the_version_that_is_gone_back_to_has_its_own_end() {
    let world = World::ready();
    drop(rotate(&world, "2098-12-31").succeeded());
    let arguments = ["rotate", HANDLE, "--keep", "1h", "--expires", "2099-12-31", "--stdin"];
    drop(world.ugent(&arguments).typing(key()).run().succeeded());
    let expires = || world.json(&["inspect", HANDLE, "--json"])["expires"].clone();
    assert_eq!(expires(), "2099-12-31T23:59:59Z");
    drop(world.ugent(&["rollback", HANDLE]).run().succeeded());
    assert_eq!(expires(), "2098-12-31T23:59:59Z");
}

#[test]
fn an_end_that_is_none_or_over_changes_nothing() {
    let world = World::ready();
    let before = world.home().deposits();
    for end in ["2001-01-01", "2099-02-30", "tomorrow", "30d", "", "2099-12-31T10:00:00"] {
        rotate(&world, end).refused(64, &["--expires"]);
    }
    let call = world.ugent(&["rotate", HANDLE, "--keep", "a while", "--stdin"]);
    call.typing(key()).run().refused(64, &["--keep"]);
    assert!(world.home().deposits() == before);
}

#[test]
fn a_running_broker_records_once_a_day_that_a_value_is_about_to_expire() {
    let world = World::ready();
    drop(rotate(&world, &ahead("+13 days")).succeeded());
    let expiring = || world.events("secret.expiring");
    assert!(expiring().is_empty(), "a keeper of one command says nothing");
    // What is begun within minutes of midnight may see two days.
    let day = || ahead("now").split('T').next().unwrap().to_owned();
    let begun = day();
    let broker = world.broker();
    until_true("it is recorded", || !expiring().is_empty());
    assert_eq!(
        (expiring()[0]["secret"].as_str(), expiring()[0]["version"].as_u64()),
        (Some(HANDLE), Some(2))
    );
    let left = expiring()[0]["ms"].as_u64().unwrap();
    assert!((12 * 86_400_000..=13 * 86_400_000).contains(&left), "{left} ms are left");
    let _ = broker.stop().succeeded();
    let _broker = world.broker();
    drop(rotate(&world, &ahead("+15 days")).succeeded());
    drop(rotate(&world, &ahead("+2 days")).succeeded());
    let of = |version: u64| expiring().iter().filter(|record| record["version"] == version).count();
    until_true("another value is another matter", || of(4) > 0);
    assert_eq!(of(3), 0, "two weeks ahead and no earlier");
    assert!(of(2) == 1 || day() != begun, "neither a restart nor another value repeats it");
}
