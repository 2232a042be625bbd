//! Providers beside OpenAI: of one's own, of this machine, and with keys of two kinds.

use std::fs;

use serde_json::json;
use tests::world::World;
use tests::world::http::Ask;

/// A world whose providers file and grants are these; `AT` is the stand-in.
fn world(providers: &str, grants: &str) -> World {
    let world = World::with_vault();
    let at = format!("localhost:{}", world.standin().port());
    let ca = world.home().path().join("ca.pem");
    let trust = format!("ca_file = \"{}\"\nallow_private = true", ca.display());
    world.home().write("secrets.providers.toml", &providers.replace("AT", &at).replace("TRUST", &trust));
    world.home().write("secrets.grants.toml", grants);
    world
}

fn grant(secret: &str, purpose: &str, hosts: &str) -> String {
    format!(
        "[[grants]]\nsecret_ref = \"{secret}\"\nconsumer = \"ugent-core\"\npurposes = [\"{purpose}\"]\n\
         delivery = [\"http_header_inject\"]\nallowed_hosts = [{hosts}]\nttl_secs = 300\n"
    )
}

fn add(world: &World, handle: &str, provider: &str, value: &str) {
    let call = world.ugent(&["add", handle, "--provider", provider, "--stdin"]);
    drop(call.typing(format!("{value}\n")).run().succeeded());
}

const ACME: &str = r#"
[[providers]]
id = "acme"
base_url = "https://AT/azure-openai"
TRUST
inject = { header = "api-key" }
token_slots = ["x-acme-auth", "?acme"]
errors = "detail"
  [[providers.routes]]
  method = "POST"
  path = "/own/{name}/chat/completions"
  purpose = "acme.chat"
"#;

#[test]
fn a_provider_of_ones_own_is_used_as_its_file_says() {
    let world = world(ACME, &grant("acme_key", "acme.chat", "\"localhost\""));
    add(&world, "@acme_key", "acme", world.key());
    let broker = world.broker();
    let path = "/proxy/acme/own/a/chat/completions";
    let body = json!({ "model": "m", "messages": [] });
    let ask = |target: &str| Ask::post(target, &body);
    let token = world.token();
    for ask in [
        ask(path).header("x-acme-auth", &token),
        ask(path).header("api-key", &token),
        ask(path).bearer(&token),
        ask(&format!("{path}?a=1&acme={token}")),
    ] {
        let answer = world.tcp().ask(&ask).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    for seen in world.standin().log().all() {
        let names: Vec<_> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert!(!names.contains(&"x-acme-auth") && !names.contains(&"authorization"), "{names:?}");
        assert_eq!(seen.path, "/azure-openai/own/a/chat/completions");
        assert!(!seen.query.contains("acme="), "the client's token stays here");
    }
    let answer = world.tcp().ask(&ask(path).header("x-acme-auth", "no-token")).unwrap();
    assert_eq!((answer.status, answer.refusal()), (401, Some("invalid_token")));
    assert!(answer.json()["detail"].as_str().is_some_and(|text| text.contains("token")), "{}", answer.text());
    assert!(world.ask(&ask("/proxy/acme/own/chat/completions")).status == 404, "no other path is routed");
    let issued = world.events("lease.issued");
    assert_eq!(issued[0]["route"], "acme POST /own/{name}/chat/completions");
    assert_eq!(issued[0]["purpose"], "acme.chat");
    let _ = broker.stop().succeeded();
}

#[test]
fn a_provider_that_takes_nothing_is_granted_by_its_own_name() {
    let table = "[[providers]]\nid = \"ollama\"\nbase_url = \"https://AT/ollama\"\nTRUST\n";
    let world = world(table, &grant("ollama", "llm.chat", "\"localhost\""));
    let broker = world.broker();
    let body = json!({ "model": "m", "messages": [] });
    let answer = world.ask(&Ask::post("/proxy/ollama/v1/chat/completions", &body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let embed = world.ask(&Ask::post("/proxy/ollama/v1/embeddings", &body));
    assert_eq!((embed.status, embed.refusal()), (403, Some("not_granted")));
    assert!(embed.json()["error"].as_str().is_some_and(|text| text.contains("grant")), "{}", embed.text());
    let nobody = world.tcp().ask(&Ask::post("/proxy/ollama/v1/chat/completions", &body)).unwrap();
    assert_eq!((nobody.status, nobody.refusal()), (401, Some("invalid_token")));
    let log = world.standin().log().all();
    assert_eq!(log.len(), 1);
    assert!(log[0].headers.iter().all(|(name, _)| !name.contains("auth") && !name.contains("key")));
    let used = world.events("lease.used");
    assert_eq!((used.len(), &used[0]["secret"]), (1, &json!("@ollama")));
    assert_eq!(world.doctor().of("grants")[0], "ok");
    let _ = broker.stop().succeeded();
}

#[test]
fn voyages_keys_of_two_kinds_need_their_own_host_in_the_grant() {
    let allows = |key: &str, hosts: &str| {
        let world = world("", &grant("voyage_key", "llm.embeddings", hosts));
        add(&world, "@voyage_key", "voyage", key);
        let explain = ["grant", "explain", "--consumer", "ugent-core", "--secret", "@voyage_key"];
        let ask = ["--purpose", "llm.embeddings", "--delivery", "http_header_inject"];
        world.ugent(&[&explain[..], &ask].concat()).run().code == Some(0)
    };
    let (own, both) = ("\"api.voyageai.com\"", "\"api.voyageai.com\", \"ai.mongodb.com\"");
    assert!(allows("pa-0123456789abcdef", own));
    assert!(!allows("al-0123456789abcdef", own));
    assert!(allows("al-0123456789abcdef", both));
    assert!(!allows("pa-0123456789abcdef", "\"ai.mongodb.com\""));
}

#[test]
fn pieces_of_an_upload_come_with_and_without_the_prefix() {
    let table = "[[providers]]\nid = \"google\"\nbase_url = \"https://AT/google\"\nTRUST\n";
    let world = world(table, &grant("google_key", "llm.files", "\"localhost\""));
    add(&world, "@google_key", "google", world.key());
    let broker = world.broker();
    let token = world.token();
    let begin = Ask::post("/proxy/google/upload/v1beta/files", &json!({}))
        .header("x-goog-upload-command", "start")
        .header("x-goog-api-key", &token)
        .header("host", "localhost:7");
    let begun = world.tcp().ask(&begin).unwrap();
    let url = begun.header("x-goog-upload-url").expect("an upload begins with a URL").to_owned();
    let path =
        url.strip_prefix("http://localhost:7/proxy/google").unwrap_or_else(|| panic!("not ours: {url}"));
    assert_eq!(path, format!("/upload/v1beta/files?upload_id=u1&upload_protocol=resumable&key={token}"));
    for target in [path.to_owned(), format!("/proxy/google{path}")] {
        let piece = Ask::new("POST", &target)
            .header("x-goog-upload-command", "upload, finalize")
            .body(b"hello".to_vec());
        let answer = world.tcp().ask(&piece).unwrap();
        assert_eq!((answer.status, answer.json()["file"]["name"].as_str()), (200, Some("files/standin")));
    }
    for seen in world.standin().log().all() {
        assert_eq!(seen.path, "/google/upload/v1beta/files");
        assert!(!seen.query.contains("key"), "{}", seen.query);
    }
    let _ = broker.stop().succeeded();
}

#[test]
fn a_bad_file_refuses_itself_and_says_where_and_what_would_mend_it() {
    let world = world("# ours\n[[providers]]\nid = \"azure-openai\"\n", "");
    let checked = world.ugent(&["provider", "check"]).run().ended_with(78);
    let place = format!("{}:3:6: ", world.home().path().join("secrets.providers.toml").display());
    assert!(
        checked.stderr.contains(&place) && checked.stderr.contains("hint: base_url ="),
        "{}",
        checked.stderr
    );
    let listed = world.json(&["provider", "list", "--json"]);
    let of = |id: &str| {
        let rows = listed.as_array().expect("a list").iter();
        rows.filter(|row| row["provider"] == id).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of("azure-openai").len(), 1);
    assert_eq!(
        (&of("azure-openai")[0]["origin"], &of("ollama")[0]["origin"]),
        (&json!("unplaced"), &json!("unplaced"))
    );
    let chat = of("openai").into_iter().find(|row| row["path"] == "/v1/chat/completions").expect("a route");
    assert_eq!(
        chat,
        json!({ "provider": "openai", "origin": "built-in", "takes": "secret", "method": "POST",
                "path": "/v1/chat/completions", "purpose": "llm.chat", "hosts": ["api.openai.com"] })
    );
    assert!(of("openai").iter().all(|row| !row["path"].to_string().contains("organization")));
    let good = world.home().path().join("good.toml");
    fs::write(&good, "[[providers]]\nid = \"azure-openai\"\nbase_url = \"https://r.openai.azure.com\"\n")
        .unwrap();
    let checked = world.ugent(&["provider", "check", &good.display().to_string()]).run().succeeded();
    assert!(checked.stdout.contains(": good, "), "{}", checked.stdout);
}
