//! A value has no PartialEq.

use proto::hazmat::SecretBytes;

fn demand<T: PartialEq>() {}

fn main() {
    demand::<SecretBytes>();
}
