//! When versions of secrets come to an end: their values expire, or they are no longer kept to go
//! back to. In tables of their own, by deposit, made with the first of them: a catalog without them
//! is whole too.

use proto::meta::Timestamp;
use redb::{ReadOnlyTable, ReadTransaction, TableError, WriteTransaction};

use super::tables::Table;
use super::{SecretRow, VersionRow};

/// Deposit to the time its value expires.
const EXPIRES: Table<&[u8], u64> = Table::new("versions_expire");
/// Deposit of an earlier version to the time it is kept until.
const KEPT: Table<&[u8], u64> = Table::new("versions_kept");

/// Both tables, as far as they are there.
pub(super) struct Ends {
    expires: Option<ReadOnlyTable<&'static [u8], u64>>,
    kept: Option<ReadOnlyTable<&'static [u8], u64>>,
}

impl Ends {
    pub(super) fn open(read: &ReadTransaction) -> Result<Self, redb::Error> {
        Ok(Self { expires: open(read, EXPIRES)?, kept: open(read, KEPT)? })
    }

    /// Fills in what a row does not hold itself.
    pub(super) fn fill(&self, row: &mut SecretRow) -> Result<(), redb::Error> {
        for version in &mut row.versions {
            version.expires = find(self.expires.as_ref(), version)?;
            version.kept_until = find(self.kept.as_ref(), version)?;
        }
        Ok(())
    }
}

/// Writes the ends of these versions.
pub(super) fn put(write: &WriteTransaction, versions: &[VersionRow]) -> Result<(), redb::Error> {
    let (mut expires, mut kept) = (write.open_table(EXPIRES)?, write.open_table(KEPT)?);
    for version in versions {
        for (table, end) in [(&mut expires, version.expires), (&mut kept, version.kept_until)] {
            match end {
                Some(Timestamp(end)) => drop(table.insert(version.deposit.0.as_slice(), end)?),
                None => drop(table.remove(version.deposit.0.as_slice())?),
            }
        }
    }
    Ok(())
}

/// Forgets the ends of versions that are gone.
pub(super) fn remove<'a>(
    write: &WriteTransaction,
    versions: impl Iterator<Item = &'a VersionRow>,
) -> Result<(), redb::Error> {
    let (mut expires, mut kept) = (write.open_table(EXPIRES)?, write.open_table(KEPT)?);
    for version in versions {
        expires.remove(version.deposit.0.as_slice())?;
        kept.remove(version.deposit.0.as_slice())?;
    }
    Ok(())
}

fn open(
    read: &ReadTransaction,
    table: Table<&'static [u8], u64>,
) -> Result<Option<ReadOnlyTable<&'static [u8], u64>>, redb::Error> {
    match read.open_table(table) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn find(
    table: Option<&ReadOnlyTable<&'static [u8], u64>>,
    version: &VersionRow,
) -> Result<Option<Timestamp>, redb::Error> {
    let Some(table) = table else { return Ok(None) };
    Ok(table.get(version.deposit.0.as_slice())?.map(|end| Timestamp(end.value())))
}
