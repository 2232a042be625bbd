//! A value has no Display.

use proto::hazmat::SecretBytes;

fn demand<T: std::fmt::Display>() {}

fn main() {
    demand::<SecretBytes>();
}
