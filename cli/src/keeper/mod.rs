//! Reaching a keeper: the running broker's, or one of our own for this command alone.

mod ask;
mod broker;
mod helper;
mod private;
pub(crate) mod probe;
mod verifier;

use std::time::{Duration, Instant};

use proto::failure::{Failure, FailureClass};

pub(crate) use ask::{Keeper, Reached, unexpected};
pub(crate) use verifier::{Key, Verifier};

use crate::home::Found;
use crate::launch::holder;
use crate::pause::pause;
use crate::session::Session;

/// How long a command waits for another one to let go of the catalog.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a broker may take from its lock to its socket, and from removing that to its end.
const SOCKETLESS: Duration = Duration::from_secs(3);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// What a keeper is reached for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To make what is missing.
    Init,
    /// For anything else; nothing is made.
    Use,
}

/// The running broker's keeper, else a private one. Tries both for a while, since a broker may be
/// about to start or to end, or another command about to be done.
pub(crate) fn reach(session: &Session, purpose: Purpose) -> Result<Keeper, Failure> {
    match purpose {
        Purpose::Use => check_set_up(session)?,
        Purpose::Init => {
            session.home.check()?;
        }
    }
    patiently(|deadline| {
        if let Some(keeper) = broker::connect(&session.home, *deadline)? {
            return Ok(keeper);
        }
        let socketless = holder(&session.home);
        if socketless.is_some() {
            shorten(deadline);
        }
        match (private::start(session, purpose, *deadline), socketless) {
            // Its keeper has what ours needs.
            (Err(failure), Some(pid)) if failure.class == FailureClass::TryAgain => {
                Err(no_socket(session, pid))
            }
            (started, _) => started,
        }
    })
}

/// The running broker's keeper, or none if no broker runs.
pub(crate) fn reach_broker(session: &Session) -> Result<Option<Keeper>, Failure> {
    match session.home.check()? {
        Found::Nothing => Ok(None),
        Found::Secrets => {
            patiently(|deadline| match (broker::connect(&session.home, *deadline)?, holder(&session.home)) {
                (None, Some(pid)) => {
                    shorten(deadline);
                    Err(no_socket(session, pid))
                }
                (keeper, _) => Ok(keeper),
            })
        }
    }
}

/// The running broker's keeper, or an error that says how to start one.
pub(crate) fn require_broker(session: &Session) -> Result<Keeper, Failure> {
    reach_broker(session)?.ok_or_else(not_running)
}

/// No broker runs.
pub(crate) fn not_running() -> Failure {
    Failure::new(FailureClass::Unreachable, "no broker is running", "ugent secret broker start")
}

/// A broker runs, but nobody can reach it.
fn no_socket(session: &Session, pid: u32) -> Failure {
    let socket = session.home.keeper_socket();
    Failure::new(
        FailureClass::TryAgain,
        format!("a broker (pid {pid}) runs for this home, but its socket {} is missing", socket.display()),
        format!("kill {pid}; then ugent secret broker start"),
    )
}

fn shorten(deadline: &mut Instant) {
    *deadline = (*deadline).min(Instant::now() + SOCKETLESS);
}

/// Checks that there is something to work with, before anybody is asked for anything.
pub(crate) fn check_set_up(session: &Session) -> Result<(), Failure> {
    match session.home.check()? {
        Found::Secrets => Ok(()),
        Found::Nothing => Err(Failure::new(
            FailureClass::Config,
            format!("{} is not set up", session.home.secrets().display()),
            "ugent secret init",
        )),
    }
}

/// Tries until it works, until it fails for good, or until the time is over, which a try may cut.
fn patiently<T>(mut attempt: impl FnMut(&mut Instant) -> Result<T, Failure>) -> Result<T, Failure> {
    let mut deadline = Instant::now() + PATIENCE;
    loop {
        match attempt(&mut deadline) {
            Err(failure) if failure.class == FailureClass::TryAgain && Instant::now() < deadline => {
                pause(PAUSE)
            }
            done => return done,
        }
    }
}
