//! WebSockets through a whole broker: the handshake is a request like every other, and what comes
//! behind it is nobody's to read.

use tests::standin::Ended;
use tests::world::World;
use tests::world::http::{Ask, Http};

const SOCKET: &str = "/proxy/openai/v1/realtime?model=m";

/// A world whose key may be used for sockets.
fn world() -> World {
    let world = World::ready();
    let grant = world.grant().replace("\"llm.chat\"", "\"llm.realtime\"");
    world.home().write("secrets.grants.toml", &grant);
    world
}

fn handshake() -> Ask {
    Ask::get(SOCKET)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

fn echo(http: &mut Http, bytes: &[u8]) {
    http.send(bytes).unwrap();
    assert_eq!(http.bytes(bytes.len()).unwrap(), bytes);
}

#[test]
fn a_socket_carries_frames_both_ways_and_the_journal_counts_them() {
    let world = world();
    let broker = world.broker();
    let token = world.token();
    let protocols = format!("realtime, openai-insecure-api-key.{token}, openai-beta.realtime-v1");
    let mut http = world.tcp();
    http.send(&handshake().header("sec-websocket-protocol", &protocols).bytes()).unwrap();
    let answer = http.head().unwrap();
    assert_eq!(answer.status, 101, "{:?}", answer.headers);
    assert_eq!(answer.header("sec-websocket-protocol"), Some("realtime"));
    // A text frame, a ping and a close, masked as a client's are (RFC 6455 section 5.7).
    echo(&mut http, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    echo(&mut http, b"\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    echo(&mut http, &[0; 20_000]);
    echo(&mut http, b"\x88\x82\0\0\0\0\x03\xe8");
    http.finish().unwrap();
    assert!(http.is_closed());

    assert!(world.standin().log().wait_until(|seen| seen[0].ended == Ended::Complete));
    let seen = world.standin().log().all().remove(0);
    assert_eq!(
        seen.header("authorization").collect::<Vec<_>>(),
        [format!("Bearer {}", world.key()).as_bytes()]
    );
    let left: Vec<_> = seen.header("sec-websocket-protocol").collect();
    assert_eq!(left, [b"realtime, openai-beta.realtime-v1"]);
    assert_eq!((seen.query.as_str(), seen.body.len()), ("model=m", 11 + 11 + 20_000 + 8));
    let _ = broker.stop().succeeded();
    let closed = world.events("release.closed");
    assert_eq!(
        (&closed[0]["status"], &closed[0]["outcome"]),
        (&101.into(), &"completed".into()),
        "{closed:?}"
    );
    assert_eq!(
        (&closed[0]["bytes_in"], &closed[0]["bytes_out"]),
        (&20_030.into(), &20_030.into()),
        "{closed:?}"
    );
}

#[test]
fn a_handshake_without_a_right_is_refused_like_every_request() {
    let world = world();
    let _broker = world.broker();
    let refused = |ask: Ask| {
        let answer = world.tcp().ask(&ask).unwrap();
        (answer.status, answer.refusal().map(str::to_owned))
    };
    let told = |status, code: &str| (status, Some(code.to_owned()));
    assert_eq!(refused(handshake()), told(401, "invalid_token"));
    let wrong = handshake().header("sec-websocket-protocol", "openai-insecure-api-key.wrong");
    assert_eq!(refused(wrong), told(401, "invalid_token"));
    world.home().write("secrets.grants.toml", "");
    tests::world::until::until_true("the grants are gone", || {
        refused(handshake().bearer(&world.token())) == told(403, "not_granted")
    });
    assert!(world.standin().log().all().is_empty());
}

#[test]
fn a_socket_ends_when_its_lease_is_revoked_with_what_is_in_flight() {
    let world = world();
    let broker = world.broker();
    let mut http = world.tcp();
    http.send(&handshake().bearer(&world.token()).bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 101);
    echo(&mut http, b"still there");
    let _ = world.ugent(&["lease", "revoke", "--consumer", "ugent-core", "--now"]).run().succeeded();
    assert!(http.is_closed());
    assert!(world.standin().log().wait_until(|seen| seen[0].ended == Ended::Complete));
    let _ = broker.stop().succeeded();
    assert_eq!(world.events("release.closed")[0]["outcome"], "revoked");
}
