//! What the launcher orders.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use proto::control_lane::{ControlOrder, LogLevel};
use proto::frame::FrameError;
use proto::journal::Event;
use proto::lease_lane::LeaseAnswer;
use unix::lane::{Descriptors, Lane, LaneError, Parcel};

use super::keeper::{End, Keeper};
use super::lanes::{Scope, Turn, Who};
use super::slow::Job;
use super::turn::credentials;

impl Keeper {
    /// Obeys one order.
    ///
    /// # Errors
    /// [`LaneError`] if it is not one a serving keeper can be given.
    pub(super) fn obey(&mut self, parcel: Parcel<ControlOrder>) -> Result<(), LaneError> {
        match parcel.message {
            ControlOrder::Unlock => {
                self.slow.send(Job::Unlock { lane: self.control, passphrase: parcel.value });
            }
            ControlOrder::NewEgress { generation, lanes: _ } => {
                for fd in parcel.fds {
                    self.add_egress(fd);
                }
                self.log(LogLevel::Debug, &format!("egressd {generation} has its lanes"));
                if generation > 1 {
                    self.note(Self::event(Event::EgressRestarted));
                }
            }
            ControlOrder::NewKeychain => parcel.fds.into_iter().for_each(|fd| self.slow.helper(fd)),
            ControlOrder::NewReader => parcel.fds.into_iter().for_each(|fd| self.add_reader(fd)),
            ControlOrder::Standing(standing) => self.standing = Some(standing),
            ControlOrder::Stop => self.end = Some(End::Orderly),
            ControlOrder::StartKeeper(_)
            | ControlOrder::VerifyFiles
            | ControlOrder::VerifySegments { .. }
            | ControlOrder::Verify { .. }
            | ControlOrder::Transport(_)
            | ControlOrder::Anchor { .. }
            | ControlOrder::StartEgress(_)
            | ControlOrder::Drain
            | ControlOrder::StartKeychain(_)
            | ControlOrder::VerifyKeychain { .. }
            | ControlOrder::VerifyHead => return Err(LaneError::Frame(FrameError::Malformed)),
        }
        Ok(())
    }

    /// A lane to an export of the journal.
    fn add_reader(&mut self, fd: OwnedFd) {
        let socket = UnixStream::from(fd);
        let (uid, pid) = credentials(&socket);
        let added = Lane::new(socket, Descriptors::Refused)
            .map_err(|proto::hazmat::NoSlot| LaneError::Frame(FrameError::NoSlot))
            .and_then(|lane| {
                let who = Who::Cli { uid, pid, turn: Turn::Theirs, scope: Scope::Journal };
                self.lanes.add(lane, who)
            });
        if let Err(error) = added {
            self.log(LogLevel::Warn, &format!("an export's lane could not be opened: {error}"));
        }
    }

    /// A lane there is no locked memory for is let go: its worker sees the end of it, and the
    /// launcher replaces that egressd when there may be more.
    fn add_egress(&mut self, fd: OwnedFd) {
        let added = Lane::new(fd.into(), Descriptors::Refused)
            .map_err(|proto::hazmat::NoSlot| LaneError::Frame(FrameError::NoSlot))
            .and_then(|lane| self.lanes.add(lane, Who::Egress { last_seq: 0 }));
        match added {
            Ok(id) => {
                let locked = self.vault.keys.is_none();
                self.push_lease(id, &LeaseAnswer::State { locked }, None);
            }
            Err(error) => self.log(LogLevel::Error, &format!("a lease lane could not be opened: {error}")),
        }
    }
}
