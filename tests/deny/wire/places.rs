//! Targets, hosts and origins: a request that one reader takes to another place than the next.

use super::{BAD, CHAT, Row, Told, raw};

const GOOD: &str = "host: localhost\r\nauthorization: Bearer TOKEN\r\n";
const KEPT: Told = Told::Kept(400, "bad_request");
const FOREIGN: Told = Told::Kept(403, "bad_host");
const UNKNOWN: Told = Told::Kept(404, "unknown_route");

pub(super) fn rows() -> Vec<Row> {
    let mut rows = targets();
    rows.extend(paths());
    for (host, told) in [
        ("localhost", Told::Good(1)),
        ("LOCALHOST:1", Told::Good(1)),
        ("127.0.0.1:18443", Told::Good(1)),
        ("[::1]:18443", Told::Good(1)),
        ("", FOREIGN),
        ("evil.example", FOREIGN),
        ("localhost.evil.example", FOREIGN),
        ("127.0.0.1.evil.example", FOREIGN),
        ("localhost.", FOREIGN),
        ("localhost@evil.example", FOREIGN),
        ("localhost, evil.example", FOREIGN),
        ("localhost:80:80", FOREIGN),
        ("localhost:x", FOREIGN),
        ("0.0.0.0", FOREIGN),
        ("127.1", FOREIGN),
        ("2130706433", FOREIGN),
        ("[::]", FOREIGN),
        ("[::ffff:127.0.0.1]", FOREIGN),
        ("http://localhost", FOREIGN),
    ] {
        rows.push((chat(&format!("host: {host}\r\nauthorization: Bearer TOKEN\r\n")), told));
    }
    for origin in
        ["https://evil.example", "null", "", "http://localhost", "http://127.0.0.1:18443", "file://"]
    {
        rows.push((chat(&format!("{GOOD}origin: {origin}\r\n")), FOREIGN));
    }
    rows
}

fn chat(lines: &str) -> Vec<u8> {
    raw(&format!("POST {CHAT} HTTP/1.1"), lines, "")
}

fn targets() -> Vec<Row> {
    let of = |target: &str, told| (raw(&format!("POST {target} HTTP/1.1"), GOOD, ""), told);
    vec![
        of(&format!("http://localhost{CHAT}"), Told::Good(1)),
        of(&format!("HTTP://127.0.0.1:1{CHAT}"), Told::Good(1)),
        of(&format!("{CHAT}?a=[1]&b=|%20"), Told::Good(1)),
        of(&format!("http://evil.example{CHAT}"), BAD),
        of(&format!("http://localhost@evil.example{CHAT}"), BAD),
        of(&format!("http://evil.example@localhost{CHAT}"), BAD),
        of(&format!("http://localhost:80:80{CHAT}"), BAD),
        of(&format!("http://{CHAT}"), BAD),
        of(&format!("https://localhost{CHAT}"), BAD),
        of(&format!("ftp://localhost{CHAT}"), BAD),
        of("http://localhost", BAD),
        of("http://localhost?a", BAD),
        of("localhost:443", BAD),
        of("*", BAD),
        of("", BAD),
        of(CHAT.trim_start_matches('/'), BAD),
        of(&format!("{CHAT}#a"), BAD),
        of(&format!("{CHAT}?a#b"), BAD),
        of(&format!("{CHAT}\"x"), BAD),
        of(&format!("{CHAT}<x>"), BAD),
        of(&format!("{CHAT}?{{a}}"), BAD),
        of(&format!("{CHAT}\u{e9}"), BAD),
        of(&format!("{CHAT}?\u{e9}"), BAD),
        of(&format!("{CHAT} x"), BAD),
        of(&format!("{CHAT}\0"), BAD),
        of(&format!("{CHAT}\u{7f}"), BAD),
        of(&format!("//evil.example{CHAT}"), UNKNOWN),
        of(&format!("/.{CHAT}"), UNKNOWN),
        of(&format!("\\{CHAT}"), BAD),
    ]
}

/// Behind `/proxy/`.
fn paths() -> Vec<Row> {
    let mut rows = Vec::new();
    for path in [
        "/v1/../v1/chat/completions",
        "/v1/./chat/completions",
        "/v1/chat/completions/..",
        "/v1/chat/completions/.",
        "/..",
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/chat//completions",
        "/v1/chat/completions//",
        "/v1/%2e%2e/v1/chat/completions",
        "/v1/%2E%2E/v1/chat/completions",
        "/v1/%2e./v1/chat/completions",
        "/v1/chat%2fcompletions",
        "/v1/chat%2Fcompletions",
        "/v1/chat%5ccompletions",
        "/v1/chat\\completions",
        "/v1/chat/completions;a=b",
        "/v1;/chat/completions",
        "/v1/chat/completions%3Ba",
        "/v1/chat/completions%00",
        "/v1/chat/completions%0d%0ax:%20y",
        "/v1/chat/completions%7f",
        "/v1/chat/completions%",
        "/v1/chat/completions%2",
        "/v1/chat/completions%zz",
        "/v1/chat/completions%u002e",
        "/v1/%c0%ae%c0%ae/chat/completions",
        "/v1/chat%c0%afcompletions",
        "/v1/chat%e0%80%afcompletions",
        "/v1/chat%ffcompletions",
        "/v1/%252e%252e/chat/completions",
        "/v1/chat%252fcompletions",
        "/v1/chat/complet%69ons",
        "/v1/chat/complet%69Ons",
        "/%76%31/chat/completions",
        "/v1/chat/completions%7E",
    ] {
        rows.push((format!("openai{path}"), KEPT));
    }
    for path in [
        "openai/V1/chat/completions",
        "openai/v1/chat/Completions",
        "openai/v1/chat/completions/",
        "openai/v1/chat/completions%20",
        "OpenAI/v1/chat/completions",
        "%6fpenai/v1/chat/completions",
        "openai%2fv1/chat/completions",
        "../proxy/openai/v1/chat/completions",
        "./openai/v1/chat/completions",
        "/openai/v1/chat/completions",
        "openai\\v1/chat/completions",
        "openai;v1/chat/completions",
        "openai",
    ] {
        rows.push((path.to_owned(), UNKNOWN));
    }
    rows.into_iter()
        .map(|(path, told)| (raw(&format!("POST /proxy/{path} HTTP/1.1"), GOOD, ""), told))
        .collect()
}
