//! The slow side: catalog and vault on disk, changed in an order that a crash may interrupt
//! anywhere (INV-12). Runs on the slow-work thread; must never be called from the loop.
//!
//! A deposit: the sealed file is written and synced, then the catalog commits the row that names
//! it, then the old file is dropped. So a row never lacks its file; a file may lack its row, and
//! is dropped at the next start.

mod backup;
mod compare;
mod earlier;
pub(crate) mod files;
mod import;
mod init;
mod keychain;
mod migrate;
mod rekey;
mod secrets;
mod token_file;
mod tokens;
mod trying;
mod values;
mod vault_dir;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::name::Backend;

use crate::audit::checkpoint;
use crate::catalog::{Catalog, KnownToken, SecretRow, tables, token_table};
use crate::hazmat::binding::{DepositId, VaultId};
use crate::hazmat::checkpoint::Checkpoint;
use crate::hazmat::file_vault;
use crate::hazmat::keys::Keys;
use crate::keychain::Keychain;
use crate::serve::Day;

pub(crate) use backup::{Backup, Restored, Step};
pub(crate) use earlier::nothing_earlier;
pub(crate) use import::Staged;
pub(crate) use init::Initialized;
pub(crate) use keychain::{Fix, not_opened};
pub(crate) use migrate::Migrated;
pub(crate) use secrets::{Deposit, Place, Used};
pub(crate) use tokens::{NewToken, TokenChange, no_bootstrap, unknown_token};
pub(crate) use values::NotLoaded;

/// Whether opening may make what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Create {
    /// Makes an empty catalog.
    MayCreate,
    /// A missing catalog is a failure.
    MustExist,
}

/// All that the catalog holds.
pub(crate) struct Contents {
    pub(crate) backend: Option<Backend>,
    pub(crate) vault: Option<VaultId>,
    pub(crate) secrets: Vec<SecretRow>,
    pub(crate) tokens: Vec<KnownToken>,
    /// The days on which somebody was warned of values that expire.
    pub(crate) warned: Vec<(DepositId, Day)>,
}

/// What an open vault gives.
pub(crate) struct Unlocked {
    pub(crate) keys: Arc<Keys>,
    /// The journal's key as of the newest checkpoint.
    pub(crate) chain: Checkpoint,
}

/// Catalog and vault on disk, and the lock on both.
pub(crate) struct Store {
    secrets: PathBuf,
    catalog: Catalog,
    keychain: Keychain,
    /// As the catalog has it.
    backend: Option<Backend>,
    /// As the catalog has it.
    vault: Option<VaultId>,
    /// Whether this keeper made the catalog, and nobody was told yet.
    made_catalog: bool,
    /// Whether there is to be a bootstrap token, in its file.
    bootstrap: Bootstrap,
}

/// Whether one user has the broker for itself, and a token in a file to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bootstrap {
    /// It is made where it is missing.
    Token,
    /// Several users: there is no file that each could read and nobody else.
    Nothing,
}

impl Store {
    /// Opens the catalog and takes its lock.
    pub(crate) fn open(secrets: &Path, create: Create) -> Result<(Self, Contents), Failure> {
        let path = secrets.join("metadata.redb");
        let is_missing = match path.symlink_metadata() {
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(files::io_failure("cannot look at", &path, &error)),
        };
        for dir in [vault_dir::path(secrets), secrets.join("audit")] {
            files::check_dir_if_there(&dir)?;
        }
        let has_header = vault_dir::header_path(secrets).symlink_metadata().is_ok();
        let catalog = match (is_missing, create) {
            // With an empty catalog all sealed files would count as orphans.
            (true, Create::MayCreate | Create::MustExist) if has_header => return Err(catalog_lost(&path)),
            (true, Create::MayCreate) => Catalog::make(&path)?,
            (true, Create::MustExist) => return Err(not_set_up()),
            (false, Create::MayCreate | Create::MustExist) => Catalog::open(&path)?,
        };
        let bootstrap = Bootstrap::Token;
        let mut store = Self {
            secrets: secrets.to_owned(),
            catalog,
            keychain: Keychain::none(),
            backend: None,
            vault: None,
            made_catalog: is_missing,
            bootstrap,
        };
        let contents = store.contents()?;
        (store.backend, store.vault) = (contents.backend, contents.vault);
        Ok((store, contents))
    }

    /// The same, with a keychain that can be reached.
    pub(crate) fn with_keychain(self, keychain: Keychain) -> Self {
        Self { keychain, ..self }
    }

    /// The same, for a broker of several users.
    pub(crate) fn without_bootstrap_token(self) -> Self {
        Self { bootstrap: Bootstrap::Nothing, ..self }
    }

    /// Opens the vault; one in a keychain without a passphrase. A wrong one changes nothing.
    pub(crate) fn unlock(&mut self, passphrase: Option<SecretBytes>) -> Result<Unlocked, Failure> {
        match self.backend {
            Some(Backend::Keychain) => return self.open_keychain().map_err(|not| not.failure),
            Some(Backend::FileVault) | None => {}
        }
        let passphrase = passphrase.ok_or_else(passphrase_missing)?;
        self.try_passphrase(|store| {
            let header = vault_dir::read_header(&store.secrets)?.ok_or_else(not_set_up)?;
            let keys = file_vault::open(&header, &passphrase).map_err(|error| error.failure())?;
            drop(passphrase);
            let chain = checkpoint::newest(&store.audit(), &keys)?;
            Ok(Unlocked { keys: Arc::new(keys), chain })
        })
    }

    /// Keeps on which days somebody was warned of values that expire, in the place of what was kept.
    pub(crate) fn warned(&mut self, days: &[(DepositId, Day)]) -> Result<(), Failure> {
        self.catalog.change(|write| tables::put_warned(write, days))
    }

    /// The vault's header, for a verifier. That counts no tries, and so the first one is made here.
    pub(crate) fn header_file(&mut self, passphrase: &SecretBytes) -> Result<File, Failure> {
        self.check_passphrase(passphrase)?;
        let path = vault_dir::header_path(&self.secrets);
        files::open(&path).map_err(|error| files::io_failure("cannot open", &path, &error))
    }

    fn contents(&mut self) -> Result<Contents, Failure> {
        self.catalog.look(|read| {
            Ok(Contents {
                backend: tables::backend(read)?,
                vault: tables::vault(read)?,
                secrets: tables::secrets(read)?,
                tokens: token_table::all(read)?,
                warned: tables::warned(read)?,
            })
        })
    }

    fn audit(&self) -> PathBuf {
        self.secrets.join("audit")
    }
}

fn catalog_lost(path: &Path) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("{} is missing, and there is a vault beside it", path.display()),
        "put it back from a backup",
    )
}

/// Of a file vault.
pub(crate) fn passphrase_missing() -> Failure {
    Failure::new(
        FailureClass::Refused,
        "the vault's passphrase is needed",
        "give it by --passphrase-fd N, or in UGENT_SECRETS_PASSPHRASE, or run this in a terminal",
    )
}

fn not_set_up() -> Failure {
    Failure::new(FailureClass::Config, "there is no vault here yet", "ugent secret init")
}

#[cfg(test)]
mod earlier_tests;
#[cfg(test)]
mod import_tests;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod token_tests;
