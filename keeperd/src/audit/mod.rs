//! The journal: append, sync, check (INV-04, INV-10).
//!
//! `journal` writes in the loop thread, `sync` waits for the disk in a thread of its own, `verify`
//! checks everything in a process of its own. `walk` and `chain` say what a whole segment is and
//! are shared by all three, so that what is written, taken up again and verified is one format.
//! No record has a field a value fits in, and nothing here sees one.

mod adding;
mod chain;
pub(crate) mod checkpoint;
mod evidence;
pub(crate) mod head;
mod journal;
mod kept;
mod places;
mod recent;
mod retention;
mod segment_file;
mod segments;
mod sync;
mod syncing;
mod tail;
mod unlocking;
mod verify;
mod walk;

pub(crate) use journal::Journal;
pub(crate) use recent::since;
pub(crate) use segments::{checkpoint_file, head_file, segments};
pub(crate) use sync::{SyncDone, SyncJob};
pub(crate) use verify::{Files, Small, verify, verify_with};

#[cfg(test)]
mod tests;
