//! A keeper in the role of verifier: is given files and a passphrase, looks, answers, ends.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use proto::control_lane::{ControlOrder, ControlReport};
use proto::failure::{Failure, FailureClass};
use proto::keychain_lane::{Holding, Item};
use unix::lane::{Lane, LaneError, Parcel};

use crate::audit::{Files, Small, verify, verify_with};
use crate::confine::Confined;
use crate::hazmat::binding::VaultId;
use crate::hazmat::chain_key::ChainKey;
use crate::hazmat::keychain_vault;
use crate::hazmat::keys::Keys;
use crate::keychain::{Helpers, Keychain, Prompting};
use crate::store::not_opened;

/// The CLI asks for the passphrase before it starts a verifier, so nothing here takes long.
const DEADLINE: Duration = Duration::from_secs(60);
/// To start a keychain's helper.
const HELPER: Duration = Duration::from_secs(5);

/// Does what it was started for.
///
/// # Errors
/// [`Failure`] if the lane fails; what verifying finds, failures included, is sent on it.
pub(crate) fn serve(lane: &mut Lane, confined: &Confined) -> Result<(), Failure> {
    let deadline = Instant::now() + DEADLINE;
    send(lane, &ControlReport::Confined(confined.confinement().clone()))?;
    send(lane, &ControlReport::Ready { locked: true })?;
    let (mut small, mut header, mut segments) = (None, None, Vec::new());
    loop {
        let Parcel { message, value, fds } =
            lane.wait_for::<ControlOrder>(deadline).map_err(|error| broken(&error))?;
        let mut files = fds.into_iter().map(File::from);
        match message {
            ControlOrder::VerifyFiles => {
                small = files.next().zip(files.next()).map(|(head, checkpoint)| Small { head, checkpoint });
                header = files.next();
            }
            ControlOrder::VerifyHead => {
                small = files.next().zip(files.next()).map(|(head, checkpoint)| Small { head, checkpoint });
            }
            ControlOrder::VerifyKeychain { vault, noted } => {
                let Some(small) = small else { return Err(broken(&LaneError::Descriptors)) };
                let fetched = fetch(lane, VaultId(vault));
                let verdict =
                    fetched.and_then(|(keys, first)| verify_with(&keys, first, &small, segments, noted));
                return send(
                    lane,
                    &verdict.map_or_else(ControlReport::VerifyFailed, ControlReport::Verified),
                );
            }
            ControlOrder::VerifySegments { .. } => segments.extend(files),
            ControlOrder::Verify { noted } => {
                let (Some(small), Some(header), Some(passphrase)) = (small, header, value) else {
                    return Err(broken(&LaneError::Descriptors));
                };
                let files = Files { header, small, segments };
                let report = match verify(files, noted, passphrase) {
                    Ok(verdict) => ControlReport::Verified(verdict),
                    Err(failure) => ControlReport::VerifyFailed(failure),
                };
                return send(lane, &report);
            }
            ControlOrder::Stop => return Ok(()),
            ControlOrder::StartKeeper(_)
            | ControlOrder::Unlock
            | ControlOrder::NewEgress { .. }
            | ControlOrder::NewReader
            | ControlOrder::Standing(_)
            | ControlOrder::Transport(_)
            | ControlOrder::Anchor { .. }
            | ControlOrder::StartEgress(_)
            | ControlOrder::Drain
            | ControlOrder::StartKeychain(_)
            | ControlOrder::NewKeychain => return Err(broken(&LaneError::Hello)),
        }
    }
}

/// Both keys, which no serving keeper has together: by a helper that the CLI brings.
fn fetch(lane: &mut Lane, vault: VaultId) -> Result<(Keys, ChainKey), Failure> {
    let fd = helper(lane).map_err(|error| broken(&error))?;
    let mut keychain = Keychain::new(Box::new(Given(Some(fd))), Prompting::Waits);
    let mut get = |holding| {
        let got = keychain.get(Item { vault: vault.0, holding });
        got.map_err(|error| error.failure("the journal was not checked"))
    };
    let (data_key, root) = (get(Holding::DataKey)?, get(Holding::JournalRoot)?);
    let keys = keychain_vault::open(vault, &data_key).map_err(not_opened)?;
    Ok((keys, keychain_vault::first(&root).map_err(not_opened)?))
}

fn helper(lane: &mut Lane) -> Result<OwnedFd, LaneError> {
    let deadline = Instant::now() + HELPER;
    lane.send(&ControlReport::KeychainWanted, None, Vec::new(), deadline)?;
    let parcel = lane.wait_for::<ControlOrder>(deadline)?;
    let (ControlOrder::NewKeychain, Some(fd)) = (parcel.message, parcel.fds.into_iter().next()) else {
        return Err(LaneError::Hello);
    };
    Ok(fd)
}

/// The one helper there is.
struct Given(Option<OwnedFd>);

impl Helpers for Given {
    fn fetch(&mut self, _: Instant) -> Option<OwnedFd> {
        self.0.take()
    }

    fn stuck(&mut self) {}

    fn prompting(&mut self, _: u64) {}
}

fn send(lane: &mut Lane, report: &ControlReport) -> Result<(), Failure> {
    lane.send(report, None, Vec::new(), Instant::now() + DEADLINE).map_err(|error| broken(&error))
}

fn broken(error: &LaneError) -> Failure {
    Failure::new(FailureClass::Bug, format!("the verifying keeper was left alone: {error}"), "")
}
