//! The only place of egressd where plaintext is handled (INV-02).
//!
//! Three ways: a client's token goes from its header into a slot and on to keeperd; a leased value
//! goes from its slot into one request head; and it is looked for in that request's response. Then
//! it is wiped.

pub(crate) mod inject;
pub(crate) mod needle;
pub(crate) mod scrub;
pub(crate) mod token;

pub(crate) use unix::wash;
