//! The variables of a child that hold values: `NAME=value` and a NUL each, one behind the other in
//! locked memory, from where the kernel copies them into the child at execve(2). Never on the heap.

#![expect(
    clippy::disallowed_methods,
    reason = "INV-02: values go from their slots to the child's environment"
)]

use std::ffi::CStr;

use proto::hazmat::{NoSlot, Room, SecretBytes};

/// A variable and the value it is to have.
pub(crate) struct Filled<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a SecretBytes,
}

/// Variables with values. Wiped when dropped.
pub(crate) struct Block(Room);

impl Block {
    /// Puts them together.
    ///
    /// # Errors
    /// [`NoSlot`] if there is no locked memory for all of them.
    pub(crate) fn of(variables: &[Filled<'_>]) -> Result<Self, NoSlot> {
        let length = |filled: &Filled<'_>| filled.name.len() + filled.value.len() + 2;
        let mut room = Room::zeroed(variables.iter().map(length).sum())?;
        let mut rest = room.expose_mut();
        for Filled { name, value } in variables {
            for part in [name.as_bytes(), b"=", value.expose(), b"\0"] {
                let Some((here, behind)) = std::mem::take(&mut rest).split_at_mut_checked(part.len()) else {
                    break;
                };
                here.copy_from_slice(part);
                rest = behind;
            }
        }
        Ok(Self(room))
    }

    /// Each of them, as execve(2) takes them.
    pub(crate) fn strings(&self) -> Vec<&CStr> {
        let whole = self.0.expose();
        whole
            .split_inclusive(|byte| *byte == 0)
            .filter_map(|one| CStr::from_bytes_with_nul(one).ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_a_string_of_its_own() {
        let mut value = SecretBytes::zeroed(3).unwrap();
        value.expose_mut().copy_from_slice(b"a=b");
        let long = SecretBytes::zeroed(65_536).map(|mut long| {
            long.expose_mut().fill(b'x');
            long
        });
        let long = long.unwrap();
        let block = Block::of(&[Filled { name: "ONE", value: &value }, Filled { name: "TWO", value: &long }])
            .unwrap();
        let strings = block.strings();
        assert_eq!(strings[0].to_bytes(), b"ONE=a=b");
        assert_eq!(strings[1].to_bytes().len(), 4 + 65_536);
        assert_eq!(strings.len(), 2);
        assert!(Block::of(&[]).unwrap().strings().is_empty());
    }
}
