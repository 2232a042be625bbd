//! Opens everything egressd will ever need, before it is confined and after it has lost every
//! privilege: after this no file is opened.
//!
//! Reads the launcher's orders and files of the system; not a byte of anybody else (INV-08).

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use proto::clients::ClientRules;
use proto::control_lane::{ControlOrder, ListenerKind, LogLevel, StartEgress, Transport};
use proto::failure::{Failure, FailureClass};
use proto::name::ProviderId;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use unix::lane::{Descriptors, Lane};

use crate::control::{Control, Ended};
use crate::gate::clients::Listener;
use crate::upstream::resolve::Names;
use crate::upstream::transports::Transports;

/// Lanes, listeners, what each worker's event loop needs, and idle connections to providers.
const OWN_DESCRIPTORS: u64 = 256;
/// So many clients are taken whatever the limit is; what it refuses then, is refused.
const FEWEST: u32 = 64;

/// What is known of the world outside; never changes.
pub(crate) struct Outside {
    /// How to reach each provider.
    pub(crate) transports: Transports,
    /// How to look up names.
    pub(crate) names: Names,
}

impl Outside {
    /// All TCP ports that will ever be connected to.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self.transports.ports().chain(self.names.ports()).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}

/// All that serving needs.
pub(crate) struct Prepared {
    /// One a worker; nothing was read from them yet.
    pub(crate) lanes: Vec<Lane>,
    /// Where clients come in.
    pub(crate) listeners: Vec<Listener>,
    /// What is known of the world outside.
    pub(crate) outside: Outside,
    /// What clients may take up.
    pub(crate) clients: ClientRules,
    /// How much to log.
    pub(crate) log: LogLevel,
    /// What was odd on the way.
    pub(crate) notes: Vec<(LogLevel, String)>,
}

/// What the launcher has said and passed on; nothing was opened for it yet.
pub(crate) struct Orders {
    transports: Vec<Transport>,
    anchors: Vec<(ProviderId, Vec<u8>)>,
    pub(crate) start: StartEgress,
    fds: Vec<OwnedFd>,
}

/// Greets the launcher, and takes its orders up to Start.
pub(crate) fn orders(control: &mut Control) -> Result<Orders, Ended> {
    control.greet()?;
    let mut transports: Vec<Transport> = Vec::new();
    let mut anchors: Vec<(ProviderId, Vec<u8>)> = Vec::new();
    let (start, fds) = loop {
        let parcel = control.next_order()?;
        match parcel.message {
            ControlOrder::Transport(transport) => transports.push(transport),
            ControlOrder::Anchor { provider, der } => anchors.push((provider, der)),
            ControlOrder::StartEgress(start) => break (start, parcel.fds),
            ControlOrder::Stop => return Err(Ended::Told),
            ControlOrder::StartKeeper(_)
            | ControlOrder::Unlock
            | ControlOrder::NewEgress { .. }
            | ControlOrder::NewReader
            | ControlOrder::VerifyFiles
            | ControlOrder::VerifySegments { .. }
            | ControlOrder::Verify { .. }
            | ControlOrder::Standing(_)
            | ControlOrder::Drain => return Err(misplaced()),
        }
    };
    if transports.len() + anchors.len() != usize::try_from(start.transports).unwrap_or(usize::MAX) {
        return Err(misplaced());
    }
    Ok(Orders { transports, anchors, start, fds })
}

/// Opens everything.
pub(crate) fn open(orders: Orders) -> Result<Prepared, Ended> {
    let Orders { transports, anchors, start, fds } = orders;
    let mut notes = Vec::new();
    let (lanes, listeners) = sort(&start, fds)?;
    let names = Names::read(&mut notes);
    let transports = Transports::open(transports, anchors, &mut notes).map_err(Ended::Failed)?;
    draw()?;
    let mut clients = start.clients;
    clients.connections = clients.connections.min(connections());
    let outside = Outside { transports, names };
    Ok(Prepared { lanes, listeners, outside, clients, log: start.log, notes })
}

/// An order that may not come now: the launcher is of another build, or has a bug.
pub(crate) fn misplaced() -> Ended {
    Ended::Failed(Failure::new(FailureClass::Bug, "secret-broker gave egressd an order out of place", ""))
}

fn sort(start: &StartEgress, fds: Vec<OwnedFd>) -> Result<(Vec<Lane>, Vec<Listener>), Ended> {
    let mut fds = fds.into_iter();
    let mut lanes = Vec::new();
    for fd in fds.by_ref().take(usize::from(start.lanes)) {
        let socket = UnixStream::from(fd);
        socket.set_nonblocking(true).map_err(|error| unusable("a lease lane", &error))?;
        lanes.push(Lane::new(socket, Descriptors::Refused).map_err(|error| {
            Ended::Failed(Failure::new(
                FailureClass::TryAgain,
                format!("egressd has no room for its lanes: {error}"),
                "",
            ))
        })?);
    }
    let mut listeners = Vec::new();
    for (kind, fd) in start.listeners.iter().zip(fds) {
        listeners.push(match kind {
            ListenerKind::Tcp => {
                let listener = std::net::TcpListener::from(fd);
                listener.set_nonblocking(true).map_err(|error| unusable("the loopback port", &error))?;
                Listener::Tcp(listener)
            }
            ListenerKind::Unix => {
                let listener = std::os::unix::net::UnixListener::from(fd);
                listener.set_nonblocking(true).map_err(|error| unusable("a Unix socket", &error))?;
                Listener::Unix(listener)
            }
        });
    }
    if lanes.is_empty() || listeners.is_empty() {
        return Err(misplaced());
    }
    Ok((lanes, listeners))
}

fn unusable(what: &str, error: &std::io::Error) -> Ended {
    Ended::Failed(Failure::new(FailureClass::Bug, format!("egressd cannot use {what}: {error}"), ""))
}

/// Raises the limit of descriptors as far as it goes, and says how many connections that is for: each
/// takes one, and one to its provider.
fn connections() -> u32 {
    let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return FEWEST };
    let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    u32::try_from(soft.saturating_sub(OWN_DESCRIPTORS) / 2).unwrap_or(u32::MAX).max(FEWEST)
}

/// The first draw seeds the generator of the TLS library, which is slow and may look at the system.
fn draw() -> Result<(), Ended> {
    aws_lc_rs::rand::fill(&mut [0; 32]).map_err(|_| {
        Ended::Failed(Failure::new(FailureClass::Bug, "the TLS library has no random bytes", ""))
    })
}
