//! Bodies: the framing of chunks, and what stands behind a request.

use super::{BAD, CHAT, Row, Told, post};

const BROKEN: Told = Told::Body(400, "bad_request");

pub(super) fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = broken().into_iter().map(|body| (chunked(&body), BROKEN)).collect();
    rows.extend(behind());
    rows.push((chunked(&format!("0\r\na: {}\r\n\r\n", "b".repeat(9000))), Told::Body(431, "head_too_large")));
    rows.push((chunked(&format!("0\r\n{}\r\n", "a: b\r\n".repeat(101))), Told::Body(431, "head_too_large")));
    for body in [
        "2\r\n{}\r\n0\r\n\r\n",
        "002\r\n{}\r\n000\r\n\r\n",
        "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\nx-checksum: 1\r\nx-empty:\r\n\r\n",
        "A\r\n{ \"a\": 1 }\r\n0\r\n\r\n",
        "a\r\n{ \"a\": 1 }\r\n0\r\n\r\n",
    ] {
        rows.push((chunked(body), Told::Good(1)));
    }
    rows
}

fn chunked(body: &str) -> Vec<u8> {
    post("Transfer-Encoding: Chunked\r\n", body)
}

fn broken() -> Vec<String> {
    let mut all: Vec<String> = [
        "2\r\n{}0\r\n\r\n",
        "2\r\n{}\n0\r\n\r\n",
        "2\r\n{}\r0\r\n\r\n",
        "1\r\n{}\r\n0\r\n\r\n",
        "3\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\n\r\n",
        "2\r\n{}\r\n0;x\r\n\r\n",
        "2\r\n{}\r\n0\r\nx y: z\r\n\r\n",
        "2\r\n{}\r\n0\r\nx : z\r\n\r\n",
        "2\r\n{}\r\n0\r\nx: y\r\n z\r\n\r\n",
        "2\r\n{}\r\n0\r\nx: y\0\r\n\r\n",
        "2\r\n{}\r\n0\r\nx: y\n\r\n",
        "2\r\n{}\r\n0\r\nno colon\r\n\r\n",
        "2\r\n{}\r\n0\r\n\n",
        "2\r\n{}\r\n0\r\n\rX",
    ]
    .map(str::to_owned)
    .to_vec();
    for size in [
        "",
        "2;a",
        "2;a=b",
        "2;a=\"\r\n\"",
        "2 ",
        " 2",
        "\t2",
        "2\t",
        "+2",
        "-2",
        "0x2",
        "2h",
        "g",
        "2,2",
        "2\0",
        "\0",
        "0000000000000002",
        "fffffffffffffffff",
        "2\r",
        "\u{ff12}",
    ] {
        all.push(format!("{size}\r\n{{}}\r\n0\r\n\r\n"));
    }
    all.push("2\n{}\r\n0\r\n\r\n".to_owned());
    all
}

/// More than one request.
fn behind() -> Vec<Row> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let one = text(post("content-length: 2\r\n", "{}"));
    let sent = text(chunked("2\r\n{}\r\n0\r\n\r\n"));
    let hidden =
        format!("POST {CHAT} HTTP/1.1\r\nhost: evil.example\r\nx: y : z\r\ncontent-length : 0\r\n\r\n");
    vec![
        (one.repeat(2).into_bytes(), Told::Good(2)),
        (format!("{sent}{one}{sent}").into_bytes(), Told::Good(3)),
        (format!("{one}{hidden}").into_bytes(), Told::Behind),
        (format!("{sent}{hidden}").into_bytes(), Told::Behind),
        (format!("{one}}}\r\n\r\n").into_bytes(), Told::Behind),
        (format!("{one}\r\n{one}").into_bytes(), Told::Behind),
        (format!("{sent}\r\n{one}").into_bytes(), Told::Behind),
        (format!("{one}GET / HTTP/1.1\r\n\r\n").into_bytes(), Told::Behind),
        // The classic of its kind: what one reader takes for a body hides a request from the other.
        (
            post(
                "content-length: 4\r\ntransfer-encoding: chunked\r\n",
                &format!("2\r\n{{}}\r\n0\r\n\r\n{one}"),
            ),
            BAD,
        ),
        (post("transfer-encoding: chunked\r\ncontent-length: 300\r\n", &format!("0\r\n\r\n{one}")), BAD),
        (post("content-length: 2\r\ncontent-length: 300\r\n", &format!("{{}}{one}")), BAD),
        (post("content-length: 2\r\nconnection: close\r\n", &format!("{{}}{one}")), Told::Last),
    ]
}
