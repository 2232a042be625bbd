//! One request through the gateway with the token of a file: read into a slot, written from there to
//! the broker's own socket, and wiped. Of the answer only its status and its beginning are kept.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::libc::{O_CLOEXEC, O_NOFOLLOW};

use super::input::to_the_end;
use super::output;

/// Longest silence: a provider that is asked for nothing answers at once.
const WAIT: Duration = Duration::from_secs(30);
/// As much of the answer as is looked at.
const START: u64 = 16 * 1024;
/// The header that says why the gateway refuses.
const REFUSAL: &str = "x-ugent-refusal:";

/// What came back.
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// The gateway's own code, where it was the gateway that refused.
    pub(crate) refusal: Option<String>,
    /// Of head and body.
    pub(crate) start: String,
}

/// Posts `{}` to that target.
pub(crate) fn ask(socket: &Path, target: &str, token: &Path) -> io::Result<Answered> {
    let file = File::options().read(true).custom_flags(O_NOFOLLOW | O_CLOEXEC).open(token)?;
    let token = to_the_end(file).map_err(|error| io::Error::other(error.to_string()))?;
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    let head =
        format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer ");
    let rest = "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    stream.write_all(head.as_bytes())?;
    output::whole(&token, &stream)?;
    drop(token);
    stream.write_all(rest.as_bytes())?;
    let mut bytes = Vec::new();
    // A timeout after the head is an answer all the same.
    let read = stream.take(START).read_to_end(&mut bytes);
    let start = String::from_utf8_lossy(&bytes).into_owned();
    match (status(&start), read) {
        (Some(status), _) => Ok(Answered { status, refusal: refusal(&start), start }),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn status(start: &str) -> Option<u16> {
    start.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

fn refusal(start: &str) -> Option<String> {
    let head = start.split("\r\n\r\n").next()?;
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(REFUSAL))?;
    line.get(REFUSAL.len()..).map(|code| code.trim().to_owned())
}
