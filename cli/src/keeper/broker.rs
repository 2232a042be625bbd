//! The keeper of a running broker, over `secrets/keeperd.sock`.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::hello::LaneKind;
use unix::lane::{Descriptors, Lane, LaneError};

use super::ask::{Keeper, Reached, unexpected};
use crate::ending::{lane_broke, no_slot};
use crate::home::{Home, fits_a_socket};

/// Connects, or says that there is no broker: no socket, or one that nobody listens on.
pub(super) fn connect(home: &Home, deadline: Instant) -> Result<Option<Keeper>, Failure> {
    let path = home.keeper_socket();
    if fits_a_socket(&path).is_err() {
        // No broker can be running here; its start says why.
        return Ok(None);
    }
    let socket = match UnixStream::connect(&path) {
        Ok(socket) => socket,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => {
            let what = format!("{} could not be connected to: {error}", path.display());
            let hint = match home.system() {
                None => "ugent secret broker start",
                Some(_) => "it is for root and the group ugent-admin: usermod -aG ugent-admin USER",
            };
            return Err(Failure::new(FailureClass::Unreachable, what, hint));
        }
    };
    let pid = check_peer(&socket, home)?;
    let mut lane = Lane::new(socket, Descriptors::Accepted).map_err(no_slot)?;
    match lane.greet(LaneKind::Cli, deadline) {
        Ok(()) => {
            let mut keeper = Keeper::new(lane, Reached::Broker);
            match serves_home(&mut keeper, home) {
                Ok(()) => Ok(Some(keeper)),
                Err(failure) if failure.class == FailureClass::Unreachable => Err(silent(pid)),
                Err(failure) => Err(failure),
            }
        }
        Err(LaneError::Closed | LaneError::Deadline | LaneError::Io(_)) => Err(silent(pid)),
        Err(error @ (LaneError::Frame(_) | LaneError::Descriptors | LaneError::Hello)) => {
            Err(lane_broke(&error, "the broker"))
        }
    }
}

/// It is ending, or has not got so far: worth another try.
fn silent(pid: i32) -> Failure {
    let hint = format!("try again, or end it: kill {pid}");
    Failure::new(FailureClass::TryAgain, "the broker does not answer", hint)
}

/// With `--system` the socket is the machine's, and whose home it serves is to be asked: what is meant
/// for one vault must not go into another.
fn serves_home(keeper: &mut Keeper, home: &Home) -> Result<(), Failure> {
    if home.system().is_none() {
        return Ok(());
    }
    let CliAnswer::Status { keeper: standing, .. } = keeper.ask(&CliRequest::Status, None)?.answer else {
        return Err(unexpected());
    };
    if standing.home == home.text() {
        return Ok(());
    }
    Err(Failure::new(
        FailureClass::Config,
        format!("the machine's broker serves {}, and not {}", standing.home, home.path().display()),
        format!("UGENT_HOME={}, or end that broker first", standing.home),
    ))
}

/// The socket lies in a directory that is ours, or root's, alone, so this holds unless that is
/// undermined; a value goes nowhere before it was checked. Gives the launcher's pid: it listens.
fn check_peer(socket: &UnixStream, home: &Home) -> Result<i32, Failure> {
    let launcher = home.system().map_or_else(|| nix::unistd::geteuid().as_raw(), |_| 0);
    match getsockopt(socket, PeerCredentials) {
        Ok(peer) if peer.uid() == launcher => Ok(peer.pid()),
        Ok(_) | Err(_) => {
            Err(Failure::new(FailureClass::Config, "whoever listens on keeperd.sock is another user", ""))
        }
    }
}
