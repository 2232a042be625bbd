//! What egressd asks. It is believed nothing that can be checked here (INV-09): the token is
//! hashed here, the path is judged here, and asks must rise.

use proto::frame::FrameError;
use proto::journal::{Event, Reason};
use proto::lease_lane::{LeaseAnswer, LeaseRequest, TOKEN_MAX};
use unix::lane::{LaneError, Parcel};

use super::asks::{Closing, PendingAsk, Presented, Response};
use super::keeper::Keeper;
use super::lanes::{LaneId, Who};
use crate::clock::wall;
use crate::hazmat::token::TokenDigest;

impl Keeper {
    /// Answers one request of a worker of egressd.
    ///
    /// # Errors
    /// [`LaneError`] if it broke the protocol: the lane must be closed.
    pub(super) fn answer_lease(
        &mut self,
        lane: LaneId,
        parcel: Parcel<LeaseRequest>,
    ) -> Result<(), LaneError> {
        match parcel.message {
            LeaseRequest::Open { seq, caller, provider, method, path, secret, retry_of: _ } => {
                self.check_rising(lane, seq)?;
                let token = match parcel.value {
                    None => Presented::Nothing,
                    Some(token) if token.len() > TOKEN_MAX => Presented::Nonsense,
                    Some(token) => Presented::Token(TokenDigest::of(&token)),
                };
                if let Presented::Token(digest) = &token {
                    self.policy.tokens.note_use(digest, wall());
                }
                self.advance(PendingAsk {
                    lane,
                    seq,
                    caller,
                    token,
                    provider,
                    method,
                    path,
                    named: secret,
                    until: None,
                });
                Ok(())
            }
            LeaseRequest::Probe { seq } => {
                self.check_rising(lane, seq)?;
                self.push_lease(lane, &LeaseAnswer::Probed { seq }, None);
                Ok(())
            }
            LeaseRequest::Close { seq, outcome, status, bytes_in, bytes_out, ms, echoed } => {
                if !self.was_opened(lane, seq) {
                    return Err(LaneError::Frame(FrameError::Malformed));
                }
                let (bytes_in, bytes_out, ms) = (Some(bytes_in), Some(bytes_out), Some(ms));
                let response = if echoed { Response::Echoed } else { Response::Clean };
                self.close(lane, seq, &Closing { outcome, status, bytes_in, bytes_out, ms, response });
                Ok(())
            }
        }
    }

    /// The token of an `Open` found no locked memory. Without it nobody is known to ask, which is
    /// not the same as nobody having been named.
    ///
    /// # Errors
    /// As [`Keeper::answer_lease`].
    pub(super) fn answer_no_room(&mut self, lane: LaneId, request: LeaseRequest) -> Result<(), LaneError> {
        match request {
            LeaseRequest::Open { seq, .. } => {
                self.check_rising(lane, seq)?;
                self.refuse(lane, seq, Self::event(Event::LeaseDenied), Reason::Busy);
                Ok(())
            }
            // They have no value that could find no room.
            LeaseRequest::Probe { .. } | LeaseRequest::Close { .. } => {
                Err(LaneError::Frame(FrameError::ValueMisplaced))
            }
        }
    }

    fn check_rising(&mut self, lane: LaneId, seq: u64) -> Result<(), LaneError> {
        match self.lanes.get(lane).map(|peer| &mut peer.who) {
            Some(Who::Egress { last_seq }) if seq > *last_seq => {
                *last_seq = seq;
                Ok(())
            }
            Some(Who::Egress { .. } | Who::Control | Who::Cli { .. }) | None => {
                Err(LaneError::Frame(FrameError::Malformed))
            }
        }
    }

    fn was_opened(&mut self, lane: LaneId, seq: u64) -> bool {
        match self.lanes.get(lane).map(|peer| peer.who) {
            Some(Who::Egress { last_seq }) => (1..=last_seq).contains(&seq),
            Some(Who::Control | Who::Cli { .. }) | None => false,
        }
    }
}
