//! What the processes of the broker agree on.
//!
//! Frames, the messages of the three lanes, the names that appear in them, the journal's record,
//! and [`hazmat::SecretBytes`], the only type a plaintext value may live in (INV-01).
//! `PROTOCOL.md` beside this crate documents each message.
//!
//! This crate must never do I/O, read a clock, or depend on an async runtime. Its only system
//! calls are the memory locks under `hazmat/`.

pub mod cli_lane;
pub mod clients;
pub mod control_lane;
pub mod failure;
pub mod frame;
pub mod hazmat;
pub mod hello;
pub mod journal;
pub mod lease_lane;
pub mod loan;
pub mod meta;
pub mod name;
pub mod policy;
pub mod refusal;
pub mod standing;
