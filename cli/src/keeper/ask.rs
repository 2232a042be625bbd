//! Asking a keeper: one request, one answer.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::standing::ChildStanding;
use unix::lane::{Lane, LaneError};

use super::private::Private;
use crate::ending::lane_broke;
use crate::progress::Progress;

/// Longest wait for an answer: a vault of the highest cost takes its time.
const ANSWER: Duration = Duration::from_secs(120);

/// The same, for every value there is, on a slow disk.
const WHOLE_VAULT: Duration = Duration::from_secs(3600);

/// Which keeper it is.
pub(crate) enum Reached {
    /// The running broker's.
    Broker,
    /// Our own.
    Private(Box<Private>),
}

/// A keeper we have a lane to.
pub(crate) struct Keeper {
    lane: Lane,
    reached: Reached,
}

/// An answer that is not `Failed`, with what came along.
pub(crate) struct Answered {
    pub(crate) answer: CliAnswer,
    pub(crate) value: Option<SecretBytes>,
    pub(crate) fds: Vec<OwnedFd>,
}

impl Keeper {
    pub(super) const fn new(lane: Lane, reached: Reached) -> Self {
        Self { lane, reached }
    }

    /// The running broker's, over a lane that the launcher passed on.
    pub(crate) const fn passed_on(lane: Lane) -> Self {
        Self { lane, reached: Reached::Broker }
    }

    /// Waits that long, or until the keeper is gone; whether it is. Nothing may be asked meanwhile.
    pub(crate) fn is_gone_within(&self, span: Duration) -> bool {
        let mut watched = [PollFd::new(self.lane.as_fd(), PollFlags::POLLIN)];
        // It says nothing without being asked, so that what can be read is the end.
        matches!(poll(&mut watched, PollTimeout::try_from(span).unwrap_or(PollTimeout::MAX)), Ok(1..))
    }

    /// Whose keeper this is.
    pub(crate) const fn reached(&self) -> &Reached {
        &self.reached
    }

    /// Our own keeper's process; none of a broker's.
    pub(crate) fn ours(&self) -> Option<ChildStanding> {
        match &self.reached {
            Reached::Broker => None,
            Reached::Private(private) => Some(private.child()),
        }
    }

    /// Asks, with a value where the request takes one.
    pub(crate) fn ask(
        &mut self,
        request: &CliRequest,
        value: Option<SecretBytes>,
    ) -> Result<Answered, Failure> {
        self.ask_within(ANSWER, request, value, Vec::new())
    }

    /// The same, where it takes as long as there are values.
    pub(crate) fn ask_patiently(
        &mut self,
        request: &CliRequest,
        value: Option<SecretBytes>,
    ) -> Result<Answered, Failure> {
        self.ask_within(WHOLE_VAULT, request, value, Vec::new())
    }

    /// The same, with the descriptor of a file that holds a whole vault.
    pub(crate) fn ask_about(
        &mut self,
        file: OwnedFd,
        request: &CliRequest,
        value: SecretBytes,
    ) -> Result<Answered, Failure> {
        self.ask_within(WHOLE_VAULT, request, Some(value), vec![file])
    }

    fn ask_within(
        &mut self,
        patience: Duration,
        request: &CliRequest,
        value: Option<SecretBytes>,
        fds: Vec<OwnedFd>,
    ) -> Result<Answered, Failure> {
        let deadline = Instant::now() + patience;
        let _progress = takes_time(request).map(Progress::of);
        let sent = self.lane.send(request, value, fds, deadline);
        let answered = sent.and_then(|()| match &mut self.reached {
            Reached::Broker => self.lane.wait_for::<CliAnswer>(deadline),
            Reached::Private(private) => private.wait_for(&mut self.lane, deadline),
        });
        let parcel = match answered {
            Ok(parcel) => parcel,
            Err(error) => return Err(self.broke(&error)),
        };
        if let CliAnswer::Failed(failure) = parcel.message {
            return Err(failure);
        }
        Ok(Answered { answer: parcel.message, value: parcel.value, fds: parcel.fds })
    }

    /// Lets go of the keeper; a private one ends, and says if it could not do so in order.
    pub(crate) fn end(self) -> Result<(), Failure> {
        drop(self.lane);
        match self.reached {
            Reached::Broker => Ok(()),
            Reached::Private(private) => private.end(),
        }
    }

    /// Why the lane broke: a private keeper may have said more on its other lane.
    fn broke(&mut self, error: &LaneError) -> Failure {
        match &mut self.reached {
            Reached::Private(private) => private.why().unwrap_or_else(|| lane_broke(error, "keeperd")),
            Reached::Broker => lane_broke(error, "the broker"),
        }
    }
}

/// What a person who waits for it is told, of what may take longer than a second. Of the rest nothing
/// is said, nor is the terminal looked for: an export that is confined asks, too.
const fn takes_time(request: &CliRequest) -> Option<&'static str> {
    match request {
        // Each of these derives a key from a passphrase, which is to take its time.
        CliRequest::Init { .. } => Some("making the vault"),
        CliRequest::Unlock => Some("opening the vault"),
        CliRequest::Rekey => Some("wrapping the keys anew"),
        CliRequest::Backup => Some("writing the backup"),
        CliRequest::Restore => Some("restoring the backup"),
        CliRequest::CheckPassphrase
        | CliRequest::VerifyFiles
        | CliRequest::TokenIssue { .. }
        | CliRequest::TokenRotate { .. }
        | CliRequest::Approve { .. }
        | CliRequest::LeaseRevoke { .. } => Some("checking the passphrase"),
        CliRequest::ImportDone => Some("storing what is imported"),
        CliRequest::Migrate { .. } => Some("moving the values"),
        CliRequest::Orphans { .. } => Some("looking through the keychain"),
        CliRequest::Lock
        | CliRequest::Add { .. }
        | CliRequest::Rotate { .. }
        | CliRequest::Rollback { .. }
        | CliRequest::Remove { .. }
        | CliRequest::ImportAdd { .. }
        | CliRequest::Compare { .. }
        | CliRequest::List { .. }
        | CliRequest::Inspect { .. }
        | CliRequest::Journal { .. }
        | CliRequest::TokenList { .. }
        | CliRequest::TokenRevoke { .. }
        | CliRequest::LeaseList { .. }
        | CliRequest::ApprovalList { .. }
        | CliRequest::Deny { .. }
        | CliRequest::GrantList { .. }
        | CliRequest::ProviderList { .. }
        | CliRequest::Explain(_)
        | CliRequest::CheckPolicy
        | CliRequest::CheckText { .. }
        | CliRequest::Borrow(_)
        | CliRequest::Take { .. }
        | CliRequest::GiveBack
        | CliRequest::Status
        | CliRequest::BrokerStop => None,
    }
}

/// A well-formed answer that does not belong to what was asked.
pub(crate) fn unexpected() -> Failure {
    Failure::new(FailureClass::Bug, "keeperd answered something else than was asked", "")
}
