//! Beneath hyper: the one reader of a client's raw bytes. It judges each request's head and the
//! framing of its body, and lets hyper see nothing that is not strictly well formed.
//!
//! hyper cannot be that judge: of a `content-length` beside a `transfer-encoding` it drops the one
//! without a word, it merges equal lengths, takes a bare line feed for a line end, and skips what
//! stands behind a chunk's size. What two readers can take for two different requests is how one is
//! smuggled past the first. Here it is refused, and the connection ends.
//!
//! Nothing is rewritten: what is passed on is what came, byte for byte. The next request is held
//! back until the one before is answered, so that the bytes behind a request are never taken for
//! something they are not.

mod chunks;
mod fault;
mod head;
mod judge;
mod patience;
mod stream;
mod text;

pub(crate) use fault::Fault;
pub(super) use head::{HEAD_MAX, HEADERS_MAX};
pub(crate) use patience::{Limits, Patience};
pub(super) use stream::Wire;
