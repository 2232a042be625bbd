//! One request after the other: head, body, done. Pure: bytes in, how many may go on out.

use super::chunks::Chunks;
use super::fault::Fault;
use super::head::{Framing, Head};

/// What came of a look.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Looked {
    /// So many bytes from the start may go on.
    pub(super) approved: usize,
    /// What is wrong behind them.
    pub(super) fault: Option<Fault>,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its head has not come whole.
    Head,
    /// Its body has not.
    Body,
    /// All of it has.
    Done,
}

/// The judge of one connection's bytes.
#[derive(Debug)]
pub(super) struct Judge(At);

#[derive(Debug)]
enum At {
    Head(Head),
    Length(u64),
    Chunks(Chunks),
    Done,
}

impl Judge {
    /// Before the first request.
    pub(super) fn new() -> Self {
        Self(At::Head(Head::default()))
    }

    /// How far the request is.
    pub(super) const fn stage(&self) -> Stage {
        match &self.0 {
            At::Head(_) => Stage::Head,
            At::Length(_) | At::Chunks(_) => Stage::Body,
            At::Done => Stage::Done,
        }
    }

    /// Begins the next request.
    pub(super) fn next(&mut self) {
        *self = Self::new();
    }

    /// Looks at all bytes that did not go on yet; those of a head that is not whole are looked at
    /// again with the next.
    pub(super) fn look(&mut self, bytes: &[u8]) -> Looked {
        let mut approved = 0;
        loop {
            let rest = bytes.get(approved..).unwrap_or_default();
            let (taken, result) = match &mut self.0 {
                At::Head(head) => match head.look(rest) {
                    Ok(None) => return Looked { approved, fault: None },
                    Ok(Some((length, framing))) => {
                        self.0 = match framing {
                            Framing::Length(0) => At::Done,
                            Framing::Length(length) => At::Length(length),
                            Framing::Chunks => At::Chunks(Chunks::new()),
                        };
                        (length, Ok(()))
                    }
                    Err(fault) => (0, Err(fault)),
                },
                At::Length(left) => {
                    let here = u64::try_from(rest.len()).unwrap_or(u64::MAX).min(*left);
                    *left -= here;
                    if *left == 0 {
                        self.0 = At::Done;
                    }
                    (usize::try_from(here).unwrap_or_default(), Ok(()))
                }
                At::Chunks(chunks) => {
                    let (taken, result) = chunks.look(rest);
                    if chunks.is_over() {
                        self.0 = At::Done;
                    }
                    (taken, result)
                }
                At::Done => return Looked { approved, fault: None },
            };
            approved += taken;
            if let Err(fault) = result {
                return Looked { approved, fault: Some(fault) };
            }
            if taken == 0 {
                return Looked { approved, fault: None };
            }
        }
    }
}

#[cfg(test)]
mod tests;
