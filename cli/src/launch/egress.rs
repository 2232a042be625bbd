//! Making an egressd: lease lanes to the keeper, copies of the listeners, the table of transports.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use proto::clients::ClientRules;
use proto::control_lane::{Account, ControlOrder, LogLevel, StartEgress};
use proto::failure::{Failure, FailureClass};
use proto::standing::{ChildKind, Strictness};

use super::child::Child;
use super::listeners::Listeners;
use super::transports::Transports;

/// One worker a processor, but no more: a gateway for one machine's programs is not that busy.
const LANES_MAX: usize = 4;

/// What there is to start one with.
pub(super) struct Making<'a> {
    pub(super) generation: u32,
    pub(super) listeners: &'a Listeners,
    pub(super) transports: &'a Transports,
    pub(super) strictness: Strictness,
    pub(super) clients: &'a ClientRules,
    pub(super) account: Option<Account>,
    pub(super) log: LogLevel,
}

/// Starts one, and tells the keeper of its lanes.
pub(super) fn start(making: &Making<'_>, keeper: &mut Child) -> Result<Child, Failure> {
    let failed = |error: io::Error| {
        Failure::new(FailureClass::Io, format!("an egressd could not be prepared: {error}"), "")
    };
    let (for_keeper, mut fds) = lanes().map_err(failed)?;
    let lanes = u16::try_from(for_keeper.len()).unwrap_or_default();
    let copies = making.listeners.for_egress().map_err(failed)?;
    let listeners = copies.iter().map(|(kind, _)| *kind).collect();
    fds.extend(copies.into_iter().map(|(_, fd)| fd));
    let mut egress = Child::start(ChildKind::Egressd, making.generation)?;
    for order in making.transports.orders() {
        egress.order(order, None, Vec::new());
    }
    let start = StartEgress {
        generation: making.generation,
        lanes,
        listeners,
        transports: u32::try_from(making.transports.orders().len()).unwrap_or_default(),
        strictness: making.strictness,
        account: making.account,
        clients: making.clients.clone(),
        log: making.log,
    };
    keeper.order(&ControlOrder::NewEgress { generation: making.generation, lanes }, None, for_keeper);
    egress.order(&ControlOrder::StartEgress(start), None, fds);
    Ok(egress)
}

/// Pairs of lane ends: the keeper's, and the egressd's.
fn lanes() -> io::Result<(Vec<OwnedFd>, Vec<OwnedFd>)> {
    let count = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, LANES_MAX);
    let mut ends = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (one, other) = UnixStream::pair()?;
        ends.0.push(one.into());
        ends.1.push(other.into());
    }
    Ok(ends)
}
