//! Requests through a broker whose values are in a keychain.

use std::time::Duration;

use tests::world::census::seen_of_environments;
use tests::world::http::Ask;
use tests::world::until::{seen, until_true};
use tests::world::{Desktop, HANDLE, letters};

#[test]
fn a_request_is_streamed_with_the_key_from_the_keychain() {
    let desktop = Desktop::unlocked();
    let world = desktop.ready();
    let broker = world.broker();
    for ask in [Ask::chat(), Ask::streamed_chat()] {
        let answer = world.ask(&ask);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    for seen in world.standin().log().all() {
        let credentials: Vec<_> = seen.header("authorization").collect();
        assert_eq!(credentials, [format!("Bearer {}", world.key()).as_bytes()]);
    }
    let status = world.ugent(&["broker", "status"]).run().succeeded().stdout;
    assert!(status.contains("keychain"), "{status}");
    let _ = broker.stop().succeeded();
}

#[test]
fn the_helper_is_confined_while_it_lives_and_gone_soon_after_its_last_use() {
    let desktop = Desktop::unlocked();
    let world = desktop.ready();
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    let helper = broker.child("keychaind");
    let status = String::from_utf8_lossy(&helper.proc_file("status")).into_owned();
    for line in ["Seccomp:\t2", "NoNewPrivs:\t1", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"] {
        assert!(status.contains(line), "{line} in {status}");
    }
    assert_eq!(helper.variables(), seen_of_environments(), "nothing of the environment goes in");
    let gone = seen(Duration::from_secs(4), || (!helper.lives()).then_some(()));
    assert!(gone.is_some(), "it ends by itself");
    assert_eq!(world.ask(&Ask::chat()).status, 200, "what is cached needs none");
    assert!(!broker.children().iter().any(|child| child.name == "keychaind"));
    let _ = broker.stop().succeeded();
}

#[test]
fn a_value_that_others_have_put_in_its_place_is_not_given_out() {
    let desktop = Desktop::unlocked();
    let world = desktop.ready();
    let names = ["application", "vault", "item", "home", "name", "version"];
    let values: Vec<_> = names.iter().map(|name| desktop.attribute(name)).collect();
    let planted: Vec<_> =
        names.iter().zip(&values).flat_map(|(name, value)| [*name, value.as_str()]).collect();
    let theirs = letters(40);
    assert!(desktop.store(&format!("UGENT: {HANDLE}"), &planted, &theirs));
    let broker = world.broker();
    let answer = world.ask(&Ask::chat());
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(world.standin().log().all().is_empty(), "nothing went to the provider");
    let denied = world.events("lease.denied");
    assert!(denied.iter().any(|record| record["reason"] == "vault_damaged"), "{denied:?}");
    world.rotate(HANDLE, world.key());
    until_true("a value of ours is given out again", || world.ask(&Ask::chat()).status == 200);
    let _ = broker.stop().succeeded();
}
