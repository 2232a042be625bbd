//! From what was prepared to a keeper that serves: threads, first records, first reports.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;

use proto::control_lane::{ControlReport, Role, StartKeeper};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::NoSlot;
use proto::journal::Event;
use proto::name::Consumer;
use unix::lane::{Descriptors, Lane, LaneError};

use super::approvals::Approvals;
use super::flood::Flood;
use super::keeper::{Awaited, Keeper, Policy};
use super::keychain::Opening;
use super::lanes::{Lanes, Scope, Turn, Who};
use super::owed::Owed;
use super::recorder::Recorder;
use super::repeats::Repeats;
use super::slow::Slow;
use super::vault::Vault;
use super::wake::Bell;
use super::windows;
use crate::catalog::KnownToken;
use crate::clock::{Moment, wall};
use crate::confine::Confined;
use crate::keychain::Prompting;
use crate::policy::lease_book::LeaseBook;
use crate::policy::limits::Uses;
use crate::policy::tokens::{Tokenless, Tokens};
use crate::prepare::{Door, Prepared};

impl Keeper {
    /// Starts the threads, and takes up the lanes; reads nothing from them yet.
    ///
    /// # Errors
    /// [`Failure`] if a thread or a lane is not to be had.
    pub(super) fn start(control: Lane, start: StartKeeper, prepared: Prepared) -> Result<Self, Failure> {
        let Prepared { mut store, mut contents, journal, files, grants, providers, door } = prepared;
        let token = match start.role {
            Role::Broker => {
                // Rows that are over are refused either way; dropping them can wait for room.
                let _ = store.drop_ended_tokens(wall());
                store.bootstrap_token(wall())?
            }
            Role::Private | Role::Verify => None,
        };
        let made_token = token.is_some();
        if let Some((digest, row)) = token {
            contents.tokens.retain(|known| !known.row.is_bootstrap());
            contents.tokens.push(KnownToken { digest, row, last_used: None });
        }
        let vault = Vault::new(&contents);
        let policy = Policy {
            grants,
            providers,
            tokens: Tokens::new(contents.tokens),
            tokenless: Tokenless::of(&start),
            files,
        };
        let bell = Bell::new().map_err(|error| no_resource("an eventfd", &error))?;
        let recorder =
            Recorder::start(journal, bell.clone()).map_err(|error| no_resource("a thread", &error))?;
        let prompting = match start.role {
            Role::Broker => Prompting::GoesOn,
            Role::Private | Role::Verify => Prompting::Waits,
        };
        let slow =
            Slow::start(store, bell.clone(), prompting).map_err(|error| no_resource("a thread", &error))?;
        let mut lanes = Lanes::default();
        let control = lanes.add_control(control).map_err(|error| no_lane(&error))?;
        let door = match door {
            Door::Open(listener) => {
                listener.set_nonblocking(true).map_err(|error| no_resource("keeperd.sock", &error))?;
                Some(listener)
            }
            Door::Private(socket) => {
                let (uid, pid) = super::turn::credentials(&socket);
                let lane = Lane::new(socket, Descriptors::One).map_err(|NoSlot| no_slot())?;
                lanes
                    .add(lane, Who::Cli { uid, pid, turn: Turn::Theirs, scope: Scope::All })
                    .map_err(|error| no_lane(&error))?;
                None
            }
        };
        let passphrase = if start.passphrase_follows { Awaited::Yes } else { Awaited::No };
        let audit = Path::new(&start.home).join("secrets/audit");
        let uses = match start.role {
            Role::Broker => windows::rebuilt(&audit, policy.grants.in_force(), Moment::now(), wall()),
            Role::Private | Role::Verify => Uses::default(),
        };
        Ok(Self {
            start,
            audit,
            uid: nix::unistd::geteuid().as_raw(),
            lanes,
            control,
            door,
            passphrase,
            bell,
            slow,
            recorder,
            policy,
            vault,
            leases: LeaseBook::default(),
            uses,
            drafts: HashMap::new(),
            imports: HashMap::new(),
            begun: Vec::new(),
            parked: Vec::new(),
            approvals: Approvals::default(),
            releases: HashMap::new(),
            repeats: Repeats::default(),
            loans: HashMap::new(),
            loans_waiting: Vec::new(),
            after: Vec::new(),
            held: VecDeque::new(),
            flood: Flood::default(),
            owed: Owed::default(),
            trouble: None,
            standing: None,
            door_due: None,
            used_due: None,
            made_token,
            opening: Opening::new(),
            end: None,
        })
    }

    /// Says what holds this process, and what there is to know at the start.
    pub(super) fn first_reports(&mut self, confined: &Confined) {
        self.report(&ControlReport::Confined(confined.confinement().clone()));
        if self.is_broker() {
            self.note(Self::event(Event::BrokerStarted));
            if self.made_token {
                let mut record = Self::event(Event::TokenIssued);
                record.consumer = Some(Consumer::ugent_core());
                self.note(record);
            }
            self.tell_grants();
            self.tell_providers();
        }
        self.announce();
    }
}

fn no_resource(what: &str, error: &io::Error) -> Failure {
    Failure::new(
        FailureClass::Io,
        format!("keeperd cannot have {what}: {error}"),
        "raise the limits of this user (ulimit -a)",
    )
}

fn no_slot() -> Failure {
    Failure::new(FailureClass::Io, NoSlot.to_string(), "raise RLIMIT_MEMLOCK, for example `ulimit -l 8192`")
}

fn no_lane(error: &LaneError) -> Failure {
    Failure::new(FailureClass::Io, format!("keeperd cannot use a lane it was given: {error}"), "")
}
