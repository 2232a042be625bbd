//! Packed slots: many values share a few locked pages, since a mapping of its own costs every
//! value 4 KiB of a limit that is often 8 MiB, and 10 to 27 us.
//!
//! Classes of 256 B, 2 KiB and 8 KiB come from slabs that are kept for the life of the process;
//! anything longer is a mapping of its own. A slot is wiped before it goes back.

use std::sync::{Mutex, PoisonError};

use zeroize::Zeroize;

use super::mapping::{Mapping, NoSlot, Piece};

/// Bytes of one slab.
const SLAB: usize = 32 * 1024;

#[derive(Clone, Copy)]
enum Class {
    Small,
    Middle,
    Large,
}

impl Class {
    const fn for_len(len: usize) -> Option<Self> {
        match len {
            0..=256 => Some(Self::Small),
            257..=2048 => Some(Self::Middle),
            2049..=8192 => Some(Self::Large),
            _ => None,
        }
    }

    const fn size(self) -> usize {
        match self {
            Self::Small => 256,
            Self::Middle => 2048,
            Self::Large => 8192,
        }
    }

    fn free(self) -> &'static Mutex<Vec<Piece>> {
        static SMALL: Mutex<Vec<Piece>> = Mutex::new(Vec::new());
        static MIDDLE: Mutex<Vec<Piece>> = Mutex::new(Vec::new());
        static LARGE: Mutex<Vec<Piece>> = Mutex::new(Vec::new());
        match self {
            Self::Small => &SMALL,
            Self::Middle => &MIDDLE,
            Self::Large => &LARGE,
        }
    }

    fn take(self) -> Result<Piece, NoSlot> {
        let mut free = self.free().lock().unwrap_or_else(PoisonError::into_inner);
        if free.is_empty() {
            *free = Mapping::new(SLAB)?.into_pieces(self.size());
        }
        free.pop().ok_or(NoSlot)
    }
}

/// Room for a value in locked memory; all zeros when it is handed out.
pub(super) enum Slot {
    Packed(Packed),
    Own(Mapping),
}

/// A piece of a slab, which goes back to its class when dropped.
pub(super) struct Packed {
    class: Class,
    piece: Option<Piece>,
}

impl Slot {
    /// A slot of at least `len` bytes.
    pub(super) fn new(len: usize) -> Result<Self, NoSlot> {
        match Class::for_len(len) {
            Some(class) => Ok(Self::Packed(Packed { class, piece: Some(class.take()?) })),
            None => Ok(Self::Own(Mapping::new(len)?)),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Packed(packed) => packed.piece.as_ref().map_or(&[], Piece::bytes),
            Self::Own(mapping) => mapping.bytes(),
        }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Packed(packed) => packed.piece.as_mut().map_or(&mut [], Piece::bytes_mut),
            Self::Own(mapping) => mapping.bytes_mut(),
        }
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        if let Some(mut piece) = self.piece.take() {
            piece.bytes_mut().zeroize();
            self.class.free().lock().unwrap_or_else(PoisonError::into_inner).push(piece);
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
