//! Heads: their lines, and how they frame what is behind them.

use super::{BAD, CHAT, Row, Told, post, raw};

const GOOD: &str = "host: localhost\r\nauthorization: Bearer TOKEN\r\n";
const LARGE: Told = Told::Closed(431, "head_too_large");

pub(super) fn rows() -> Vec<Row> {
    let odd = framings().into_iter().chain(lines());
    let mut rows: Vec<Row> = odd.map(|lines| (post(&lines, body(&lines)), BAD)).collect();
    rows.extend(first_lines().into_iter().map(|first| (raw(&first, GOOD, ""), BAD)));
    rows.extend(whole());
    rows.extend(sizes());
    rows
}

/// With it, the request would be good if its head were.
fn body(lines: &str) -> &'static str {
    match (lines.contains("chunked"), lines.contains("content-length: 2")) {
        (true, _) => "0\r\n\r\n",
        (false, true) => "{}",
        (false, false) => "",
    }
}

/// Ways to say two different lengths, or none that is clear.
fn framings() -> Vec<String> {
    let mut all = Vec::new();
    for (one, other) in [
        ("content-length: 2", "transfer-encoding: chunked"),
        ("transfer-encoding: chunked", "content-length: 2"),
        ("Content-Length: 0", "Transfer-Encoding: chunked"),
        ("content-length: 2", "content-length: 2"),
        ("content-length: 2", "Content-Length: 3"),
        ("content-length: 2", "content-length:"),
        ("transfer-encoding: chunked", "Transfer-Encoding: chunked"),
        ("transfer-encoding: chunked", "transfer-encoding: identity"),
        ("transfer-encoding: identity", "content-length: 2"),
    ] {
        all.push(format!("{one}\r\n{other}\r\n"));
    }
    for length in [
        "",
        "+2",
        "-2",
        "0x2",
        "2 2",
        "2, 2",
        "2,2",
        "2;",
        "02",
        "2.0",
        "1e1",
        "00000000000000000002",
        "18446744073709551618",
        "\u{ff12}",
        "two",
        "\"2\"",
    ] {
        all.push(format!("content-length: {length}\r\n"));
    }
    for coding in [
        "",
        "gzip",
        "identity",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "chunked,",
        ", chunked",
        "chunked;q=1",
        "xchunked",
        "chunkedx",
        "chunked chunked",
        "\"chunked\"",
        "chunked\u{b}",
        "\u{b}chunked",
        "chun\u{212a}ed",
    ] {
        all.push(format!("transfer-encoding: {coding}\r\n"));
    }
    all
}

/// Lines that are read in two ways, or are none.
fn lines() -> Vec<String> {
    [
        "transfer-encoding : chunked\r\n",
        "transfer-encoding\t: chunked\r\n",
        "content-length : 2\r\n",
        " transfer-encoding: chunked\r\n",
        "x: y\r\n transfer-encoding: chunked\r\n",
        "x: y\r\n\ttransfer-encoding: chunked\r\n",
        "transfer-encoding:\r\n chunked\r\n",
        "x: y\rtransfer-encoding: chunked\r\n",
        "x: y\ntransfer-encoding: chunked\r\n",
        "\rtransfer-encoding: chunked\r\n",
        "x: y\r\r\n",
        "x: y\n\r\n",
        "\n",
        "transfer\0-encoding: chunked\r\n",
        "transfer-encoding: chunked\0\r\n",
        "x: a\0b\r\n",
        "x: a\u{1}b\r\n",
        "x: a\u{1b}[0m\r\n",
        "x: a\u{7f}b\r\n",
        "\0: a\r\n",
        "no colon\r\n",
        ": no name\r\n",
        "a b: c\r\n",
        "a(b): c\r\n",
        "\"a\": b\r\n",
        "a/b: c\r\n",
        "a@b: c\r\n",
        "a[b]: c\r\n",
        "{a}: c\r\n",
        "\u{e9}: a\r\n",
        "host: localhost\r\n",
        "HOST: evil.example\r\n",
        "expect: 200-ok\r\n",
        "expect: 100-continue, x\r\n",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// What is no first line of a request of the gateway's.
fn first_lines() -> Vec<String> {
    let mut all: Vec<String> = [
        "CONNECT localhost:443 HTTP/1.1",
        "CONNECT evil.example:443 HTTP/1.1",
        "",
        "nonsense",
        "GET",
        "GET  HTTP/1.1",
        "PRI * HTTP/2.0",
        "OPTIONS * HTTP/1.1",
        "GET ?a HTTP/1.1",
        "\u{16}\u{3}\u{1}\0\u{5}\u{1}",
        "\0\0\0\0",
    ]
    .map(str::to_owned)
    .to_vec();
    for method in [
        "CONNECT",
        "TRACE",
        "PO ST",
        "POST(",
        "P\0ST",
        "P\u{e9}ST",
        "",
        " POST",
        "\tPOST",
        "POST\t",
        "\"POST\"",
    ] {
        all.push(format!("{method} {CHAT} HTTP/1.1"));
    }
    for version in [
        "",
        " ",
        " HTTP/0.9",
        " HTTP/1.2",
        " HTTP/2.0",
        " HTTP/2",
        " HTTP/1",
        " HTTP/1.1 ",
        "  HTTP/1.1",
        "\tHTTP/1.1",
        " http/1.1",
        " HTTP/01.1",
        " HTTP/1.10",
        " HTTP /1.1",
        " HTTP/1.1 x",
        " HTTPS/1.1",
        " HTTP/1,1",
        " ICAP/1.0",
    ] {
        all.push(format!("POST {CHAT}{version}"));
    }
    all
}

/// Whole heads.
fn whole() -> Vec<Row> {
    let line = format!("POST {CHAT} HTTP/1.1\r\n");
    let with = |text: &str| text.replace("GOOD", GOOD).into_bytes();
    vec![
        (raw(&format!("POST {CHAT} HTTP/1.1"), "authorization: Bearer TOKEN\r\n", ""), BAD),
        (with(&format!("\r\n{line}GOOD\r\n")), BAD),
        (with(&format!("\n{line}GOOD\r\n")), BAD),
        (with(&format!(" {line}GOOD\r\n")), BAD),
        (with(&format!("{line} x: y\r\nGOOD\r\n")), BAD),
        (with(&format!("{line}GOOD\r\n").replace("\r\n", "\n")), BAD),
        (with(&format!("{line}GOOD\r\n").replace("\r\n", "\r")), BAD),
        (with(&format!("{line}GOOD\n")), BAD),
        (
            raw(
                &format!("POST {CHAT} HTTP/1.0"),
                &format!("{GOOD}transfer-encoding: chunked\r\n"),
                "0\r\n\r\n",
            ),
            BAD,
        ),
        (
            raw(&format!("POST {CHAT} HTTP/1.0"), "authorization: Bearer TOKEN\r\n", ""),
            Told::Closed(403, "bad_host"),
        ),
        (raw(&format!("POST {CHAT} HTTP/1.0"), &format!("{GOOD}content-length: 2\r\n"), "{}"), Told::Last),
        (raw(&format!("POST {CHAT} HTTP/1.1"), &format!("{GOOD}connection: close\r\n"), ""), Told::Last),
        (
            post("x: \u{e9}\ta\r\nX-Empty:\r\nx-quoted: \"a, b\"\r\ncontent-length:\t2 \r\n", "{}"),
            Told::Good(1),
        ),
        (post("expect: 100-Continue\r\ncontent-length: 0\r\n", ""), Told::Good(1)),
        (post("x-ugent-secret: @a\r\nx-ugent-secret: @a\r\n", ""), Told::Kept(400, "bad_request")),
        (post("x-ugent-secret: not a handle\r\n", ""), Told::Kept(400, "bad_request")),
    ]
}

fn sizes() -> Vec<Row> {
    let many = |count: usize| "x: y\r\n".repeat(count);
    vec![
        // Two of the hundred are always there.
        (post(&many(98), ""), Told::Good(1)),
        (post(&many(99), ""), LARGE),
        (post(&many(5000), ""), LARGE),
        (post(&format!("x: {}\r\n", "y".repeat(60 * 1024)), ""), Told::Good(1)),
        (post(&format!("x: {}\r\n", "y".repeat(64 * 1024)), ""), LARGE),
        (post(&format!("{}: y\r\n", "x".repeat(64 * 1024)), ""), LARGE),
        (vec![b'A'; 65 * 1024], LARGE),
        (raw(&format!("GET /{} HTTP/1.1", "a".repeat(66_000)), GOOD, ""), LARGE),
        (raw(&format!("GET /{} HTTP/1.1", "a".repeat(64_700)), GOOD, ""), LARGE),
    ]
}
