//! The only place of this crate where plaintext is handled (INV-02), and its only unsafe code.
//!
//! A value lives in a [`SecretBytes`]: a slot of locked memory. It comes in through a
//! [`deposit::Inbound`] and goes out through a [`release::Outbound`], both of which are locked
//! memory too, so that no byte of a value is ever on the heap (INV-01).

pub mod deposit;
mod mapping;
pub mod pair;
mod pool;
pub mod release;
mod room;
mod secret_bytes;
mod slots;

pub use mapping::NoSlot;
pub use room::Room;
pub use secret_bytes::SecretBytes;
