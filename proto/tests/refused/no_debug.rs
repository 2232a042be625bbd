//! A value has no Debug.

use proto::hazmat::SecretBytes;

fn demand<T: std::fmt::Debug>() {}

fn main() {
    demand::<SecretBytes>();
}
