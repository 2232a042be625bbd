//! Every listening socket of the broker. The launcher keeps them open for its life and passes
//! copies on, so that clients wait instead of being refused while a daemon is replaced.

use std::fs::{DirBuilder, Permissions, set_permissions};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt, lchown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, socket};
use nix::sys::stat::{Mode, fchmod};
use proto::control_lane::ListenerKind;
use proto::failure::{Failure, FailureClass};
use unix::owned::{self, Privacy};

use super::activation::PassedOn;
use super::options::Places;
use crate::home::{Home, fits_a_socket};
use crate::system::System;

/// All of them. Their files go with them.
pub(super) struct Listeners {
    keeper: SocketFile,
    tcp: Option<(SocketAddr, TcpListener)>,
    gateways: Vec<SocketFile>,
}

struct SocketFile {
    path: PathBuf,
    listener: UnixListener,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Listeners {
    /// Binds them all. Sockets of a dead broker are taken over: the caller holds the lock.
    pub(super) fn bind(home: &Home, places: &Places, passed_on: Option<PassedOn>) -> Result<Self, Failure> {
        let tcp = match passed_on {
            Some(passed_on) => Some(passed_on),
            None => places.tcp.map(bind_tcp).transpose()?,
        };
        if let Some(system) = home.system() {
            return Self::for_groups(tcp, system);
        }
        let mut gateways = Vec::new();
        for workspace in &places.workspaces {
            let path = workspace.socket(home);
            fits_a_socket(&path)?;
            own_directory(&home.path().join("instances"), Privacy::NotWritableByOthers)?;
            own_directory(&home.instance(&workspace.hash()), Privacy::Private)?;
            gateways.push(bind_unix(path, Peers::Us)?);
        }
        let keeper = bind_unix(home.keeper_socket(), Peers::Us)?;
        Ok(Self { keeper, tcp, gateways })
    }

    /// With `--system`: one socket for clients, one for commands, each for a group.
    fn for_groups(tcp: Option<(SocketAddr, TcpListener)>, system: &System) -> Result<Self, Failure> {
        let gateway = bind_unix(system.gateway_socket(), Peers::Group(system.clients))?;
        let keeper = bind_unix(system.keeper_socket(), Peers::Group(system.admins))?;
        Ok(Self { keeper, tcp, gateways: vec![gateway] })
    }

    /// A copy of `keeperd.sock`, for keeperd.
    pub(super) fn for_keeper(&self) -> io::Result<OwnedFd> {
        Ok(self.keeper.listener.try_clone()?.into())
    }

    /// Copies of all others, for an egressd.
    pub(super) fn for_egress(&self) -> io::Result<Vec<(ListenerKind, OwnedFd)>> {
        let mut copies = Vec::new();
        if let Some((_, listener)) = &self.tcp {
            copies.push((ListenerKind::Tcp, listener.try_clone()?.into()));
        }
        for gateway in &self.gateways {
            copies.push((ListenerKind::Unix, gateway.listener.try_clone()?.into()));
        }
        Ok(copies)
    }

    /// Stops listening for requests; commands may still come.
    pub(super) fn close_gateway(&mut self) {
        self.tcp = None;
        self.gateways.clear();
    }

    /// The loopback address, as the kernel has it (port 0 means: any that is free).
    pub(super) fn address(&self) -> Option<String> {
        self.tcp.as_ref().map(|(address, _)| address.to_string())
    }

    /// Paths of the gateway's sockets.
    pub(super) fn sockets(&self) -> Vec<String> {
        self.gateways.iter().map(|gateway| gateway.path.display().to_string()).collect()
    }
}

fn bind_tcp(address: SocketAddr) -> Result<(SocketAddr, TcpListener), Failure> {
    // std sets SO_REUSEADDR: a broker that has just ended leaves connections in TIME_WAIT.
    let bound = TcpListener::bind(address).and_then(|listener| Ok((listener.local_addr()?, listener)));
    bound.map_err(|error| {
        let in_use = error.kind() == ErrorKind::AddrInUse;
        let class = if in_use { FailureClass::TryAgain } else { FailureClass::Config };
        Failure::new(
            class,
            format!("{address} could not be listened on: {error}"),
            "--listen 127.0.0.1:PORT with another port",
        )
    })
}

/// Whom a socket's file lets in.
#[derive(Clone, Copy)]
enum Peers {
    Us,
    /// And root, whose it is.
    Group(u32),
}

fn bind_unix(path: PathBuf, peers: Peers) -> Result<SocketFile, Failure> {
    fits_a_socket(&path)?;
    match path.symlink_metadata() {
        Ok(found) if found.file_type().is_socket() => {
            std::fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
        }
        Ok(_) => {
            let what = format!("{} is in the way: it is not a socket", path.display());
            return Err(Failure::new(FailureClass::Config, what, format!("move {} away", path.display())));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(&path, &error)),
    }
    match listen(&path, peers) {
        Ok(listener) => Ok(SocketFile { path, listener }),
        Err(error) => Err(failed(&path, &error)),
    }
}

/// A listening socket whose file is ours alone from its first moment: on Linux a socket's file gets
/// the mode the socket has when it is bound. A group is let in before it listens: nobody can connect
/// until then.
fn listen(path: &Path, peers: Peers) -> io::Result<UnixListener> {
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    fchmod(&socket, Mode::from_bits_truncate(0o600))?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    match peers {
        Peers::Us => {}
        Peers::Group(group) => {
            lchown(path, None, Some(group))?;
            set_permissions(path, Permissions::from_mode(0o660))?;
        }
    }
    nix::sys::socket::listen(&socket, Backlog::MAXCONN)?;
    Ok(UnixListener::from(socket))
}

fn own_directory(path: &Path, privacy: Privacy) -> Result<(), Failure> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(path, &error)),
    }
    owned::directory(path, privacy).map_err(|wrong| wrong.failure(path))
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    let place = path.parent().unwrap_or(path).display();
    let hint = format!("look at the mode of {place}, and whether there is room: ls -ld {place}; df {place}");
    Failure::new(FailureClass::Io, format!("{} could not be made: {error}", path.display()), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_is_taken_over_and_is_ours_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.sock");
        drop(UnixListener::bind(&path).unwrap());
        let bound = bind_unix(path.clone(), Peers::Us).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        drop(bound);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_in_the_way_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.sock");
        std::fs::write(&path, "precious").unwrap();
        assert!(bind_unix(path.clone(), Peers::Us).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_port_in_use_says_so_and_how_to_choose_another() {
        let (address, _held) = bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let failure = bind_tcp(address).unwrap_err();
        assert_eq!(failure.class, FailureClass::TryAgain);
        assert!(failure.what.contains(&address.to_string()) && failure.hint.contains("--listen"));
    }
}
