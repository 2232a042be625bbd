//! A port of its own for each world. Whoever takes one that is free now may find another world's
//! broker on it a moment later, so each is claimed for as long as the world lasts.

use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use super::{canary, until};

/// A port nobody listens on, and no other world will.
pub(super) struct Port {
    number: u16,
    /// A name that one process can have at a time, whoever runs the others.
    _claim: UnixListener,
}

impl Port {
    /// Outside the range the kernel takes ports for connections from.
    pub(super) fn claim() -> Self {
        let number = |number| u16::try_from(15_000 + number).ok();
        until::until("a port is free", || {
            let number = number(canary::below(15_000))?;
            let name = SocketAddr::from_abstract_name(format!("ugent-vault-tests-port-{number}")).ok()?;
            let claim = UnixListener::bind_addr(&name).ok()?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
            Some(Self { number, _claim: claim })
        })
    }

    pub(super) const fn number(&self) -> u16 {
        self.number
    }
}
