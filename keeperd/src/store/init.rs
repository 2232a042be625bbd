//! `init`: makes what is missing below `secrets/`, and says what was there.

use std::path::Path;
use std::sync::Arc;

use proto::cli_lane::InitItem;
use proto::control_lane::KdfCost;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::meta::Timestamp;
use proto::name::Backend;

use super::files::{self, ensure_dir};
use super::{Bootstrap, Contents, Store, Unlocked, token_file, vault_dir};
use crate::audit::{checkpoint, head};
use crate::catalog::tables;
use crate::hazmat::binding::VaultId;
use crate::hazmat::checkpoint::{Checkpoint, Older};
use crate::hazmat::file_vault;

/// What `init` did.
pub(crate) struct Initialized {
    pub(crate) items: Vec<InitItem>,
    /// The keys, when the vault was made now.
    pub(crate) made: Option<Unlocked>,
    pub(crate) contents: Contents,
}

impl Store {
    /// Makes what is missing; may be repeated, and changes nothing that is there. The passphrase
    /// is needed, and looked at, only where the vault is made.
    pub(crate) fn init(
        &mut self,
        backend: Backend,
        kdf: KdfCost,
        passphrase: Option<SecretBytes>,
        now: Timestamp,
    ) -> Result<Initialized, Failure> {
        let before = self.contents()?;
        check_backend(backend, before.backend)?;
        let (vault, made) = match backend {
            Backend::FileVault => self.find_or_make_files(&before, kdf, passphrase)?,
            Backend::Keychain => match before.vault {
                Some(vault) => (vault, None),
                None => {
                    let unlocked = self.in_keychain()?;
                    (unlocked.keys.vault(), Some(unlocked))
                }
            },
        };
        if before.backend != Some(backend) || before.vault != Some(vault) {
            self.catalog.change(|write| tables::choose(write, backend, vault))?;
        }
        (self.backend, self.vault) = (Some(backend), Some(vault));
        let token = self.bootstrap_token(now)?;
        let item = |path: &Path, existed| InitItem { path: path.display().to_string(), existed };
        let mut items =
            vec![item(&self.secrets.join("metadata.redb"), !std::mem::take(&mut self.made_catalog))];
        match backend {
            Backend::FileVault => items.push(item(&vault_dir::path(&self.secrets), made.is_none())),
            Backend::Keychain => items.push(item(&self.audit(), made.is_none())),
        }
        match self.bootstrap {
            Bootstrap::Token => items.push(item(&token_file::path(&self.secrets), token.is_none())),
            Bootstrap::Nothing => {}
        }
        Ok(Initialized { items, made, contents: self.contents()? })
    }

    fn find_or_make_files(
        &self,
        before: &Contents,
        kdf: KdfCost,
        passphrase: Option<SecretBytes>,
    ) -> Result<(VaultId, Option<Unlocked>), Failure> {
        let header = vault_dir::read_header(&self.secrets)?;
        let found = header.map(|header| file_vault::id(&header)).transpose();
        match (found.map_err(|error| error.failure())?, before.vault) {
            (Some(found), Some(known)) if found != known => Err(other_vault(&self.secrets)),
            (None, Some(_)) => Err(header_missing(&self.secrets)),
            // A crash between header and catalog left a vault that is complete.
            (Some(found), _) => Ok((found, None)),
            (None, None) => {
                let unlocked = self.make_vault(kdf, passphrase)?;
                Ok((unlocked.keys.vault(), Some(unlocked)))
            }
        }
    }

    /// A header that the catalog does not know is of an `init` that was cut short, and of a vault that
    /// may be meant.
    fn in_keychain(&mut self) -> Result<Unlocked, Failure> {
        if vault_dir::read_header(&self.secrets)?.is_some() {
            return Err(Failure::new(
                FailureClass::Config,
                format!("{} is there, of a file vault", vault_dir::header_path(&self.secrets).display()),
                "UGENT_SECRETS_BACKEND=file-vault ugent secret init, or move it away",
            ));
        }
        self.make_keychain()
    }

    /// The header is written last: until then there is no vault, and all of this is done again.
    pub(super) fn make_vault(
        &self,
        kdf: KdfCost,
        passphrase: Option<SecretBytes>,
    ) -> Result<Unlocked, Failure> {
        let passphrase = passphrase.filter(|text| !text.is_empty()).ok_or_else(no_passphrase)?;
        let vault = file_vault::make(&passphrase, kdf).map_err(|error| error.failure())?;
        drop(passphrase);
        ensure_dir(&vault_dir::path(&self.secrets))?;
        ensure_dir(&self.audit())?;
        checkpoint::begin(&self.audit(), &vault.keys, &vault.chain)?;
        head::begin(&self.audit(), &vault.keys)?;
        vault_dir::write_header(&self.secrets, &vault.header)?;
        let chain = Checkpoint { chain: vault.chain, counter: checkpoint::FIRST, older: Older::Wiped };
        Ok(Unlocked { keys: Arc::new(vault.keys), chain })
    }

    /// Drops what crashes left behind: sealed files that no row names, half-made files. To be
    /// called once by a keeper that may write, before its first deposit.
    pub(crate) fn drop_orphans(&mut self) -> Result<u32, Failure> {
        let contents = self.contents()?;
        files::remove_half_made(&self.secrets)
            .map_err(|error| files::io_failure("cannot clean up", &self.secrets, &error))?;
        match (contents.vault, contents.backend) {
            // A catalog that knows no vault has nothing to say of its files.
            (None, _) => return Ok(0),
            // Of a move that was cut short, to there or from there.
            (Some(vault), Some(Backend::Keychain)) => return self.drop_file_vault(vault).map(|()| 0),
            (Some(_), Some(Backend::FileVault) | None) => {}
        }
        let mut named: Vec<String> = Vec::new();
        for row in contents.secrets {
            named.extend(row.versions.iter().map(|version| version.deposit.to_string()));
        }
        named.sort_unstable();
        let is_named = |deposit: &str| named.binary_search_by(|name| name.as_str().cmp(deposit)).is_ok();
        vault_dir::drop_orphans(&self.secrets, is_named)
    }
}

fn check_backend(asked: Backend, remembered: Option<Backend>) -> Result<(), Failure> {
    let hint = |backend| format!("UGENT_SECRETS_BACKEND={backend} ugent secret init");
    match (asked, remembered) {
        (_, Some(other)) if other != asked => Err(Failure::new(
            FailureClass::Config,
            format!("secrets are kept in {other} here, not in {asked}"),
            hint(other),
        )),
        (Backend::Keychain | Backend::FileVault, _) => Ok(()),
    }
}

pub(super) fn no_passphrase() -> Failure {
    Failure::new(
        FailureClass::Refused,
        "a file vault needs a passphrase to be made",
        "run `ugent secret init` on a terminal, or with UGENT_SECRETS_PASSPHRASE set",
    )
}

fn header_missing(secrets: &Path) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("{} is missing, and without it no value opens", vault_dir::header_path(secrets).display()),
        "put it back from a backup",
    )
}

fn other_vault(secrets: &Path) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("{} belongs to another vault than the catalog", vault_dir::header_path(secrets).display()),
        "put secrets/ back from one backup, all of it",
    )
}
