//! Broker tokens: made, written to their file, and digested.
//!
//! A token is `ugent_` and 43 characters of base64url (RFC 4648 section 5) without padding: 32
//! random bytes, so its digest needs no salt and no cost. Keeperd keeps the digest only.

#![expect(clippy::disallowed_methods, reason = "INV-02: tokens are made, written and digested here")]

use std::fs::File;
use std::io::{self, Read, Write};

use proto::hazmat::{NoSlot, SecretBytes};
use serde::{Deserialize, Serialize};

const PREFIX: &[u8; 6] = b"ugent_";
const RANDOM_LEN: usize = 32;
const TOKEN_LEN: usize = PREFIX.len() + 43;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// BLAKE3 of a token: all that keeperd keeps of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct TokenDigest(pub(crate) [u8; 32]);

impl TokenDigest {
    /// Of a token as it was presented.
    pub(crate) fn of(token: &SecretBytes) -> Self {
        // Of what it leaves on the stack the turn is washed.
        Self(*blake3::hash(token.expose()).as_bytes())
    }
}

/// A fresh token.
pub(crate) fn make() -> io::Result<SecretBytes> {
    let mut random = SecretBytes::zeroed(RANDOM_LEN).map_err(no_slot)?;
    let mut token = SecretBytes::zeroed(TOKEN_LEN).map_err(no_slot)?;
    getrandom::fill(random.expose_mut()).map_err(|_| io::Error::other("the kernel gave no random bytes"))?;
    let (prefix, text) = token.expose_mut().split_at_mut(PREFIX.len());
    prefix.copy_from_slice(PREFIX);
    for (to, from) in text.chunks_mut(4).zip(random.expose().chunks(3)) {
        encode(from, to);
    }
    Ok(token)
}

/// Writes a token and a newline into a fresh file, straight from its slot.
pub(crate) fn write(token: &SecretBytes, mut file: &File) -> io::Result<()> {
    file.write_all(token.expose())?;
    file.write_all(b"\n")
}

/// The digest of the token in a file; none if the file does not hold one.
pub(crate) fn read(mut file: &File) -> io::Result<Option<TokenDigest>> {
    let mut content = SecretBytes::zeroed(TOKEN_LEN + 2).map_err(no_slot)?;
    let mut filled = 0;
    while let Some(space) = content.expose_mut().get_mut(filled..).filter(|space| !space.is_empty()) {
        match file.read(space)? {
            0 => break,
            more => filled += more,
        }
    }
    let is_token = filled == TOKEN_LEN + 1
        && content.expose().starts_with(PREFIX)
        && content.expose().get(TOKEN_LEN) == Some(&b'\n');
    content.truncate(TOKEN_LEN);
    Ok(is_token.then(|| TokenDigest::of(&content)))
}

/// Three bytes to four characters; two bytes to three.
fn encode(from: &[u8], to: &mut [u8]) {
    let bits = from.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - from.len()));
    for (place, character) in to.iter_mut().enumerate() {
        let index = (bits >> (18 - 6 * place)) as usize & 63;
        *character = ALPHABET.get(index).copied().unwrap_or_default();
    }
}

fn no_slot(error: NoSlot) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_follows_its_test_vectors() {
        for (from, expected) in [(&b"foo"[..], &b"Zm9v"[..]), (b"fo", b"Zm8"), (&[0xFB, 0xFF, 0xFE], b"-__-")]
        {
            let mut to = vec![0; expected.len()];
            encode(from, &mut to);
            assert_eq!(to, expected);
        }
    }

    #[test]
    fn a_token_is_written_and_recognised() {
        let token = make().unwrap();
        assert_eq!(token.len(), 49);
        assert!(token.expose()[6..].iter().all(|c| ALPHABET.contains(c)));
        let path = tempfile::NamedTempFile::new().unwrap();
        write(&token, path.as_file()).unwrap();
        let found = read(&File::open(path.path()).unwrap()).unwrap();
        assert_eq!(found, Some(TokenDigest::of(&token)));
        assert_ne!(found, Some(TokenDigest::of(&make().unwrap())));
    }

    #[test]
    fn a_file_that_holds_anything_else_holds_no_token() {
        for content in ["", "ugent_", "\n", "ugent_short\n", &"x".repeat(50), &"ugent_".repeat(20)] {
            let path = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(path.path(), content).unwrap();
            assert_eq!(read(&File::open(path.path()).unwrap()).unwrap(), None);
        }
    }
}
