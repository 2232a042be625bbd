//! One request from its lease to its response.

use std::rc::Rc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::header::HeaderName;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use proto::journal::Outcome;

use super::dial;
use super::head::{self, Built};
use super::link::Link;
use super::request_body::{ClientFailure, RequestBody};
use super::response_body::{Flight, ResponseBody};
use super::tunnel::Tunnel;
use super::upload_url;
use crate::cut::Cut;
use crate::gate;
use crate::gate::strip::{self, Strip};
use crate::gate::upgrade::{self, Upgrade};
use crate::hazmat::scrub::Scrub;
use crate::hazmat::watch::Sight;
use crate::keeper::{Ask, Opened};
use crate::refusal::Cause;
use crate::ticket::Ticket;
use crate::worker::Worker;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Asks for a lease, follows it, and gives what comes back. Dropped at any point, it withdraws the
/// ask, closes the connection and tells keeperd that the client has gone.
pub(crate) async fn relay(
    worker: &Rc<Worker>,
    cut: &Rc<Cut>,
    mut ask: Ask,
    request: Request<Incoming>,
) -> Result<Relayed, Cause> {
    let (client, mut body) = request.into_parts();
    if Upgrade::of(&client) == Upgrade::WebSocket && !body.is_end_stream() {
        return Err(Cause::BadRequest("a request that changes the protocol has no body"));
    }
    loop {
        let (ticket, opened) = gate::lease(worker, cut, ask.clone(), &client).await?;
        let seq = ticket.seq();
        let attempted = tokio::select! {
            biased;
            // What the attempt had goes with it: value, connection, ticket.
            () = cut.of_ask(seq) => return Err(Cause::Revoked),
            attempted = attempt(worker, &ask, &client, body, ticket, *opened) => attempted,
        };
        match attempted {
            Ok(relayed) => return Ok(relayed),
            Err(Failed::Stale(untouched)) => {
                body = *untouched;
                ask.retry_of = Some(seq);
            }
            Err(Failed::For(cause)) => return Err(cause),
        }
    }
}

/// What came back.
pub(crate) enum Relayed {
    /// An answer.
    Answer(Response<Box<ResponseBody>>),
    /// The protocol is another from here on.
    Switched(Response<()>, Box<Tunnel>),
}

enum Failed {
    /// Over an idle connection that its peer had closed; nothing was lost.
    Stale(Box<Incoming>),
    /// For good.
    For(Cause),
}

async fn attempt(
    worker: &Worker,
    ask: &Ask,
    client: &Parts,
    body: Incoming,
    mut ticket: Ticket,
    opened: Opened,
) -> Result<Relayed, Failed> {
    let upstream = &worker.upstream;
    let Some((number, place)) = upstream.outside.transports.place_of(&ask.provider, &opened) else {
        // The providers changed, and the egressd that knows the new ones is about to come.
        return Err(fail(
            ticket,
            Cause::UpstreamUnreachable("this gateway was not started for it; try again"),
        ));
    };
    let strip = Rc::new(Strip::new(&client.headers, &opened.inject, &place.transport.token_slots));
    // Of the provider's path, that which the client did not send.
    let base_path = opened.path.strip_suffix(ask.path.as_str()).unwrap_or_default().to_owned();
    let (body, source) = RequestBody::split(body, ticket.tally(), Rc::clone(&strip));
    let Built { request, needle, mut scrub, watch } =
        match head::build(client, &strip, body, opened, &place.transport) {
            Ok(built) => built,
            Err(cause) => return Err(fail(ticket, cause)),
        };
    let waiting = if ask.retry_of.is_none() { upstream.pool.take(number).await } else { None };
    let mut link = match waiting {
        Some(link) => link,
        None => match connect(worker, number).await {
            Ok(link) => link,
            Err(cause) => return Err(fail(ticket, cause)),
        },
    };
    let result = link.exchange(request, needle, watch).await;
    if link.sight() == Sight::Whole {
        ticket.echoed();
    }
    match result {
        Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            let is_asked = Upgrade::of(client) == Upgrade::WebSocket;
            if !is_asked || !upgrade::is_websocket(response.headers()) {
                return Err(fail(ticket, Cause::UpstreamUnreachable("it changed the protocol unasked")));
            }
            let silence = place.transport.idle_timeout_ms;
            Ok(switched(response, *link, scrub, ticket, silence).await)
        }
        Ok(response) => {
            ticket.answered(response.status().as_u16());
            let (mut head, incoming) = response.into_parts();
            if strip::unframe(&mut head.headers).is_err() {
                ticket.over(Outcome::UpstreamFailed);
                return Err(Failed::For(Cause::UpstreamUnreachable(
                    "its answer has a transfer-encoding other than chunked",
                )));
            }
            if let Some(scrub) = &mut scrub {
                scrub.head(&mut head);
                if scrub.has_hit() {
                    ticket.echoed();
                }
            }
            let flight = Flight { link, scrub, ticket, source, pool: upstream.pool.clone(), place: number };
            let body = ResponseBody::new(incoming, flight, place.transport.idle_timeout_ms).settled().await;
            let mut response = Response::new(Box::new(body));
            *response.status_mut() = head.status;
            *response.headers_mut() = strip::response(head.headers);
            let transport = &place.transport;
            upload_url::rewrite(response.headers_mut(), client, &ask.provider, transport, &base_path);
            Ok(Relayed::Answer(response))
        }
        Err(()) => {
            let may_repeat = link.was_stale() && (!link.has_written() || is_repeatable(client));
            drop(link);
            if may_repeat && let Some(body) = source.take_back() {
                ticket.over(Outcome::UpstreamFailed);
                return Err(Failed::Stale(Box::new(body)));
            }
            let broke_off = Cause::UpstreamUnreachable("it broke off before it answered");
            let (outcome, cause) = match source.failure() {
                None => (Outcome::UpstreamFailed, broke_off),
                Some(ClientFailure::BrokeOff) => (Outcome::ClientGone, broke_off),
                Some(ClientFailure::Wrong(fault)) => (Outcome::ClientGone, fault.cause()),
            };
            ticket.over(outcome);
            Err(Failed::For(cause))
        }
    }
}

async fn switched(
    response: Response<Incoming>,
    link: Link,
    scrub: Option<Scrub>,
    mut ticket: Ticket,
    silence_ms: u32,
) -> Relayed {
    ticket.answered(response.status().as_u16());
    let (mut head, _) = response.into_parts();
    if let Some(mut scrub) = scrub {
        scrub.head(&mut head);
        if scrub.has_hit() {
            ticket.echoed();
        }
    }
    let mut response = Response::new(());
    *response.status_mut() = head.status;
    *response.headers_mut() = strip::response(head.headers);
    Upgrade::WebSocket.announce(response.headers_mut());
    // INV-06: with the head the value has served; what comes next is not looked through.
    let (provider, early) = link.into_stream().await;
    let silence = (silence_ms > 0).then(|| Duration::from_millis(u64::from(silence_ms)));
    Relayed::Switched(response, Box::new(Tunnel::new(provider, early, ticket, silence)))
}

async fn connect(worker: &Worker, number: usize) -> Result<Box<Link>, Cause> {
    let upstream = &worker.upstream;
    let place =
        upstream.outside.transports.place(number).ok_or(Cause::UpstreamUnreachable("it is unknown"))?;
    Link::over(dial::dial(place, &upstream.resolver).await?).await
}

fn fail(ticket: Ticket, cause: Cause) -> Failed {
    ticket.over(match cause {
        Cause::UpstreamTls(_) => Outcome::UpstreamTls,
        Cause::UpstreamTimeout => Outcome::UpstreamTimeout,
        Cause::Revoked => Outcome::Revoked,
        Cause::UpstreamUnreachable(_) => Outcome::UpstreamUnreachable,
        Cause::BadRequest(_)
        | Cause::HeadTooLarge(_)
        | Cause::BadHost
        | Cause::NoSuchPath
        | Cause::Keeper(..)
        | Cause::KeeperUnavailable
        | Cause::Busy => Outcome::UpstreamFailed,
    });
    Failed::For(cause)
}

/// RFC 9110 section 9.2.2, and the client's own word for it.
fn is_repeatable(client: &Parts) -> bool {
    let method = &client.method;
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method)
        || client.headers.contains_key(IDEMPOTENCY_KEY)
}
