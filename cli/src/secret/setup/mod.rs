//! `ugent secret setup`: five questions, and then a gateway that works. Does nothing that the other
//! commands do not do, in their order; whatever was there stays as it is, so that it can be asked again.

mod lines;
mod questions;
mod teller;
mod trial;

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::{SecretBytes, pair};
use proto::name::{Backend, Kind};
use proto::policy::{Explanation, Question};
use proto::standing::LauncherStanding;

use self::questions::Wanted;
use self::teller::Teller;
use super::grant::Add as AddGrant;
use super::meta_view::deposited;
use super::{broker, init, token};
use crate::ending::{Halt, Outcome, no_slot};
use crate::hazmat::injectable::Injectable;
use crate::hazmat::passphrase::{Asking, Sources};
use crate::keeper::{self, unexpected};
use crate::pause::pause;
use crate::session::Session;
use crate::system::Mode;
use crate::usage::wrong;

/// Asks five questions, and ends with a gateway that works
#[derive(Args)]
#[command(
    after_help = "It asks where values are kept, for a provider, its key, who uses it and with which SDK, then\n\
                  makes what is missing, starts the broker, and tries it if you agree.\n\n\
                  Example:\n  ugent secret setup"
)]
pub(crate) struct Setup {}

/// How long a grant that was added may take to count.
const COUNTS: Duration = Duration::from_secs(3);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Without anybody to ask: the same by hand.
const BY_HAND: &str = "ugent secret init, then ugent secret add @openai_api_key --provider openai --stdin < key.txt, \
                       then ugent secret broker start; ugent secret names the step that is next";

impl Setup {
    pub(super) fn run(&self, mode: Mode, sources: Sources) -> Outcome {
        if mode == Mode::System {
            return Err(wrong("setup is for a broker of your own, and not for the machine's", BY_HAND).into());
        }
        let mut teller = Teller::open()
            .ok_or_else(|| wrong("setup asks questions, and there is no terminal to ask on", BY_HAND))?;
        let mut session = Session::open(mode, sources)?;
        let backend = questions::backend(&mut teller, &session)?;
        // Kept until setup ends: what needs it later is not to ask again.
        let passphrase = prepare(&mut session, backend)?;
        let (wanted, key) = questions::ask(&mut teller, &session)?;
        deposit(&wanted, &session, key)?;
        grant(&wanted, &session)?;
        let token = token_of(&wanted, &mut session, passphrase)?;
        let launcher = launcher(&session)?;
        trial::offer(&mut teller, &wanted, &launcher, &token)?;
        lines::print(&mut stdout().lock(), &wanted, &launcher, &token)?;
        Ok(())
    }
}

/// A vault, and a broker that has its keys; with the passphrase, if it was needed.
fn prepare(session: &mut Session, backend: Backend) -> Result<Option<SecretBytes>, Halt> {
    let has_vault = session.home.has_vault();
    let locked = match keeper::reach_broker(session)? {
        None => None,
        Some(mut keeper) => {
            let CliAnswer::Status { keeper: standing, .. } = keeper.ask(&CliRequest::Status, None)?.answer
            else {
                return Err(unexpected().into());
            };
            Some(standing.locked)
        }
    };
    if locked == Some(false) {
        return Ok(None);
    }
    if backend == Backend::Keychain {
        keep_in_keychain(session, locked.is_some())?;
        return Ok(None);
    }
    let passphrase = session.passphrase.require(if has_vault { Asking::Once } else { Asking::Twice })?;
    let again = || pair::again(&passphrase).map_err(no_slot);
    if !has_vault {
        session.settings.backend = Some(backend);
        session.passphrase.give(again()?);
        init::make(session)?;
    }
    match locked {
        None => {
            session.passphrase.give(again()?);
            broker::start(session)?;
        }
        Some(_) => {
            let mut keeper = keeper::require_broker(session)?;
            let CliAnswer::Unlocked = keeper.ask(&CliRequest::Unlock, Some(again()?))?.answer else {
                return Err(unexpected().into());
            };
        }
    }
    Ok(Some(passphrase))
}

/// The same in a keychain, which is open or asks by itself.
fn keep_in_keychain(session: &mut Session, is_running: bool) -> Outcome {
    if !session.home.is_in_keychain() {
        session.settings.backend = Some(Backend::Keychain);
        init::make(session)?;
    }
    if !is_running {
        return broker::start(session);
    }
    let mut keeper = keeper::require_broker(session)?;
    let CliAnswer::Unlocked = keeper.ask_patiently(&CliRequest::Unlock, None)?.answer else {
        return Err(unexpected().into());
    };
    Ok(())
}

fn deposit(wanted: &Wanted, session: &Session, key: Option<SecretBytes>) -> Outcome {
    let Some(key) = key else { return Ok(()) };
    let injectable = Injectable::of(&key);
    let mut keeper = keeper::require_broker(session)?;
    let request = CliRequest::Add {
        handle: wanted.secret.clone(),
        provider: wanted.provider.clone(),
        kind: Kind::ApiKey,
        expires: None,
    };
    let answered = keeper.ask(&request, Some(key))?;
    deposited(&mut stdout().lock(), answered.answer, injectable)
}

/// Unless it is granted already; and until it counts.
fn grant(wanted: &Wanted, session: &Session) -> Outcome {
    if is_granted(wanted, session)? {
        return Ok(());
    }
    AddGrant::of(&wanted.secret, &wanted.consumer, &wanted.suggestion).run(session)?;
    let deadline = Instant::now() + COUNTS;
    while !is_granted(wanted, session)? && Instant::now() < deadline {
        pause(PAUSE);
    }
    Ok(())
}

fn is_granted(wanted: &Wanted, session: &Session) -> Result<bool, Failure> {
    let mut keeper = keeper::require_broker(session)?;
    for purpose in &wanted.suggestion.purposes {
        let question = Question {
            consumer: wanted.consumer.clone(),
            secret: wanted.secret.clone(),
            purpose: purpose.clone(),
            host: None,
            delivery: wanted.suggestion.delivery,
            method: None,
            path: None,
        };
        let CliAnswer::Explained(explanation) = keeper.ask(&CliRequest::Explain(question), None)?.answer
        else {
            return Err(unexpected());
        };
        match explanation {
            Explanation::Allowed { .. } => {}
            Explanation::Refused { .. } => return Ok(false),
        }
    }
    keeper.end()?;
    Ok(true)
}

/// The file of the token that the consumer's programs give.
fn token_of(
    wanted: &Wanted,
    session: &mut Session,
    passphrase: Option<SecretBytes>,
) -> Result<PathBuf, Halt> {
    if wanted.is_cores() {
        return session.home.token().ok_or_else(|| unexpected().into());
    }
    let path = session.home.path().join(format!("{}.token", wanted.consumer));
    if path.symlink_metadata().is_ok() {
        writeln!(stdout(), "{} is there already, and is used as it is", path.display())?;
        return Ok(path);
    }
    if let Some(passphrase) = passphrase {
        session.passphrase.give(passphrase);
    }
    token::Issue::to_file(&wanted.consumer, path.clone()).run(session)?;
    Ok(path)
}

fn launcher(session: &Session) -> Result<LauncherStanding, Failure> {
    let mut keeper = keeper::require_broker(session)?;
    let CliAnswer::Status { launcher: Some(launcher), .. } = keeper.ask(&CliRequest::Status, None)?.answer
    else {
        return Err(unexpected());
    };
    Ok(launcher)
}

/// Somebody who asked to be asked no more.
fn ended() -> Failure {
    Failure::new(FailureClass::Refused, "setup was ended", "ugent secret setup goes on with what is there")
}
