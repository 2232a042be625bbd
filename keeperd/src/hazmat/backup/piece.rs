//! One piece of a backup: sealed and opened, and what is said of secrets in it, encoded and decoded.
//! Values go from slot to box and from box to slot; only what the catalog knows leaves a slot here.

#![expect(
    clippy::disallowed_methods,
    reason = "INV-02: what the catalog knows goes into slots and out of them"
)]

use proto::frame::VALUE_MAX;
use proto::hazmat::SecretBytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::BackupError;
use super::header::Key;
use crate::hazmat::aead::{self, OVERHEAD};

/// Bytes before a box.
pub(crate) const PREFIX_LEN: usize = 8;

/// What a piece holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What is said of the backup as a whole; the first piece.
    Start,
    /// What the catalog knows of one secret. Its values follow, one for each of its versions.
    Secret,
    /// A value.
    Value,
    /// Names that had versions before, and how many.
    Names,
    /// How much there was; the last piece.
    End,
}

/// The bytes before a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// Bytes of the box, within bounds.
    pub(crate) length: usize,
    pub(crate) kind: Kind,
}

impl Prefix {
    /// Reads one. Not to be believed before its box has opened.
    pub(crate) fn parse(bytes: [u8; PREFIX_LEN]) -> Result<Self, BackupError> {
        let [a, b, c, d, kind, last, 0, 0] = bytes else { return Err(BackupError::Damaged) };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let kind = match (kind, last) {
            (1, 0) => Kind::Start,
            (2, 0) => Kind::Secret,
            (3, 0) => Kind::Value,
            (4, 0) => Kind::Names,
            (5, 1) => Kind::End,
            (_, _) => return Err(BackupError::Damaged),
        };
        // Before anything is made room for.
        if !(OVERHEAD..=OVERHEAD + VALUE_MAX).contains(&length) {
            return Err(BackupError::Damaged);
        }
        Ok(Self { length, kind })
    }

    fn encode(self) -> Result<[u8; PREFIX_LEN], BackupError> {
        let [a, b, c, d] = u32::try_from(self.length).map_err(|_| BackupError::NoSlot)?.to_le_bytes();
        let (kind, last) = match self.kind {
            Kind::Start => (1, 0),
            Kind::Secret => (2, 0),
            Kind::Value => (3, 0),
            Kind::Names => (4, 0),
            Kind::End => (5, 1),
        };
        Ok([a, b, c, d, kind, last, 0, 0])
    }
}

impl Key {
    /// Seals what is in a slot as the piece of that number, prefix included.
    pub(crate) fn seal(&self, number: u64, kind: Kind, plain: &SecretBytes) -> Result<Vec<u8>, BackupError> {
        let prefix = Prefix { length: plain.len() + OVERHEAD, kind }.encode()?;
        let boxed = aead::seal(&self.pieces, &self.aad(number, prefix), plain)?;
        Ok([prefix.as_slice(), &boxed].concat())
    }

    /// The same of what the catalog knows.
    pub(crate) fn seal_known<T: Serialize>(
        &self,
        number: u64,
        kind: Kind,
        known: &T,
    ) -> Result<Vec<u8>, BackupError> {
        let bytes = postcard::to_allocvec(known).map_err(|_| BackupError::NoSlot)?;
        let mut plain = SecretBytes::zeroed(bytes.len())?;
        plain.expose_mut().copy_from_slice(&bytes);
        self.seal(number, kind, &plain)
    }

    /// Opens the piece of that number.
    pub(crate) fn open(
        &self,
        number: u64,
        prefix: [u8; PREFIX_LEN],
        boxed: &[u8],
    ) -> Result<SecretBytes, BackupError> {
        Ok(aead::open(&self.pieces, &self.aad(number, prefix), boxed)?)
    }

    fn aad(&self, number: u64, prefix: [u8; PREFIX_LEN]) -> Vec<u8> {
        [self.bound.as_slice(), &number.to_le_bytes(), &prefix].concat()
    }
}

/// What the catalog knows, out of a piece that has opened.
pub(crate) fn decoded<T: DeserializeOwned>(plain: &SecretBytes) -> Result<T, BackupError> {
    match postcard::take_from_bytes(plain.expose()) {
        Ok((known, [])) => Ok(known),
        Ok(_) | Err(_) => Err(BackupError::Damaged),
    }
}
