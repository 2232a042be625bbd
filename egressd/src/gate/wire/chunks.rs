//! The framing of a chunked body (RFC 9112 section 7.1), without what nobody needs: no extensions,
//! no white space, no line end but CRLF. The data itself is not looked at.

use super::fault::Fault;
use super::head::HEADERS_MAX;
use super::text;

/// A chunk of 2^60 bytes is longer than any; more digits would be another number to other readers.
const DIGITS_MAX: u8 = 15;
/// Longest trailers, all lines together.
const TRAILERS_MAX: usize = 8 * 1024;

const SIZE: Fault = Fault::Malformed("a chunk's size is not a plain hexadecimal number");
const END: Fault = Fault::Malformed("a chunk is longer or shorter than it says");

/// Where in the body the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Size { digits: u8, size: u64 },
    SizeEnd { size: u64 },
    Data(u64),
    DataEnd,
    DataEndHalf,
    Trailers,
    Over,
}

/// A chunked body that is being read.
#[derive(Debug)]
pub(super) struct Chunks {
    at: At,
    trailers: usize,
    trailer_bytes: usize,
}

impl Chunks {
    /// At its start.
    pub(super) const fn new() -> Self {
        Self { at: At::Size { digits: 0, size: 0 }, trailers: 0, trailer_bytes: 0 }
    }

    /// Whether all of it was looked at.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.at, At::Over)
    }

    /// Looks at the next bytes: how many of them may go on, and what is wrong behind those.
    pub(super) fn look(&mut self, bytes: &[u8]) -> (usize, Result<(), Fault>) {
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            let step = match self.at {
                At::Data(left) => {
                    let here = u64::try_from(bytes.len() - at).unwrap_or(u64::MAX).min(left);
                    self.at = if here == left { At::DataEnd } else { At::Data(left - here) };
                    Ok(usize::try_from(here).unwrap_or_default())
                }
                At::Trailers => self.trailer(bytes.get(at..).unwrap_or_default()),
                At::Over => return (at, Ok(())),
                At::Size { .. } | At::SizeEnd { .. } | At::DataEnd | At::DataEndHalf => self.step(byte),
            };
            match step {
                // A trailer whose end has not come.
                Ok(0) => return (at, Ok(())),
                Ok(bytes) => at += bytes,
                Err(fault) => return (at, Err(fault)),
            }
        }
        (at, Ok(()))
    }

    /// One byte of what frames the data.
    fn step(&mut self, byte: u8) -> Result<usize, Fault> {
        self.at = match (self.at, byte) {
            (At::Size { digits, size }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if digits < DIGITS_MAX => {
                let digit = char::from(byte).to_digit(16).ok_or(SIZE)?;
                At::Size { digits: digits + 1, size: size << 4 | u64::from(digit) }
            }
            (At::Size { digits: 1.., size }, b'\r') => At::SizeEnd { size },
            (At::Size { digits: 1.., .. }, b';') => {
                return Err(Fault::Malformed("a chunk has an extension"));
            }
            (At::Size { .. }, _) => return Err(SIZE),
            (At::SizeEnd { size: 0 }, b'\n') => At::Trailers,
            (At::SizeEnd { size }, b'\n') => At::Data(size),
            (At::SizeEnd { .. }, _) => return Err(SIZE),
            (At::DataEnd, b'\r') => At::DataEndHalf,
            (At::DataEndHalf, b'\n') => At::Size { digits: 0, size: 0 },
            (At::DataEnd | At::DataEndHalf | At::Data(_) | At::Trailers | At::Over, _) => return Err(END),
        };
        Ok(1)
    }

    /// One whole line behind the data, or none.
    fn trailer(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let room = TRAILERS_MAX - self.trailer_bytes;
        let region = bytes.get(..room).unwrap_or(bytes);
        let Some(length) = text::line(region, 0)? else {
            return if bytes.len() > room {
                Err(Fault::TooLarge("its trailers are longer than 8 KiB"))
            } else {
                Ok(0)
            };
        };
        if length == 0 {
            self.at = At::Over;
        } else {
            self.trailers += 1;
            if self.trailers > HEADERS_MAX {
                return Err(Fault::TooLarge("it has more than 100 trailers"));
            }
            text::field(region.get(..length).unwrap_or_default())?;
        }
        self.trailer_bytes += length + 2;
        Ok(length + 2)
    }
}
