//! Slabs: locked memory that the classes of slots share, so that none of them can keep from the
//! others what it does not use.
//!
//! A slab is split for the class that asks. Once all of its pieces are back it is idle, and any
//! class may have it; a few idle ones are kept, and those beyond go back to the kernel, with their
//! part of the limit. Pieces are taken from the slab at the lowest address, so that others run dry.
//! A slab with one piece in use stays with its class: only a shorter value may still go there.
//!
//! Nothing here touches bytes: who gives a piece back has wiped it.

use std::collections::BTreeMap;

use super::mapping::{Mapping, NoSlot, Piece};

/// Bytes of one slab.
pub(super) const SLAB: usize = 32 * 1024;

/// How many idle slabs are kept: 128 KiB. Mapping one takes 10 to 27 us, and where the limit is
/// reached what is kept is all there is for a key, since longer values have mappings of their own.
pub(super) const IDLE: usize = 4;

/// What slots there are by length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Small,
    Middle,
    Large,
}

impl Class {
    /// The shortest that has room; none if it is longer than any.
    pub(super) const fn for_len(len: usize) -> Option<Self> {
        match len {
            0..=256 => Some(Self::Small),
            257..=2048 => Some(Self::Middle),
            2049..=8192 => Some(Self::Large),
            _ => None,
        }
    }

    pub(super) const fn size(self) -> usize {
        match self {
            Self::Small => 256,
            Self::Middle => 2048,
            Self::Large => 8192,
        }
    }

    const fn longer(self) -> &'static [Self] {
        match self {
            Self::Small => &[Self::Middle, Self::Large],
            Self::Middle => &[Self::Large],
            Self::Large => &[],
        }
    }
}

/// The slabs of one class.
struct Shelf {
    /// The free pieces of each slab of which some are in use, by the slab's address.
    partly: BTreeMap<usize, Vec<Piece>>,
    /// All the pieces of each slab of which none is.
    idle: Vec<Vec<Piece>>,
}

impl Shelf {
    const fn new() -> Self {
        Self { partly: BTreeMap::new(), idle: Vec::new() }
    }

    fn pop(&mut self) -> Option<Piece> {
        let mut slab = self.partly.first_entry()?;
        let piece = slab.get_mut().pop();
        if slab.get().is_empty() {
            slab.remove();
        }
        piece
    }

    /// Begins to use a slab.
    fn open(&mut self, slab: Vec<Piece>) -> Option<Piece> {
        self.partly.insert(slab.first()?.of(), slab);
        self.pop()
    }
}

/// All slabs of a process.
pub(super) struct Pool {
    small: Shelf,
    middle: Shelf,
    large: Shelf,
}

impl Pool {
    pub(super) const fn new() -> Self {
        Self { small: Shelf::new(), middle: Shelf::new(), large: Shelf::new() }
    }

    /// A free piece of that class, or of a longer one when there is no room for another slab.
    pub(super) fn take(
        &mut self,
        class: Class,
        map: impl FnOnce() -> Result<Mapping, NoSlot>,
    ) -> Result<Piece, NoSlot> {
        let shelf = self.shelf(class);
        if let Some(piece) = shelf.pop() {
            return Ok(piece);
        }
        if let Some(slab) = shelf.idle.pop() {
            return shelf.open(slab).ok_or(NoSlot);
        }
        let slab = map().ok().or_else(|| self.idle().and_then(Piece::joined));
        if let Some(slab) = slab {
            return self.shelf(class).open(slab.into_pieces(class.size())).ok_or(NoSlot);
        }
        class.longer().iter().find_map(|longer| self.shelf(*longer).pop()).ok_or(NoSlot)
    }

    /// Takes a wiped piece back. What it returns is a slab too many, to be dropped.
    #[must_use]
    pub(super) fn give(&mut self, piece: Piece) -> Option<Vec<Piece>> {
        let class = Class::for_len(piece.bytes().len())?;
        let shelf = self.shelf(class);
        let slab = piece.of();
        let free = shelf.partly.entry(slab).or_default();
        free.push(piece);
        if free.len() < SLAB / class.size() {
            return None;
        }
        let whole = shelf.partly.remove(&slab)?;
        shelf.idle.push(whole);
        let idle = self.small.idle.len() + self.middle.idle.len() + self.large.idle.len();
        if idle > IDLE { self.idle() } else { None }
    }

    /// An idle slab, which the pool no longer has: of the class with most of them.
    #[must_use]
    fn idle(&mut self) -> Option<Vec<Piece>> {
        let shelves = [&mut self.small, &mut self.middle, &mut self.large];
        shelves.into_iter().max_by_key(|shelf| shelf.idle.len())?.idle.pop()
    }

    const fn shelf(&mut self, class: Class) -> &mut Shelf {
        match class {
            Class::Small => &mut self.small,
            Class::Middle => &mut self.middle,
            Class::Large => &mut self.large,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A pool under a limit of so many slabs, and what was taken from it.
    struct Limited {
        pool: Pool,
        mapped: usize,
        limit: usize,
        taken: Vec<Piece>,
    }

    impl Limited {
        fn to(limit: usize) -> Self {
            Self { pool: Pool::new(), mapped: 0, limit, taken: Vec::new() }
        }

        fn take(&mut self, class: Class) -> bool {
            let room = self.mapped < self.limit;
            let mut mapped = 0;
            let piece = self.pool.take(class, || {
                mapped = usize::from(room);
                if room { Mapping::new(SLAB) } else { Err(NoSlot) }
            });
            self.mapped += mapped;
            let taken = piece.is_ok();
            self.taken.extend(piece);
            taken
        }

        fn give(&mut self, which: usize) {
            let mut piece = self.taken.swap_remove(which);
            piece.bytes_mut().fill(0);
            self.unmap(|pool| pool.give(piece));
        }

        fn unmap(&mut self, by: impl FnOnce(&mut Pool) -> Option<Vec<Piece>>) {
            if let Some(slab) = by(&mut self.pool) {
                assert_eq!(Piece::joined(slab).unwrap().len(), SLAB, "a whole one");
                self.mapped -= 1;
            }
        }

        fn give_all(&mut self) {
            while !self.taken.is_empty() {
                self.give(0);
            }
        }

        fn burst(&mut self, class: Class) -> usize {
            let before = self.taken.len();
            while self.take(class) {}
            self.taken.len() - before
        }
    }

    const ALL: [Class; 3] = [Class::Small, Class::Middle, Class::Large];

    #[test]
    fn a_burst_of_any_class_leaves_all_room_to_any_other() {
        let mut limited = Limited::to(10);
        for first in ALL {
            for then in ALL {
                assert_eq!(limited.burst(first), 10 * (SLAB / first.size()), "{first:?} before {then:?}");
                limited.give_all();
                assert_eq!(limited.burst(then), 10 * (SLAB / then.size()), "{then:?} after {first:?}");
                limited.give_all();
                assert!(limited.mapped <= IDLE, "{} slabs are kept of nothing", limited.mapped);
            }
        }
    }

    #[test]
    fn a_shorter_value_finds_room_where_only_longer_ones_are_free() {
        let mut limited = Limited::to(2);
        assert_eq!(limited.burst(Class::Large), 8);
        limited.give(3);
        assert!(limited.take(Class::Small), "in the place of a long one");
        assert!(!limited.take(Class::Small), "which is one value's alone");
        limited.give_all();
        assert_eq!(limited.burst(Class::Small), 256, "and is theirs again");
    }

    #[test]
    fn one_in_use_costs_one_slab_and_no_more() {
        let mut limited = Limited::to(8);
        assert_eq!(limited.burst(Class::Large), 32);
        while limited.taken.len() > 1 {
            limited.give(0);
        }
        assert_eq!(limited.burst(Class::Middle), 7 * 16 + 3, "and what is free of that one");
    }

    proptest! {
        #[test]
        fn nothing_overlaps_is_lost_or_left_whatever_the_order(
            steps in prop::collection::vec((0_usize..6, any::<usize>()), 1..400)
        ) {
            let mut limited = Limited::to(6);
            let mut marks: Vec<u8> = Vec::new();
            for (number, (step, which)) in steps.into_iter().enumerate() {
                let mark = u8::try_from(number % 255).unwrap() + 1;
                match ALL.get(step) {
                    Some(class) => {
                        if limited.take(*class) {
                            let piece = limited.taken.last_mut().unwrap();
                            prop_assert!(piece.bytes().len() >= class.size());
                            prop_assert!(piece.bytes().iter().all(|byte| *byte == 0));
                            piece.bytes_mut().fill(mark);
                            marks.push(mark);
                        }
                    }
                    None if limited.taken.is_empty() => limited.unmap(Pool::idle),
                    None => {
                        let which = which % limited.taken.len();
                        let mark = marks.swap_remove(which);
                        prop_assert!(limited.taken[which].bytes().iter().all(|byte| *byte == mark));
                        limited.give(which);
                    }
                }
                prop_assert!(limited.mapped <= 6);
            }
            limited.give_all();
            prop_assert!(limited.mapped <= IDLE);
            prop_assert_eq!(limited.burst(Class::Large), 6 * 4, "all of the limit is to be had again");
        }
    }
}
