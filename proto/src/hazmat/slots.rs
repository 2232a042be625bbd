//! Packed slots: many values share a few locked pages, since a mapping of its own costs every
//! value 4 KiB of a limit that is often 8 MiB, and 10 to 27 us.
//!
//! Slots of 256 B, 2 KiB and 8 KiB are pieces of slabs, which [`super::pool`] shares among the three;
//! anything longer is a mapping of its own. A slot is wiped before it goes back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroize;

use super::mapping::{Mapping, NoSlot, Piece};
use super::pool::{Class, Pool, SLAB};

static POOL: Mutex<Pool> = Mutex::new(Pool::new());

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Room for a value in locked memory; all zeros when it is handed out.
pub(super) enum Slot {
    Packed(Packed),
    Own(Mapping),
}

/// A piece of a slab, which goes back to it when dropped.
pub(super) struct Packed(Option<Piece>);

impl Slot {
    /// A slot of at least `len` bytes.
    pub(super) fn new(len: usize) -> Result<Self, NoSlot> {
        match Class::for_len(len) {
            Some(class) => {
                let piece = pool().take(class, || Mapping::new(SLAB))?;
                Ok(Self::Packed(Packed(Some(piece))))
            }
            None => Ok(Self::Own(Mapping::new(len)?)),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Packed(packed) => packed.0.as_ref().map_or(&[], Piece::bytes),
            Self::Own(mapping) => mapping.bytes(),
        }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Packed(packed) => packed.0.as_mut().map_or(&mut [], Piece::bytes_mut),
            Self::Own(mapping) => mapping.bytes_mut(),
        }
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        if let Some(mut piece) = self.0.take() {
            piece.bytes_mut().zeroize();
            let too_many = pool().give(piece);
            // Unmapped here, where nobody waits for the pool.
            drop(too_many);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_zeroed_when_it_is_handed_out_again() {
        for len in [1, 256, 257, 2048, 8192, 8193, 65536] {
            let mut slot = Slot::new(len).unwrap();
            assert!(slot.bytes().len() >= len);
            slot.bytes_mut().fill(0xAA);
            drop(slot);
            let again: Vec<Slot> = (0..40).map(|_| Slot::new(len).unwrap()).collect();
            assert!(again.iter().all(|slot| slot.bytes().iter().all(|b| *b == 0)));
        }
    }

    /// 8 MiB is what systemd and most distributions give (RLIMIT_MEMLOCK).
    #[test]
    fn ten_thousand_ordinary_keys_fit_the_usual_limit_of_locked_memory() {
        let slots: Vec<Slot> = (0..10_000).map(|_| Slot::new(164).unwrap()).collect();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
        let locked: u64 = locked.trim().trim_end_matches(" kB").parse().unwrap();
        assert!((2_500..8_192).contains(&locked), "{locked} KiB are locked for {} keys", slots.len());
    }

    #[test]
    fn slots_do_not_overlap() {
        let mut slots: Vec<(u8, Slot)> = (0..=255).map(|mark| (mark, Slot::new(100).unwrap())).collect();
        for (mark, slot) in &mut slots {
            slot.bytes_mut().fill(*mark);
        }
        assert!(slots.iter().all(|(mark, slot)| slot.bytes().iter().all(|b| b == mark)));
    }
}
