//! Where the helper handles plaintext (INV-02): between a slot and the library that encrypts it for
//! the bus. The library takes and gives ordinary memory; what it gives is wiped here at once, what it
//! frees is wiped by the allocator, and the process does not live long.

#![expect(clippy::disallowed_methods, reason = "INV-02: values pass from and to the keychain here")]

use proto::frame::VALUE_MAX;
use proto::hazmat::SecretBytes;
use proto::keychain_lane::Trouble;
use secret_service::blocking::{Collection, Item};
use unix::wash;
use zeroize::Zeroizing;

use crate::items::Attributes;
use crate::trouble;

/// What the service says of every value: texts, so that a person may read them there.
const CONTENT: &str = "text/plain";

/// How deep the library's calls get with a value, and more.
const WASHED: usize = 64 * 1024;

/// An item's value.
pub(crate) fn get(item: &Item<'_>) -> Result<SecretBytes, Trouble> {
    let got = taken(item);
    wash::stack::<WASHED>();
    got
}

#[inline(never)]
fn taken(item: &Item<'_>) -> Result<SecretBytes, Trouble> {
    let value = Zeroizing::new(item.get_secret().map_err(|error| trouble::of(&error))?);
    if value.len() > VALUE_MAX {
        return Err(Trouble::NoRoom);
    }
    let mut slot = SecretBytes::zeroed(value.len()).map_err(|proto::hazmat::NoSlot| Trouble::NoRoom)?;
    slot.expose_mut().copy_from_slice(&value);
    Ok(slot)
}

/// Sets an item, in the place of one of the same attributes.
pub(crate) fn set(
    collection: &Collection<'_>,
    label: &str,
    attributes: &Attributes,
    value: &SecretBytes,
) -> Result<(), Trouble> {
    let done = put(collection, label, attributes, value);
    wash::stack::<WASHED>();
    done
}

#[inline(never)]
fn put(
    collection: &Collection<'_>,
    label: &str,
    attributes: &Attributes,
    value: &SecretBytes,
) -> Result<(), Trouble> {
    let made = collection.create_item(label, attributes.as_map(), value.expose(), true, CONTENT);
    made.map(drop).map_err(|error| trouble::of(&error))
}
