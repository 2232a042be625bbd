//! Takes connections from the listeners and serves HTTP/1.1 on them.
//!
//! The listeners were made by the launcher and are shared by all workers and generations; this
//! process never binds one.

use std::cell::Cell;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::rc::Rc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use proto::control_lane::LogLevel;
use proto::lease_lane::Caller;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::presence::Shared;
use crate::cut::Cut;
use crate::worker::{Phase, Worker};

/// Longest head, and most headers in one.
const HEAD_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;
/// Most connections of one worker.
const CLIENTS_MAX: usize = 1024;
/// How long a fresh connection may take for its first head.
const FIRST_HEAD: Duration = Duration::from_secs(30);
/// How long a connection may take for each later head, the pause before it included.
const NEXT_HEAD: Duration = Duration::from_secs(75);
/// Told to clients beyond the limit, without reading their request.
const BUSY: &str = concat!(
    r#"{"error":{"message":"The gateway has too many connections. Try again in a moment.","#,
    r#""type":"server_error","param":null,"code":"busy"}}"#
);

/// A listener that was passed on.
pub(crate) enum Listener {
    /// The loopback port.
    Tcp(std::net::TcpListener),
    /// A Unix socket.
    Unix(StdUnixListener),
}

impl Listener {
    /// Another descriptor of the same listener, for another worker.
    pub(crate) fn again(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            Self::Unix(listener) => Self::Unix(listener.try_clone()?),
        })
    }
}

/// Accepts until the worker drains.
pub(crate) async fn accept(listener: Listener, worker: Rc<Worker>) -> io::Result<()> {
    match listener {
        Listener::Tcp(listener) => {
            let listener = TcpListener::from_std(listener)?;
            while let Some(accepted) = until_drained(&worker, listener.accept()).await {
                match accepted {
                    Ok((stream, _)) => {
                        let _ = stream.set_nodelay(true);
                        admit(&worker, stream, Caller::Tcp);
                    }
                    Err(error) => pause(&worker, &error).await,
                }
            }
        }
        Listener::Unix(listener) => {
            let listener = UnixListener::from_std(listener)?;
            while let Some(accepted) = until_drained(&worker, listener.accept()).await {
                match accepted.and_then(|(stream, _)| Ok((caller_of(&stream)?, stream))) {
                    Ok((caller, stream)) => admit(&worker, stream, caller),
                    Err(error) => pause(&worker, &error).await,
                }
            }
        }
    }
    Ok(())
}

async fn until_drained<T>(worker: &Worker, next: impl Future<Output = T>) -> Option<T> {
    let mut phase = worker.phase.clone();
    tokio::select! {
        biased;
        _ = phase.wait_for(|phase| *phase == Phase::Draining) => None,
        accepted = next => Some(accepted),
    }
}

/// Out of descriptors, or the client has gone already: not an error of the listener.
async fn pause(worker: &Worker, error: &io::Error) {
    worker.log.line(LogLevel::Warn, || format!("a connection could not be taken: {error}"));
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// On an accepted socket the peer credentials are those of who connected.
fn caller_of(stream: &UnixStream) -> io::Result<Caller> {
    let peer = stream.peer_cred()?;
    let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0);
    Ok(Caller::Unix { uid: peer.uid(), pid })
}

fn admit<S: AsyncRead + AsyncWrite + AsFd + Unpin + 'static>(worker: &Rc<Worker>, stream: S, caller: Caller) {
    if worker.clients.get() >= CLIENTS_MAX {
        tokio::task::spawn_local(turn_away(stream));
        return;
    }
    let seat = Seat::take(worker);
    tokio::task::spawn_local(async move {
        serve(&seat.0, stream, caller).await;
    });
}

async fn turn_away<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let polite = async {
        // Closing with unread bytes would reset the connection before the answer is read.
        let _ = stream.read(&mut [0; 1024]).await;
        let head = format!(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nx-ugent-refusal: busy\r\n\
             retry-after: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            BUSY.len()
        );
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(BUSY.as_bytes()).await;
        let _ = stream.shutdown().await;
    };
    let _ = tokio::time::timeout(Duration::from_millis(250), polite).await;
}

async fn serve<S: AsyncRead + AsyncWrite + AsFd + Unpin + 'static>(
    worker: &Rc<Worker>,
    stream: S,
    caller: Caller,
) {
    let stream = Shared::new(stream);
    let has_asked = Rc::new(Cell::new(false));
    let cut = Rc::new(Cut::of(Rc::new(stream.again())));
    let service = service_fn(|request| {
        has_asked.set(true);
        let answer = super::answer(Rc::clone(worker), caller, Rc::clone(&cut), request);
        async move { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(NEXT_HEAD)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_MAX)
        .max_buf_size(2 * HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let mut phase = worker.phase.clone();
    let first_head = tokio::time::sleep(FIRST_HEAD);
    let mut first_head = std::pin::pin!(first_head);
    let (mut is_draining, mut is_late) = (false, false);
    loop {
        tokio::select! {
            // First, or the connection could go on to another request before it is looked at.
            biased;
            () = cut.of_answer() => return,
            _ = connection.as_mut() => return,
            _ = phase.wait_for(|phase| *phase == Phase::Draining), if !is_draining => {
                is_draining = true;
                connection.as_mut().graceful_shutdown();
            }
            () = first_head.as_mut(), if !is_late => {
                if !has_asked.get() {
                    return;
                }
                is_late = true;
            }
        }
    }
}

/// A place among the worker's clients.
struct Seat(Rc<Worker>);

impl Seat {
    fn take(worker: &Rc<Worker>) -> Self {
        worker.clients.set(worker.clients.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.clients.set(self.0.clients.get().saturating_sub(1));
        self.0.left.notify_one();
    }
}
