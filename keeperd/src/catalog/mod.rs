//! The catalog: what keeperd must look up, in `secrets/metadata.redb`. Nothing in it is secret; it
//! must never hold a value, a token, or anything a value could be guessed from without the keys.
//!
//! Its lock is the lock on everything below `secrets/`: one keeper at a time.

mod database;
mod end_table;
mod lock;
mod rows;
pub(crate) mod tables;
pub(crate) mod token_table;
mod tries;

pub(crate) use database::Catalog;
pub(crate) use proto::meta::TokenUse;
pub(crate) use rows::{KnownToken, SecretRow, TokenRow, VersionRow};
pub(crate) use tries::Tries;
