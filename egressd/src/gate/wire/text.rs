//! Lines and fields (RFC 9110 section 5, RFC 9112 section 5), of a head and behind a body alike.

use super::fault::Fault;

const CONTROL: Fault = Fault::Malformed("its head has a control character");
const BARE_CR: Fault = Fault::Malformed("its head has a carriage return without a line feed");
const BARE_LF: Fault = Fault::Malformed("its head has a line feed without a carriage return");

/// The length of the first line, which ends in CRLF; `None` if its end has not come.
pub(super) fn line(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    let end = memchr::memchr2(b'\r', b'\n', bytes);
    if has_control(bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default()) {
        return Err(CONTROL);
    }
    let Some(end) = end else { return Ok(None) };
    match (bytes.get(end), bytes.get(end + 1)) {
        (Some(b'\r'), Some(b'\n')) => Ok(Some(end)),
        (Some(b'\r'), None) => Ok(None),
        (Some(b'\r'), Some(_)) => Err(BARE_CR),
        (Some(_) | None, _) => Err(BARE_LF),
    }
}

/// A line's name and value, the white space around the value taken off.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    if let Some(b' ' | b'\t') = line.first() {
        return Err(Fault::Malformed("a header is folded over two lines"));
    }
    let colon = memchr::memchr(b':', line).ok_or(Fault::Malformed("a header line has no colon"))?;
    let (name, rest) = line.split_at_checked(colon).ok_or(CONTROL)?;
    if let Some(b' ' | b'\t') = name.last() {
        return Err(Fault::Malformed("white space stands before a header's colon"));
    }
    if !is_token(name) {
        return Err(Fault::Malformed("a header's name has a character that none has"));
    }
    Ok((name, rest.get(1..).unwrap_or_default().trim_ascii()))
}

/// One token: at least one character, and none that separates.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// All of them are looked at, so that the compiler can do many at once.
fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, byte| found | ((*byte < b' ') & (*byte != b'\t')) | (*byte == 0x7f))
}
