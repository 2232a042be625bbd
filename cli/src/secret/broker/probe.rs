//! Whether a gateway answers: one GET over its Unix socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longest wait for one answer; the caller asks again.
const WAIT: Duration = Duration::from_millis(500);

/// Whether `GET path` over that socket is answered with 200.
pub(super) fn over_socket(socket: &Path, path: &str) -> bool {
    UnixStream::connect(socket).is_ok_and(|stream| {
        let timed = stream.set_read_timeout(Some(WAIT)).and_then(|()| stream.set_write_timeout(Some(WAIT)));
        timed.is_ok() && is_ok(stream, path)
    })
}

fn is_ok(mut stream: impl Read + Write, path: &str) -> bool {
    const OK: &[u8] = b"HTTP/1.1 200 ";
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut start = [0; OK.len()];
    stream.write_all(request.as_bytes()).and_then(|()| stream.read_exact(&mut start)).is_ok() && start == OK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_status_200_is_ready() {
        for (answer, ready) in [
            ("HTTP/1.1 200 OK\r\n\r\n", true),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", false),
            ("HTTP/1.1 2", false),
            ("", false),
        ] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            theirs.write_all(answer.as_bytes()).unwrap();
            theirs.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(is_ok(ours, "/readyz"), ready, "{answer}");
        }
    }
}
