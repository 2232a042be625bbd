//! A WebSocket that sends back what comes, frame or not: it looks at no byte behind the handshake.

use std::sync::Arc;

use hyper::header::{CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::answer::response;
use super::pieces::Pieces;
use super::seen::{Ended, Log};

/// Where it is.
pub(super) const PATH: &str = "/v1/realtime";

/// Changes the protocol, and takes down what comes as the request's body.
pub(super) fn answer(
    headers: &HeaderMap,
    upgrade: OnUpgrade,
    log: &Arc<Log>,
    place: usize,
) -> Response<Pieces> {
    let mut answer = response(
        StatusCode::SWITCHING_PROTOCOLS,
        "text/plain",
        Pieces::whole(Vec::new(), Arc::clone(log), place),
    );
    for (name, value) in [(CONNECTION, "upgrade"), (UPGRADE, "websocket")] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let offered = headers.get(SEC_WEBSOCKET_PROTOCOL).and_then(|offered| offered.to_str().ok());
    if let Some(first) = offered.and_then(|offered| offered.split(',').next())
        && let Ok(chosen) = HeaderValue::from_str(first.trim())
    {
        answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, chosen);
    }
    let log = Arc::clone(log);
    tokio::spawn(async move {
        let Ok(socket) = upgrade.await else { return };
        let mut socket = TokioIo::new(socket);
        let mut room = [0; 4096];
        while let Ok(count @ 1..) = socket.read(&mut room).await {
            let came = room.get(..count).unwrap_or_default();
            log.change(place, |seen| seen.body.extend_from_slice(came));
            if socket.write_all(came).await.is_err() {
                break;
            }
        }
        let _ = socket.shutdown().await;
        log.change(place, |seen| seen.ended = Ended::Complete);
    });
    answer
}
