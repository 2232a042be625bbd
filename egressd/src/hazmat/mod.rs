//! The only place of egressd where plaintext is handled (INV-02).
//!
//! Three ways: a client's token goes from its header into a slot and on to keeperd; a leased value
//! goes from its slot into one request head; and it is looked for in that request's response. Then
//! it is wiped, and what it left on the thread is washed off before the thread sleeps.

mod find;
pub(crate) mod inject;
#[cfg(test)]
pub(crate) mod made_up;
pub(crate) mod needle;
pub(crate) mod rest;
pub(crate) mod scrub;
pub(crate) mod token;
pub(crate) mod watch;

pub(crate) use unix::wash;
