//! Made-up values with so much chance in them that they are found wherever they leak to.

/// A made-up API key: `sk-` and 48 letters and digits.
#[must_use]
pub fn key() -> String {
    format!("sk-{}", letters(48))
}

/// A made-up API key of that length, `sk-` included.
#[must_use]
pub fn key_of(length: usize) -> String {
    format!("sk-{}", letters(length.saturating_sub(3)))
}

/// A made-up passphrase.
#[must_use]
pub fn passphrase() -> String {
    format!("passphrase {}", letters(24))
}

/// That many letters and digits.
#[must_use]
pub fn letters(count: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes).expect("the kernel has random bytes");
    bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32))).map(|b| char::from(*b)).collect()
}

/// A number below `end`.
#[must_use]
pub fn below(end: u32) -> u32 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the kernel has random bytes");
    u32::from_le_bytes(bytes) % end.max(1)
}
