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

/// What the journal's keys come from.
pub(crate) enum Key {
    /// The vault's header, and this.
    Passphrase(SecretBytes),
    /// The keychain, where they go by this vault's name.
    InKeychain([u8; 16]),
}

/// A verifying keeper.
pub(crate) struct Verifier(Private);

impl Verifier {
    /// Starts one.
    pub(crate) fn start(session: &Session) -> Result<Self, Failure> {
        let deadline = Instant::now() + STARTING;
        Ok(Self(Private::start(session, Role::Verify, Purpose::Use, Vec::new(), deadline)?))
    }

    /// Gives it the sealed head, the checkpoint and the vault's header.
    pub(crate) fn files(&mut self, small: [OwnedFd; 3]) -> Result<(), Failure> {
        self.0.send(&ControlOrder::VerifyFiles, None, small.into())
    }

    /// Gives it the sealed head and the checkpoint, of a vault without a header.
    pub(crate) fn head(&mut self, small: [OwnedFd; 2]) -> Result<(), Failure> {
        self.0.send(&ControlOrder::VerifyHead, None, small.into())
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
    pub(crate) fn verdict(mut self, noted: Option<Noted>, key: Key) -> Result<Verdict, Failure> {
        self.0.until(Instant::now() + CHECKING);
        let _progress = Progress::of("checking the journal");
        match key {
            Key::Passphrase(passphrase) => {
                self.0.send(&ControlOrder::Verify { noted }, Some(passphrase), Vec::new())?;
            }
            Key::InKeychain(vault) => {
                self.0.send(&ControlOrder::VerifyKeychain { vault, noted }, None, Vec::new())?;
            }
        }
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
                | ControlReport::KeychainWanted
                | ControlReport::KeychainStuck
                | ControlReport::Log { .. }
                | ControlReport::Stopped { .. } => return Err(unexpected()),
            }
        };
        self.0.end()?;
        Ok(verdict)
    }
}
