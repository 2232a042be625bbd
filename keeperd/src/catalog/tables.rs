//! The catalog's tables, and reading and writing their rows within one transaction.

use proto::meta::Timestamp;
use proto::name::{Backend, Handle};
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::database::malformed;
use super::end_table::{self, Ends};
use super::{SecretRow, Tries, VersionRow, token_table};
use crate::hazmat::binding::{DepositId, VaultId};
use crate::serve::Day;

/// Of the tables below and of the rows' encoding.
pub(super) const FORMAT: u32 = 1;

pub(super) type Table<K, V> = TableDefinition<'static, K, V>;
/// What there is one of.
const SINGLES: Table<&str, &[u8]> = TableDefinition::new("singles");
/// Bare handle to row; `last_used` in it is never read.
const SECRETS: Table<&str, &[u8]> = TableDefinition::new("secrets");
/// Bare handle to the highest version there ever was; stays when the secret goes.
const HIGHEST: Table<&str, u32> = TableDefinition::new("highest_version");
/// Bare handle to the time of its last release: rows this small may be rewritten every minute.
const USED: Table<&str, u64> = TableDefinition::new("last_used");

const AT_FORMAT: &str = "format";
const AT_BACKEND: &str = "backend";
const AT_VAULT: &str = "vault";
/// Made with the first try, so that a catalog without it is whole too.
const AT_TRIES: &str = "tries";
/// Made with the first warning.
const AT_WARNED: &str = "warned";

/// Makes all tables.
pub(super) fn make(write: &WriteTransaction) -> Result<(), redb::Error> {
    put(write, AT_FORMAT, &FORMAT)?;
    write.open_table(SECRETS)?;
    write.open_table(HIGHEST)?;
    write.open_table(USED)?;
    token_table::make(write)
}

/// The format, if this is a catalog at all.
pub(super) fn format(read: &ReadTransaction) -> Result<Option<u32>, redb::Error> {
    single(read, AT_FORMAT)
}

/// What `init` chose.
pub(crate) fn backend(read: &ReadTransaction) -> Result<Option<Backend>, redb::Error> {
    single(read, AT_BACKEND)
}

/// The vault whose values the rows are of.
pub(crate) fn vault(read: &ReadTransaction) -> Result<Option<VaultId>, redb::Error> {
    single(read, AT_VAULT)
}

/// Remembers backend and vault.
pub(crate) fn choose(write: &WriteTransaction, backend: Backend, vault: VaultId) -> Result<(), redb::Error> {
    put(write, AT_BACKEND, &backend)?;
    put(write, AT_VAULT, &vault)
}

/// The wrong passphrases in a row.
pub(crate) fn tries(read: &ReadTransaction) -> Result<Tries, redb::Error> {
    Ok(single(read, AT_TRIES)?.unwrap_or(Tries::NONE))
}

/// Counts them.
pub(crate) fn put_tries(write: &WriteTransaction, tries: Tries) -> Result<(), redb::Error> {
    put(write, AT_TRIES, &tries)
}

/// The days on which somebody was warned of values that expire.
pub(crate) fn warned(read: &ReadTransaction) -> Result<Vec<(DepositId, Day)>, redb::Error> {
    Ok(single(read, AT_WARNED)?.unwrap_or_default())
}

/// Keeps them.
pub(crate) fn put_warned(write: &WriteTransaction, days: &[(DepositId, Day)]) -> Result<(), redb::Error> {
    put(write, AT_WARNED, &days)
}

/// All secrets, by name.
pub(crate) fn secrets(read: &ReadTransaction) -> Result<Vec<SecretRow>, redb::Error> {
    let (used, ends) = (read.open_table(USED)?, Ends::open(read)?);
    let mut rows = Vec::new();
    for entry in read.open_table(SECRETS)?.iter()? {
        let (handle, row) = entry?;
        let mut row: SecretRow = decode(row.value(), "secrets")?;
        if row.handle.as_str() != handle.value() || row.versions.is_empty() {
            return Err(malformed("secrets"));
        }
        row.last_used = used.get(handle.value())?.map(|time| Timestamp(time.value()));
        ends.fill(&mut row)?;
        rows.push(row);
    }
    Ok(rows)
}

/// One secret.
pub(crate) fn secret(read: &ReadTransaction, handle: &Handle) -> Result<Option<SecretRow>, redb::Error> {
    let Some(row) = read.open_table(SECRETS)?.get(handle.as_str())? else {
        return Ok(None);
    };
    let mut row: SecretRow = decode(row.value(), "secrets")?;
    row.last_used = read.open_table(USED)?.get(handle.as_str())?.map(|time| Timestamp(time.value()));
    Ends::open(read)?.fill(&mut row)?;
    Ok(Some(row))
}

/// The highest version a name ever had; 0 if it never had one.
pub(crate) fn highest(read: &ReadTransaction, handle: &Handle) -> Result<u32, redb::Error> {
    Ok(read.open_table(HIGHEST)?.get(handle.as_str())?.map_or(0, |version| version.value()))
}

/// The highest versions of all names, also of those that are gone.
pub(crate) fn all_highest(read: &ReadTransaction) -> Result<Vec<(Handle, u32)>, redb::Error> {
    let mut names = Vec::new();
    for entry in read.open_table(HIGHEST)?.iter()? {
        let (name, version) = entry?;
        let handle =
            Handle::parse(&format!("@{}", name.value())).map_err(|_| malformed("highest_version"))?;
        names.push((handle, version.value()));
    }
    Ok(names)
}

/// Raises the highest versions of names to these; never lowers one.
pub(crate) fn put_highest(write: &WriteTransaction, names: &[(Handle, u32)]) -> Result<(), redb::Error> {
    let mut highest = write.open_table(HIGHEST)?;
    for (handle, version) in names {
        let known = highest.get(handle.as_str())?.map_or(0, |known| known.value());
        highest.insert(handle.as_str(), known.max(*version))?;
    }
    Ok(())
}

/// Writes a secret's row and its versions' ends, and the highest version its name ever had.
pub(crate) fn put_secret(write: &WriteTransaction, row: &SecretRow) -> Result<(), redb::Error> {
    let name = row.handle.as_str();
    let current = row.current().ok_or_else(|| malformed("secrets"))?.version;
    let before = {
        let mut secrets = write.open_table(SECRETS)?;
        let before = secrets.insert(name, encode(row)?.as_slice())?;
        before.map(|before| decode::<SecretRow>(before.value(), "secrets")).transpose()?
    };
    let is_gone = |old: &&VersionRow| !row.versions.iter().any(|version| version.deposit == old.deposit);
    let gone = before.iter().flat_map(|before| &before.versions).filter(is_gone);
    end_table::remove(write, gone)?;
    end_table::put(write, &row.versions)?;
    let mut highest = write.open_table(HIGHEST)?;
    // One that was gone back from had a higher one, which is never given out again.
    let known = highest.get(name)?.map_or(0, |version| version.value());
    highest.insert(name, known.max(current))?;
    Ok(())
}

/// Removes a secret's row. The highest version of its name stays.
pub(crate) fn remove_secret(write: &WriteTransaction, handle: &Handle) -> Result<(), redb::Error> {
    let before = {
        let mut secrets = write.open_table(SECRETS)?;
        let before = secrets.remove(handle.as_str())?;
        before.map(|before| decode::<SecretRow>(before.value(), "secrets")).transpose()?
    };
    end_table::remove(write, before.iter().flat_map(|before| &before.versions))?;
    write.open_table(USED)?.remove(handle.as_str())?;
    Ok(())
}

/// Notes when secrets were last used; names that are gone are passed over.
pub(crate) fn put_used(write: &WriteTransaction, times: &[(Handle, Timestamp)]) -> Result<(), redb::Error> {
    let secrets = write.open_table(SECRETS)?;
    let mut used = write.open_table(USED)?;
    for (handle, Timestamp(time)) in times {
        if secrets.get(handle.as_str())?.is_some() {
            used.insert(handle.as_str(), time)?;
        }
    }
    Ok(())
}

fn single<T: DeserializeOwned>(read: &ReadTransaction, name: &str) -> Result<Option<T>, redb::Error> {
    let table = read.open_table(SINGLES)?;
    table.get(name)?.map(|bytes| decode(bytes.value(), "singles")).transpose()
}

fn put<T: Serialize>(write: &WriteTransaction, name: &str, value: &T) -> Result<(), redb::Error> {
    write.open_table(SINGLES)?.insert(name, encode(value)?.as_slice())?;
    Ok(())
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, redb::Error> {
    postcard::to_allocvec(value).map_err(|_| malformed("what is written"))
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8], table: &str) -> Result<T, redb::Error> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(malformed(table)),
    }
}
