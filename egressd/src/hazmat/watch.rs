//! Looks for the value of a request in all that its provider sends while it is under way, as it
//! comes off the wire: status lines, interim heads, names, framing and bodies of any coding alike.
//!
//! It changes nothing and keeps nothing of what it saw but counts; [`super::scrub`] puts the stars.
//! It tells whether the connection's buffers hold an echo, so that they go with the connection.
//! INV-06: whoever drops this drops the slot.

use std::rc::Rc;

use proto::hazmat::SecretBytes;

use super::find::{Then, plan};
use super::wash;

/// So many bytes from the value's start, or its end, are a part of it: fewer say little, and are
/// often a word that all keys of a provider begin with.
const PART: usize = 8;

/// The most that was seen of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sight {
    /// Neither its start nor its end.
    #[default]
    Nothing,
    /// Its first or its last bytes.
    Part,
    /// All of it in a row.
    Whole,
}

/// The value of one request, and how much of it, of its start and of its end may have begun.
pub(crate) struct Watch {
    value: Rc<SecretBytes>,
    whole: usize,
    start: usize,
    end: usize,
    sight: Sight,
}

impl Watch {
    /// For all that comes from now on.
    pub(crate) const fn new(value: Rc<SecretBytes>) -> Self {
        Self { value, whole: 0, start: 0, end: 0, sight: Sight::Nothing }
    }

    /// The next bytes that were read; gives the most that was seen up to them.
    #[expect(clippy::disallowed_methods, reason = "INV-02: the value is compared with what came back")]
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Sight {
        if self.sight == Sight::Whole {
            return self.sight;
        }
        let value = self.value.expose();
        let start = plan(value.get(..PART).unwrap_or(value), self.start, bytes, Then::More);
        let has_start = !start.hits.is_empty();
        // Without its start, nothing more of a value can have begun than of that.
        if has_start || self.whole != self.start {
            let whole = plan(value, self.whole, bytes, Then::More);
            self.whole = whole.held;
            if !whole.hits.is_empty() {
                self.sight = Sight::Whole;
            }
        } else {
            self.whole = start.held;
        }
        self.start = start.held;
        if self.sight == Sight::Nothing {
            let end = value.get(value.len().saturating_sub(PART)..).unwrap_or(value);
            let end = plan(end, self.end, bytes, Then::More);
            self.end = end.held;
            if has_start || !end.hits.is_empty() {
                self.sight = Sight::Part;
            }
        }
        wash::registers();
        self.sight
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "INV-02: the tests fill a slot")]

    use proptest::prelude::*;

    use super::*;

    fn seen(value: &[u8], pieces: &[&[u8]]) -> Sight {
        let mut slot = SecretBytes::zeroed(value.len()).unwrap();
        slot.expose_mut().copy_from_slice(value);
        let mut watch = Watch::new(Rc::new(slot));
        pieces.iter().fold(Sight::Nothing, |before, piece| {
            let sight = watch.read(piece);
            assert!(sight >= before, "what was seen stays seen");
            sight
        })
    }

    /// As one would do it with all of the text at hand.
    fn stands(value: &[u8], text: &[u8]) -> Sight {
        let has = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
        match (has(value), has(&value[..PART]) || has(&value[value.len() - PART..])) {
            (true, _) => Sight::Whole,
            (false, true) => Sight::Part,
            (false, false) => Sight::Nothing,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_sees_what_a_search_through_all_of_it_would_however_it_is_cut(
            value in prop_oneof!["[ab]{16,20}", "a{16,20}b", "(ab){8,12}c?", Just("sk-canary-0123456789abcdef".to_owned())],
            parts in proptest::collection::vec((0_usize..30, "[abcs-]{0,8}"), 0..6),
            cuts in proptest::collection::vec(0_usize..120, 0..12),
        ) {
            let value = value.as_bytes();
            let mut text = Vec::new();
            for (number, noise) in parts {
                match number {
                    0..3 => text.extend_from_slice(value),
                    3..12 => text.extend_from_slice(&value[..number % value.len()]),
                    12..20 => text.extend_from_slice(&value[number % value.len()..]),
                    _ => text.extend_from_slice(noise.as_bytes()),
                }
            }
            let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut < text.len()).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for to in cuts.into_iter().chain([text.len()]) {
                pieces.push(&text[from..to]);
                from = to;
            }
            prop_assert_eq!(seen(value, &pieces), stands(value, &text));
        }
    }
}
