//! What a value may look like where it has leaked to.

use base64::Engine as _;

use super::huffman;

/// One look of a value, to be searched for.
pub(super) struct Pattern {
    /// Which value, by its place in the list that was asked for.
    pub(super) value: usize,
    /// How it is disguised.
    pub(super) disguise: &'static str,
    /// The bytes.
    pub(super) bytes: Vec<u8>,
    /// From how many of them in a row on it is no chance: what eight bytes of the value become, and
    /// more where so many places of a long value could agree.
    pub(super) shortest: usize,
}

/// All looks of a value.
pub(super) fn patterns(value: usize, text: &[u8]) -> Vec<Pattern> {
    let hex: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![
        ("as it is", text.to_vec(), 8),
        ("reversed", text.iter().rev().copied().collect(), 8),
        ("in upper case hex", hex.to_ascii_uppercase().into_bytes(), 16),
        ("in hex", hex.into_bytes(), 16),
    ];
    for before in 0..3 {
        let coded = base64(text, before);
        let for_urls = for_urls(&coded);
        // Most texts look the same in both.
        if for_urls != coded {
            all.push(("in base64 for URLs", for_urls, 10));
        }
        all.push(("in base64", coded, 10));
    }
    // Eight letters are 40 to 56 bits, of which some share a byte with others: the shortest is a
    // little more than eight letters here.
    all.extend((0..8).map(|before| ("in HPACK's Huffman code", huffman::coded(text, before), 7)));
    let more = beyond_chance(text.len());
    let pattern = |(disguise, bytes, shortest)| Pattern { value, disguise, bytes, shortest: shortest + more };
    all.into_iter().map(pattern).collect()
}

/// How many letters more than of a key of the usual length: a letter tells 32 from one another, so
/// each makes up for a value that is 32 times as long, and programs hold a megabyte of words.
fn beyond_chance(length: usize) -> usize {
    match length {
        ..=512 => 0,
        513..=16_384 => 2,
        _ => 4,
    }
}

/// The characters that depend on nothing but the text when that many bytes come before it.
fn base64(text: &[u8], before: usize) -> Vec<u8> {
    let padded = [vec![0; before].as_slice(), text].concat();
    let coded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&padded).into_bytes();
    let first = (before * 8).div_ceil(6);
    coded.get(first..padded.len() * 8 / 6).unwrap_or_default().to_vec()
}

fn for_urls(coded: &[u8]) -> Vec<u8> {
    let other = |letter: &u8| match letter {
        b'+' => b'-',
        b'/' => b'_',
        same => *same,
    };
    coded.iter().map(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_at_each_alignment_is_found_in_that_of_a_longer_text() {
        let whole = |before: &str| {
            let text = format!("{before}a-made-up-value{}", "behind");
            base64::engine::general_purpose::STANDARD.encode(text)
        };
        for (before, text) in [(0, ""), (1, "x"), (2, "xy"), (0, "xyz"), (1, "xyz!")] {
            let part = String::from_utf8(base64(b"a-made-up-value", before)).unwrap();
            assert!(part.len() >= 18 && whole(text).contains(&part), "{part} in {}", whole(text));
        }
    }

    #[test]
    fn base64_for_urls_is_looked_for_where_it_differs() {
        let disguises =
            |text: &[u8]| patterns(0, text).iter().map(|pattern| pattern.disguise).collect::<Vec<_>>();
        assert!(!disguises(b"a-made-up-value").contains(&"in base64 for URLs"));
        let text = b"ab?ab>ab~a-made-up-value";
        assert!(disguises(text).contains(&"in base64 for URLs"));
        for before in ["", "x", "xy"] {
            let whole = [before.as_bytes(), text].concat();
            let coded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(whole).into_bytes();
            let found = crate::scan::index::Index::of(&[text.to_vec()]).search(&coded);
            assert!(found.iter().any(|hit| hit.length >= 30), "{before}");
        }
    }
}
