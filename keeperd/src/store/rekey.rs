//! Another passphrase: one file is written anew, the vault's header, and takes the place of the old
//! one in one step (INV-12). No sealed value is touched, and no catalog.

use proto::control_lane::KdfCost;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::{SecretBytes, pair};
use proto::name::Backend;

use super::{Store, not_set_up, passphrase_missing, vault_dir};
use crate::hazmat::file_vault::{self, VaultError};

impl Store {
    /// Says whether a passphrase opens the vault.
    pub(crate) fn check_passphrase(&mut self, passphrase: &SecretBytes) -> Result<(), Failure> {
        self.has_passphrase()?;
        self.try_passphrase(|store| {
            let header = vault_dir::read_header(&store.secrets)?.ok_or_else(not_set_up)?;
            file_vault::open(&header, passphrase).map(drop).map_err(|error| error.failure())
        })
    }

    /// Wraps the vault's keys under the second passphrase of two, if the first one opens it.
    pub(crate) fn rekey(&mut self, both: SecretBytes, kdf: KdfCost) -> Result<(), Failure> {
        self.has_passphrase()?;
        self.try_passphrase(|store| store.put_passphrase(both, kdf))
    }

    fn put_passphrase(&self, both: SecretBytes, kdf: KdfCost) -> Result<(), Failure> {
        let header = vault_dir::read_header(&self.secrets)?.ok_or_else(not_set_up)?;
        let parted = pair::part(&both).map_err(|error| VaultError::from(error).failure())?;
        drop(both);
        let (old, new) = parted.ok_or_else(not_two)?;
        let next = file_vault::rekey(&header, &old, &new, kdf).map_err(|error| error.failure())?;
        drop((old, new));
        vault_dir::write_header(&self.secrets, &next).map_err(|failure| self.unsure(failure, &next))
    }

    /// Asks whoever lets others in for the passphrase anew. A vault in a keychain has none: whoever is
    /// this user has the keychain as well.
    pub(crate) fn ask_anew(&mut self, passphrase: Option<SecretBytes>) -> Result<(), Failure> {
        match self.backend {
            Some(Backend::Keychain) => Ok(()),
            Some(Backend::FileVault) | None => {
                self.check_passphrase(&passphrase.ok_or_else(passphrase_missing)?)
            }
        }
    }

    fn has_passphrase(&self) -> Result<(), Failure> {
        match self.backend {
            Some(Backend::Keychain) => Err(Failure::new(
                FailureClass::Config,
                "the vault is in the keychain, and has no passphrase of its own",
                "change the keyring's own password instead (in Seahorse, for example)",
            )),
            Some(Backend::FileVault) | None => Ok(()),
        }
    }

    /// It failed; but if it did so after the rename, the new header is what is found from now on.
    fn unsure(&self, failure: Failure, next: &[u8]) -> Failure {
        match vault_dir::read_header(&self.secrets) {
            Ok(Some(found)) if found == next => Failure {
                what: format!("{}; the new passphrase is the one, but may not be for good", failure.what),
                hint: "keep both passphrases, mend the disk, and run rekey again".to_owned(),
                ..failure
            },
            Ok(_) | Err(_) => failure,
        }
    }
}

fn not_two() -> Failure {
    Failure::new(
        FailureClass::BadInput,
        "these are not two passphrases, so nothing was changed",
        "a passphrase has no NUL in it and is not empty",
    )
}
