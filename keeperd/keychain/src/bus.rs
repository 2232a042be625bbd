//! The socket of the session bus, by its address (D-Bus specification, "Server Addresses"). Nothing
//! is written to it here, and nothing read.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};

use proto::keychain_lane::Trouble;

/// Connects to the first of the addresses that lets it.
pub(crate) fn connect(addresses: Option<&str>) -> Result<UnixStream, Trouble> {
    let known = addresses.unwrap_or_default().split(';').filter_map(parse);
    known.map(|address| open(&address)).find_map(Result::ok).ok_or(Trouble::NoBus)
}

/// An address on this machine; of others nothing is known.
#[derive(Debug, PartialEq, Eq)]
enum Address {
    Path(Vec<u8>),
    Abstract(Vec<u8>),
}

fn open(address: &Address) -> io::Result<UnixStream> {
    let place = match address {
        Address::Path(path) => {
            SocketAddr::from_pathname(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(path))?
        }
        Address::Abstract(name) => SocketAddr::from_abstract_name(name)?,
    };
    UnixStream::connect_addr(&place)
}

fn parse(address: &str) -> Option<Address> {
    let pairs = address.strip_prefix("unix:")?.split(',').filter_map(|pair| pair.split_once('='));
    let mut kinds = pairs.filter_map(|(key, value)| match key {
        "path" => unescaped(value).map(Address::Path),
        "abstract" => unescaped(value).map(Address::Abstract),
        _ => None,
    });
    kinds.next()
}

/// `%xx` stands for a byte.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_are_read_and_no_others() {
        let path = |text: &str| Some(Address::Path(text.into()));
        assert_eq!(parse("unix:path=/run/user/1000/bus"), path("/run/user/1000/bus"));
        assert_eq!(parse("unix:guid=00,path=/a%20b"), path("/a b"));
        assert_eq!(parse("unix:abstract=/tmp/dbus-x,guid=1"), Some(Address::Abstract("/tmp/dbus-x".into())));
        for other in
            ["", "unix:", "tcp:host=localhost,port=1", "unix:path=/a%2", "unix:path=/a%zz", "path=/a"]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn no_address_and_one_that_nobody_listens_at_are_no_bus() {
        assert_eq!(connect(None).err(), Some(Trouble::NoBus));
        assert_eq!(connect(Some("unix:path=/nobody/is/here;tcp:host=x")).err(), Some(Trouble::NoBus));
    }
}
