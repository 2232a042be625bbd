//! Any name, any message, any record: what the properties are quantified over.

mod cli;
mod control;
mod keychain;
mod lease;
mod names;
mod policies;
mod record;
mod standings;

pub(crate) use cli::{cli_answer, cli_request};
pub(crate) use control::{control_order, control_report};
pub(crate) use keychain::{keychain_answer, keychain_request};
pub(crate) use lease::{hello, lease_answer, lease_request};
pub(crate) use names::{consumer, handle, host, method, provider, purpose, route, token_id};
pub(crate) use record::record;
