//! Requests that are wrong in themselves: unknown places, foreign hosts, malformed heads.

use tests::world::World;
use tests::world::http::{Answer, Ask};

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.refusal()), (status, Some(code)), "{}", answer.text());
    assert_eq!(answer.json()["error"]["code"], code, "{}", answer.text());
}

#[test]
fn places_that_are_not_in_the_table_are_unknown_routes() {
    let world = World::ready();
    let _broker = world.broker();
    let body = serde_json::json!({});
    for target in [
        "/proxy/openai/v1/organization/users",
        "/proxy/openai/v1/vaults",
        "/proxy/azure-openai/openai/v1/chat/completions",
        "/proxy/ollama/v1/chat/completions",
        "/proxy/openai/v1/chat/completions/",
        "/proxy/openai/v1/chat",
        "/proxy/openai/v2/chat/completions",
        "/proxy/openai/V1/chat/completions",
        "/proxy/openai/",
        "/proxy/nobody/v1/chat/completions",
        "/proxy/generic/v1/chat/completions",
        "/v1/chat/completions",
        "/",
    ] {
        let answer = world.ask(&Ask::post(target, &body));
        assert_eq!(
            (answer.status, answer.refusal()),
            (404, Some("unknown_route")),
            "{target}: {}",
            answer.text()
        );
    }
    for method in ["PATCH", "DELETE", "PUT"] {
        let answer = world.ask(&Ask::new(method, "/proxy/openai/v1/chat/completions"));
        refused(&answer, 404, "unknown_route");
    }
    assert!(world.standin().log().all().is_empty(), "nothing reached the provider");
    assert!(world.events("lease.denied").iter().any(|record| record["reason"] == "unknown_route"));
}

#[test]
fn paths_that_could_be_read_in_two_ways_are_refused() {
    let world = World::ready();
    let _broker = world.broker();
    for path in [
        "/v1/chat/completions/../embeddings",
        "/v1/./chat/completions",
        "/v1//chat/completions",
        "/v1/chat%2fcompletions",
        "/v1/%2e%2e/v1/chat/completions",
        "/v1/chat/completions%00",
        "/v1\\chat\\completions",
        "/v1/chat/completions;a=b",
        "/v1/chat/%zz",
    ] {
        let answer = world.ask(&Ask::post(&format!("/proxy/openai{path}"), &serde_json::json!({})));
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        assert!(answer.refusal().is_some(), "{path}");
    }
    assert!(world.standin().log().all().is_empty(), "nothing reached the provider");
}

#[test]
fn a_foreign_host_or_a_browser_is_refused_on_both_doors() {
    let world = World::ready();
    let _broker = world.broker();
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", ""] {
        let ask = Ask::chat().header("host", host).bearer(&world.token());
        for mut http in [world.tcp(), world.unix()] {
            let answer = http.ask(&ask).unwrap();
            assert!(matches!(answer.status, 400 | 403), "host {host:?}: {}", answer.status);
        }
    }
    for host in ["localhost", "127.0.0.1", "[::1]", "localhost:1", "127.0.0.1:18443"] {
        let ask = Ask::chat().header("host", host).bearer(&world.token());
        assert_eq!(world.tcp().ask(&ask).unwrap().status, 200, "host {host:?}");
    }
    refused(&world.ask(&Ask::chat().header("origin", "https://evil.example")), 403, "bad_host");
    refused(&world.ask(&Ask::chat().header("host", "evil.example")), 403, "bad_host");
}

#[test]
fn heads_that_are_malformed_or_too_large_are_refused() {
    let world = World::ready();
    let _broker = world.broker();
    let status = |bytes: &[u8]| {
        let mut http = world.tcp();
        let _ = http.send(bytes);
        let _ = http.finish();
        http.head().map(|answer| answer.status).unwrap_or_default()
    };
    let start = "POST /proxy/openai/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n";
    assert_eq!(status(format!("{start}a b: c\r\n\r\n").as_bytes()), 400);
    assert_eq!(status(b"nonsense\r\n\r\n"), 400);
    assert_eq!(status(format!("{start}content-length: x\r\n\r\n").as_bytes()), 400);
    assert_eq!(status(format!("{start}content-length: 1\r\ncontent-length: 2\r\n\r\n").as_bytes()), 400);
    let large = format!("{start}x-large: {}\r\n\r\n", "x".repeat(80 * 1024));
    assert_eq!(status(large.as_bytes()), 431);
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    assert_eq!(status(format!("{start}{many}\r\n").as_bytes()), 431);
    assert_eq!(world.ask(&Ask::chat()).status, 200, "others go on");
    assert_eq!(world.standin().log().all().len(), 1);
}

#[test]
fn an_upstream_nobody_answers_at_is_a_502_in_the_sdks_shape() {
    let world = World::ready();
    // A port that was free a moment ago, and is not listened on now.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let providers = world
        .providers()
        .replace(&format!("localhost:{}", world.standin().port()), &format!("localhost:{port}"));
    world.home().write("secrets.providers.toml", &providers);
    let _broker = world.broker();
    refused(&world.ask(&Ask::chat()), 502, "upstream_unreachable");
}

#[test]
fn an_upstream_of_an_unknown_authority_is_refused_and_gets_no_key() {
    let world = World::ready();
    let providers: String = world
        .providers()
        .lines()
        .filter(|line| !line.starts_with("ca_file"))
        .map(|line| format!("{line}\n"))
        .collect();
    world.home().write("secrets.providers.toml", &providers);
    let _broker = world.broker();
    refused(&world.ask(&Ask::chat()), 502, "upstream_tls");
    assert!(world.standin().log().all().is_empty());
}

#[test]
fn a_private_address_is_refused_unless_it_is_allowed() {
    let world = World::ready();
    world.home().write("secrets.providers.toml", &world.providers().replace("allow_private = true\n", ""));
    let _broker = world.broker();
    refused(&world.ask(&Ask::chat()), 502, "upstream_unreachable");
    assert!(world.standin().log().all().is_empty());
}

#[test]
fn refusals_name_no_value_and_no_token() {
    let world = World::ready();
    std::fs::remove_file(world.home().path().join("secrets.grants.toml")).unwrap();
    let _broker = world.broker();
    let token = world.token();
    let answers =
        [world.ask(&Ask::chat()), world.tcp().ask(&Ask::chat().bearer("a-wrong-token-of-mine")).unwrap()];
    for answer in answers {
        let whole = format!("{:?} {}", answer.headers, answer.text());
        for text in [world.key(), &token, "a-wrong-token-of-mine"] {
            assert!(!whole.contains(text), "{whole}");
        }
    }
}

#[test]
fn an_unconfigured_provider_without_a_secret_is_not_granted() {
    let world = World::ready();
    let _broker = world.broker();
    let answer = world.ask(&Ask::post("/proxy/jina/v1/embeddings", &serde_json::json!({})));
    assert_eq!((answer.status, answer.refusal()), (403, Some("not_granted")));
}
