//! Where in a stream of written bytes the value takes the place of its placeholder.
//!
//! hyper is given a random placeholder of the value's length, so that no copy of the value is in
//! its buffers, which live as long as the connection. This file finds the placeholder as the bytes
//! pass: once, only in the request head, only behind `name: prefix` at the start of a line and only
//! if a line end follows; or only at the end of the request line, behind all of it that was built up to
//! there. Not one byte of the value is written before all of that was seen.
//!
//! Pure: no socket is known here. [`super::inject`] does the writing.

use std::cell::RefCell;
use std::io::IoSlice;
use std::rc::Rc;

use proto::hazmat::{NoSlot, SecretBytes};

use super::wash;

/// Shortest and longest value that may stand in a header. A shorter placeholder could be guessed.
const INJECTABLE: std::ops::RangeInclusive<usize> = 16..=8192;
/// How many random bytes are drawn at once.
const DRAWN_AT_ONCE: usize = 2048;
const LINE_END: &[u8] = b"\r\n";
/// What hyper writes behind the target.
const VERSION: &[u8] = b" HTTP/1.1\r\n";
/// What may stand for itself in a value of a query (RFC 3986 section 3.4), less what queries are
/// taken apart by.
const QUERY_MARKS: &[u8] = b"-._~!$'()*,:@/?";

/// Why a value cannot be put into a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NeedleError {
    /// The value is too short, too long, or has bytes that may not stand where it would.
    NotInjectable,
    /// No random bytes are to be had.
    NoRandom,
    /// The head ended, or had other bytes in the placeholder's place.
    NotFound,
}

impl From<NoSlot> for NeedleError {
    fn from(_: NoSlot) -> Self {
        Self::NotInjectable
    }
}

/// A value and the place it goes to, for one request.
pub(crate) struct Needle {
    /// `\r\nname: prefix`, whose first byte is in it once; or the request line up to its last `name=`.
    marker: Vec<u8>,
    /// The placeholder and `end`.
    tail: Vec<u8>,
    end: &'static [u8],
    region: Region,
    value: Rc<SecretBytes>,
    stage: Stage,
}

/// How far is looked for the marker.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Region {
    /// To the empty line.
    Head,
    /// From the first byte on, each the one that is due.
    RequestLine,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Looking for the marker: how much of it, and of an empty line, was just seen.
    Scan(Scan),
    /// The marker has passed; that many bytes of the tail were taken and not yet written.
    Match { taken: usize },
    /// The whole tail was taken; that many bytes of the value and what follows it were written.
    Release { written: usize },
}

#[derive(Clone, Copy, Default)]
struct Scan {
    marker: usize,
    blank: usize,
}

/// What to do with the bytes on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Write the first so many bytes as they are.
    Pass(usize),
    /// Say that so many bytes were written, and write nothing yet.
    Take(usize),
    /// Write `before` bytes, then the value and what must follow it, then what is behind `skip` more bytes.
    Put {
        /// Bytes in front of the placeholder.
        before: usize,
        /// Bytes of the placeholder and what must follow it.
        skip: usize,
    },
}

/// What became of bytes that were written.
pub(crate) struct Progress {
    /// How many of the bytes on offer are done with.
    pub(crate) consumed: usize,
    /// Whether the value's last byte is written, and the needle to be dropped.
    pub(crate) over: bool,
}

impl Needle {
    /// For a header `name: prefix` + value. The slot is wiped when the value is written, unless
    /// somebody else still has it.
    pub(crate) fn in_header(name: &str, prefix: &str, value: Rc<SecretBytes>) -> Result<Self, NeedleError> {
        if !is_made_of(&value, |byte| (0x21..=0x7e).contains(&byte)) {
            return Err(NeedleError::NotInjectable);
        }
        let marker = [LINE_END, name.as_bytes(), b": ", prefix.as_bytes()].concat();
        Self::new(marker, LINE_END, Region::Head, value)
    }

    /// For a value that ends the request's target, of which that much stands before it.
    pub(crate) fn in_query(method: &str, before: &str, value: Rc<SecretBytes>) -> Result<Self, NeedleError> {
        if !is_made_of(&value, |byte| byte.is_ascii_alphanumeric() || QUERY_MARKS.contains(&byte)) {
            return Err(NeedleError::NotInjectable);
        }
        Self::new(format!("{method} {before}").into_bytes(), VERSION, Region::RequestLine, value)
    }

    fn new(
        marker: Vec<u8>,
        end: &'static [u8],
        region: Region,
        value: Rc<SecretBytes>,
    ) -> Result<Self, NeedleError> {
        if !INJECTABLE.contains(&value.len()) {
            return Err(NeedleError::NotInjectable);
        }
        let mut tail = placeholder(value.len())?;
        tail.extend_from_slice(end);
        Ok(Self { marker, tail, end, region, value, stage: Stage::Scan(Scan::default()) })
    }

    /// What hyper is given in the value's place.
    pub(crate) fn placeholder(&self) -> &[u8] {
        self.tail.get(..self.value.len()).unwrap_or_default()
    }

    /// Whether bytes are owed that hyper believes written.
    pub(crate) const fn is_owing(&self) -> bool {
        matches!(self.stage, Stage::Release { .. })
    }

    /// Decides what to do with the bytes on offer. Changes nothing.
    pub(crate) fn plan(&self, offer: &[IoSlice<'_>]) -> Result<Plan, NeedleError> {
        let (before, taken) = match self.stage {
            Stage::Release { .. } => return Ok(Plan::Put { before: 0, skip: 0 }),
            Stage::Match { taken } => (0, taken),
            Stage::Scan(mut scan) => match self.scan(&mut scan, bytes_of(offer))? {
                Some(end) => (end, 0),
                None => return Ok(Plan::Pass(bytes_of(offer).count())),
            },
        };
        let mut owed = self.tail.iter().skip(taken);
        let mut seen = 0;
        for byte in bytes_of(offer).skip(before) {
            match owed.next() {
                None => break,
                Some(expected) if *expected == byte => seen += 1,
                Some(_) => return Err(NeedleError::NotFound),
            }
        }
        if taken + seen == self.tail.len() {
            return Ok(Plan::Put { before, skip: seen });
        }
        Ok(if before > 0 { Plan::Pass(before) } else { Plan::Take(seen) })
    }

    /// Takes note that the bytes of a [`Plan::Pass`] went out, as far as they did.
    pub(crate) fn passed(&mut self, offer: &[IoSlice<'_>], written: usize) -> Result<(), NeedleError> {
        if let Stage::Scan(mut scan) = self.stage {
            let found = self.scan(&mut scan, bytes_of(offer).take(written))?;
            self.stage = if found.is_some() { Stage::Match { taken: 0 } } else { Stage::Scan(scan) };
        }
        Ok(())
    }

    /// Takes note of a [`Plan::Take`].
    pub(crate) fn took(&mut self, bytes: usize) {
        if let Stage::Match { taken } = &mut self.stage {
            *taken += bytes;
        }
    }

    /// Takes note that so many bytes of a [`Plan::Put`] went out.
    pub(crate) fn put(
        &mut self,
        offer: &[IoSlice<'_>],
        before: usize,
        skip: usize,
        written: usize,
    ) -> Result<Progress, NeedleError> {
        let Some(released) = written.checked_sub(before) else {
            self.passed(offer, written)?;
            return Ok(Progress { consumed: written, over: false });
        };
        let done = match self.stage {
            Stage::Release { written } => written,
            Stage::Scan(_) | Stage::Match { .. } => 0,
        };
        let owed = self.tail.len() - done;
        if released < owed {
            self.stage = Stage::Release { written: done + released };
            return Ok(Progress { consumed: before + skip, over: false });
        }
        Ok(Progress { consumed: before + skip + (released - owed), over: true })
    }

    /// The slices of a [`Plan::Put`].
    #[expect(clippy::disallowed_methods, reason = "INV-02: the value goes from its slot to the TLS stream")]
    pub(crate) fn slices<'a>(
        &'a self,
        offer: &'a [IoSlice<'a>],
        before: usize,
        skip: usize,
    ) -> Vec<IoSlice<'a>> {
        let done = match self.stage {
            Stage::Release { written } => written,
            Stage::Scan(_) | Stage::Match { .. } => 0,
        };
        let value = self.value.expose();
        let mut slices = Vec::with_capacity(offer.len() + 3);
        slices.extend(part(offer, 0, before));
        slices.push(IoSlice::new(value.get(done..).unwrap_or_default()));
        slices.push(IoSlice::new(self.end.get(done.saturating_sub(value.len())..).unwrap_or_default()));
        slices.extend(part(offer, before + skip, usize::MAX));
        slices.retain(|slice| !slice.is_empty());
        slices
    }

    /// Goes on scanning; gives the number of bytes up to and with the marker's last.
    fn scan(&self, scan: &mut Scan, bytes: impl Iterator<Item = u8>) -> Result<Option<usize>, NeedleError> {
        for (index, byte) in bytes.enumerate() {
            // The marker's first byte is in it once, so that is all a mismatch can fall back to.
            let restart = usize::from(self.marker.first() == Some(&byte));
            let is_due = self.marker.get(scan.marker) == Some(&byte);
            scan.marker = if is_due { scan.marker + 1 } else { restart };
            scan.blank = match (scan.blank, byte) {
                (0 | 2, b'\r') | (1 | 3, b'\n') => scan.blank + 1,
                _ => usize::from(byte == b'\r'),
            };
            if scan.marker == self.marker.len() {
                return Ok(Some(index + 1));
            }
            let over = match self.region {
                Region::Head => scan.blank == 4,
                Region::RequestLine => !is_due,
            };
            if over {
                return Err(NeedleError::NotFound);
            }
        }
        Ok(None)
    }
}

/// The part of the bytes on offer between two places.
pub(crate) fn part<'a>(
    offer: &'a [IoSlice<'a>],
    from: usize,
    to: usize,
) -> impl Iterator<Item = IoSlice<'a>> + 'a {
    let mut at = 0_usize;
    offer.iter().map(move |slice| {
        let start = from.saturating_sub(at).min(slice.len());
        let end = to.saturating_sub(at).min(slice.len());
        at = at.saturating_add(slice.len());
        IoSlice::new(slice.get(start..end).unwrap_or_default())
    })
}

fn bytes_of<'a>(offer: &'a [IoSlice<'_>]) -> impl Iterator<Item = u8> + 'a {
    offer.iter().flat_map(|slice| slice.iter().copied())
}

#[expect(clippy::disallowed_methods, reason = "INV-02: a value with a line end in it would forge a header")]
fn is_made_of(value: &SecretBytes, may_stand: impl Fn(u8) -> bool) -> bool {
    let is_made = value.expose().iter().all(|byte| may_stand(*byte));
    wash::registers();
    is_made
}

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; DRAWN_AT_ONCE], left: 0 }) };
}

/// Random bytes, drawn for many placeholders at once: a system call for each would be a tenth of those
/// of a request. They are no secret once used, and never used twice.
struct Drawn {
    bytes: [u8; DRAWN_AT_ONCE],
    left: usize,
}

impl Drawn {
    fn fill(&mut self, text: &mut [u8]) -> Result<(), NeedleError> {
        for part in text.chunks_mut(DRAWN_AT_ONCE) {
            if self.left < part.len() {
                getrandom::fill(&mut self.bytes).map_err(|_| NeedleError::NoRandom)?;
                self.left = DRAWN_AT_ONCE;
            }
            let rest = self.left - part.len();
            part.copy_from_slice(self.bytes.get(rest..self.left).unwrap_or_default());
            self.left = rest;
        }
        Ok(())
    }
}

/// Random text of that length, of 64 letters: what a client sends cannot contain it but by chance.
fn placeholder(len: usize) -> Result<Vec<u8>, NeedleError> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = vec![0; len];
    DRAWN.with_borrow_mut(|drawn| drawn.fill(&mut text))?;
    for byte in &mut text {
        *byte = LETTERS.get(usize::from(*byte & 63)).copied().unwrap_or(b'A');
    }
    Ok(text)
}
