//! A value has no Deref.

use proto::hazmat::SecretBytes;

fn demand<T: std::ops::Deref>() {}

fn main() {
    demand::<SecretBytes>();
}
