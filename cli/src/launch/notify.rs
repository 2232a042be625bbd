//! What a service manager is told (sd_notify(3)), if one asks for it.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The way to a service manager. Opened at the start: the launcher's filter allows no such socket.
pub(super) struct Notify(Option<UnixDatagram>);

impl Notify {
    /// To `NOTIFY_SOCKET`, if there is one. Nobody there is no error.
    pub(super) fn open() -> Self {
        Self(std::env::var_os("NOTIFY_SOCKET").and_then(|name| connected(&name).ok()))
    }

    /// Sends a state such as `READY=1`.
    pub(super) fn say(&self, state: &str) {
        if let Some(socket) = &self.0 {
            let _ = socket.send(state.as_bytes());
        }
    }
}

fn connected(name: &OsString) -> std::io::Result<UnixDatagram> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(hidden) => SocketAddr::from_abstract_name(hidden)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    Ok(socket)
}
