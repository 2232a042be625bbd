//! Where keeperd handles plaintext (INV-02): passphrases, keys, values, tokens.
//!
//! Everything secret lives in [`proto::hazmat::SecretBytes`], or in an array on the stack that is
//! wiped before its function returns. Nothing here may log, print, or put a byte of it into an
//! error. Files are read and written by `store/` and `audit/`; only the token's file is written
//! here, since its bytes may not leave their slot.

mod aead;
pub(crate) mod backup;
pub(crate) mod binding;
pub(crate) mod chain_key;
pub(crate) mod checkpoint;
pub(crate) mod file_vault;
mod header;
pub(crate) mod injectable;
mod kdf;
pub(crate) mod keychain_vault;
pub(crate) mod keys;
pub(crate) mod likeness;
pub(crate) mod moving;
pub(crate) mod token;

#[cfg(test)]
pub(crate) mod samples;
