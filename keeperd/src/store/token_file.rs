//! `secrets/broker.token`: the bootstrap token, for programs of this user.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use proto::failure::Failure;
use proto::meta::Timestamp;
use proto::name::Consumer;

use super::files::{self, io_failure};
use super::{Bootstrap, Contents, Store};
use crate::catalog::{TokenId, TokenRow, TokenUse, tables};
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
        let new = path.with_extension("token.new");
        let written = write(&new).map_err(|error| io_failure("cannot write", &path, &error));
        let made = written.and_then(|digest| {
            let row = TokenRow {
                id: id(&digest),
                consumer: Consumer::ugent_core(),
                created: now,
                expires: None,
                used_as: TokenUse::Bootstrap,
            };
            // The row first: a crash in between leaves an old file whose token is unknown, and
            // this function mends that.
            self.catalog.change(|write| tables::put_bootstrap(write, &digest, &row))?;
            files::replace(&path, &new).map_err(|error| io_failure("cannot write", &path, &error))?;
            Ok((digest, row))
        });
        if made.is_err() {
            let _ = files::remove(&new);
        }
        made.map(Some)
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
    let is_it = |(known, row): &(TokenDigest, TokenRow)| match row.used_as {
        TokenUse::Bootstrap => known == digest,
        TokenUse::Issued => false,
    };
    contents.tokens.iter().any(is_it)
}

/// Short, for people; says nothing about the token that its digest does not.
fn id(digest: &TokenDigest) -> TokenId {
    let hex: String = digest.0.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    TokenId(hex.into())
}
