//! `UGENT_SECRETS_PASSPHRASE`: into a slot, and out of the environment block.
//!
//! Removing a variable leaves its bytes readable in /proc/PID/environ, so they are overwritten
//! where they lie. Nothing here may run once there is a second thread.

#![expect(unsafe_code, reason = "the environment block can be overwritten only through its raw pointers")]

use std::ffi::{CStr, c_char};

use proto::hazmat::{NoSlot, SecretBytes};
use zeroize::Zeroize;

const NAME: &[u8] = b"UGENT_SECRETS_PASSPHRASE=";

unsafe extern "C" {
    static environ: *const *mut c_char;
}

/// What `UGENT_SECRETS_PASSPHRASE` held; its bytes are zeros afterwards. The first statement of
/// every `main` of this crate.
///
/// # Errors
/// [`NoSlot`] if no locked memory is left for it; it is wiped even then.
pub(crate) fn take() -> Result<Option<SecretBytes>, NoSlot> {
    let mut found = Ok(None);
    // SAFETY: called first in main, so no other thread reads or changes the environment.
    let mut entry = unsafe { environ };
    while !entry.is_null() {
        // SAFETY: `environ` is an array of pointers that ends with a null pointer (environ(7)),
        // and `entry` has not passed it.
        let text = unsafe { *entry };
        if text.is_null() {
            break;
        }
        // SAFETY: every entry is a NUL-terminated string in writable memory of this process (the
        // kernel put it on our stack), and this is the only reference to it while it lives.
        let bytes = unsafe { std::slice::from_raw_parts_mut(text.cast::<u8>(), length(text)) };
        if bytes.starts_with(NAME) {
            let kept = bytes.get_mut(NAME.len()..).unwrap_or_default();
            // The first of several counts, as for getenv(3); all are wiped.
            if !kept.is_empty() && matches!(found, Ok(None)) {
                found = in_slot(kept).map(Some);
            }
            kept.zeroize();
        }
        // SAFETY: `entry` was not the final null pointer, so there is one more behind it.
        entry = unsafe { entry.add(1) };
    }
    found
}

fn length(text: *const c_char) -> usize {
    // SAFETY: the caller's entry of the environment is NUL-terminated.
    unsafe { CStr::from_ptr(text) }.count_bytes()
}

#[expect(clippy::disallowed_methods, reason = "INV-02: the passphrase goes from the environment to a slot")]
fn in_slot(bytes: &[u8]) -> Result<SecretBytes, NoSlot> {
    let mut kept = SecretBytes::zeroed(bytes.len())?;
    kept.expose_mut().copy_from_slice(bytes);
    Ok(kept)
}
