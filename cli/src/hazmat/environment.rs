//! `UGENT_SECRETS_PASSPHRASE`: into a slot, and out of the environment block.
//!
//! Removing a variable leaves its bytes readable in /proc/PID/environ, so they are overwritten
//! where they lie. Nothing here may run once there is a second thread.

#![expect(unsafe_code, reason = "the environment block can be overwritten only through its raw pointers")]

use std::ffi::{CStr, c_char};

use proto::hazmat::{NoSlot, SecretBytes};
use zeroize::Zeroize;

const NAME: &[u8] = b"UGENT_SECRETS_PASSPHRASE=";

/// How every broker token begins.
const TOKEN: &[u8] = b"ugent_";

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

/// All of the environment as it is, with what [`take`] has wiped: pointers to where the kernel has put
/// it, so that nothing of it is copied. In the order it is in.
pub(crate) fn all() -> Vec<&'static CStr> {
    let mut all = Vec::new();
    // SAFETY: as in `held`; and what the kernel put on the stack stays there as long as the process.
    let mut entry = unsafe { environ };
    while !entry.is_null() {
        // SAFETY: as in `take`.
        let text = unsafe { *entry };
        if text.is_null() {
            break;
        }
        // SAFETY: as in `held`.
        all.push(unsafe { CStr::from_ptr(text) });
        // SAFETY: as in `take`.
        entry = unsafe { entry.add(1) };
    }
    all
}

/// A variable of the environment, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) name: String,
    pub(crate) sort: Sort,
}

/// What may be told of a variable's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// There is none.
    Empty,
    /// It begins as broker tokens do.
    BrokerToken,
    /// Anything else.
    Other,
}

/// The names of all variables. No value is copied.
pub(crate) fn held() -> Vec<Held> {
    let mut held = Vec::new();
    // SAFETY: nothing in this crate changes the environment (set_var and remove_var are disallowed),
    // so the array and its strings stay as they are; `take` has ended long before.
    let mut entry = unsafe { environ };
    while !entry.is_null() {
        // SAFETY: as in `take`.
        let text = unsafe { *entry };
        if text.is_null() {
            break;
        }
        // SAFETY: as in `take`, and nobody writes to it while this reference lives.
        let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length(text)) };
        let mut parts = bytes.splitn(2, |byte| *byte == b'=');
        if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            held.push(Held { name: String::from_utf8_lossy(name).into_owned(), sort: sort(value) });
        }
        // SAFETY: as in `take`.
        entry = unsafe { entry.add(1) };
    }
    held
}

fn sort(value: &[u8]) -> Sort {
    match value {
        [] => Sort::Empty,
        value if value.starts_with(TOKEN) => Sort::BrokerToken,
        _ => Sort::Other,
    }
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
