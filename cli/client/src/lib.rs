//! For Rust programs: the API key of an instance, from wherever its configuration says.
//!
//! `api_key_ref` is asked of the running broker, as a `native` lease, at the moment of use; it wins over
//! a plain `api_key`, and that over a variable of the environment. A reference that cannot be resolved is
//! an error, and never a reason to use something else.
//!
//! ```no_run
#![doc = include_str!("../examples/resolve.rs")]
//! ```
//!
//! The broker has to run and be unlocked, and its grants have to allow it:
//!
//! ```toml
//! [[grants]]
//! secret_ref = "openai_api_key"
//! consumer = "ugent-core"
//! purposes = ["llm.chat"]
//! delivery = ["native"]
//! ```
//!
//! A program of another language needs none of this: `ugent secret exec` starts it with the value in its
//! environment, and the gateway needs no value at all.
//!
//! This crate must never print, log or keep a value, and never fall back from a reference.

#![forbid(unsafe_code)]

mod client;
mod hazmat;
mod instance;
mod lane;

pub use client::Client;
pub use hazmat::Value;
pub use instance::{Instance, resolve_api_key};
pub use proto::failure::{Failure, FailureClass};
pub use proto::name::{Consumer, Handle, Purpose};
