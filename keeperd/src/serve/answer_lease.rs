//! What egressd asks. It is believed nothing that can be checked here (INV-09): the token is
//! hashed here, the path is judged here, and asks must rise.

use proto::journal::{Event, Reason, Record};
use proto::lease_lane::{Caller, LeaseRequest, PATH_MAX, TOKEN_MAX};
use proto::name::{Delivery, Handle, Method, ProviderId};
use unix::lane::{LaneError, Parcel};

use super::asks::{Closing, From, PendingAsk, Target};
use super::keeper::Keeper;
use super::lanes::{LaneId, Who};
use crate::clock::wall;
use crate::hazmat::token::TokenDigest;
use crate::policy::judge::Ask;

/// An `Open`, without its token.
struct Opening {
    seq: u64,
    caller: Caller,
    provider: ProviderId,
    method: Method,
    path: String,
    named: Option<Handle>,
}

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
                let token =
                    parcel.value.map(|token| (token.len() <= TOKEN_MAX).then(|| TokenDigest::of(&token)));
                let opening = Opening { seq, caller, provider, method, path, named: secret };
                self.answer_open(lane, opening, token);
                Ok(())
            }
            LeaseRequest::Close { seq, outcome, status, bytes_in, bytes_out, ms } => {
                if !self.was_opened(lane, seq) {
                    return Err(LaneError::Frame(proto::frame::FrameError::Malformed));
                }
                let (bytes_in, bytes_out, ms) = (Some(bytes_in), Some(bytes_out), Some(ms));
                self.close(lane, seq, &Closing { outcome, status, bytes_in, bytes_out, ms });
                Ok(())
            }
        }
    }

    /// `token`: none presented, presented but too long to be one, or its digest.
    fn answer_open(&mut self, lane: LaneId, opening: Opening, token: Option<Option<TokenDigest>>) {
        let from = match opening.caller {
            Caller::Tcp => From::default(),
            Caller::Unix { uid, pid } => From { uid: Some(uid), pid: Some(pid).filter(|pid| *pid != 0) },
        };
        let mut record = Record::of(Event::LeaseDenied, wall());
        record.delivery = Some(Delivery::HttpHeaderInject);
        (record.uid, record.pid) = (from.uid, from.pid);
        let consumer = match &token {
            Some(None) => None,
            Some(Some(digest)) => self.consumer(Some(digest), opening.caller),
            None => self.consumer(None, opening.caller),
        };
        let Some(consumer) = consumer else {
            return self.refuse(lane, opening.seq, record, Reason::InvalidToken);
        };
        let path = opening.path.as_str();
        let found = (path.len() <= PATH_MAX)
            .then(|| self.policy.providers.route(&opening.provider, &opening.method, path))
            .flatten();
        let Some((provider, route)) = found else {
            record.consumer = Some(consumer);
            return self.refuse(lane, opening.seq, record, Reason::UnknownRoute);
        };
        let pending = PendingAsk {
            lane,
            seq: opening.seq,
            from,
            route: route.name.clone(),
            to: Target {
                scheme: provider.transport.scheme,
                host: provider.transport.host.clone(),
                port: provider.transport.port,
                path: format!("{}{path}", provider.base_path),
                inject: provider.inject.clone(),
            },
            ask: Ask {
                consumer,
                provider: opening.provider,
                purpose: route.purpose.clone(),
                delivery: Delivery::HttpHeaderInject,
                host: provider.transport.host.clone(),
                named: opening.named,
            },
        };
        self.advance(pending);
    }

    fn consumer(&self, token: Option<&TokenDigest>, caller: Caller) -> Option<proto::name::Consumer> {
        self.policy.tokens.consumer(token, caller, self.policy.tokenless, wall())
    }

    fn check_rising(&mut self, lane: LaneId, seq: u64) -> Result<(), LaneError> {
        match self.lanes.get(lane).map(|peer| &mut peer.who) {
            Some(Who::Egress { last_seq }) if seq > *last_seq => {
                *last_seq = seq;
                Ok(())
            }
            Some(Who::Egress { .. } | Who::Control | Who::Cli { .. }) | None => {
                Err(LaneError::Frame(proto::frame::FrameError::Malformed))
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
