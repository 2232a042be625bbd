//! The filter itself: bytes come in pieces, and go on at once unless they may be the start of a value.
//!
//! Every place is looked at, also within what was found, so that values which overlap leave nothing of
//! either. What waits for the next piece is the shortest end of the text that a pattern begins with.

#![expect(clippy::disallowed_methods, reason = "INV-02: output of a child is looked at in locked memory")]

use std::io;
use std::ops::Range;
use std::sync::Arc;

use proto::hazmat::{NoSlot, Room};

use super::patterns::{Begun, Patterns};

/// What takes the place of each byte.
const STAR: u8 = b'*';
/// Most bytes of one piece.
const PIECE: usize = 64 * 1024;
const STARS: [u8; 4096] = [STAR; 4096];

/// Whether more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// What may be the start of something waits.
    Open,
    /// Nothing waits.
    Closed,
}

/// One stream on its way.
pub(super) struct Filter {
    patterns: Arc<Patterns>,
    room: Room,
    /// Bytes that wait, at the start of the room.
    held: usize,
    /// How many of them are to be stars whatever comes.
    starred: usize,
    /// How many of those have gone on as stars already.
    gone: usize,
}

impl Filter {
    /// A stream that has not begun.
    ///
    /// # Errors
    /// [`NoSlot`] if there is no locked memory for a piece.
    pub(super) fn new(patterns: Arc<Patterns>) -> Result<Self, NoSlot> {
        let room = Room::zeroed(PIECE + patterns.longest())?;
        Ok(Self { patterns, room, held: 0, starred: 0, gone: 0 })
    }

    /// Room to read the next piece into; never empty.
    pub(super) fn space(&mut self) -> &mut [u8] {
        self.room.expose_mut().get_mut(self.held..).unwrap_or_default()
    }

    /// Passes on what can go, of a piece of that many bytes behind what waits.
    ///
    /// # Errors
    /// What `out` says.
    pub(super) fn pass(
        &mut self,
        piece: usize,
        rest: Rest,
        mut out: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let filled = (self.held + piece).min(self.room.len());
        let (found, waits) = self.look(filled, rest);
        let text = self.room.expose_mut();
        for span in &found {
            if let Some(span) = text.get_mut(span.start..span.end.min(waits)) {
                span.fill(STAR);
            }
        }
        out_nonempty(text.get(self.gone..waits).unwrap_or_default(), &mut out)?;
        // Stars need not wait for what comes behind them.
        let over = found.iter().find(|span| span.contains(&waits)).map_or(waits, |span| span.end);
        let mut stars = over - waits.max(self.gone.min(over));
        self.gone = self.gone.max(over) - waits;
        self.starred = over - waits;
        self.held = filled - waits;
        while stars > 0 {
            let some = stars.min(STARS.len());
            out_nonempty(STARS.get(..some).unwrap_or_default(), &mut out)?;
            stars -= some;
        }
        let text = self.room.expose_mut();
        text.copy_within(waits..filled, 0);
        // What went on is not kept.
        zeroize::Zeroize::zeroize(text.get_mut(self.held..filled).unwrap_or_default());
        Ok(())
    }

    /// What is to be stars, and from where on the text waits.
    fn look(&self, filled: usize, rest: Rest) -> (Vec<Range<usize>>, usize) {
        let text = self.room.expose().get(..filled).unwrap_or_default();
        let mut found: Vec<Range<usize>> = Vec::new();
        if self.starred > 0 {
            found.push(0..self.starred);
        }
        let mut waits = filled;
        let mut place = 0;
        loop {
            place = self.patterns.next(text, place);
            if place >= filled {
                break;
            }
            let Begun { whole, open } = self.patterns.at(text.get(place..).unwrap_or_default());
            if whole > 0 {
                match found.last_mut().filter(|last| place <= last.end) {
                    Some(last) => last.end = last.end.max(place + whole),
                    None => found.push(place..place + whole),
                }
            }
            if open && rest == Rest::Open {
                waits = waits.min(place);
            }
            place += 1;
        }
        (found, waits)
    }
}

fn out_nonempty(bytes: &[u8], out: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    if bytes.is_empty() { Ok(()) } else { out(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::hazmat::SecretBytes;

    fn patterns(values: &[&[u8]]) -> Arc<Patterns> {
        let slots: Vec<SecretBytes> = values
            .iter()
            .map(|value| {
                let mut slot = SecretBytes::zeroed(value.len()).unwrap();
                slot.expose_mut().copy_from_slice(value);
                slot
            })
            .collect();
        Arc::new(Patterns::of(&slots.iter().collect::<Vec<_>>()).unwrap())
    }

    fn through(patterns: &Arc<Patterns>, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut filter = Filter::new(Arc::clone(patterns)).unwrap();
        let mut passed = Vec::new();
        for piece in pieces {
            let mut out = Vec::new();
            filter.space()[..piece.len()].copy_from_slice(piece);
            filter
                .pass(piece.len(), Rest::Open, |bytes| {
                    out.extend_from_slice(bytes);
                    Ok(())
                })
                .unwrap();
            passed.push(out);
        }
        let mut last = Vec::new();
        filter
            .pass(0, Rest::Closed, |bytes| {
                last.extend_from_slice(bytes);
                Ok(())
            })
            .unwrap();
        passed.push(last);
        passed
    }

    #[test]
    fn a_value_is_found_across_every_border_and_nothing_else_is_changed() {
        let patterns = patterns(&[b"sk-correct-horse/battery+staple"]);
        let text =
            b"before sk-correct-horse/battery+staple, sk-correct-hors sk-sk-correct-horse/battery+staple.";
        let due =
            b"before *******************************, sk-correct-hors sk-*******************************.";
        for first in 0..text.len() {
            for second in [first, first + 1, first + 7, text.len()] {
                let second = second.min(text.len());
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(through(&patterns, &pieces).concat(), due, "{first} {second}");
            }
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(through(&patterns, &bytes).concat(), due);
    }

    #[test]
    fn only_what_may_be_a_start_waits_and_stars_do_not() {
        let patterns = patterns(&[b"0123456789abcdef"]);
        let passed =
            through(&patterns, &[b"Password: ", b"x01", b"2345", b"no", b"0123456789abcdef", b"", b"!"]);
        let texts: Vec<&[u8]> = passed.iter().map(Vec::as_slice).collect();
        assert_eq!(texts, [&b"Password: "[..], b"x", b"", b"012345no", b"****************", b"", b"!", b"",]);
    }

    #[test]
    fn values_that_overlap_leave_nothing_of_either() {
        let patterns = patterns(&[b"aaaaaaaaab", b"aabcccccccc"]);
        assert_eq!(through(&patterns, &[b"aaaaaaaaabcccccccc"]).concat(), [STAR; 18]);
        assert_eq!(through(&patterns, &[b"aaaaaaaaab", b"cccccccc-"]).concat(), b"******************-");
        assert_eq!(through(&patterns, &[b"aaaaaaaaaaaab"]).concat(), b"aaa**********");
    }

    #[test]
    fn base64_and_urls_are_found_whatever_is_around_them() {
        let patterns = patterns(&[b"sk-correct/horse battery"]);
        // "user:" and the value; the value alone; the value in a query.
        for (text, due) in [
            (
                &b"dXNlcjpzay1jb3JyZWN0L2hvcnNlIGJhdHRlcnk="[..],
                &b"dXNlcjp*******************************k="[..],
            ),
            (b"<c2stY29ycmVjdC9ob3JzZSBiYXR0ZXJ5>", b"<********************************>"),
            (b"?key=sk-correct%2Fhorse+battery&x", b"?key=**************************&x"),
        ] {
            let passed = through(&patterns, &[text]).concat();
            assert_eq!(String::from_utf8_lossy(&passed), String::from_utf8_lossy(due));
        }
    }

    #[test]
    fn a_start_that_is_never_finished_goes_on_at_the_end() {
        let patterns = patterns(&[b"0123456789"]);
        assert_eq!(through(&patterns, &[b"012345678"]), [b"".to_vec(), b"012345678".to_vec()]);
    }

    #[test]
    fn the_longest_value_and_short_ones_together() {
        let long: Vec<u8> =
            (0..65_536_u32).map(|n| b'!' + (n.wrapping_mul(2_654_435_761) >> 26) as u8).collect();
        let patterns = patterns(&[&long, b"short", b"just-long"]);
        let mut pieces: Vec<&[u8]> = long.chunks(1000).collect();
        pieces.push(b" short just-long");
        let passed = through(&patterns, &pieces).concat();
        let due = [vec![STAR; 65_536], b" short *********".to_vec()].concat();
        assert!(passed == due, "{:?}", String::from_utf8_lossy(&passed[65_500..]));
    }
}
