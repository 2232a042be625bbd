//! Looks for the value of a request in what its provider answers, and puts stars in its place.
//!
//! Exact, in header values, names in any case, and bodies, across any border of pieces. A body that
//! is compressed is searched as the bytes it is: what it holds only once unpacked is not found. Only bytes that are a start of the value are held back, and as a count: they are taken
//! from the slot if they turn out to be something else. INV-06: whoever drops this drops the slot.

use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use hyper::ext::ReasonPhrase;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::http::response::Parts;
use proto::hazmat::SecretBytes;

use super::find::{Plan, plan};
use super::wash;
use crate::gate::path::hex;

pub(crate) use super::find::Then;

const STAR: u8 = b'*';

/// The value of one request, and how much of it may have begun.
pub(crate) struct Scrub {
    value: Rc<SecretBytes>,
    held: usize,
    has_hit: bool,
}

impl Scrub {
    /// For one response.
    pub(crate) const fn new(value: Rc<SecretBytes>) -> Self {
        Self { value, held: 0, has_hit: false }
    }

    /// Whether the value was found anywhere.
    pub(crate) const fn has_hit(&self) -> bool {
        self.has_hit
    }

    /// How many bytes are held back.
    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// The response's head. Its reason phrase goes no further, but was in the connection's buffers.
    pub(crate) fn head(&mut self, head: &mut Parts) {
        if let Some(reason) = head.extensions.get::<ReasonPhrase>() {
            let _ = self.in_text(reason.as_bytes());
        }
        self.headers(&mut head.headers);
    }

    /// The head's headers, or trailers.
    pub(crate) fn headers(&mut self, headers: &mut HeaderMap) {
        let mut named = Vec::new();
        for (name, value) in &mut *headers {
            if let Some(clean) = self.in_text(value.as_bytes()) {
                *value = HeaderValue::from_maybe_shared(clean).unwrap_or(HeaderValue::from_static("*"));
            }
            // A client goes where this says, and undoes what it finds there.
            if *name == LOCATION && self.is_escaped_in(value.as_bytes()) {
                *value = HeaderValue::from_static("*");
            }
            if self.is_in_name(name) {
                named.push(name.clone());
            }
        }
        // A name cannot be starred: two of one length would become one.
        for name in named {
            headers.remove(name);
        }
        wash::registers();
    }

    /// The next piece of the body: what may go on of it, which can be nothing.
    #[expect(clippy::disallowed_methods, reason = "INV-02: the value is compared with what came back")]
    pub(crate) fn piece(&mut self, piece: Bytes, then: Then) -> Bytes {
        let value = self.value.expose();
        let plan = plan(value, self.held, &piece, then);
        self.held = plan.held;
        self.has_hit |= !plan.hits.is_empty();
        let clean = carry_out(&plan, value, piece);
        wash::registers();
        clean
    }

    /// What is held back when the body has ended: it was not the value.
    pub(crate) fn rest(&mut self) -> Bytes {
        self.piece(Bytes::new(), Then::End)
    }

    /// Whether the value is in a name, which hyper gives in lower case whatever came.
    #[expect(clippy::disallowed_methods, reason = "INV-02: the value is compared with what came back")]
    fn is_in_name(&mut self, name: &HeaderName) -> bool {
        let value = self.value.expose();
        let mut windows = name.as_str().as_bytes().windows(value.len());
        let is_in = windows.any(|window| window.eq_ignore_ascii_case(value));
        self.has_hit |= is_in;
        is_in
    }

    /// Whether the value is in it with some of its bytes as percent escapes.
    #[expect(clippy::disallowed_methods, reason = "INV-02: the value is compared with what came back")]
    fn is_escaped_in(&mut self, text: &[u8]) -> bool {
        let value = self.value.expose();
        let is_in = text.contains(&b'%')
            && (0..text.len()).any(|at| begins_escaped(text.get(at..).unwrap_or_default(), value));
        self.has_hit |= is_in;
        is_in
    }

    /// The text with stars in the value's place, if the value is in it.
    #[expect(clippy::disallowed_methods, reason = "INV-02: the value is compared with what came back")]
    fn in_text(&mut self, text: &[u8]) -> Option<Bytes> {
        let value = self.value.expose();
        if text.len() < value.len() {
            return None;
        }
        let plan = plan(value, 0, text, Then::End);
        if plan.hits.is_empty() {
            return None;
        }
        self.has_hit = true;
        Some(copy(&plan, value, text))
    }
}

/// Whether the text begins with the value, each byte of it as it is or as a percent escape.
fn begins_escaped(mut text: &[u8], value: &[u8]) -> bool {
    value.iter().all(|byte| {
        let (same, rest) = match text {
            [b'%', high, low, rest @ ..] => {
                (hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low), rest)
            }
            [plain, rest @ ..] => (Some(*plain), rest),
            [] => (None, text),
        };
        text = rest;
        same == Some(*byte)
    })
}

/// The piece itself where nothing was found: not a byte of it is copied then.
fn carry_out(plan: &Plan, value: &[u8], mut piece: Bytes) -> Bytes {
    if plan.released + plan.begun > 0 {
        return copy(plan, value, &piece);
    }
    piece.truncate(plan.kept);
    if plan.hits.is_empty() {
        return piece;
    }
    // In place where the buffer is ours alone, so that the echo is gone at once.
    match piece.try_into_mut() {
        Ok(mut own) => {
            for hit in &plan.hits {
                own.get_mut(hit.clone()).unwrap_or_default().fill(STAR);
            }
            own.freeze()
        }
        Err(shared) => copy(plan, value, &shared),
    }
}

/// All that goes out, without a byte of a hit.
fn copy(plan: &Plan, value: &[u8], piece: &[u8]) -> Bytes {
    let mut clean = BytesMut::with_capacity(plan.released + plan.begun + plan.kept);
    clean.extend_from_slice(value.get(..plan.released).unwrap_or_default());
    clean.resize(plan.released + plan.begun, STAR);
    let mut at = 0;
    for hit in &plan.hits {
        clean.extend_from_slice(piece.get(at..hit.start).unwrap_or_default());
        clean.resize(clean.len() + hit.len(), STAR);
        at = hit.end;
    }
    clean.extend_from_slice(piece.get(at..plan.kept).unwrap_or_default());
    clean.freeze()
}

#[cfg(test)]
mod tests;
