//! A value has no Clone.

use proto::hazmat::SecretBytes;

fn demand<T: Clone>() {}

fn main() {
    demand::<SecretBytes>();
}
