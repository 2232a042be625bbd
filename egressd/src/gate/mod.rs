//! The only place of egressd where a client's bytes are judged.
//!
//! One request: check its head, ask keeperd, hand over to the upstream. Nothing of a request is
//! logged but what [`crate::access_log`] has a field for.

mod admit;
pub(crate) mod clients;
mod farewell;
mod host;
pub(crate) mod path;
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
use proto::control_lane::LogLevel;
use proto::hazmat::SecretBytes;
use proto::journal::Outcome;
use proto::lease_lane::Caller;
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
    if let Err(cause) = host::check(request.headers(), &worker.clients.origins) {
        return refuse(&worker, cause, None).map(Answered::Own);
    }
    if let Some(response) = probe::answer(request.method(), request.uri().path(), worker.keeper.state()) {
        return response.map(Answered::Own);
    }
    let ask = match admit::ask(&request, caller) {
        Ok(ask) => ask,
        Err(cause) => return refuse(&worker, cause, None).map(Answered::Own),
    };
    let provider = ask.provider.clone();
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
        Err(cause) => refusal::answer(cause, Some(&provider)).map(Answered::Own),
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
    let token: Option<SecretBytes> = admit::token(&client.headers, client.uri.query())?;
    let (provider, method) = (ask.provider.clone(), ask.method.clone());
    let Some((seq, answer)) = worker.keeper.ask_open(ask, token, cut) else {
        return Err(Cause::KeeperUnavailable);
    };
    let (keeper, log) = (worker.keeper.clone(), worker.log.clone());
    let mut ticket = Ticket::new(keeper, Rc::clone(cut), log, seq, provider, method);
    match answer.await {
        Ok(Answer::Opened(opened)) => {
            ticket.leased(opened.lease);
            Ok((ticket, opened))
        }
        // Too much at once; the lane and the other requests go on.
        Ok(Answer::NoRoom(lease)) => {
            ticket.leased(lease);
            ticket.over(Outcome::UpstreamFailed);
            Err(Cause::Busy)
        }
        Ok(Answer::Refused(told)) => {
            ticket.refused(told.refusal.as_str());
            Err(Cause::Keeper(told))
        }
        Err(_) => {
            ticket.refused(Cause::KeeperUnavailable.code());
            Err(Cause::KeeperUnavailable)
        }
    }
}

/// What a client is told that never got as far as an ask.
fn refuse(worker: &Worker, cause: Cause, provider: Option<&ProviderId>) -> Response<Full<Bytes>> {
    worker.log.line(LogLevel::Info, || {
        AccessLine {
            provider,
            method: None,
            end: AccessEnd::Refused(cause.code()),
            ms: 0,
            bytes_in: 0,
            bytes_out: 0,
            lease: None,
        }
        .to_string()
    });
    refusal::answer(cause, provider)
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
