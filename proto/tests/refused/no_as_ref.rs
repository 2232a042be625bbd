//! A value has no AsRef.

use proto::hazmat::SecretBytes;

fn demand<T: AsRef<[u8]>>() {}

fn main() {
    demand::<SecretBytes>();
}
