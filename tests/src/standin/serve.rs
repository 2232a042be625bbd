//! Connections: TLS, then HTTP/1.1 with keep-alive, each in a task of its own.

use std::io;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::Shared;
use super::answer::answer;

/// Serves until told to stop; then every connection ends with the runtime.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    tls: Arc<ServerConfig>,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let acceptor = TlsAcceptor::from(tls);
    let mut number = 0;
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return Ok(()),
            accepted = listener.accept() => {
                let Ok((socket, _)) = accepted else { continue };
                number += 1;
                tokio::spawn(connection(socket, acceptor.clone(), Arc::clone(&shared), number));
            }
        }
    }
}

async fn connection(socket: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>, number: u64) {
    let _ = socket.set_nodelay(true);
    // A client that does not trust us, or goes away, is none of our business.
    let Ok(stream) = acceptor.accept(socket).await else { return };
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { answer(request, shared, number).await.ok_or(BrokenOff) }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

/// The script wants no answer; as an error it makes hyper close the connection.
#[derive(Debug)]
struct BrokenOff;

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken off by the script")
    }
}

impl std::error::Error for BrokenOff {}
