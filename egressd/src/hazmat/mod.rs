//! The only place of egressd where plaintext is handled (INV-02).
//!
//! Two ways, each in one file: a client's token goes from its header into a slot and on to keeperd;
//! a leased value goes from its slot into one request head, and is wiped.

pub(crate) mod inject;
pub(crate) mod needle;
pub(crate) mod token;

pub(crate) use unix::wash;
