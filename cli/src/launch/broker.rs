//! The broker's life: one loop over children, signals and deadlines, without a thread.

use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proto::clients::ClientRules;
use proto::control_lane::{ControlOrder, Role, StartKeeper};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::meta::Timestamp;
use proto::standing::{self, ChildKind, LauncherStanding};

use super::child::{Child, State};
use super::confine::Confined;
use super::egress::{self, Making};
use super::exports::Exports;
use super::listeners::Listeners;
use super::log_lines::Log;
use super::notify::Notify;
use super::respawn::Respawn;
use super::signals::Signals;
use super::transports::Transports;
use crate::clock;
use crate::ending::Outcome;
use crate::home::Home;
use crate::settings::Settings;

/// How long requests in flight may take once the broker is told to end.
const DRAINING: Duration = Duration::from_secs(30);
/// How long a child may take to end once it is told to.
const HALTING: Duration = Duration::from_secs(10);

/// Where the broker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Keeper and egressd are on their way.
    Starting,
    /// It has served at least once, and is to.
    Serving,
    /// Requests in flight end; no new ones.
    Draining { until: Instant },
    /// Every child is told to end.
    Halting { until: Instant },
}

impl Phase {
    /// As `broker status` shows it.
    const fn shown(self) -> standing::Phase {
        match self {
            Self::Starting => standing::Phase::Starting,
            Self::Serving => standing::Phase::Serving,
            Self::Draining { .. } | Self::Halting { .. } => standing::Phase::Ending,
        }
    }
}

pub(super) struct Broker {
    pub(super) home: Home,
    pub(super) log: Log,
    pub(super) listeners: Listeners,
    pub(super) children: Vec<Child>,
    pub(super) transports: Transports,
    pub(super) phase: Phase,
    pub(super) respawn: Respawn,
    pub(super) passphrase: Option<SecretBytes>,
    pub(super) locked: bool,
    /// Why it ends, if not because it was told to.
    pub(super) failure: Option<Failure>,
    pub(super) notify: Notify,
    exports: Exports,
    order: StartKeeper,
    clients: ClientRules,
    generation: u32,
    started: Timestamp,
    /// The phase the keeper was last told, if it was told any.
    told: Option<standing::Phase>,
}

impl Broker {
    pub(super) fn new(home: Home, settings: &Settings, log: Log, listeners: Listeners) -> Self {
        let order = StartKeeper {
            role: Role::Broker,
            home: home.text(),
            backend: settings.backend,
            kdf: settings.kdf,
            tokenless: settings.tokenless,
            create: false,
            strictness: settings.strictness,
            system: settings.for_keeper(&home),
            passphrase_follows: false,
            keep: settings.keep,
            log: log.level(ChildKind::Keeperd.as_str()),
        };
        let exports = Exports::new(&home, settings);
        Self {
            home,
            log,
            listeners,
            children: Vec::new(),
            transports: Transports::default(),
            phase: Phase::Starting,
            respawn: Respawn::default(),
            passphrase: None,
            locked: true,
            failure: None,
            notify: Notify::open(),
            exports,
            order,
            clients: settings.clients.clone(),
            generation: 0,
            started: clock::now(),
            told: None,
        }
    }

    /// Starts the keeper and goes on until every child is gone.
    pub(super) fn run(mut self, passphrase: Option<SecretBytes>, signals: &Signals, _: &Confined) -> Outcome {
        self.order.passphrase_follows = passphrase.is_some();
        self.passphrase = passphrase;
        let mut keeper = Child::start(ChildKind::Keeperd, 1)?;
        let socket = self.listeners.for_keeper().map_err(|error| {
            Failure::new(FailureClass::Io, format!("keeperd.sock could not be passed on: {error}"), "")
        })?;
        keeper.order(&ControlOrder::StartKeeper(self.order.clone()), None, vec![socket]);
        self.children.push(keeper);
        while !self.children.is_empty() {
            self.wait(signals)?;
            for _ in 0..signals.count() {
                self.told_to_end();
            }
            self.hear_children();
            self.bury_children();
            self.keep_deadlines(Instant::now());
            self.tend_exports();
            self.tell_phase();
        }
        self.exports.end();
        match self.failure.take() {
            None => Ok(()),
            Some(failure) => Err(failure.into()),
        }
    }

    /// The keeper serves, locked or not: so exports can be.
    pub(super) fn begin_exports(&mut self) {
        self.exports.begin(Instant::now());
    }

    fn tend_exports(&mut self) {
        if matches!(self.phase, Phase::Halting { .. }) {
            return;
        }
        let keeper = self.children.iter_mut().find(|child| child.kind == ChildKind::Keeperd);
        for line in self.exports.tend(keeper, Instant::now()) {
            self.warn(&line);
        }
    }

    /// The keeper, while it lives.
    pub(super) fn keeper(&mut self) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.kind == ChildKind::Keeperd)
    }

    /// Starts the next egressd. It replaces the ones before it once it is ready.
    pub(super) fn start_egress(&mut self) {
        self.generation = self.generation.saturating_add(1);
        let making = Making {
            generation: self.generation,
            listeners: &self.listeners,
            transports: &self.transports,
            strictness: self.order.strictness,
            clients: &self.clients,
            account: self.home.system().map(|system| system.egress),
            log: self.log.level(ChildKind::Egressd.as_str()),
        };
        let Some(keeper) = self.children.iter_mut().find(|child| child.kind == ChildKind::Keeperd) else {
            return;
        };
        match egress::start(&making, keeper) {
            Ok(egress) => self.children.push(egress),
            Err(failure) if self.phase == Phase::Starting => return self.fail(failure),
            Err(failure) => {
                self.warn(&failure.what);
                self.respawn.plan(Duration::ZERO, Instant::now());
            }
        }
        self.tell_standing();
    }

    /// Number of the newest egressd.
    pub(super) const fn newest_generation(&self) -> u32 {
        self.generation
    }

    /// A signal, or a wish of the CLI: the first drains, the next ends at once, the last kills.
    pub(super) fn told_to_end(&mut self) {
        match self.phase {
            Phase::Serving => {
                self.notify.say("STOPPING=1");
                self.phase = Phase::Draining { until: Instant::now() + DRAINING };
                self.listeners.close_gateway();
                self.egresses().for_each(Child::drain);
                self.halt_if_drained();
            }
            Phase::Starting | Phase::Draining { .. } => self.halt(),
            Phase::Halting { .. } => self.children.iter_mut().for_each(Child::kill),
        }
    }

    /// Something is wrong beyond repair: everything ends, and this is why.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
        self.halt();
    }

    /// Once nothing is in flight any more, the rest ends.
    pub(super) fn halt_if_drained(&mut self) {
        if matches!(self.phase, Phase::Draining { .. }) && self.egresses().next().is_none() {
            self.halt();
        }
    }

    /// Tells the keeper what there is to say of us, for `broker status`.
    pub(super) fn tell_standing(&mut self) {
        let standing = self.standing();
        let phase = standing.phase;
        if let Some(keeper) = self.keeper().filter(|keeper| keeper.state == State::Ready) {
            keeper.order(&ControlOrder::Standing(standing), None, Vec::new());
            self.told = Some(phase);
        }
    }

    /// Tells the keeper of a new phase. Not once it was told to stop: it reads no further then.
    fn tell_phase(&mut self) {
        let halting = matches!(self.phase, Phase::Halting { .. });
        if !halting && self.told != Some(self.phase.shown()) {
            self.tell_standing();
        }
    }

    pub(super) fn standing(&self) -> LauncherStanding {
        LauncherStanding {
            pid: std::process::id(),
            started: self.started,
            phase: self.phase.shown(),
            tcp: self.listeners.address(),
            sockets: self.listeners.sockets(),
            children: self.children.iter().map(Child::standing).collect(),
        }
    }

    fn egresses(&mut self) -> impl Iterator<Item = &mut Child> {
        self.children.iter_mut().filter(|child| child.kind == ChildKind::Egressd)
    }

    fn halt(&mut self) {
        if matches!(self.phase, Phase::Halting { .. }) {
            return;
        }
        self.phase = Phase::Halting { until: Instant::now() + HALTING };
        self.passphrase = None;
        self.listeners.close_gateway();
        self.tell_standing();
        for child in &mut self.children {
            child.order(&ControlOrder::Stop, None, Vec::new());
        }
    }

    fn keep_deadlines(&mut self, now: Instant) {
        match self.phase {
            Phase::Starting => {}
            Phase::Serving => {
                if self.respawn.take(now) {
                    self.start_egress();
                }
            }
            Phase::Draining { until } if until <= now => {
                self.warn("requests in flight did not end in time and are cut off");
                self.halt();
            }
            Phase::Halting { until } if until <= now => self.children.iter_mut().for_each(Child::kill),
            Phase::Draining { .. } | Phase::Halting { .. } => {}
        }
        for child in &mut self.children {
            child.doom(now);
        }
    }

    /// Sleeps until a child says something or ends, a signal comes, or a deadline is reached.
    fn wait(&mut self, signals: &Signals) -> Result<(), Failure> {
        let now = Instant::now();
        let phase = match self.phase {
            Phase::Starting => None,
            Phase::Serving => self.respawn.due(),
            // Past its deadline everything is killed, and what is killed shows.
            Phase::Draining { until } | Phase::Halting { until } => (until > now).then_some(until),
        };
        let dooms = self.children.iter_mut().filter_map(|child| child.doom(now));
        let exports = match self.phase {
            Phase::Halting { .. } => None,
            Phase::Starting | Phase::Serving | Phase::Draining { .. } => self.exports.due(),
        };
        let next = dooms.chain(phase).chain(exports).min();
        let wait = next.map_or(PollTimeout::NONE, |next| {
            // One more, since poll cuts the rest of a millisecond off and would wake too early.
            let left = next.saturating_duration_since(now) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        let mut watched = vec![PollFd::new(std::os::fd::AsFd::as_fd(signals), PollFlags::POLLIN)];
        for child in &self.children {
            let (process, lane) = child.watched();
            watched.push(PollFd::new(std::os::fd::AsFd::as_fd(process), PollFlags::POLLIN));
            if let Some((lane, flags)) = lane {
                watched.push(PollFd::new(std::os::fd::AsFd::as_fd(lane), flags));
            }
            watched.extend(child.stderr().map(|stderr| PollFd::new(stderr, PollFlags::POLLIN)));
        }
        if !matches!(self.phase, Phase::Halting { .. }) {
            watched.extend(self.exports.watched().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        }
        match poll(&mut watched, wait) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => {
                Err(Failure::new(FailureClass::Bug, format!("the launcher cannot wait: {error}"), ""))
            }
        }
    }
}
