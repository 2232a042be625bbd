//! A value has no Serialize.

use proto::hazmat::SecretBytes;

fn demand<T: serde::Serialize>() {}

fn main() {
    demand::<SecretBytes>();
}
