//! Who may have what, for what, for how long. Everything here is pure: files are parsed from
//! text, time and state are arguments, and nothing is released.

mod base_url;
mod built_in;
mod end_time;
pub(crate) mod explain;
pub(crate) mod grants;
mod grants_file;
pub(crate) mod judge;
pub(crate) mod lease_book;
pub(crate) mod limits;
pub(crate) mod pattern;
mod place;
pub(crate) mod providers;
mod providers_file;
mod token_slots;
pub(crate) mod tokens;
mod toml_place;
