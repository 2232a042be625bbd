//! A keeperd that checks the journal's files and ends. It takes no lock and opens no catalog.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use proto::control_lane::{ControlOrder, ControlReport, Role};
use proto::failure::Failure;
use proto::hazmat::SecretBytes;
use proto::journal::{Noted, Verdict};

use super::Purpose;
use super::ask::unexpected;
use super::private::Private;
use crate::progress::Progress;
use crate::session::Session;

/// To start and take its files.
const STARTING: Duration = Duration::from_secs(30);
/// To derive a key of the highest cost and read through a large journal.
const CHECKING: Duration = Duration::from_secs(3600);

/// A verifying keeper.
pub(crate) struct Verifier(Private);

impl Verifier {
    /// Starts one and gives it the sealed head, the checkpoint and the vault's header.
    pub(crate) fn start(session: &Session, small: [OwnedFd; 3]) -> Result<Self, Failure> {
        let deadline = Instant::now() + STARTING;
        let mut keeper = Private::start(session, Role::Verify, Purpose::Use, Vec::new(), deadline)?;
        keeper.send(&ControlOrder::VerifyFiles, None, small.into())?;
        Ok(Self(keeper))
    }

    /// Gives it some segments, oldest first.
    pub(crate) fn segments(&mut self, fds: Vec<OwnedFd>) -> Result<(), Failure> {
        if fds.is_empty() {
            return Ok(());
        }
        let count = u16::try_from(fds.len()).map_err(|_| unexpected())?;
        self.0.until(Instant::now() + STARTING);
        self.0.send(&ControlOrder::VerifySegments { count }, None, fds)
    }

    /// Lets it check, and ends it.
    pub(crate) fn verdict(
        mut self,
        noted: Option<Noted>,
        passphrase: SecretBytes,
    ) -> Result<Verdict, Failure> {
        self.0.until(Instant::now() + CHECKING);
        let _progress = Progress::of("checking the journal");
        self.0.send(&ControlOrder::Verify { noted }, Some(passphrase), Vec::new())?;
        let verdict = loop {
            match self.0.report()? {
                ControlReport::Verified(verdict) => break verdict,
                ControlReport::VerifyFailed(failure) => return Err(failure),
                ControlReport::Ready { .. } => {}
                ControlReport::Confined { .. }
                | ControlReport::Transport(_)
                | ControlReport::Anchor { .. }
                | ControlReport::TransportsEnd
                | ControlReport::Unlocked
                | ControlReport::UnlockFailed(_)
                | ControlReport::Wish(_)
                | ControlReport::Log { .. }
                | ControlReport::Stopped { .. } => return Err(unexpected()),
            }
        };
        self.0.end()?;
        Ok(verdict)
    }
}
