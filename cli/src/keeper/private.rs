//! A keeperd of our own, for this command alone. It ends with its lanes.

use std::io::Write;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proto::control_lane::{ControlOrder, ControlReport, Role, StartKeeper, StartKeychain, System};
use proto::failure::{Failure, FailureClass};
use proto::frame::Message;
use proto::hazmat::SecretBytes;
use proto::hello::LaneKind;
use proto::standing::{ChildKind, ChildStanding, Confinement};
use unix::lane::{Descriptors, Lane, LaneError, Parcel, Received};

use super::Purpose;
use super::ask::{Keeper, Reached, unexpected};
use super::helper::Helper;
use crate::ending::{lane_broke, no_slot};
use crate::log_filter::{LogFilter, line};
use crate::session::Session;
use crate::system::is_root;
use crate::{clock, spawn};

/// How long a keeper may take to end: it syncs what it has written.
const ENDING: Duration = Duration::from_secs(10);

/// A keeperd we started, by its control lane.
pub(crate) struct Private {
    process: Child,
    control: Lane,
    log: LogFilter,
    deadline: Instant,
    /// What holds it, as it reported.
    confinement: Confinement,
    /// What it ended for, if it said so while we waited for something else.
    ended: Option<Failure>,
    keychain: StartKeychain,
    /// The keychain's helper, once it wanted one.
    helper: Option<Helper>,
}

/// Starts one and gives it its cli lane.
pub(super) fn start(session: &Session, purpose: Purpose, deadline: Instant) -> Result<Keeper, Failure> {
    let (ours, theirs) = UnixStream::pair().map_err(|error| {
        Failure::new(FailureClass::Io, format!("no socket pair for a private keeperd: {error}"), "")
    })?;
    let mut private = Private::start(session, Role::Private, purpose, vec![theirs.into()], deadline)?;
    let mut lane = Lane::new(ours, Descriptors::Accepted).map_err(no_slot)?;
    match lane.greet(LaneKind::Cli, deadline) {
        Ok(()) => Ok(Keeper::new(lane, Reached::Private(Box::new(private)))),
        Err(error) => Err(private.why().unwrap_or_else(|| lane_broke(&error, "keeperd"))),
    }
}

impl Private {
    /// Starts a keeperd in that role and waits until it is confined and ready.
    pub(super) fn start(
        session: &Session,
        role: Role,
        purpose: Purpose,
        fds: Vec<OwnedFd>,
        deadline: Instant,
    ) -> Result<Self, Failure> {
        let system = system(session, role)?;
        let started = spawn::daemon(ChildKind::Keeperd, Stdio::inherit())?;
        let control = Lane::new(started.control, Descriptors::Refused).map_err(no_slot)?;
        let log = session.log.clone();
        let mut private = Self {
            process: started.process,
            control,
            log,
            deadline,
            confinement: Confinement::default(),
            ended: None,
            keychain: session.settings.for_keychain(),
            helper: None,
        };
        let order = ControlOrder::StartKeeper(StartKeeper {
            role,
            home: session.home.text(),
            backend: session.settings.backend,
            kdf: session.settings.kdf,
            tokenless: session.settings.tokenless,
            create: purpose == Purpose::Init,
            strictness: session.settings.strictness,
            system,
            passphrase_follows: false,
            cache_secs: session.settings.cache_secs,
            keep: session.settings.keep,
            sync: session.settings.sync,
            log: session.log.level(ChildKind::Keeperd.as_str()),
        });
        if let Err(error) = private.control.greet(LaneKind::Control, deadline) {
            return Err(private.died(&error));
        }
        private.send(&order, None, fds)?;
        loop {
            match private.report()? {
                ControlReport::Confined(confinement) => {
                    private.confinement = confinement;
                    match role {
                        // A verifier serves nobody, so this is all it says before it has its files.
                        Role::Verify => return Ok(private),
                        Role::Broker | Role::Private => {}
                    }
                }
                ControlReport::Ready { .. } => return Ok(private),
                ControlReport::Transport(_)
                | ControlReport::Anchor { .. }
                | ControlReport::TransportsEnd
                | ControlReport::Unlocked
                | ControlReport::UnlockFailed(_)
                | ControlReport::Verified(_)
                | ControlReport::VerifyFailed(_)
                | ControlReport::Wish(_)
                | ControlReport::KeychainWanted
                | ControlReport::KeychainStuck
                | ControlReport::Log { .. }
                | ControlReport::Stopped { .. } => return Err(unexpected()),
            }
        }
    }

    /// The process, and what holds it.
    pub(super) fn child(&self) -> ChildStanding {
        let (pid, confinement) = (self.process.id(), self.confinement.clone());
        ChildStanding { kind: ChildKind::Keeperd, generation: 1, pid, confinement }
    }

    /// From now on the keeper has until then.
    pub(super) const fn until(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Sends an order.
    pub(super) fn send(
        &mut self,
        order: &ControlOrder,
        value: Option<SecretBytes>,
        fds: Vec<OwnedFd>,
    ) -> Result<(), Failure> {
        debug_assert_eq!(fds.len(), order.fds());
        match self.control.send(order, value, fds, self.deadline) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.died(&error)),
        }
    }

    /// The next report that is neither a line for the log nor the last word, which is an error.
    pub(super) fn report(&mut self) -> Result<ControlReport, Failure> {
        loop {
            match self.control.wait_for::<ControlReport>(self.deadline) {
                Ok(parcel) => match self.heard(parcel.message) {
                    Heard::Nothing => {}
                    Heard::Report(report) => return Ok(report),
                    Heard::Stopped(Some(failure)) => return Err(failure),
                    Heard::Stopped(None) => return Err(self.died(&LaneError::Closed)),
                },
                Err(error) => return Err(self.died(&error)),
            }
        }
    }

    /// What the keeper says it ended for, if it has ended and says so.
    pub(super) fn why(&mut self) -> Option<Failure> {
        if self.ended.is_some() {
            return self.ended.take();
        }
        let soon = Instant::now() + Duration::from_secs(2);
        loop {
            let parcel = self.control.wait_for::<ControlReport>(soon).ok()?;
            if let Heard::Stopped(failure) = self.heard(parcel.message) {
                return failure;
            }
        }
    }

    /// Waits for the next message on the keeper's other lane, and meanwhile does for the keeper what
    /// it asks for on its control lane.
    pub(super) fn wait_for<M: Message>(
        &mut self,
        lane: &mut Lane,
        deadline: Instant,
    ) -> Result<Parcel<M>, LaneError> {
        let mut listens = true;
        loop {
            if let Some(parcel) = lane.take()? {
                return Ok(parcel);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(LaneError::Deadline);
            }
            let timeout =
                PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
            let mut fds = vec![PollFd::new(lane.as_fd(), PollFlags::POLLIN)];
            if listens {
                fds.push(PollFd::new(self.control.as_fd(), PollFlags::POLLIN));
            }
            // What was sent must not be what this thread sleeps with.
            unix::wash::registers();
            match poll(&mut fds, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(LaneError::Io(error.into())),
            }
            let fired: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or_default()).collect();
            if fired.get(1).copied().unwrap_or_default() {
                listens = self.listen();
            }
            if fired.first().copied().unwrap_or_default() && lane.receive()? == Received::Closed {
                return Err(LaneError::Closed);
            }
        }
    }

    /// Hears what there is on the control lane; whether there may be more.
    fn listen(&mut self) -> bool {
        let Ok(received) = self.control.receive() else { return false };
        while let Ok(Some(parcel)) = self.control.take::<ControlReport>() {
            if let Heard::Stopped(failure) = self.heard(parcel.message) {
                self.ended = failure;
            }
        }
        received != Received::Closed
    }

    /// Ends the keeper, in order: its lane is at its end, it says its last word and exits.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.deadline = Instant::now() + ENDING;
        let _ = self.control.socket().shutdown(Shutdown::Write);
        let failure = loop {
            match self.control.wait_for::<ControlReport>(self.deadline) {
                Ok(parcel) => match self.heard(parcel.message) {
                    Heard::Stopped(failure) => break failure,
                    Heard::Nothing | Heard::Report(_) => {}
                },
                Err(_) => break None,
            }
        };
        let exited = self.exited();
        match (failure, exited) {
            (Some(failure), _) => Err(failure),
            (None, true) => Ok(()),
            (None, false) => Err(Failure::new(FailureClass::Bug, "keeperd did not end in order", "")),
        }
    }

    fn heard(&mut self, report: ControlReport) -> Heard {
        match report {
            ControlReport::Log { level, text } => {
                if self.log.shows(ChildKind::Keeperd.as_str(), level) {
                    let shown = line(&clock::rfc3339(clock::now()), level, "keeperd", &text);
                    let _ = writeln!(std::io::stderr(), "{shown}");
                }
                Heard::Nothing
            }
            ControlReport::Stopped { failure } => Heard::Stopped(failure),
            ControlReport::KeychainWanted => {
                self.bring_helper();
                Heard::Nothing
            }
            ControlReport::KeychainStuck => {
                self.helper = None;
                Heard::Nothing
            }
            report @ (ControlReport::Confined { .. }
            | ControlReport::Transport(_)
            | ControlReport::Anchor { .. }
            | ControlReport::TransportsEnd
            | ControlReport::Ready { .. }
            | ControlReport::Unlocked
            | ControlReport::UnlockFailed(_)
            | ControlReport::Verified(_)
            | ControlReport::VerifyFailed(_)
            | ControlReport::Wish(_)) => Heard::Report(report),
        }
    }

    /// Starts a helper in the place of any before it. Where none is to be had, the keeper gets a lane
    /// that is at its end, and need not wait.
    fn bring_helper(&mut self) {
        self.helper = None;
        let Ok((for_keeper, for_helper)) = UnixStream::pair() else { return };
        match Helper::start(&self.keychain, for_helper) {
            Ok(helper) => self.helper = Some(helper),
            Err(failure) => {
                let _ = writeln!(std::io::stderr(), "warning: {}", failure.what);
            }
        }
        let deadline = Instant::now() + ENDING;
        // A keeper that is gone shows on its other lane.
        let _ = self.control.send(&ControlOrder::NewKeychain, None, vec![for_keeper.into()], deadline);
    }

    /// The keeper's own reason if it gave one, else how it went.
    fn died(&mut self, error: &LaneError) -> Failure {
        match error {
            // A Stopped may lie unread where our own write has failed.
            LaneError::Closed | LaneError::Io(_) => {}
            LaneError::Frame(_) | LaneError::Descriptors | LaneError::Hello | LaneError::Deadline => {
                return lane_broke(error, "keeperd");
            }
        }
        if let Some(failure) = self.why() {
            return failure;
        }
        self.deadline = Instant::now() + ENDING;
        self.exited();
        let how = match self.process.try_wait() {
            Ok(Some(status)) => status.to_string(),
            Ok(None) | Err(_) => "it still runs".to_owned(),
        };
        Failure::new(FailureClass::Bug, format!("a private keeperd ended without a reason ({how})"), "")
    }

    /// Waits for the process to be gone, and sees to it if it takes too long. Whether it went well.
    fn exited(&mut self) -> bool {
        if let Ok(gone) = unix::passed::process(self.process.id()) {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let _ = poll(&mut [PollFd::new(gone.as_fd(), PollFlags::POLLIN)], wait);
        }
        if !matches!(self.process.try_wait(), Ok(Some(_))) {
            let _ = self.process.kill();
        }
        self.process.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for Private {
    /// However we let go of it, it does not outlive the command.
    fn drop(&mut self) {
        let _ = self.control.socket().shutdown(Shutdown::Both);
        self.deadline = self.deadline.min(Instant::now() + ENDING);
        if !matches!(self.process.try_wait(), Ok(Some(_))) {
            self.exited();
        }
    }
}

/// Whom the keeper becomes. One that serves must be who owns `secrets/`; one that verifies needs
/// nothing but what it is given.
fn system(session: &Session, role: Role) -> Result<Option<System>, Failure> {
    match (session.home.system(), role) {
        (Some(_), Role::Broker | Role::Private) if !is_root() => Err(Failure::new(
            FailureClass::Unreachable,
            "the machine's broker does not run, and only root can do without it",
            "start it (systemctl start ugent-vault-system), or run this with sudo",
        )),
        (Some(_), Role::Verify) if !is_root() => Ok(None),
        _ => Ok(session.settings.for_keeper(&session.home)),
    }
}

enum Heard {
    Nothing,
    Report(ControlReport),
    Stopped(Option<Failure>),
}
