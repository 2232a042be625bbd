//! A tunnel through a proxy: CONNECT, RFC 9110 section 9.3.6. What the proxy is told is where to, and
//! nothing else; what it says beside its status is thrown away.

use proto::name::Host;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::refusal::Cause;

/// Longest head of a proxy's answer.
const HEAD_MAX: usize = 8 * 1024;
const NOT_A_PROXY: Cause = Cause::UpstreamUnreachable("what answers as the upstream_proxy is no HTTP proxy");

/// Asks for a tunnel to a host, and reads the answer up to where the tunnel begins.
pub(super) async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    host: &Host,
    port: u16,
) -> Result<(), Cause> {
    let to = match host.address() {
        Some(std::net::IpAddr::V6(address)) => format!("[{address}]:{port}"),
        Some(std::net::IpAddr::V4(_)) | None => format!("{}:{port}", host.as_str()),
    };
    let ask = format!("CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n\r\n");
    let broken = |_| Cause::UpstreamUnreachable("the upstream_proxy broke off");
    stream.write_all(ask.as_bytes()).await.map_err(broken)?;
    let mut head = Vec::new();
    // Byte by byte: what comes behind the head is the tunnel's already.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD_MAX {
            return Err(NOT_A_PROXY);
        }
        head.push(stream.read_u8().await.map_err(broken)?);
    }
    match status(&head) {
        Some([b'2', _, _]) => Ok(()),
        Some(b"407") => Err(Cause::UpstreamUnreachable(
            "the upstream_proxy wants a user and password, which the gateway does not have",
        )),
        Some([b'4', _, _]) => Err(Cause::UpstreamUnreachable("the upstream_proxy does not let us there")),
        Some(_) => Err(Cause::UpstreamUnreachable("the upstream_proxy does not get there")),
        None => Err(NOT_A_PROXY),
    }
}

/// The status of a response, RFC 9112 section 4.
fn status(head: &[u8]) -> Option<&[u8; 3]> {
    let rest = head.strip_prefix(b"HTTP/1.")?;
    let ([b'0' | b'1', b' '], rest) = rest.split_first_chunk::<2>()? else { return None };
    let (status, rest) = rest.split_first_chunk::<3>()?;
    let is_status = status.iter().all(u8::is_ascii_digit) && matches!(rest.first(), Some(b' ' | b'\r'));
    is_status.then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client makes of that answer, and what it had asked.
    async fn answered(answer: &[u8]) -> (Result<(), Cause>, String, Vec<u8>) {
        let (mut ours, mut proxy) = tokio::io::duplex(64 * 1024);
        proxy.write_all(answer).await.unwrap();
        proxy.shutdown().await.unwrap();
        let told = tunnel(&mut ours, &Host::parse("api.example").unwrap(), 443).await;
        let mut rest = Vec::new();
        ours.read_to_end(&mut rest).await.unwrap();
        drop(ours);
        let mut asked = String::new();
        proxy.read_to_string(&mut asked).await.unwrap();
        (told, asked, rest)
    }

    #[tokio::test]
    async fn a_tunnel_begins_right_behind_the_head() {
        for head in ["HTTP/1.1 200 Connection established\r\n\r\n", "HTTP/1.0 200\r\nvia: x\r\n\r\n"] {
            let (told, asked, rest) = answered(format!("{head}tls").as_bytes()).await;
            assert_eq!(told, Ok(()), "{head}");
            assert_eq!(asked, "CONNECT api.example:443 HTTP/1.1\r\nhost: api.example:443\r\n\r\n");
            assert_eq!(rest, b"tls");
        }
    }

    #[tokio::test]
    async fn anything_else_is_no_tunnel_and_says_what_it_is() {
        let endless = [b"HTTP/1.1 200 OK\r\n".to_vec(), vec![b'x'; 2 * HEAD_MAX]].concat();
        for (answer, why) in [
            (&b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"[..], "user and password"),
            (b"HTTP/1.1 403 Forbidden\r\n\r\n", "does not let us there"),
            (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "does not get there"),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "does not get there"),
            (b"HTTP/2 200\r\n\r\n", "no HTTP proxy"),
            (b"HTTP/1.1 2000\r\n\r\n", "no HTTP proxy"),
            (b"HTTP/1.1  200 OK\r\n\r\n", "no HTTP proxy"),
            (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no HTTP proxy"),
            (&endless, "no HTTP proxy"),
            (b"HTTP/1.1 200 OK\r\n", "broke off"),
            (b"", "broke off"),
        ] {
            let (told, _, _) = answered(answer).await;
            let said = matches!(told, Err(Cause::UpstreamUnreachable(said)) if said.contains(why));
            assert!(said, "{why}: {told:?}");
        }
    }
}
