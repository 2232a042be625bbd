//! Requests through the gateway: when one is over, its value is in no process any more. Each test
//! has keys of its own, and the provider answers 200 only to the real one.

use std::sync::atomic::{AtomicBool, Ordering};

use tests::scan;
use tests::standin::Ended;
use tests::world::http::{Ask, Http};
use tests::world::until::until_true;
use tests::world::{HANDLE, Pages, key, key_of};

use crate::ground::{all_forgotten, change_key, is_quick, look, ready};

/// That many chats in a row on one connection, each answered.
fn chats(http: &mut Http, token: &str, count: usize) {
    let ask = Ask::chat().bearer(token);
    for _ in 0..count {
        assert_eq!(http.ask(&ask).unwrap().status, 200);
    }
}

fn after_many_requests(pages: Pages, lengths: &[usize]) {
    let world = ready(pages);
    let broker = world.broker();
    let mut http = world.tcp();
    let counts: &[usize] = if is_quick() { &[1, 50, 200] } else { &[1, 50, 2000] };
    for length in lengths.iter().copied() {
        let key = key_of(length);
        change_key(&world, &key);
        let mut done = 0;
        for count in counts {
            chats(&mut http, &world.token(), count - done);
            done = *count;
            all_forgotten(&broker, &world, &[&key], &format!("after {count} requests with {length} bytes"));
        }
    }
    let _ = broker.stop().succeeded();
}

#[test]
fn nothing_is_left_after_one_fifty_and_many_requests_on_a_kept_connection() {
    if scan::is_possible("nothing_is_left_after_one_fifty_and_many_requests_on_a_kept_connection") {
        after_many_requests(Pages::Plain, &[51, 164, 2000]);
    }
}

#[test]
fn nothing_is_left_where_the_kernel_has_secret_memory() {
    if !scan::is_possible("nothing_is_left_where_the_kernel_has_secret_memory") {
        return;
    }
    after_many_requests(Pages::OfTheKernel, if is_quick() { &[164] } else { &[51, 164, 2000] });
    // What was not looked into is locked memory only, and on plain pages there is none of it.
    for (pages, is_secret) in [(Pages::OfTheKernel, true), (Pages::Plain, false)] {
        let world = ready(pages);
        let broker = world.broker();
        for name in ["keeperd", "egressd"] {
            let report = &look(&[broker.child(name)], &[world.key()])[0];
            assert!(report.locked > 0, "{report}");
            assert_eq!(report.unseen() > 0, is_secret, "{name} on {pages:?}: {report}");
            let kernel = |name: &str| name.starts_with("[v") || name.starts_with("/secretmem");
            assert!(report.denied.iter().all(|(name, _)| kernel(name)), "{:?}", report.denied);
        }
    }
}

#[test]
fn nothing_is_left_after_thirty_two_connections_at_once() {
    if !scan::is_possible("nothing_is_left_after_thirty_two_connections_at_once") {
        return;
    }
    let world = ready(Pages::Plain);
    let broker = world.broker();
    let token = world.token();
    for length in [164, 2000] {
        let key = key_of(length);
        change_key(&world, &key);
        let mut connections: Vec<Http> = (0..32).map(|_| world.tcp()).collect();
        std::thread::scope(|scope| {
            for http in &mut connections {
                scope.spawn(|| chats(http, &token, 4));
            }
        });
        all_forgotten(&broker, &world, &[&key], &format!("after 32 at once with {length} bytes"));
    }
    let _ = broker.stop().succeeded();
}

#[test]
fn nothing_is_left_of_a_socket_s_handshake_while_its_frames_go_on() {
    if !scan::is_possible("nothing_is_left_of_a_socket_s_handshake_while_its_frames_go_on") {
        return;
    }
    let world = ready(Pages::Plain);
    world.home().write("secrets.grants.toml", &world.grant().replace("llm.chat", "llm.realtime"));
    let broker = world.broker();
    for length in [51, 2000] {
        let key = key_of(length);
        change_key(&world, &key);
        let mut http = world.tcp();
        let handshake = Ask::get("/proxy/openai/v1/realtime")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .bearer(&world.token());
        http.send(&handshake.bytes()).unwrap();
        assert_eq!(http.head().unwrap().status, 101);
        all_forgotten(&broker, &world, &[&key], &format!("behind the handshake with {length} bytes"));
        http.send(b"a frame").unwrap();
        assert_eq!(http.bytes(7).unwrap(), b"a frame");
        drop(http);
        all_forgotten(&broker, &world, &[&key], &format!("after the socket of {length} bytes"));
    }
    let _ = broker.stop().succeeded();
}

#[test]
fn nothing_is_left_of_streams_whole_or_cut_by_any_side() {
    if !scan::is_possible("nothing_is_left_of_streams_whole_or_cut_by_any_side") {
        return;
    }
    let world = ready(Pages::Plain);
    let broker = world.broker();
    let key = key_of(2000);
    change_key(&world, &key);
    let streamed = |script: &str| {
        let mut http = world.tcp();
        http.send(&Ask::streamed_chat().script(script).bearer(&world.token()).bytes()).unwrap();
        assert_eq!(http.head().unwrap().status, 200);
        assert!(http.event().unwrap().is_some());
        http
    };
    let mut whole = streamed("plain");
    while whole.event().unwrap().is_some() {}
    all_forgotten(&broker, &world, &[&key], "after a stream");

    let held = streamed("hold gate=never");
    let report = &look(&[broker.child("egressd")], &[&key])[0];
    assert!(report.outside().is_empty(), "INV-06: while a stream goes on\n{report}");
    assert!(report.finds.iter().any(|find| find.length == key.len()), "the scrub still needs it: {report}");
    drop(held);
    assert!(world.standin().log().wait_until(|seen| seen[1].ended == Ended::Cut));
    all_forgotten(&broker, &world, &[&key], "after the client left in the middle of the answer");

    assert!(streamed("reset").rest().is_err());
    all_forgotten(&broker, &world, &[&key], "after the provider broke the answer off");

    let revoke = || drop(world.ugent(&["lease", "revoke", HANDLE, "--now"]).run().succeeded());
    let mut held = streamed("hold gate=never");
    revoke();
    assert!(held.rest().is_err());
    all_forgotten(&broker, &world, &[&key], "after the lease of a stream was revoked");

    let mut late = world.tcp();
    late.send(&Ask::chat().script("late gate=never").bearer(&world.token()).bytes()).unwrap();
    assert!(world.standin().log().wait_until(|seen| seen.len() == 5));
    revoke();
    assert_eq!(late.head().unwrap().status, 403);
    all_forgotten(&broker, &world, &[&key], "after the lease of a request without an answer was revoked");
    let _ = broker.stop().succeeded();
}

#[test]
fn nothing_is_left_of_requests_that_fail_in_any_way() {
    if !scan::is_possible("nothing_is_left_of_requests_that_fail_in_any_way") {
        return;
    }
    let world = ready(Pages::Plain);
    let broker = world.broker();
    let key = key_of(2000);
    change_key(&world, &key);
    let closed = |count: usize| {
        until_true("the release is closed", || world.events("release.closed").len() == count);
    };

    let mut http = world.tcp();
    let head = Ask::new("POST", "/proxy/openai/v1/chat/completions")
        .bearer(&world.token())
        .header("content-length", "40");
    http.send(&head.bytes()).unwrap();
    http.send(b"half a body").unwrap();
    assert!(world.standin().log().wait_until(|seen| seen.first().is_some_and(|seen| !seen.body.is_empty())));
    drop(http);
    closed(1);
    all_forgotten(&broker, &world, &[&key], "after the client left in the middle of its body");

    let mut http = world.tcp();
    http.send(&head.script("early").bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 413);
    drop(http);
    closed(2);
    all_forgotten(&broker, &world, &[&key], "after the provider answered before the body");

    assert_eq!(world.ask(&Ask::chat().script("drop")).status, 502);
    all_forgotten(&broker, &world, &[&key], "after the provider hung up instead of an answer");
    assert_eq!(world.ask(&Ask::chat().script("status=500")).status, 500);
    all_forgotten(&broker, &world, &[&key], "after the provider's error");

    // Without a body that is gone, and over a connection that was used before, it is tried again.
    let mut http = world.tcp();
    chats(&mut http, &world.token(), 1);
    let before = world.events("lease.used").len();
    let again = Ask::new("POST", "/proxy/openai/v1/chat/completions").script("drop");
    let again = again.bearer(&world.token()).header("idempotency-key", "one").body(Vec::new());
    assert_eq!(http.ask(&again).unwrap().status, 502);
    assert_eq!(world.events("lease.used").len(), before + 2, "it was tried twice");
    all_forgotten(&broker, &world, &[&key], "after a retry");

    // A rotated key that the provider does not know: it says 401, and was sent all the same.
    let refused = key_of(164);
    world.rotate(HANDLE, &refused);
    assert_eq!(world.ask(&Ask::chat()).status, 401);
    all_forgotten(&broker, &world, &[&key, &refused], "after a rotation and the provider's refusal");

    world.home().write("secrets.grants.toml", "# nobody\n");
    until_true("keeperd refuses", || world.ask(&Ask::chat()).status == 403);
    all_forgotten(&broker, &world, &[&key, &refused], "after keeperd's refusal");
    let _ = broker.stop().succeeded();
}

#[test]
fn nothing_is_left_when_nobody_listens_at_the_provider() {
    if !scan::is_possible("nothing_is_left_when_nobody_listens_at_the_provider") {
        return;
    }
    let world = ready(Pages::Plain);
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = dead.local_addr().unwrap().port();
    drop(dead);
    let live = format!("localhost:{}", world.standin().port());
    let providers = world.providers().replace(&live, &format!("localhost:{port}"));
    world.home().write("secrets.providers.toml", &providers);
    let broker = world.broker();
    let answer = world.ask(&Ask::chat());
    assert_eq!((answer.status, answer.refusal()), (502, Some("upstream_unreachable")));
    assert_eq!(world.events("lease.used").len(), 1, "the value was released");
    all_forgotten(&broker, &world, &[world.key()], "after a provider that is not there");
    let _ = broker.stop().succeeded();
}

#[test]
fn nothing_is_left_of_a_key_while_requests_with_another_go_on() {
    if !scan::is_possible("nothing_is_left_of_a_key_while_requests_with_another_go_on") {
        return;
    }
    let world = ready(Pages::Plain);
    let (first, second) = (world.key().to_owned(), key());
    let broker = world.broker();
    let mut http = world.tcp();
    chats(&mut http, &world.token(), 50);
    change_key(&world, &second);
    let token = world.token();
    let pids = ["keeperd", "egressd"].map(|name| broker.child(name).pid);
    let looked = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut http = world.tcp();
                let mut served = 0;
                // With an end, or a failed look would be waited for in vain.
                while served < 250 || (served < 5000 && !looked.load(Ordering::Relaxed)) {
                    chats(&mut http, &token, 1);
                    served += 1;
                }
            });
        }
        // At five moments, since nothing is served while it is looked into.
        let found: Vec<_> = (0..5)
            .flat_map(|moment| {
                let served = 51 + moment * 100;
                assert!(world.standin().log().wait_until(|seen| seen.len() >= served));
                scan::live(&pids, &[&first])
            })
            .filter(|report| !report.finds.is_empty())
            .collect();
        looked.store(true, Ordering::Relaxed);
        assert!(found.is_empty(), "INV-06: {}", found[0]);
    });
    all_forgotten(&broker, &world, &[&first, &second], "after 1,000 requests with another key");
    let _ = broker.stop().succeeded();
}

#[test]
fn nothing_is_left_of_a_key_in_the_query_or_without_the_scrub() {
    if !scan::is_possible("nothing_is_left_of_a_key_in_the_query_or_without_the_scrub") {
        return;
    }
    for more in ["inject = { query = \"key\" }", "scrub = false"] {
        let world = ready(Pages::Plain);
        world.home().write("secrets.providers.toml", &format!("{}{more}\n", world.providers()));
        let broker = world.broker();
        let mut http = world.tcp();
        for length in [51, 2000] {
            let key = key_of(length);
            change_key(&world, &key);
            chats(&mut http, &world.token(), 10);
            all_forgotten(&broker, &world, &[&key], &format!("with {more} and {length} bytes"));
        }
        let _ = broker.stop().succeeded();
    }
}

/// What the provider sends back is in the read buffers of TLS and HTTP for as long as they live.
#[test]
fn nothing_is_left_of_a_key_that_the_provider_sends_back() {
    if !scan::is_possible("nothing_is_left_of_a_key_that_the_provider_sends_back") {
        return;
    }
    let world = ready(Pages::Plain);
    let broker = world.broker();
    let mut http = world.tcp();
    for length in [51, 164, 2000] {
        let key = key_of(length);
        change_key(&world, &key);
        chats(&mut http, &world.token(), 3);
        for form in ["echo", "echo-event", "echo-split"] {
            let ask = Ask::chat().script(form).bearer(&world.token());
            let answer = http.ask(&ask).unwrap();
            assert_eq!(answer.status, 200);
            assert!(answer.text().contains(&"*".repeat(length)), "{form}");
            all_forgotten(&broker, &world, &[&key], &format!("after an {form} of {length} bytes"));
        }
    }
    assert_eq!(world.events("release.echoed").len(), 9);
    let _ = broker.stop().succeeded();
}

/// Where the value ends in its record is where its pieces end in the registers that decrypted it; and
/// what is no echo as such leaves as much behind.
#[test]
fn nothing_is_left_of_a_key_that_ends_anywhere_or_of_parts_of_it() {
    if !scan::is_possible("nothing_is_left_of_a_key_that_ends_anywhere_or_of_parts_of_it") {
        return;
    }
    let world = ready(Pages::Plain);
    let broker = world.broker();
    let mut http = world.tcp();
    let tails = (0..16).map(|pad| format!("echo-tail pad={pad}"));
    let parts = ["echo-gzip", "echo-start", "echo-masked", "echo-switch"].map(str::to_owned);
    for form in tails.chain(parts) {
        let ask = Ask::chat().script(&form).bearer(&world.token());
        let answer = http.ask(&ask).unwrap();
        assert_eq!(answer.status, if form == "echo-switch" { 502 } else { 200 }, "{form}");
        all_forgotten(&broker, &world, &[world.key()], &format!("after an {form}"));
    }
    assert_eq!(world.events("release.echoed").len(), 18, "all but the two parts");
    let _ = broker.stop().succeeded();
}

/// The looks above are worth something: a value that is there is found by the same look.
#[test]
fn the_same_look_finds_the_value_of_a_request_that_is_not_over() {
    if !scan::is_possible("the_same_look_finds_the_value_of_a_request_that_is_not_over") {
        return;
    }
    let world = ready(Pages::Plain);
    let broker = world.broker();
    let path = "/proxy/openai/v1/chat/completions";
    let mut http = world.tcp();
    // The head of a request that is not over, since its body never comes.
    let ask = Ask::new("POST", path).bearer(&world.token()).header("x-of-the-client", world.key());
    let ask = ask.header("content-length", "9");
    http.send(&ask.bytes()).unwrap();
    until_true("egressd has it", || {
        let report = &look(&[broker.child("egressd")], &[world.key()])[0];
        report.finds.iter().any(|find| find.length == world.key().len())
    });
    let _ = broker.stop().succeeded();
}
