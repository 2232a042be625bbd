//! What is looked for, and where in a text it begins or may go on. Built once, then only read.

#![expect(clippy::disallowed_methods, reason = "INV-02: forms of values are written and compared in place")]

use std::cmp::Ordering;
use std::ops::Range;

use proto::hazmat::{NoSlot, Room, SecretBytes};

use super::forms::{self, Form};

/// The shortest text that is looked for: shorter ones are met by chance.
pub(crate) const SHORTEST: usize = 8;

/// How many bytes at the start of a pattern lead to it.
const HEAD: usize = 4;
/// Entries of each table: one for every two bytes.
const TABLE: usize = 1 << 16;
/// How far a window moves by two bytes that are in no pattern's first ones.
const SHIFT_MAX: u8 = 7;

/// All forms of all values, in order of their bytes.
pub(crate) struct Patterns {
    text: Room,
    /// Of each pattern, where it lies in `text`.
    places: Vec<Range<usize>>,
    /// A bit for every hash of a head.
    heads: Room,
    /// For every two bytes, how far before them a pattern's window ends at least.
    shifts: Room,
    longest: usize,
}

/// What begins at a place of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begun {
    /// The longest that is there wholly; 0 if none is.
    pub(super) whole: usize,
    /// Whether a longer one is there as far as the text goes.
    pub(super) open: bool,
}

impl Patterns {
    /// The forms of those values; one that is shorter than [`SHORTEST`] has none.
    ///
    /// # Errors
    /// [`NoSlot`] if there is no locked memory for them.
    pub(crate) fn of(values: &[&SecretBytes]) -> Result<Self, NoSlot> {
        let values = || values.iter().filter(|value| value.len() >= SHORTEST);
        let mut length = 0;
        for value in values().map(|value| value.expose()) {
            forms_of(value).for_each(|form| form.write(value, &mut |_| length += 1));
        }
        let mut text = Room::zeroed(length)?;
        let mut places = Vec::new();
        let mut end = 0;
        for value in values().map(|value| value.expose()) {
            for form in forms_of(value) {
                let start = end;
                let room = text.expose_mut();
                form.write(value, &mut |byte| {
                    room.get_mut(end).into_iter().for_each(|place| *place = byte);
                    end += 1;
                });
                places.push(start..end);
            }
        }
        let (heads, shifts) = (Room::zeroed(TABLE / 8)?, Room::zeroed(TABLE)?);
        let mut patterns = Self { text, places, heads, shifts, longest: 0 };
        patterns.settle();
        Ok(patterns)
    }

    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Length of the longest.
    pub(super) const fn longest(&self) -> usize {
        self.longest
    }

    /// The first place, from there on, where one may begin: at the end of the text or behind it if there
    /// is none. Most places are passed several at a time (Wu and Manber's search, with the shortest pattern
    /// as its window): by the two bytes at the end of a window it is known how far off one is at least.
    pub(super) fn next(&self, text: &[u8], from: usize) -> usize {
        let (shifts, heads) = (self.shifts.expose(), self.heads.expose());
        let mut place = from;
        while let Some([a, b, c, d, _, _, y, z]) = text.get(place..).and_then(<[u8]>::first_chunk::<SHORTEST>)
        {
            let block = usize::from(u16::from_le_bytes([*y, *z]));
            match shifts.get(block).copied().unwrap_or_default() {
                0 if is_marked(heads, [*a, *b, *c, *d]) => return place,
                0 => place += 1,
                shift => place += usize::from(shift),
            }
        }
        place
    }

    /// What begins at the start of that text.
    pub(super) fn at(&self, text: &[u8]) -> Begun {
        let mut begun = Begun { whole: 0, open: false };
        let head = text.get(..HEAD.min(text.len())).unwrap_or_default();
        let first = self.places.partition_point(|place| start(self.pattern(place), head.len()) < head);
        for place in self.places.get(first..).unwrap_or_default() {
            let pattern = self.pattern(place);
            if start(pattern, head.len()) != head {
                break;
            }
            let common = pattern.len().min(text.len());
            if pattern.get(..common) == text.get(..common) {
                if common == pattern.len() {
                    begun.whole = begun.whole.max(common);
                } else {
                    begun.open = true;
                }
            }
        }
        begun
    }

    fn pattern(&self, place: &Range<usize>) -> &[u8] {
        self.text.expose().get(place.clone()).unwrap_or_default()
    }

    /// Puts the patterns in order, each once, and marks their heads.
    fn settle(&mut self) {
        let text = self.text.expose();
        let bytes = |place: &Range<usize>| text.get(place.clone()).unwrap_or_default();
        let order = |one: &Range<usize>, other: &Range<usize>| -> Ordering { bytes(one).cmp(bytes(other)) };
        self.places.retain(|place| place.len() >= SHORTEST);
        self.places.sort_by(order);
        self.places.dedup_by(|one, other| bytes(one) == bytes(other));
        self.longest = self.places.iter().map(Range::len).max().unwrap_or_default();
        let (heads, shifts) = (self.heads.expose_mut(), self.shifts.expose_mut());
        shifts.fill(SHIFT_MAX);
        for window in self.places.iter().filter_map(|place| bytes(place).first_chunk::<SHORTEST>()) {
            let [a, b, c, d, ..] = *window;
            let bit = hash([a, b, c, d]);
            heads.get_mut(bit / 8).into_iter().for_each(|byte| *byte |= 1 << (bit % 8));
            for (block, shift) in window.array_windows::<2>().zip((0..SHIFT_MAX).rev()) {
                let known = shifts.get_mut(usize::from(u16::from_le_bytes(*block)));
                known.into_iter().for_each(|known| *known = shift.min(*known));
            }
        }
    }
}

fn forms_of(value: &[u8]) -> impl Iterator<Item = Form> {
    forms::all().into_iter().filter(|form| form.is_of_its_own(value))
}

fn start(pattern: &[u8], length: usize) -> &[u8] {
    pattern.get(..length).unwrap_or(pattern)
}

fn is_marked(heads: &[u8], head: [u8; HEAD]) -> bool {
    let bit = hash(head);
    heads.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
}

fn hash(head: [u8; HEAD]) -> usize {
    let [_, _, high, low] = (u32::from_le_bytes(head).wrapping_mul(0x9E37_79B1) >> 16).to_be_bytes();
    usize::from(high) << 8 | usize::from(low)
}
