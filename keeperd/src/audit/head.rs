//! The sealed head: how far the journal reached when it was last synced, in `secrets/audit/head`.
//!
//! ```text
//! two places, at 0 and 4096: magic "UGENTHED" | u16 format | 6 bytes 0 | u64 counter | u64 seq
//!                            | 32 link | 32 MAC under a key derived from the data key
//! ```
//!
//! Whoever cuts records off the journal that a head covers cannot make a head for what is left
//! (INV-10). Both places must be whole; the one with the higher counter counts.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use proto::failure::{Failure, FailureClass};

use super::chain::{Link, NO_LINK};
use super::places::{self, Older, PlaceError};
use crate::hazmat::keys::Keys;
use crate::store::files;

const MAGIC: [u8; 8] = *b"UGENTHED";
const FORMAT: u64 = 1;
const BODY_LEN: usize = 64;
const HEAD_LEN: usize = BODY_LEN + 32;
const FIRST: u64 = 1;

/// How far the journal reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Rises by one a head; the parity says which place it lies in.
    pub(super) counter: u64,
    /// Of the last record covered.
    pub(super) seq: u64,
    /// Of the last record covered.
    pub(super) link: Link,
}

/// A head, authenticated and ready to be written.
pub(super) struct SealedHead {
    pub(super) head: Head,
    bytes: Vec<u8>,
}

impl SealedHead {
    pub(super) fn new(keys: &Keys, head: Head) -> Self {
        let mut bytes = Vec::with_capacity(HEAD_LEN);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&head.counter.to_le_bytes());
        bytes.extend_from_slice(&head.seq.to_le_bytes());
        bytes.extend_from_slice(&head.link);
        let mac = keys.head_mac(&bytes);
        bytes.extend_from_slice(&mac);
        Self { head, bytes }
    }

    /// Writes it. To be called when all it covers is synced.
    pub(super) fn write(&self, audit: &Path) -> Result<(), PlaceError> {
        places::write(&path(audit), self.head.counter, &self.bytes, Older::Keep)
    }
}

/// The first head of a vault that is being made: it covers nothing, but from now on a missing one
/// is damage.
pub(crate) fn begin(audit: &Path, keys: &Keys) -> Result<(), Failure> {
    let path = path(audit);
    let found = Claims::read(audit).map_err(|error| files::io_failure("cannot read", &path, &error))?;
    if found.furthest() > 0 {
        return Err(Failure::new(
            FailureClass::Config,
            format!("{} is the journal of another vault", audit.display()),
            format!("move it away: mv {0} {0}.old", audit.display()),
        ));
    }
    let sealed = SealedHead::new(keys, Head { counter: FIRST, seq: 0, link: NO_LINK });
    // A vault that was half made before a crash may have left another.
    let sealed = files::remove(&path).and_then(|()| sealed.write(audit).map_err(PlaceError::into_io));
    sealed.map_err(|error| files::io_failure("cannot write", &path, &error))
}

/// What lies in the head's file, not believed yet.
pub(super) struct Claims([Claim; 2]);

enum Claim {
    /// Zeros.
    Nothing,
    /// Anything but a head.
    Malformed,
    /// A head, if the MAC is right.
    Head { head: Head, body: Vec<u8>, mac: Vec<u8> },
}

impl Claims {
    /// Reads both places; a missing or overlong file claims nothing or nonsense.
    pub(super) fn read(audit: &Path) -> io::Result<Self> {
        match files::open(&path(audit)) {
            Ok(file) => Self::from_file(&file),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self([Claim::Nothing, Claim::Nothing])),
            Err(error) => Err(error),
        }
    }

    /// As [`Claims::read`], from a file that was passed.
    pub(super) fn from_file(file: &File) -> io::Result<Self> {
        match places::read(file, HEAD_LEN) {
            Ok(both) => Ok(Self(both.map(|bytes| claim(&bytes)))),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Ok(Self([Claim::Malformed, Claim::Malformed]))
            }
            Err(error) => Err(error),
        }
    }

    /// The furthest seq any of them claims. Without a key this proves nothing, but a journal that
    /// does not reach it is not to be written to.
    pub(super) fn furthest(&self) -> u64 {
        let seq = |claim: &Claim| match claim {
            Claim::Nothing | Claim::Malformed => 0,
            Claim::Head { head, .. } => head.seq,
        };
        self.0.iter().map(seq).max().unwrap_or(0)
    }

    /// The newest head that is authentic. For a keeper that takes up its work after a crash, which
    /// may have cut a write short: one good place will do.
    pub(super) fn newest(&self, keys: &Keys) -> Option<Head> {
        self.0.iter().filter_map(|claim| authentic(claim, keys)).max_by_key(|head| head.counter)
    }

    /// As [`Claims::newest`], for a verifier: every place must be authentic and in its own place,
    /// and both must be used but for a journal whose first head still stands. Otherwise wiping
    /// the newer place would bring the older head back.
    pub(super) fn newest_of_whole(&self, keys: &Keys) -> Option<Head> {
        let [even, odd] = &self.0;
        let is_in_place = |claim: &Claim, parity: u64| match claim {
            Claim::Nothing => true,
            Claim::Malformed => false,
            Claim::Head { .. } => authentic(claim, keys).is_some_and(|head| head.counter % 2 == parity),
        };
        let newest = self.newest(keys)?;
        let are_both_used = !matches!(even, Claim::Nothing) && !matches!(odd, Claim::Nothing);
        let is_whole =
            is_in_place(even, 0) && is_in_place(odd, 1) && (are_both_used || newest.counter == FIRST);
        is_whole.then_some(newest)
    }
}

fn authentic(claim: &Claim, keys: &Keys) -> Option<Head> {
    match claim {
        Claim::Nothing | Claim::Malformed => None,
        Claim::Head { head, body, mac } => (keys.head_mac(body) == mac.as_slice()).then_some(*head),
    }
}

fn claim(bytes: &[u8]) -> Claim {
    if bytes.iter().all(|byte| *byte == 0) {
        return Claim::Nothing;
    }
    decode(bytes).unwrap_or(Claim::Malformed)
}

fn decode(bytes: &[u8]) -> Option<Claim> {
    let (body, mac) = bytes.split_at_checked(BODY_LEN)?;
    let (magic, rest) = body.split_first_chunk::<8>()?;
    let (format, rest) = rest.split_first_chunk::<8>()?;
    let (counter, rest) = rest.split_first_chunk::<8>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    if *magic != MAGIC || u64::from_le_bytes(*format) != FORMAT {
        return None;
    }
    let head = Head {
        counter: u64::from_le_bytes(*counter),
        seq: u64::from_le_bytes(*seq),
        link: rest.try_into().ok()?,
    };
    Some(Claim::Head { head, body: body.to_vec(), mac: mac.to_vec() })
}

fn path(audit: &Path) -> PathBuf {
    audit.join("head")
}
