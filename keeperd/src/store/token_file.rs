//! `secrets/broker.token`: the bootstrap token, for programs of this user.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use proto::failure::Failure;
use proto::meta::Timestamp;
use proto::name::{Consumer, TokenId};

use super::files::{self, io_failure};
use super::{Bootstrap, Contents, Store};
use crate::catalog::token_table::{self, Earlier};
use crate::catalog::{KnownToken, TokenRow, TokenUse};
use crate::hazmat::token::{self, TokenDigest};

impl Store {
    /// Makes the bootstrap token if its file is missing, holds no token, or holds one that the
    /// catalog does not know; the new one takes the place of the old. Makes none where there is to
    /// be none.
    pub(crate) fn bootstrap_token(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<(TokenDigest, TokenRow)>, Failure> {
        match self.bootstrap {
            Bootstrap::Token => {}
            Bootstrap::Nothing => return Ok(None),
        }
        let path = path(&self.secrets);
        let found = read(&path).map_err(|error| io_failure("cannot read", &path, &error))?;
        let contents = self.contents()?;
        if found.is_some_and(|digest| knows(&contents, &digest)) {
            return Ok(None);
        }
        self.put_bootstrap_token(now, Earlier::Replaced).map(Some)
    }

    /// Makes another bootstrap token: its row and its file. Where this fails, the old one stands.
    pub(super) fn put_bootstrap_token(
        &mut self,
        now: Timestamp,
        earlier: Earlier,
    ) -> Result<(TokenDigest, TokenRow), Failure> {
        let path = path(&self.secrets);
        let new = path.with_extension("token.new");
        let written = write(&new).map_err(|error| io_failure("cannot write", &path, &error));
        let made = written.and_then(|digest| {
            let row = TokenRow {
                id: TokenId::of(&digest.0),
                consumer: Consumer::ugent_core(),
                created: now,
                expires: None,
                used_as: TokenUse::Bootstrap,
            };
            let before = self.contents()?.tokens;
            // The row first: a crash in between leaves an old file whose token is not the current
            // one, and `bootstrap_token` mends that.
            self.catalog.change(|write| token_table::put_bootstrap(write, &digest, &row, earlier))?;
            match files::replace(&path, &new) {
                // In place but not synced: a power cut brings back the old file, as a crash does.
                Err(error) if !matches!(read(&path), Ok(Some(found)) if found == digest) => {
                    self.put_back(&digest, &before)?;
                    Err(io_failure("cannot write", &path, &error))
                }
                Ok(()) | Err(_) => Ok((digest, row)),
            }
        });
        if made.is_err() {
            let _ = files::remove(&new);
        }
        made
    }

    /// The file could not be put in place, so the rows are what they were.
    fn put_back(&mut self, digest: &TokenDigest, before: &[KnownToken]) -> Result<(), Failure> {
        self.catalog.change(|write| {
            token_table::remove(write, digest)?;
            before.iter().try_for_each(|known| token_table::put(write, &known.digest, &known.row))
        })
    }
}

pub(super) fn path(secrets: &Path) -> PathBuf {
    secrets.join("broker.token")
}

fn read(path: &Path) -> io::Result<Option<TokenDigest>> {
    match files::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(file) => token::read(&file),
    }
}

fn write(new: &Path) -> io::Result<TokenDigest> {
    files::remove(new)?;
    let token = token::make()?;
    let file = files::make(new)?;
    token::write(&token, &file)?;
    file.sync_all()?;
    Ok(TokenDigest::of(&token))
}

fn knows(contents: &Contents, digest: &TokenDigest) -> bool {
    contents.tokens.iter().any(|known| known.digest == *digest && known.row.is_bootstrap())
}
