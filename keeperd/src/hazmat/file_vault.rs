//! The file vault's keys: made with it, and brought back by its passphrase.
//!
//! passphrase -> Argon2id -> KEK, which wraps a random data key (it opens values) and a random
//! root (it verifies the journal). A serving keeper never unwraps the root: whoever takes its
//! memory cannot forge the journal's past. No file is read or written here.

#![expect(clippy::disallowed_methods, reason = "INV-02: keys are made and unwrapped here")]

use std::fmt;

use proto::control_lane::KdfCost;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::{NoSlot, SecretBytes};

use super::aead::{self, KEY_LEN, OpenError, SealError};
use super::binding::VaultId;
use super::chain_key::ChainKey;
use super::header::{self, Header, WRAPPED_LEN};
use super::kdf::{self, SALT_LEN};
use super::keys::{Keys, derive, keyed};

pub(crate) use super::header::HEADER_LEN;
pub(crate) use moving::{unwrap_both, wrap_both};
pub(crate) use rekey::rekey;

mod moving;
mod rekey;

const FOR_CHECK: &str = "UGENT Vault file-vault v1: key check";
const FOR_WRAPPING: &str = "UGENT Vault file-vault v1: wrapping of keys";

/// Why a vault was not made or does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VaultError {
    /// The header is cut short or was changed.
    Damaged,
    /// The header was written by a later version.
    FromTheFuture,
    /// The header is whole, and this is not its passphrase.
    WrongPassphrase,
    /// The cost is out of bounds.
    Cost,
    /// Not enough memory for the passphrase's derivation.
    NoMemory,
    /// No locked memory is left.
    NoSlot,
    /// The kernel gave no random bytes.
    NoRandom,
}

/// A vault that was just made.
pub(crate) struct NewVault {
    /// To be written to a file.
    pub(crate) header: Vec<u8>,
    pub(crate) keys: Keys,
    /// Of step 1.
    pub(crate) chain: ChainKey,
}

/// Makes keys, wrapped under the passphrase.
pub(crate) fn make(passphrase: &SecretBytes, cost: KdfCost) -> Result<NewVault, VaultError> {
    if !cost.is_acceptable() {
        return Err(VaultError::Cost);
    }
    let vault = VaultId(random()?);
    let salt: [u8; SALT_LEN] = random()?;
    let bound = header::bound(cost, vault, &salt);
    let kek = Kek::new(kdf::derive(passphrase, &salt, cost)?)?;
    let (data_key, root) = (random_key()?, random_key()?);
    let header = Header {
        cost,
        vault,
        salt,
        check: kek.check(&bound),
        data_key: kek.wrap(Wrapped::DataKey, &bound, &data_key)?,
        root: kek.wrap(Wrapped::Root, &bound, &root)?,
    };
    let chain = ChainKey::first(&root)?;
    Ok(NewVault { header: header.encode(), keys: Keys::new(vault, data_key)?, chain })
}

/// Which vault a header belongs to. Needs no passphrase.
pub(crate) fn id(header: &[u8]) -> Result<VaultId, VaultError> {
    Ok(Header::decode(header)?.vault)
}

/// Opens a vault, for a keeper that serves: without the journal's root.
pub(crate) fn open(header: &[u8], passphrase: &SecretBytes) -> Result<Keys, VaultError> {
    let header = Header::decode(header)?;
    let kek = Kek::of(&header, passphrase)?;
    Ok(Keys::new(header.vault, kek.unwrap(Wrapped::DataKey, &header.bound(), &header.data_key)?)?)
}

/// Opens a vault, for a verifier only: with the journal's first key.
pub(crate) fn open_for_verifier(
    header: &[u8],
    passphrase: &SecretBytes,
) -> Result<(Keys, ChainKey), VaultError> {
    let header = Header::decode(header)?;
    let (bound, kek) = (header.bound(), Kek::of(&header, passphrase)?);
    let keys = Keys::new(header.vault, kek.unwrap(Wrapped::DataKey, &bound, &header.data_key)?)?;
    let root = kek.unwrap(Wrapped::Root, &bound, &header.root)?;
    Ok((keys, ChainKey::first(&root)?))
}

impl VaultError {
    /// As a person is told.
    pub(crate) fn failure(self) -> Failure {
        let (class, hint) = match self {
            Self::Damaged => (FailureClass::BadInput, "put secrets/vault/header back from a backup"),
            Self::FromTheFuture => {
                (FailureClass::Config, "use the version of this software that wrote it, or a later one")
            }
            Self::WrongPassphrase => (
                FailureClass::Refused,
                "try again with the passphrase that was chosen last, by init or rekey",
            ),
            Self::Cost => (
                FailureClass::Config,
                "set kdf in secrets.toml to values between 8192 KiB, 1 pass and 1048576 KiB, 16 passes",
            ),
            Self::NoMemory => (FailureClass::TryAgain, "free some memory"),
            Self::NoSlot => (FailureClass::TryAgain, "raise the limit on locked memory (ulimit -l)"),
            Self::NoRandom => (FailureClass::Bug, ""),
        };
        Failure::new(class, self.to_string(), hint)
    }
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "the vault's header is damaged",
            Self::FromTheFuture => "the vault's header was written by a later version of this software",
            Self::WrongPassphrase => "the passphrase does not open the vault",
            Self::Cost => "the cost of the passphrase's derivation is out of bounds",
            Self::NoMemory => "there is not enough memory to derive the key from the passphrase",
            Self::NoSlot => "no locked memory is left for the vault's keys",
            Self::NoRandom => "the kernel gave no random bytes",
        })
    }
}

impl From<NoSlot> for VaultError {
    fn from(NoSlot: NoSlot) -> Self {
        Self::NoSlot
    }
}

impl From<SealError> for VaultError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::NoRandom => Self::NoRandom,
            SealError::NoSlot => Self::NoSlot,
        }
    }
}

impl From<OpenError> for VaultError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Damaged => Self::Damaged,
            OpenError::NoSlot => Self::NoSlot,
        }
    }
}

/// Which key a box holds; part of what the box is bound to, so that they cannot be exchanged.
#[derive(Clone, Copy)]
enum Wrapped {
    DataKey,
    Root,
}

/// The key-encrypting key, as one key for each use.
struct Kek {
    check: SecretBytes,
    wrapping: SecretBytes,
}

impl Kek {
    fn new(derived: SecretBytes) -> Result<Self, NoSlot> {
        let kek = Self { check: derive(FOR_CHECK, &derived)?, wrapping: derive(FOR_WRAPPING, &derived)? };
        drop(derived);
        Ok(kek)
    }

    /// The KEK of that header, if the passphrase is its own.
    fn of(header: &Header, passphrase: &SecretBytes) -> Result<Self, VaultError> {
        let kek = Self::new(kdf::derive(passphrase, &header.salt, header.cost)?)?;
        if kek.check(&header.bound()) == header.check { Ok(kek) } else { Err(VaultError::WrongPassphrase) }
    }

    fn check(&self, bound: &[u8]) -> [u8; 32] {
        keyed(&self.check, bound)
    }

    fn wrap(&self, what: Wrapped, bound: &[u8], key: &SecretBytes) -> Result<[u8; WRAPPED_LEN], VaultError> {
        let sealed = aead::seal(&self.wrapping, &aad(what, bound), key)?;
        sealed.try_into().map_err(|_| VaultError::Damaged)
    }

    fn unwrap(&self, what: Wrapped, bound: &[u8], sealed: &[u8]) -> Result<SecretBytes, VaultError> {
        Ok(aead::open(&self.wrapping, &aad(what, bound), sealed)?)
    }
}

fn aad(what: Wrapped, bound: &[u8]) -> Vec<u8> {
    let what: &[u8; 8] = match what {
        Wrapped::DataKey => b"data key",
        Wrapped::Root => b"jrn root",
    };
    [what.as_slice(), bound].concat()
}

fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| VaultError::NoRandom)?;
    Ok(bytes)
}

fn random_key() -> Result<SecretBytes, VaultError> {
    let mut key = SecretBytes::zeroed(KEY_LEN)?;
    getrandom::fill(key.expose_mut()).map_err(|_| VaultError::NoRandom)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &[u8]) -> SecretBytes {
        let mut secret = SecretBytes::zeroed(text.len()).unwrap();
        secret.expose_mut().copy_from_slice(text);
        secret
    }

    fn made() -> NewVault {
        make(&passphrase(b"correct horse"), KdfCost::MIN).unwrap()
    }

    #[test]
    fn only_its_passphrase_opens_a_vault() {
        let vault = made();
        assert!(open(&vault.header, &passphrase(b"correct horse")).is_ok());
        let wrong = open(&vault.header, &passphrase(b"correct hors"));
        assert_eq!(wrong.err(), Some(VaultError::WrongPassphrase));
    }

    #[test]
    fn a_header_cut_anywhere_is_damaged() {
        let vault = made();
        assert_eq!(vault.header.len(), HEADER_LEN);
        for length in 0..vault.header.len() {
            let cut = open(&vault.header[..length], &passphrase(b"correct horse"));
            assert_eq!(cut.err(), Some(VaultError::Damaged), "cut at {length}");
        }
        let longer = [vault.header.as_slice(), &[0]].concat();
        assert_eq!(open(&longer, &passphrase(b"x")).err(), Some(VaultError::Damaged));
    }

    #[test]
    fn a_header_with_any_bit_flipped_never_opens() {
        let vault = made();
        for bit in 0..vault.header.len() * 8 {
            let mut flipped = vault.header.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = id(&flipped).unwrap_err();
            let is_format = (8..10).contains(&(bit / 8));
            assert!(error == VaultError::Damaged || (is_format && error == VaultError::FromTheFuture));
        }
    }

    /// With the checksum made to fit again, what is bound still has to open.
    #[test]
    fn a_forged_header_with_a_good_checksum_never_opens() {
        let vault = made();
        for byte in 0..HEADER_LEN - 32 {
            let mut forged = vault.header.clone();
            forged[byte] ^= 1;
            let end = forged.len() - 32;
            let sum = blake3::hash(&forged[..end]);
            forged[end..].copy_from_slice(sum.as_bytes());
            let opened = open_for_verifier(&forged, &passphrase(b"correct horse"));
            assert!(opened.is_err(), "byte {byte}");
        }
    }

    #[test]
    fn a_cost_out_of_bounds_is_refused_before_anything_is_derived() {
        let cost = KdfCost { memory_kib: u32::MAX, passes: u32::MAX };
        assert_eq!(make(&passphrase(b"x"), cost).err(), Some(VaultError::Cost));
        let header = Header::decode(&made().header).unwrap();
        let forged = Header { cost, ..header }.encode();
        assert_eq!(open(&forged, &passphrase(b"x")).err(), Some(VaultError::Damaged));
    }

    #[test]
    fn a_header_from_the_future_says_so() {
        let mut header = made().header;
        header[8] = 2;
        assert_eq!(id(&header), Err(VaultError::FromTheFuture));
    }
}
