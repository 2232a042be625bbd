//! The tables of broker tokens: by digest, and when each was last used. A token itself is never
//! written here.

use proto::meta::Timestamp;
use redb::{ReadTransaction, ReadableTable, TableError, WriteTransaction};

use super::database::malformed;
use super::tables::{Table, decode, encode};
use super::{KnownToken, TokenRow, TokenUse};
use crate::hazmat::token::TokenDigest;

/// Digest to row.
const TOKENS: Table<&[u8], &[u8]> = Table::new("tokens");
/// Digest to the time of its last use. Made with the first of them, so that a catalog without it is
/// whole too.
const USED: Table<&[u8], u64> = Table::new("tokens_used");

/// What becomes of earlier bootstrap tokens when there is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// The current one goes; one that has an end already keeps it.
    Replaced,
    /// All of them go.
    Refused,
    /// All of them are let in until then, or until the end they have already.
    Until(Timestamp),
}

/// Makes the tables.
pub(super) fn make(write: &WriteTransaction) -> Result<(), redb::Error> {
    write.open_table(TOKENS)?;
    Ok(())
}

/// All tokens.
pub(crate) fn all(read: &ReadTransaction) -> Result<Vec<KnownToken>, redb::Error> {
    let used = match read.open_table(USED) {
        Ok(used) => Some(used),
        Err(TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let mut known = Vec::new();
    for entry in read.open_table(TOKENS)?.iter()? {
        let (digest, row) = entry?;
        let last_used = match &used {
            Some(used) => used.get(digest.value())?.map(|time| Timestamp(time.value())),
            None => None,
        };
        known.push(KnownToken {
            digest: TokenDigest(digest.value().try_into().map_err(|_| malformed("tokens"))?),
            row: decode(row.value(), "tokens")?,
            last_used,
        });
    }
    Ok(known)
}

/// Writes a token's row.
pub(crate) fn put(write: &WriteTransaction, digest: &TokenDigest, row: &TokenRow) -> Result<(), redb::Error> {
    write.open_table(TOKENS)?.insert(digest.0.as_slice(), encode(row)?.as_slice())?;
    Ok(())
}

/// Removes a token's row, and when it was used.
pub(crate) fn remove(write: &WriteTransaction, digest: &TokenDigest) -> Result<(), redb::Error> {
    write.open_table(TOKENS)?.remove(digest.0.as_slice())?;
    write.open_table(USED)?.remove(digest.0.as_slice())?;
    Ok(())
}

/// Writes the bootstrap token's row in the place of the one before.
pub(crate) fn put_bootstrap(
    write: &WriteTransaction,
    digest: &TokenDigest,
    row: &TokenRow,
    earlier: Earlier,
) -> Result<(), redb::Error> {
    for (digest, row) in rows(write)? {
        match row.used_as {
            TokenUse::Bootstrap => match kept_until(earlier, row.expires) {
                Some(end) => put(write, &digest, &TokenRow { expires: Some(end), ..row })?,
                None => remove(write, &digest)?,
            },
            TokenUse::Issued => {}
        }
    }
    put(write, digest, row)
}

/// Removes the rows of tokens that have come to their end.
pub(crate) fn remove_ended(write: &WriteTransaction, now: Timestamp) -> Result<(), redb::Error> {
    for (digest, row) in rows(write)? {
        if row.has_ended(now) {
            remove(write, &digest)?;
        }
    }
    Ok(())
}

/// Notes when tokens were last used; those that are gone are passed over.
pub(crate) fn put_used(
    write: &WriteTransaction,
    times: &[(TokenDigest, Timestamp)],
) -> Result<(), redb::Error> {
    let tokens = write.open_table(TOKENS)?;
    let mut used = write.open_table(USED)?;
    for (digest, Timestamp(time)) in times {
        if tokens.get(digest.0.as_slice())?.is_some() {
            used.insert(digest.0.as_slice(), time)?;
        }
    }
    Ok(())
}

/// Until when an earlier bootstrap token with that end is let in; none if no longer.
fn kept_until(earlier: Earlier, expires: Option<Timestamp>) -> Option<Timestamp> {
    match earlier {
        Earlier::Replaced => expires,
        Earlier::Refused => None,
        Earlier::Until(end) => Some(expires.map_or(end, |sooner| sooner.min(end))),
    }
}

fn rows(write: &WriteTransaction) -> Result<Vec<(TokenDigest, TokenRow)>, redb::Error> {
    let mut rows = Vec::new();
    for entry in write.open_table(TOKENS)?.iter()? {
        let (digest, row) = entry?;
        let digest = digest.value().try_into().map_err(|_| malformed("tokens"))?;
        rows.push((TokenDigest(digest), decode(row.value(), "tokens")?));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_never_moved_later() {
        let at = |ms| Some(Timestamp(ms));
        for (earlier, expires, kept) in [
            (Earlier::Replaced, None, None),
            (Earlier::Replaced, at(5), at(5)),
            (Earlier::Refused, None, None),
            (Earlier::Refused, at(5), None),
            (Earlier::Until(Timestamp(9)), None, at(9)),
            (Earlier::Until(Timestamp(9)), at(5), at(5)),
            (Earlier::Until(Timestamp(9)), at(12), at(9)),
        ] {
            assert_eq!(kept_until(earlier, expires), kept, "{earlier:?} {expires:?}");
        }
    }
}
