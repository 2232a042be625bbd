//! The file of a backup, piece by piece: one at a time in memory, whatever the backup's size. It must
//! give out no piece that has not opened, and none out of order.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use proto::control_lane::KdfCost;
use proto::hazmat::SecretBytes;
use serde::Serialize;

use super::Broken;
use crate::hazmat::backup::{self, BackupError, HEADER_LEN, Key, Kind, PREFIX_LEN, Prefix};

/// Writes a backup into an empty file.
pub(super) struct Writer {
    file: File,
    key: Key,
    at: u64,
    number: u64,
    hash: blake3::Hasher,
}

impl Writer {
    /// Derives the key and writes the header.
    pub(super) fn begin(file: File, passphrase: &SecretBytes, cost: KdfCost) -> Result<Self, Broken> {
        let (header, key) = backup::make(passphrase, cost)?;
        let mut writer = Self { file, key, at: 0, number: 0, hash: blake3::Hasher::new() };
        writer.write(&header)?;
        Ok(writer)
    }

    /// How many bytes were written.
    pub(super) const fn written(&self) -> u64 {
        self.at
    }

    /// A value.
    pub(super) fn value(&mut self, value: &SecretBytes) -> Result<(), Broken> {
        let piece = self.key.seal(self.number, Kind::Value, value)?;
        self.piece(&piece)
    }

    /// What the catalog knows.
    pub(super) fn known<T: Serialize>(&mut self, kind: Kind, known: &T) -> Result<(), Broken> {
        let piece = self.key.seal_known(self.number, kind, known)?;
        self.piece(&piece)
    }

    /// All is written: syncs it, and begins to read it back.
    pub(super) fn end(self) -> Result<(Reader, [u8; 32]), Broken> {
        self.file.sync_all()?;
        let hash = *self.hash.finalize().as_bytes();
        Ok((Reader::begin(self.file, self.key)?, hash))
    }

    fn piece(&mut self, piece: &[u8]) -> Result<(), Broken> {
        self.number += 1;
        self.write(piece)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.file.write_all_at(bytes, self.at)?;
        self.hash.update(bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// Reads a backup from its first piece to its last.
pub(super) struct Reader {
    file: File,
    key: Key,
    length: u64,
    at: u64,
    number: u64,
    hash: blake3::Hasher,
}

impl Reader {
    /// Reads the header and derives the key.
    pub(super) fn open(file: File, passphrase: &SecretBytes) -> Result<Self, Broken> {
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut header = vec![0; length.min(HEADER_LEN)];
        read_at(&file, &mut header, 0)?;
        let key = backup::open(&header, passphrase)?;
        Self::begin(file, key)
    }

    /// From the first piece on.
    fn begin(file: File, key: Key) -> Result<Self, Broken> {
        let length = file.metadata()?.len();
        let mut reader = Self { file, key, length, at: 0, number: 0, hash: blake3::Hasher::new() };
        drop(reader.take(HEADER_LEN)?);
        Ok(reader)
    }

    /// From the first piece on, once more.
    pub(super) fn again(self) -> Result<Self, Broken> {
        Self::begin(self.file, self.key)
    }

    /// How far it has read.
    pub(super) const fn position(&self) -> u64 {
        self.at
    }

    /// The next piece, opened. Behind the last there must be nothing.
    pub(super) fn next(&mut self) -> Result<(Kind, SecretBytes), Broken> {
        let bytes = self.take(PREFIX_LEN)?;
        let prefix = *bytes.first_chunk::<PREFIX_LEN>().ok_or(BackupError::Cut)?;
        let Prefix { length, kind } = Prefix::parse(prefix)?;
        let boxed = self.take(length)?;
        let plain = self.key.open(self.number, prefix, &boxed)?;
        self.number += 1;
        match kind {
            Kind::End if self.at != self.length => Err(BackupError::Damaged.into()),
            Kind::Start | Kind::Secret | Kind::Value | Kind::Names | Kind::End => Ok((kind, plain)),
        }
    }

    /// Of all bytes that were read.
    pub(super) fn hash(&self) -> [u8; 32] {
        *self.hash.finalize().as_bytes()
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, Broken> {
        let end = self.at.saturating_add(length as u64);
        if end > self.length {
            return Err(BackupError::Cut.into());
        }
        let mut bytes = vec![0; length];
        read_at(&self.file, &mut bytes, self.at)?;
        self.hash.update(&bytes);
        self.at = end;
        Ok(bytes)
    }
}

/// A file that has become shorter meanwhile is cut, too.
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> Result<(), Broken> {
    match file.read_exact_at(bytes, at) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(BackupError::Cut.into()),
        read => Ok(read?),
    }
}
