//! A vault in a keychain: made, opened, and cleared of what no row names.

use std::sync::Arc;

use proto::failure::{Failure, FailureClass};
use proto::journal::Reason;
use proto::keychain_lane::{Holding, Item, Listed, Shown};
use proto::name::Backend;

use super::files::ensure_dir;
use super::secrets::bug;
use super::values::NotLoaded;
use super::{Store, Unlocked, not_set_up};
use crate::audit::{checkpoint, head};
use crate::hazmat::binding::VaultId;
use crate::hazmat::checkpoint::{Checkpoint, Older};
use crate::hazmat::keychain_vault::{self, KeyError};

/// What `doctor` may do about items that nothing names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fix {
    /// Count them.
    Look,
    /// Remove them.
    Remove,
}

impl Store {
    /// Makes both items, and what the journal begins with. The catalog is told last: until then there
    /// is no vault, and all of this is done again, under another name.
    pub(super) fn make_keychain(&mut self) -> Result<Unlocked, Failure> {
        let made = keychain_vault::make().map_err(not_made)?;
        let vault = made.keys.vault();
        ensure_dir(&self.audit())?;
        checkpoint::begin(&self.audit(), &made.keys, &made.chain)?;
        head::begin(&self.audit(), &made.keys)?;
        let shown = Shown { home: self.home(), handle: None, version: 0 };
        for (holding, key) in [(Holding::JournalRoot, made.root), (Holding::DataKey, made.data_key)] {
            let item = Item { vault: vault.0, holding };
            self.keychain
                .set(item, shown.clone(), key)
                .map_err(|error| error.failure("the vault was not made"))?;
        }
        let chain = Checkpoint { chain: made.chain, counter: checkpoint::FIRST, older: Older::Wiped };
        Ok(Unlocked { keys: Arc::new(made.keys), chain })
    }

    /// Fetches the data key. That it is the one shows by the journal's checkpoint, which no other opens.
    pub(crate) fn open_keychain(&mut self) -> Result<Unlocked, NotLoaded> {
        let damaged = |failure| NotLoaded { reason: Reason::VaultDamaged, failure };
        let vault = self.vault.ok_or_else(|| damaged(not_set_up()))?;
        let item = Item { vault: vault.0, holding: Holding::DataKey };
        let key = self.keychain.get(item).map_err(|error| NotLoaded {
            reason: error.reason(),
            failure: error.failure("the vault could not be opened"),
        })?;
        let keys = keychain_vault::open(vault, &key).map_err(|error| damaged(not_opened(error)))?;
        drop(key);
        let chain = checkpoint::newest(&self.audit(), &keys).map_err(damaged)?;
        Ok(Unlocked { keys: Arc::new(keys), chain })
    }

    /// Items of this home that no row names: of crashes, and of a keychain that did not answer.
    pub(crate) fn keychain_orphans(&mut self, fix: Fix) -> Result<Vec<Shown>, Failure> {
        match self.backend {
            Some(Backend::Keychain) => {}
            Some(Backend::FileVault) | None => return Ok(Vec::new()),
        }
        let vault = self.vault.ok_or_else(not_set_up)?;
        let listed = self.keychain.list().map_err(|error| error.failure("its items were not listed"))?;
        // Looked at after the list: what was deposited in between is named.
        let named: Vec<_> = self
            .contents()?
            .secrets
            .iter()
            .flat_map(|row| row.versions.iter().map(|version| version.deposit.0))
            .collect();
        let home = self.home();
        let is_orphan = |listed: &Listed| match (VaultId(listed.item.vault) == vault, listed.item.holding) {
            (true, Holding::DataKey | Holding::JournalRoot) => false,
            (true, Holding::Deposit(deposit)) => !named.contains(&deposit),
            (false, Holding::DataKey | Holding::JournalRoot | Holding::Deposit(_)) => {
                listed.shown.home == home
            }
        };
        let orphans: Vec<_> = listed.into_iter().filter(is_orphan).collect();
        match fix {
            Fix::Look => {}
            Fix::Remove => {
                for orphan in &orphans {
                    let removed = self.keychain.delete(orphan.item);
                    removed.map_err(|error| error.failure("an item was not removed"))?;
                }
            }
        }
        Ok(orphans.into_iter().map(|listed| listed.shown).collect())
    }
}

fn not_made(error: KeyError) -> Failure {
    match error {
        KeyError::NoSlot => Failure::new(
            FailureClass::TryAgain,
            "no locked memory is left for the vault's keys",
            "raise the limit on locked memory (ulimit -l)",
        ),
        KeyError::NoRandom | KeyError::Damaged => bug("the kernel gave no random bytes"),
    }
}

/// The item is not what `init` has put there.
pub(crate) fn not_opened(error: KeyError) -> Failure {
    match error {
        KeyError::Damaged => Failure::new(
            FailureClass::BadInput,
            "the vault's key in the keychain was changed",
            "put the keyring back from a backup",
        ),
        KeyError::NoSlot | KeyError::NoRandom => not_made(error),
    }
}
