//! Deposits, removals, and reading what was deposited.

use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::meta::Timestamp;
use proto::name::{Handle, Kind, ProviderId};

use super::{Store, not_set_up};
use crate::catalog::{SecretRow, VersionRow, tables, token_table};
use crate::hazmat::binding::{DepositId, VaultId};
use crate::hazmat::injectable::{injectable, is_storable};
use crate::hazmat::keys::{Keys, SealError, Sealed};
use crate::hazmat::token::TokenDigest;

/// Where a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A name that is not taken.
    New,
    /// The next version of a name that is. Its provider and kind stay what they were.
    NextVersion,
}

/// A value coming in, without the value.
pub(crate) struct Deposit {
    pub(crate) handle: Handle,
    pub(crate) place: Place,
    /// Of a new secret; unread for a next version.
    pub(crate) provider: ProviderId,
    /// Of a new secret; unread for a next version.
    pub(crate) kind: Kind,
    /// When the value expires, if it does.
    pub(crate) expires: Option<Timestamp>,
    /// Until when the version before is kept, to go back to; none: it goes at once.
    pub(crate) keep_until: Option<Timestamp>,
    pub(crate) now: Timestamp,
}

/// Uses the catalog does not know of yet.
pub(crate) struct Used {
    pub(crate) secrets: Vec<(Handle, Timestamp)>,
    pub(crate) tokens: Vec<(TokenDigest, Timestamp)>,
}

impl Store {
    /// Stores a value. When this returns, it is durable; when it fails, nothing was changed.
    pub(crate) fn deposit(
        &mut self,
        keys: &Keys,
        what: Deposit,
        value: SecretBytes,
    ) -> Result<SecretRow, Failure> {
        if !is_storable(&value) {
            return Err(not_storable(&what.handle));
        }
        let (vault, found, highest) = self.catalog.look(|read| {
            Ok((
                tables::vault(read)?,
                tables::secret(read, &what.handle)?,
                tables::highest(read, &what.handle)?,
            ))
        })?;
        let vault = vault.ok_or_else(not_set_up)?;
        if vault != keys.vault() {
            return Err(bug("the keys are another vault's"));
        }
        let mut row = place(&what, found)?;
        let new = next_version(keys, highest, &what, &value)?;
        let deposit = new.deposit;
        let mut old = std::mem::take(&mut row.versions);
        if let Some(until) = what.keep_until {
            let kept = old.pop().map(|version| VersionRow { kept_until: Some(until), ..version });
            row.versions.extend(kept);
        }
        row.versions.push(new.clone());
        self.keep_value(keys, &row, &new, value)?;
        // INV-12: from here on the new version is the one.
        if let Err(failure) = self.catalog.change(|write| tables::put_secret(write, &row)) {
            self.drop_unless_named(vault, &row.handle, deposit);
            return Err(failure);
        }
        for version in old {
            self.drop_value(vault, version.deposit);
        }
        Ok(row)
    }

    /// After a failed commit. Where the catalog cannot be read either, the file stays: the next
    /// start drops it if no row names it.
    pub(super) fn drop_unless_named(&mut self, vault: VaultId, handle: &Handle, deposit: DepositId) {
        let names_it = |row: &SecretRow| row.versions.iter().any(|version| version.deposit == deposit);
        match self.catalog.look(|read| tables::secret(read, handle)) {
            Ok(found) if !found.as_ref().is_some_and(names_it) => {
                self.drop_value(vault, deposit);
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// Removes a secret with all its versions. Their numbers are never given out again.
    pub(crate) fn remove(&mut self, handle: &Handle) -> Result<(), Failure> {
        let found = self.catalog.look(|read| tables::secret(read, handle))?;
        let row = found.ok_or_else(|| unknown(handle))?;
        let vault = self.vault.ok_or_else(not_set_up)?;
        self.catalog.change(|write| tables::remove_secret(write, handle))?;
        for version in row.versions {
            self.drop_value(vault, version.deposit);
        }
        Ok(())
    }

    /// Notes when secrets and tokens were last used, all in one commit.
    pub(crate) fn used(&mut self, used: &Used) -> Result<(), Failure> {
        if used.secrets.is_empty() && used.tokens.is_empty() {
            return Ok(());
        }
        self.catalog.change(|write| {
            tables::put_used(write, &used.secrets)?;
            token_table::put_used(write, &used.tokens)
        })
    }
}

/// Seals a value as the next version of that row, under a file's name of its own.
pub(super) fn seal(
    keys: &Keys,
    row: &SecretRow,
    highest: u32,
    what: &Deposit,
    value: SecretBytes,
) -> Result<(VersionRow, Sealed), Failure> {
    let new = next_version(keys, highest, what, &value)?;
    let sealed = keys.seal(&row.binding(keys.vault(), &new), &value);
    Ok((new, sealed.map_err(|error| not_sealed(&what.handle, error))?))
}

/// What there is to say of a value that is to be the next version.
fn next_version(
    keys: &Keys,
    highest: u32,
    what: &Deposit,
    value: &SecretBytes,
) -> Result<VersionRow, Failure> {
    Ok(VersionRow {
        version: highest.checked_add(1).ok_or_else(|| bug("a name has run out of versions"))?,
        deposit: DepositId(random()?),
        fingerprint: keys.fingerprint(value).map_err(|error| bug(&error.to_string()))?,
        created: what.now,
        injectable: injectable(value),
        expires: what.expires,
        kept_until: None,
    })
}

/// The row the value goes into, still with its old versions.
pub(super) fn place(what: &Deposit, found: Option<SecretRow>) -> Result<SecretRow, Failure> {
    match (what.place, found) {
        (Place::New, None) => Ok(SecretRow {
            handle: what.handle.clone(),
            provider: what.provider.clone(),
            kind: what.kind,
            created: what.now,
            rotated: None,
            last_used: None,
            versions: Vec::new(),
        }),
        (Place::NextVersion, Some(row)) => Ok(SecretRow { rotated: Some(what.now), ..row }),
        (Place::New, Some(_)) => Err(Failure::new(
            FailureClass::BadInput,
            format!("there is a secret {} already", what.handle),
            format!("ugent secret rotate {} --stdin", what.handle),
        )),
        (Place::NextVersion, None) => Err(unknown(&what.handle)),
    }
}

pub(super) fn unknown(handle: &Handle) -> Failure {
    Failure::new(FailureClass::BadInput, format!("there is no secret {handle}"), "ugent secret list")
}

pub(super) fn not_storable(handle: &Handle) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("the value for {handle} is empty or has a NUL in it"),
        "pipe the value itself in, with --stdin",
    )
}

pub(super) fn not_sealed(handle: &Handle, error: SealError) -> Failure {
    match error {
        SealError::NoRandom => bug("the kernel gave no random bytes"),
        SealError::NoSlot => Failure::new(
            FailureClass::TryAgain,
            format!("no locked memory is left to seal {handle}"),
            "raise the limit on locked memory (ulimit -l)",
        ),
    }
}

pub(super) fn bug(what: &str) -> Failure {
    Failure::new(FailureClass::Bug, what, "")
}

pub(super) fn random() -> Result<[u8; 16], Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| bug("the kernel gave no random bytes"))?;
    Ok(bytes)
}
