//! Lines and fields (RFC 9110 section 5, RFC 9112 section 5), of a head and behind a body alike.

use super::fault::Fault;

const CONTROL: Fault = Fault::Malformed("its head has a control character");
const NAME: Fault = Fault::Malformed("a header's name has a character that none has");
const BARE_CR: Fault = Fault::Malformed("its head has a carriage return without a line feed");
const BARE_LF: Fault = Fault::Malformed("its head has a line feed without a carriage return");

/// The length of the first line, which ends in CRLF; `None` if its end has not come. So many of the
/// bytes are known to be clean.
pub(super) fn line(bytes: &[u8], clean: usize) -> Result<Option<usize>, Fault> {
    let end = memchr::memchr2(b'\r', b'\n', bytes);
    let text = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    if text.get(clean..).unwrap_or_default().iter().any(|byte| is_control(*byte)) {
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

/// Whether there is no control character but those of line ends. All bytes are looked at, so that
/// the compiler can do many at once.
pub(super) fn is_clean(bytes: &[u8]) -> bool {
    let found = bytes
        .iter()
        .fold(0, |found, byte| found | u8::from(is_control(*byte) & (*byte != b'\r') & (*byte != b'\n')));
    found == 0
}

/// A line's name and value, the white space around the value taken off.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    if let Some(b' ' | b'\t') = line.first() {
        return Err(Fault::Malformed("a header is folded over two lines"));
    }
    let end = line.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(line.len());
    let (name, rest) = line.split_at_checked(end).ok_or(NAME)?;
    if name.is_empty() || rest.first() != Some(&b':') {
        return Err(misnamed(line, rest));
    }
    Ok((name, rest.get(1..).unwrap_or_default().trim_ascii()))
}

/// Why what stands before a line's colon is no name.
fn misnamed(line: &[u8], rest: &[u8]) -> Fault {
    if !line.contains(&b':') {
        return Fault::Malformed("a header line has no colon");
    }
    match rest.iter().find(|byte| !matches!(byte, b' ' | b'\t')) {
        Some(b':') if rest.first() != Some(&b':') => {
            Fault::Malformed("white space stands before a header's colon")
        }
        Some(_) | None => NAME,
    }
}

/// One token: at least one character, and none that separates.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

const fn is_control(byte: u8) -> bool {
    ((byte < b' ') & (byte != b'\t')) | (byte == 0x7f)
}

fn is_token_byte(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or_default()
}

/// RFC 9110 section 5.6.2.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    #[expect(clippy::indexing_slicing, reason = "a mistake here does not compile")]
    while byte < 0x7f {
        let is_mark = matches!(
            byte,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        );
        table[byte as usize] = is_mark || byte.is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_letters_digits_and_fifteen_marks() {
        let tokens: Vec<u8> = (0..=u8::MAX).filter(|byte| is_token(&[*byte])).collect();
        assert_eq!(tokens.len(), 26 + 26 + 10 + 15);
        assert!(tokens.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)));
    }
}
