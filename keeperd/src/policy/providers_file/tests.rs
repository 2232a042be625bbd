//! The providers file is taken whole or not at all, and says what is wrong with it.

use super::super::providers::Providers;
use super::*;

fn with(text: &str) -> Providers {
    Providers::with_file(text, &|_| Ok(vec![vec![1]]))
}

fn id(text: &str) -> ProviderId {
    ProviderId::parse(text).unwrap()
}

fn purpose(providers: &Providers, provider: &str, method: &str, path: &str) -> Option<String> {
    let method = Method::parse(method).unwrap();
    providers.route(&id(provider), &method, path).map(|(_, route)| route.purpose.to_string())
}

const ACME: &str = r#"
[[providers]]
id = "acme"
base_url = "https://api.acme.example/v9"
inject = { header = "x-acme-key" }
token_slots = ["x-acme-auth", "?acme"]
errors = "detail"
connect_timeout_secs = 3
idle_timeout_secs = 60
scrub = false
  [[providers.routes]]
  method = "POST"
  path = "/v1/things/{id}:run"
  purpose = "acme.run"
  [[providers.routes]]
  method = "GET"
  path = "/v1/x/**"
  purpose = "llm.files"
"#;

#[test]
fn a_base_url_moves_a_provider_and_keeps_its_routes() {
    let providers = with(
        "[[providers]]\nid = \"openai\"\nbase_url = \"https://gateway.corp.example/openai/\"\nca_file = \"/x\"\n",
    );
    assert_eq!(providers.refused, None);
    let openai = providers.find(&id("openai")).unwrap();
    assert_eq!(openai.transport.host, Host::parse("gateway.corp.example").unwrap());
    assert_eq!((openai.transport.port, openai.base_path.as_str()), (443, "/openai"));
    assert_eq!(openai.anchors, vec![vec![1]]);
    assert_eq!(openai.routes, Providers::built_in().find(&id("openai")).unwrap().routes);
    assert_eq!(openai.origin, Origin::Overridden);
}

#[test]
fn a_provider_of_ones_own_has_all_that_the_file_says() {
    let providers = with(ACME);
    assert_eq!(providers.refused, None);
    let acme = providers.find(&id("acme")).unwrap();
    let transport = &acme.transport;
    assert_eq!((transport.host.as_str(), acme.base_path.as_str()), ("api.acme.example", "/v9"));
    assert_eq!((transport.connect_timeout_ms, transport.idle_timeout_ms), (3_000, 60_000));
    assert_eq!((transport.scrub, transport.errors), (false, ErrorShape::Detail));
    assert_eq!(acme.inject, Inject::Header { name: "x-acme-key".into(), prefix: String::new() });
    let slots: Vec<_> = transport.token_slots.iter().map(|slot| format!("{slot:?}")).collect();
    assert!(slots[0].contains("x-acme-auth") && slots[1].contains("Query"), "{slots:?}");
    assert!(slots[2].contains("x-acme-key"), "where the key goes a client's token may be: {slots:?}");
    assert_eq!(purpose(&providers, "acme", "POST", "/v1/things/a:run").as_deref(), Some("acme.run"));
    assert_eq!(purpose(&providers, "acme", "GET", "/v1/x/a/b").as_deref(), Some("llm.files"));
    assert_eq!(purpose(&providers, "acme", "POST", "/v1/x/a/b"), None);
}

#[test]
fn routes_of_a_built_in_one_are_added_and_come_first() {
    let route = |path: &str| {
        format!("[[providers.routes]]\nmethod = \"POST\"\npath = \"{path}\"\npurpose = \"corp.own\"\n")
    };
    let text = format!("[[providers]]\nid = \"openai\"\n{}{}", route("/v1/new"), route("/v1/embeddings"));
    let providers = with(&text);
    assert_eq!(providers.refused, None);
    assert_eq!(purpose(&providers, "openai", "POST", "/v1/new").as_deref(), Some("corp.own"));
    assert_eq!(purpose(&providers, "openai", "POST", "/v1/embeddings").as_deref(), Some("corp.own"));
    assert_eq!(purpose(&providers, "openai", "POST", "/v1/responses").as_deref(), Some("llm.chat"));
}

#[test]
fn what_has_no_place_of_its_own_is_there_once_the_file_says_where() {
    let azure = with("[[providers]]\nid = \"azure-openai\"\nbase_url = \"https://r.openai.azure.com\"\n");
    assert_eq!(azure.find(&id("azure-openai")).unwrap().transport.host.as_str(), "r.openai.azure.com");
    assert_eq!(azure.unplaced(), [id("ollama")]);
    let ollama = with("[[providers]]\nid = \"ollama\"\nallow_private = true\n");
    let local = &ollama.find(&id("ollama")).unwrap().transport;
    assert_eq!((local.scheme, local.host.as_str(), local.port), (Scheme::Http, "localhost", 11434));
    let handle = proto::name::Handle::parse("@ollama").unwrap();
    assert!(
        ollama.without_secret(&handle).is_some() && Providers::built_in().without_secret(&handle).is_none()
    );
    let second = with(
        "[[providers]]\nid = \"azure-eu\"\nlike = \"azure-openai\"\nbase_url = \"https://eu.openai.azure.com\"\n",
    );
    let path = "/openai/deployments/d/chat/completions";
    assert_eq!(purpose(&second, "azure-eu", "POST", path).as_deref(), Some("llm.chat"));
    assert_eq!(second.find(&id("azure-eu")).unwrap().origin, Origin::Custom);
}

#[test]
fn a_moved_voyage_sends_all_its_keys_to_one_host() {
    let hosts = |providers: &Providers| providers.find(&id("voyage")).unwrap().hosts().count();
    assert_eq!(hosts(&Providers::built_in()), 2);
    assert_eq!(hosts(&with("[[providers]]\nid = \"voyage\"\nbase_url = \"https://v.example\"\n")), 1);
    assert_eq!(hosts(&with("[[providers]]\nid = \"voyage\"\nscrub = false\n")), 2);
}

#[test]
fn a_bad_file_refuses_itself_and_the_built_in_table_goes_on() {
    let acme = |change: (&str, &str)| {
        let text = ACME.replace(change.0, change.1);
        assert_ne!(text, ACME);
        text
    };
    for text in [
        "nonsense".to_owned(),
        "[[providers]]\nid = \"acme\"\n".to_owned(),
        "[[providers]]\nid = \"openai\"\nbase_uri = \"x\"\n".to_owned(),
        "[[providers]]\nid = \"openai\"\nbase_url = \"ftp://x\"\n".to_owned(),
        "[[providers]]\nid = \"openai\"\nbase_url = \"https://user@host/\"\n".to_owned(),
        "[[providers]]\nid = \"openai\"\nbase_url = \"https://host/?a\"\n".to_owned(),
        "[[providers]]\nid = \"openai\"\nbase_url = \"http://localhost:1/\"\n".to_owned(),
        "[[providers]]\nid = \"openai\"\nbase_url = \"http://example.com/\"\nallow_private = true\n"
            .to_owned(),
        "[[providers]]\nid = \"openai\"\nconnect_timeout_secs = 0\n".to_owned(),
        "[[providers]]\nid = \"openai\"\n[[providers]]\nid = \"openai\"\n".to_owned(),
        "[[providers]]\nid = \"openai\"\nlike = \"jina\"\n".to_owned(),
        "[[providers]]\nid = \"azure-openai\"\n".to_owned(),
        "[[providers]]\nid = \"ollama\"\n".to_owned(),
        "[[providers]]\nid = \"x\"\nlike = \"nobody\"\nbase_url = \"https://x.example\"\n".to_owned(),
        acme(("\"acme\"", "\"generic\"")),
        acme(("\"acme\"", "\"Acme Inc\"")),
        acme(("inject =", "# inject =")),
        acme(("base_url", "# base_url")),
        acme(("\"x-acme-auth\"", "\"host\"")),
        acme(("\"x-acme-auth\"", "\"cookie\"")),
        acme(("\"?acme\"", "\"?a&b\"")),
        acme(("\"detail\"", "\"xml\"")),
        acme(("\"POST\"", "\"post it\"")),
        acme(("/v1/x/**", "/v1/*/x")),
        acme(("/v1/x/**", "v1")),
        acme(("/v1/x/**", "/v1/x?y")),
        acme(("acme.run", "run")),
        acme(("purpose = \"llm.files\"", "")),
        acme(("\"GET\"", "\"POST\"")).replace("/v1/x/**", "/v1/things/{id}:run"),
    ] {
        let providers = with(&text);
        assert!(providers.refused.is_some(), "{text}");
        assert!(providers.iter().eq(Providers::built_in().iter()), "{text}");
    }
}

#[test]
fn a_complaint_has_the_line_and_the_mend() {
    let complaint = |text: &str| with(text).refused.unwrap().to_string();
    let shown = complaint("# one\n[[providers]]\nid = \"ollama\"\n");
    assert!(shown.starts_with("line 3, column 6: ") && shown.ends_with("; allow_private = true"), "{shown}");
    let shown = complaint(&ACME.replace("/v1/x/**", "/v1/../x"));
    assert!(shown.starts_with("line 17, column 10: path is not a pattern"), "{shown}");
}

#[test]
fn certificates_are_bounded_in_all() {
    let row = |id: &str| format!("[[providers]]\nid = \"{id}\"\nca_file = \"/x\"\n");
    let read = |text: &str| Providers::with_file(text, &|_| Ok(vec![vec![1]; 1_600])).refused;
    assert_eq!(read(&row("openai")), None);
    let refused = read(&format!("{}{}", row("openai"), row("jina"))).unwrap();
    assert!(refused.what().contains("3000 certificates") && refused.line() == Some(5), "{refused}");
}
