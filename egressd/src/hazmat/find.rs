//! Where a value stands in a text that comes in pieces.
//!
//! Pure. Nothing of the text is kept between two pieces but a count: what is held back is always
//! the start of the value itself, so its length says all.

use std::ops::Range;

use memchr::{memchr_iter, memmem};

/// How much of a value is looked for at first.
const PROBE: usize = 16;

/// Whether the text goes on behind a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// More may come.
    More,
    /// It was the last piece.
    End,
}

/// What to do with a piece, and with what was held back before it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// So many bytes of what was held back, from its start, are no value after all and go out.
    pub(super) released: usize,
    /// So many behind those begin a whole value.
    pub(super) begun: usize,
    /// Where in the piece a value stands, or the rest of the one that had begun. In order, apart.
    pub(super) hits: Vec<Range<usize>>,
    /// So many bytes of the piece, from its start, go out.
    pub(super) kept: usize,
    /// So many bytes are held back from now on: a proper start of the value.
    pub(super) held: usize,
}

/// Looks for the value in `value[..held]` followed by the piece. Finds what a search through the
/// whole text would find, from its start and without overlap.
pub(super) fn plan(value: &[u8], held: usize, piece: &[u8], then: Then) -> Plan {
    let mut plan = Plan { kept: piece.len(), ..Plan::default() };
    // How much of the value may have begun before the piece.
    let mut begun = held;
    let mut from = 0;
    while begun > 0 {
        let rest = value.get(begun..).unwrap_or_default();
        let same = common(rest, piece);
        if same == rest.len() {
            plan.begun = begun;
            plan.hits.push(0..same);
            from = same;
            break;
        }
        if same == piece.len() && then == Then::More {
            return Plan { released: held - begun, kept: 0, held: begun + same, ..plan };
        }
        begun = border(value, begun);
    }
    plan.released = held - begun;
    search(value, piece, from, &mut plan.hits);
    if then == Then::More {
        let behind = plan.hits.last().map_or(0, |hit| hit.end);
        plan.held = unfinished(value, piece.get(behind..).unwrap_or_default());
        plan.kept = piece.len() - plan.held;
    }
    plan
}

/// Finds the value in the piece behind `from`. A whole value takes longer to prepare a search for
/// than a piece takes to be searched, so its first bytes are looked for, and the rest compared.
fn search(value: &[u8], piece: &[u8], mut from: usize, hits: &mut Vec<Range<usize>>) {
    if piece.len() < from + value.len() {
        return;
    }
    let probe = memmem::Finder::new(value.get(..PROBE).unwrap_or(value));
    while let Some(at) = piece.get(from..).and_then(|left| probe.find(left)) {
        let start = from + at;
        let is_hit = piece.get(start..).is_some_and(|left| left.starts_with(value));
        if is_hit {
            hits.push(start..start + value.len());
        }
        from = start + if is_hit { value.len() } else { 1 };
    }
}

/// How many bytes two texts have in common at their start.
fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// Length of the longest text, shorter than `len`, that both starts and ends `value[..len]`.
fn border(value: &[u8], len: usize) -> usize {
    (1..len).rev().find(|short| value.get(len - short..len) == value.get(..*short)).unwrap_or(0)
}

/// How many bytes at the end of a text are a start of the value, and not all of it.
fn unfinished(value: &[u8], text: &[u8]) -> usize {
    let Some(first) = value.first() else { return 0 };
    let near = text.get(text.len().saturating_sub(value.len() - 1)..).unwrap_or_default();
    memchr_iter(*first, near)
        .filter_map(|at| near.get(at..))
        .find(|end| value.starts_with(end))
        .map_or(0, <[u8]>::len)
}
