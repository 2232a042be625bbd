//! The only place of egressd where a client's bytes are judged.
//!
//! One request: check its head, ask keeperd, hand over to the upstream. Nothing of a request is
//! logged but what [`crate::access_log`] has a field for.

pub(crate) mod admit;
pub(crate) mod clients;
mod farewell;
mod host;
pub(crate) mod path;
pub(crate) mod presence;
mod probe;
pub(crate) mod query;
pub(crate) mod seats;
pub(crate) mod strip;
pub(crate) mod turn;
pub(crate) mod upgrade;
pub(crate) mod wire;

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Request, Response};
use proto::control_lane::{ErrorShape, LogLevel};
use proto::hazmat::SecretBytes;
use proto::journal::Outcome;
use proto::lease_lane::{Caller, Ending};
use proto::name::ProviderId;

use crate::access_log::{AccessEnd, AccessLine};
use crate::cut::Cut;
use crate::keeper::{Answer, Ask, Opened};
use crate::refusal::{self, Cause};
use crate::ticket::Ticket;
use crate::upstream::relay::Relayed;
use crate::upstream::response_body::{BrokenOff, ResponseBody};
use crate::worker::Worker;
use turn::Turn;

/// The body of whatever a client gets.
pub(crate) enum Answered {
    /// A small one of ours.
    Own(Full<Bytes>),
    /// The provider's, as it comes.
    Streamed(Box<ResponseBody>),
}

/// Answers one request.
pub(crate) async fn answer(
    worker: Rc<Worker>,
    caller: Caller,
    cut: Rc<Cut>,
    turn: Rc<Turn>,
    request: Request<Incoming>,
) -> Response<Answered> {
    cut.begin();
    let shape = shape(&worker, path::provider(request.uri().path()));
    if let Err(cause) = host::check(request.headers(), &worker.clients.origins) {
        return refuse(&worker, cause, shape).map(Answered::Own);
    }
    let path = request.uri().path();
    let state = if path == probe::READY { worker.keeper.probe().await } else { worker.keeper.state() };
    if let Some(response) = probe::answer(request.method(), path, state) {
        return response.map(Answered::Own);
    }
    let ask = match admit::ask(&request, caller) {
        Ok(ask) => ask,
        Err(cause) => return refuse(&worker, cause, shape).map(Answered::Own),
    };
    match crate::upstream::relay::relay(&worker, &cut, ask, request).await {
        Ok(relayed) => {
            cut.answered();
            match relayed {
                Relayed::Answer(response) => response.map(Answered::Streamed),
                Relayed::Switched(response, tunnel) => {
                    turn.switch(tunnel);
                    response.map(|()| Answered::Own(Full::default()))
                }
            }
        }
        // The ticket, if there was one, has logged it.
        Err(cause) => refusal::answer(cause, shape).map(Answered::Own),
    }
}

/// Asks keeperd for the value of one request. The token is read from the head anew for each ask, so
/// that it rests nowhere between two of them.
pub(crate) async fn lease(
    worker: &Worker,
    cut: &Rc<Cut>,
    ask: Ask,
    client: &Parts,
) -> Result<(Ticket, Box<Opened>), Cause> {
    let slots = worker.upstream.transport(&ask.provider).map_or(&[][..], |known| &known.token_slots);
    let token: Option<SecretBytes> = admit::token(&client.headers, client.uri.query(), slots)?;
    let (provider, method) = (ask.provider.clone(), ask.method.clone());
    let Some((seq, answer)) = worker.keeper.ask_open(ask, token, cut) else {
        return Err(Cause::KeeperUnavailable);
    };
    let (keeper, log) = (worker.keeper.clone(), worker.log.clone());
    let mut ticket = Ticket::new(keeper, Rc::clone(cut), log, seq, provider, method);
    match answer.await {
        Ok(Answer::Opened(opened)) => {
            ticket.leased(opened.lease, opened.ending);
            Ok((ticket, opened))
        }
        // Too much at once; the lane and the other requests go on.
        Ok(Answer::NoRoom(lease)) => {
            ticket.leased(lease, Ending::AtOnce);
            ticket.over(Outcome::UpstreamFailed);
            Err(Cause::Busy)
        }
        Ok(Answer::Refused(told)) => {
            ticket.refused(told.refusal.as_str());
            Err(Cause::Keeper(told))
        }
        // The ask is withdrawn, and a value that comes all the same is wiped.
        Ok(Answer::Overdue) => {
            ticket.over(Outcome::NotSent);
            Err(Cause::KeeperUnavailable)
        }
        // Nobody is there to read this.
        Ok(Answer::ClientGone) => {
            ticket.over(Outcome::ClientGone);
            Err(Cause::KeeperUnavailable)
        }
        Err(_) => {
            ticket.refused(Cause::KeeperUnavailable.code());
            Err(Cause::KeeperUnavailable)
        }
    }
}

/// In whose shape a client is refused that asks for that provider, whatever else is wrong with it.
fn shape(worker: &Worker, provider: Option<ProviderId>) -> ErrorShape {
    let transport = provider.and_then(|provider| worker.upstream.transport(&provider));
    transport.map_or(ErrorShape::OpenAi, |transport| transport.errors)
}

/// What a client is told that never got as far as an ask.
fn refuse(worker: &Worker, cause: Cause, shape: ErrorShape) -> Response<Full<Bytes>> {
    worker.log.line(LogLevel::Info, || {
        AccessLine {
            provider: None,
            method: None,
            end: AccessEnd::Refused(cause.code()),
            ms: 0,
            bytes_in: 0,
            bytes_out: 0,
            lease: None,
        }
        .to_string()
    });
    refusal::answer(cause, shape)
}

impl Body for Answered {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Streamed(body) => Pin::new(body.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Streamed(body) => body.size_hint(),
        }
    }
}
