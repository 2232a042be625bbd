//! A provider that sends the key back: the client gets stars, the journal says so, and the
//! connection is not used again.

use tests::world::http::{Answer, Ask};
use tests::world::{HANDLE, World};

fn stars(world: &World) -> String {
    "*".repeat(world.key().len())
}

fn holds_no_key(world: &World, answer: &Answer) {
    let whole = format!("{:?} {}", answer.headers, answer.text());
    assert!(!whole.contains(&world.key()[..12]), "the key, or much of it, came through");
}

/// Which connection each request came on.
fn connections(world: &World) -> Vec<u64> {
    world.standin().log().all().into_iter().map(|seen| seen.connection).collect()
}

#[test]
fn a_key_in_header_body_or_event_becomes_stars_and_its_connection_is_not_used_again() {
    let world = World::ready();
    let broker = world.broker();
    let mut http = world.tcp();
    let ask = Ask::chat().bearer(&world.token());
    for form in ["echo", "echo-event", "echo-split"] {
        let answer = http.ask(&ask.clone().script(form)).unwrap();
        assert_eq!(answer.status, 200, "{form}");
        holds_no_key(&world, &answer);
        assert_eq!(answer.text().matches(&stars(&world)).count(), 1, "{form}");
        match form {
            "echo" => {
                let due = format!("Bearer {}", stars(&world));
                assert_eq!(answer.header("x-echo-authorization"), Some(due.as_str()));
                assert!(answer.text().contains("\nx-standin: echo\n"), "the rest of the body is whole");
            }
            "echo-event" => {
                let due = format!("data: one\n\ndata: your key is {}\n\ndata: three\n\n", stars(&world));
                assert_eq!(answer.text(), due);
            }
            _ => assert_eq!(answer.text(), format!("before {} behind", stars(&world))),
        }
        assert_eq!(http.ask(&ask).unwrap().status, 200, "after {form}");
    }
    let used = connections(&world);
    assert_eq!(used, [1, 2, 2, 3, 3, 4], "a connection that echoed serves nobody else");

    let _ = broker.stop().succeeded();
    let (echoed, closed) = (world.events("release.echoed"), world.events("release.closed"));
    assert_eq!((echoed.len(), closed.len()), (3, 6));
    for (record, closed) in echoed.iter().zip(closed.iter().step_by(2)) {
        assert_eq!(record["secret"], HANDLE);
        assert_eq!((&record["host"], &record["consumer"]), (&"localhost".into(), &"ugent-core".into()));
        assert_eq!(record["lease"], closed["lease"]);
        assert_eq!(record["seq"].as_u64().unwrap() + 1, closed["seq"].as_u64().unwrap());
        assert_eq!((&closed["outcome"], &closed["status"]), (&"completed".into(), &200.into()));
    }
}

#[test]
fn a_compressed_body_is_searched_as_the_bytes_it_is() {
    let world = World::ready();
    let broker = world.broker();
    let mut http = world.tcp();
    for _ in 0..2 {
        let answer = http.ask(&Ask::chat().script("echo-gzip").bearer(&world.token())).unwrap();
        assert_eq!((answer.status, answer.header("content-encoding")), (200, Some("gzip")));
        // A stored block holds its text as it is; who unpacks it finds that its sum is wrong.
        holds_no_key(&world, &answer);
        assert_eq!(answer.text().matches(&stars(&world)).count(), 1);
    }
    assert_eq!(connections(&world), [1, 2]);
    let _ = broker.stop().succeeded();
    assert_eq!(world.events("release.echoed").len(), 2);
}

#[test]
fn a_part_of_the_key_passes_and_its_connection_is_not_used_again() {
    let world = World::ready();
    let broker = world.broker();
    let mut http = world.tcp();
    for form in ["echo-start", "echo-masked"] {
        let answer = http.ask(&Ask::chat().script(form).bearer(&world.token())).unwrap();
        assert!(answer.text().contains(&world.key()[..10]), "{form}: what is not the key is not changed");
    }
    let answer = http.ask(&Ask::chat().script("echo-switch").bearer(&world.token())).unwrap();
    assert_eq!((answer.status, answer.refusal()), (502, Some("upstream_unreachable")));
    assert_eq!(http.ask(&Ask::chat().bearer(&world.token())).unwrap().status, 200);
    assert_eq!(connections(&world), [1, 2, 3, 4]);
    let _ = broker.stop().succeeded();
    assert_eq!(world.events("release.echoed").len(), 1, "of the three, one held all of it");
}

#[test]
fn without_the_scrub_an_echo_passes_unseen() {
    let world = World::ready();
    world.home().write("secrets.providers.toml", &format!("{}scrub = false\n", world.providers()));
    let broker = world.broker();
    assert!(world.ask(&Ask::chat().script("echo-event")).text().contains(world.key()));
    let _ = broker.stop().succeeded();
    assert!(world.events("release.echoed").is_empty());
}
