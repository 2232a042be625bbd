//! The search: every run of bytes that is long enough to be a part of a pattern, in one pass.
//!
//! A run of seven bytes or more holds four that begin at a multiple of four, wherever it begins; so
//! only such four are looked up, first in a bitmap that is small enough to stay close.

use std::collections::{BTreeSet, HashMap};

use super::disguise::{Pattern, patterns};

/// Bits of the bitmap, as a power of two.
const BITS: u32 = 20;

/// Patterns, ready to be searched for.
pub(super) struct Index {
    patterns: Vec<Pattern>,
    bitmap: Vec<u64>,
    places: HashMap<u32, Vec<(usize, usize)>>,
}

/// A part of a pattern that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    /// Where it begins.
    pub(super) start: usize,
    /// How many bytes of the pattern there are.
    pub(super) length: usize,
    /// Which pattern.
    pub(super) pattern: usize,
}

impl Index {
    /// Of these values.
    pub(super) fn of(values: &[Vec<u8>]) -> Self {
        Self::with(values.iter().enumerate().flat_map(|(value, text)| patterns(value, text)).collect())
    }

    /// Of these keys, which are used as they are and nothing else.
    pub(super) fn of_keys(keys: &[Vec<u8>]) -> Self {
        let as_it_is = |(value, bytes): (usize, &Vec<u8>)| Pattern {
            value,
            disguise: "as it is",
            bytes: bytes.clone(),
            shortest: 8,
        };
        Self::with(keys.iter().enumerate().map(as_it_is).collect())
    }

    fn with(patterns: Vec<Pattern>) -> Self {
        let mut index = Self { patterns, bitmap: vec![0; 1 << (BITS - 6)], places: HashMap::new() };
        for (number, pattern) in index.patterns.iter().enumerate() {
            for (offset, four) in pattern.bytes.windows(4).enumerate() {
                let four = word(four);
                if let Some(bits) = index.bitmap.get_mut(slot(four)) {
                    *bits |= bit(four);
                }
                index.places.entry(four).or_default().push((number, offset));
            }
        }
        index
    }

    /// The pattern of that number.
    pub(super) fn pattern(&self, number: usize) -> Option<&Pattern> {
        self.patterns.get(number)
    }

    /// All that is in these bytes.
    pub(super) fn search(&self, bytes: &[u8]) -> BTreeSet<Hit> {
        let mut hits = BTreeSet::new();
        for (number, four) in bytes.as_chunks::<4>().0.iter().enumerate() {
            let four = u32::from_le_bytes(*four);
            if self.bitmap.get(slot(four)).is_none_or(|bits| bits & bit(four) == 0) {
                continue;
            }
            for (pattern, offset) in self.places.get(&four).into_iter().flatten() {
                hits.extend(self.hit(bytes, number * 4, *pattern, *offset));
            }
        }
        hits
    }

    /// The longest run around a place where four bytes agree, if it is long enough.
    fn hit(&self, bytes: &[u8], at: usize, pattern: usize, offset: usize) -> Option<Hit> {
        let looked_for = self.patterns.get(pattern)?;
        let back = bytes.get(..at)?.iter().rev().zip(looked_for.bytes.get(..offset)?.iter().rev());
        let back = back.take_while(|(here, there)| here == there).count();
        let on = bytes.get(at..)?.iter().zip(looked_for.bytes.get(offset..)?);
        let on = on.take_while(|(here, there)| here == there).count();
        (back + on >= looked_for.shortest).then_some(Hit { start: at - back, length: back + on, pattern })
    }
}

fn word(four: &[u8]) -> u32 {
    four.first_chunk().map_or(0, |four| u32::from_le_bytes(*four))
}

fn spread(four: u32) -> u32 {
    four.wrapping_mul(0x9E37_79B1) >> (32 - BITS)
}

fn slot(four: u32) -> usize {
    usize::try_from(spread(four) >> 6).unwrap_or_default()
}

fn bit(four: u32) -> u64 {
    1 << (spread(four) & 63)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::letters;

    #[test]
    fn every_part_of_eight_bytes_is_found_at_every_place_and_none_of_seven() {
        let value = letters(40).into_bytes();
        let index = Index::of(std::slice::from_ref(&value));
        for length in [7, 8, 13, 40] {
            for from in 0..=40 - length {
                for at in 0..9 {
                    let mut memory = vec![0_u8; 64];
                    memory[at..at + length].copy_from_slice(&value[from..from + length]);
                    let hits = index.search(&memory);
                    match length {
                        7 => assert!(hits.is_empty()),
                        _ => assert!(hits.iter().any(|hit| (hit.start, hit.length) == (at, length))),
                    }
                }
            }
        }
    }

    #[test]
    fn every_disguise_is_found() {
        let value = letters(40);
        let index = Index::of(&[value.clone().into_bytes()]);
        for pattern in &index.patterns {
            let memory = [b"before", pattern.bytes.as_slice(), b"behind"].concat();
            let found = index.search(&memory);
            let whole = found.iter().any(|hit| {
                hit.length >= pattern.bytes.len() && index.patterns[hit.pattern].disguise == pattern.disguise
            });
            assert!(whole, "{}", pattern.disguise);
        }
        assert!(index.search(letters(4000).as_bytes()).is_empty());
    }
}
