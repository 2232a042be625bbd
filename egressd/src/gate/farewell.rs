//! The last words on a connection that hyper does not write, and its end: in order, so that the
//! client has read them before it finds the connection closed.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How long a client may take to read the last words.
const PATIENCE: Duration = Duration::from_millis(500);
/// Most bytes that are thrown away for that.
const THROWN_AWAY_MAX: usize = 1024 * 1024;

/// Answers whatever was asked with this, and closes.
pub(super) async fn say<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, response: Response<Full<Bytes>>) {
    let polite = async {
        let (head, body) = response.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let mut text = Vec::with_capacity(512);
        text.extend_from_slice(b"HTTP/1.1 ");
        text.extend_from_slice(head.status.as_str().as_bytes());
        text.push(b' ');
        text.extend_from_slice(head.status.canonical_reason().unwrap_or_default().as_bytes());
        for (name, value) in &head.headers {
            for part in [b"\r\n", name.as_str().as_bytes(), b": ", value.as_bytes()] {
                text.extend_from_slice(part);
            }
        }
        text.extend_from_slice(
            format!("\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len()).as_bytes(),
        );
        text.extend_from_slice(&body);
        stream.write_all(&text).await
    };
    if let Ok(Ok(())) = tokio::time::timeout(PATIENCE, polite).await {
        close(stream).await;
    }
}

/// Closes a connection on which bytes come that nobody reads. They are thrown away for a moment:
/// closed over them, the connection would be reset, and with it what the client has not read.
pub(super) async fn close<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let polite = async {
        let _ = stream.shutdown().await;
        let mut room = [0; 4096];
        let mut left = THROWN_AWAY_MAX;
        while let Ok(count @ 1..) = stream.read(&mut room).await
            && left > 0
        {
            left = left.saturating_sub(count);
        }
    };
    let _ = tokio::time::timeout(PATIENCE, polite).await;
}
