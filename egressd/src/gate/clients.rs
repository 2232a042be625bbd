//! Takes connections from the listeners and serves HTTP/1.1 on them.
//!
//! The listeners were made by the launcher and are shared by all workers and generations; this
//! process never binds one.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::rc::Rc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proto::control_lane::LogLevel;
use proto::lease_lane::Caller;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::presence::Shared;
use super::seats::Seat;
use super::turn::Answering;
use super::wire::{HEAD_MAX, HEADERS_MAX, Wire};
use super::{farewell, path, refuse, shape};
use crate::cut::Cut;
use crate::refusal::Cause;
use crate::worker::{Phase, Worker};

/// How long a client that is turned away may take to send what nobody will look at.
const TURNED_AWAY: Duration = Duration::from_millis(250);

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
    worker.seats.make_some_room();
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
    let worker = Rc::clone(worker);
    match worker.seats.take(caller) {
        Some(seat) => {
            drop(tokio::task::spawn_local(async move { serve(&worker, &seat, stream, caller).await }))
        }
        None => drop(tokio::task::spawn_local(async move { turn_away(&worker, stream).await })),
    }
}

async fn turn_away<S: AsyncRead + AsyncWrite + Unpin>(worker: &Worker, mut stream: S) {
    // A request's head, so that the answer comes behind what it answers.
    let _ = tokio::time::timeout(TURNED_AWAY, stream.read(&mut [0; 1024])).await;
    farewell::say(stream, refuse(worker, Cause::Busy, shape(worker, None))).await;
}

async fn serve<S: AsyncRead + AsyncWrite + AsFd + Unpin + 'static>(
    worker: &Rc<Worker>,
    seat: &Seat,
    stream: S,
    caller: Caller,
) {
    let turn = &seat.turn;
    let stream = Shared::new(stream);
    let cut = Rc::new(Cut::of(Rc::new(stream.again())));
    let service = service_fn(|request| {
        let answer = super::answer(Rc::clone(worker), caller, Rc::clone(&cut), Rc::clone(turn), request);
        let turn = Rc::clone(turn);
        async move { Ok::<_, std::convert::Infallible>(answer.await.map(|body| Answering::new(body, turn))) }
    });
    let wire = Wire::new(stream, Rc::clone(turn), worker.limits);
    let mut connection = http1::Builder::new()
        // These are wire's to judge: hyper's answer would not be in our shape.
        .max_headers(HEADERS_MAX + 1)
        .max_header_size(HEAD_MAX)
        .max_buf_size(2 * HEAD_MAX)
        .serve_connection(TokioIo::new(wire), service);
    let mut phase = worker.phase.clone();
    let mut is_draining = false;
    loop {
        tokio::select! {
            // First, or the connection could go on to another request before it is looked at.
            biased;
            () = cut.of_answer() => return,
            _ = &mut connection => break,
            _ = phase.wait_for(|phase| *phase == Phase::Draining), if !is_draining => {
                is_draining = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
            () = turn.is_sent_away() => return,
        }
    }
    let parts = connection.into_parts();
    let wire = parts.io.into_inner();
    if let Some(tunnel) = turn.switched() {
        let (stream, held) = wire.into_rest();
        let early = [&parts.read_buf[..], &held].concat();
        tokio::select! {
            biased;
            () = cut.of_answer() => {}
            () = tunnel.run(stream, early) => {}
        }
        return;
    }
    match (turn.refused(), wire.is_owed()) {
        (Some(fault), _) => {
            let (stream, held) = wire.into_rest();
            let shape = shape(worker, path::provider_of(&held));
            farewell::say(stream, refuse(worker, fault.cause(), shape)).await;
        }
        (None, true) => farewell::close(wire.into_rest().0).await,
        (None, false) => {}
    }
}
