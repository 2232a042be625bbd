//! What may be done with a value: it can be made, measured, moved and dropped.

use proto::hazmat::SecretBytes;

fn takes(value: SecretBytes) -> usize {
    value.len()
}

fn main() {
    let value = SecretBytes::zeroed(8).expect("locked memory");
    assert!(!value.is_empty());
    assert_eq!(takes(value), 8);
}
