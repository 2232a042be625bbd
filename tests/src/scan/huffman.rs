//! HPACK's Huffman code (RFC 7541, appendix B), as far as keys are written in it: letters, digits
//! and the signs between them. To search for, never to speak HTTP/2 with.

/// The code is canonical: within a length, codes follow one another in this order.
const CODES: [(u32, u32, &[u8]); 4] = [
    (5, 0x0, b"012aceiost"),
    (6, 0x14, b" %-./3456789=A_bdfghlmnpru"),
    (7, 0x5c, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, 0xf8, b"&*,;XZ"),
];

/// The coded text as it lies in bytes when `before` bits of something else come first in its first
/// byte; only the bytes that hold nothing but the text. Nothing if a character has no code here.
pub(super) fn coded(text: &[u8], before: u32) -> Vec<u8> {
    let mut bits = Vec::new();
    for character in text {
        let Some((length, code)) = code(*character) else { return Vec::new() };
        bits.extend((0..length).rev().map(|place| (code >> place) & 1));
    }
    let foreign = if before == 0 { 0 } else { 8 - before };
    let whole = bits.get(usize::try_from(foreign).unwrap_or_default()..).unwrap_or_default();
    whole
        .as_chunks::<8>()
        .0
        .iter()
        .map(|byte| byte.iter().fold(0_u8, |sum, bit| (sum << 1) | u8::try_from(*bit).unwrap_or_default()))
        .collect()
}

fn code(character: u8) -> Option<(u32, u32)> {
    CODES.iter().find_map(|(length, first, characters)| {
        let place = characters.iter().position(|known| *known == character)?;
        Some((*length, first + u32::try_from(place).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appendix C.4 and C.6 of the RFC; the last byte is left out where it is padded.
    #[test]
    fn the_examples_of_the_rfc_are_coded_so() {
        let of =
            |text: &str| coded(text.as_bytes(), 0).iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(of("www.example.com"), "f1e3c2e5f23a6ba0ab90f4");
        assert_eq!(of("no-cache"), "a8eb10649c");
        assert_eq!(of("custom-value"), "25a849e95bb8e8b4");
        assert_eq!(of("Mon, 21 Oct 2013 20:13:21 GMT"), "d07abe941054d444a8200595040b8166e082a62d1b");
    }

    #[test]
    fn a_text_after_foreign_bits_loses_what_shares_a_byte_with_them() {
        // Three foreign bits: the first five of the text share their byte, and are the first `a`.
        assert_eq!(coded(b"aaaaaaaaa", 3), coded(b"aaaaaaaa", 0));
    }
}
