//! Plain requests: the client shows a broker token, the provider sees the real key.

use serde_json::json;
use tests::world::World;
use tests::world::http::Ask;

#[test]
fn the_provider_sees_the_real_key_and_never_the_token() {
    let world = World::ready();
    let broker = world.broker();
    let answer = world.ask(&Ask::chat());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "Hello from the stand-in provider.");

    let seen = world.standin().log().all();
    assert_eq!(seen.len(), 1);
    let credentials: Vec<_> = seen[0].header("authorization").collect();
    assert_eq!(credentials, [format!("Bearer {}", world.key()).as_bytes()]);
    let token = world.token();
    for (name, value) in &seen[0].headers {
        assert!(!String::from_utf8_lossy(value).contains(&token), "{name} holds the token");
    }
    let _ = broker.stop().succeeded();
}

#[test]
fn every_openai_route_goes_through_on_both_doors() {
    let world = World::ready();
    let _broker = world.broker();
    let asks = [
        Ask::chat(),
        Ask::post("/proxy/openai/v1/responses", &json!({ "model": "m", "input": "x" })),
        Ask::post("/proxy/openai/v1/embeddings", &json!({ "model": "m", "input": "x" })),
    ];
    for ask in &asks {
        assert_eq!(world.ask(ask).status, 200, "on the port");
        assert_eq!(world.unix().ask(ask).unwrap().status, 200, "on the socket, without a token");
    }
    let paths: Vec<_> = world.standin().log().all().into_iter().map(|seen| seen.path).collect();
    let due = ["/v1/chat/completions", "/v1/responses", "/v1/embeddings"].map(str::to_owned);
    assert_eq!(paths, due.iter().flat_map(|path| [path.clone(), path.clone()]).collect::<Vec<_>>());
}

#[test]
fn a_token_is_taken_wherever_an_sdk_puts_its_key() {
    let world = World::ready();
    let _broker = world.broker();
    let token = world.token();
    for name in ["x-api-key", "x-goog-api-key", "api-key"] {
        assert_eq!(world.tcp().ask(&Ask::chat().header(name, &token)).unwrap().status, 200, "in {name}");
    }
    let body = json!({ "model": "m", "messages": [] });
    let ask = Ask::post(&format!("/proxy/openai/v1/chat/completions?a=1&key={token}&b=2"), &body);
    assert_eq!(world.tcp().ask(&ask).unwrap().status, 200, "in the query");

    for seen in world.standin().log().all() {
        for name in ["x-api-key", "x-goog-api-key", "api-key"] {
            assert_eq!(seen.header(name).count(), 0, "{name} is removed");
        }
        assert!(!seen.query.contains("key"), "the query is {:?}", seen.query);
    }
    assert_eq!(world.standin().log().all()[3].query, "a=1&b=2", "the rest of the query is untouched");
}

#[test]
fn what_a_client_should_not_pass_on_is_removed_and_the_rest_is_untouched() {
    let world = World::ready();
    let _broker = world.broker();
    let ask = Ask::chat()
        .header("cookie", "a=b")
        .header("proxy-authorization", "Basic eA==")
        .header("x-forwarded-for", "10.0.0.1")
        .header("forwarded", "for=10.0.0.1")
        .header("via", "1.1 somebody")
        .header("connection", "x-mine, keep-alive")
        .header("x-mine", "hop by hop")
        .header("openai-organization", "org-1")
        .header("x-stainless-lang", "python");
    assert_eq!(world.ask(&ask).status, 200);
    let seen = &world.standin().log().all()[0];
    for name in ["cookie", "proxy-authorization", "x-forwarded-for", "forwarded", "via", "x-mine"] {
        assert_eq!(seen.header(name).count(), 0, "{name} is removed");
    }
    assert_eq!(seen.header("openai-organization").collect::<Vec<_>>(), [b"org-1"]);
    assert_eq!(seen.header("x-stainless-lang").collect::<Vec<_>>(), [b"python"]);
    let host = format!("localhost:{}", world.standin().port());
    assert_eq!(seen.header("host").collect::<Vec<_>>(), [host.as_bytes()]);
}

#[test]
fn an_error_of_the_provider_is_passed_on_as_it_is() {
    let world = World::ready();
    let _broker = world.broker();
    for status in [400, 404, 429, 500] {
        let answer = world.ask(&Ask::chat().script(&format!("status={status}")));
        assert_eq!((answer.status, answer.refusal()), (status, None));
        assert_eq!(answer.json()["error"]["code"], "scripted");
        assert_eq!(answer.header("x-request-id"), Some("req_standin"));
    }
}

#[test]
fn one_connection_to_the_provider_serves_many_requests() {
    let world = World::ready();
    let _broker = world.broker();
    let mut http = world.tcp();
    let ask = Ask::chat().bearer(&world.token());
    for _ in 0..20 {
        assert_eq!(http.ask(&ask).unwrap().status, 200);
    }
    let connections: std::collections::BTreeSet<_> =
        world.standin().log().all().into_iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), 1, "one client connection is served over one upstream connection");
}

#[test]
fn many_clients_at_once_are_all_served() {
    let world = World::ready();
    let _broker = world.broker();
    let token = world.token();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(world.tcp().ask(&Ask::chat().bearer(&token)).unwrap().status, 200);
                }
            });
        }
    });
    assert_eq!(world.standin().log().all().len(), 80);
    assert_eq!(world.events("lease.used").len(), 80, "each release has its record");
}
