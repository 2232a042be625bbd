//! Output of one of several programs to a place they share: whole lines, each with the program's name
//! before it. What comes here has been through the mask.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use super::pump::write_all;

/// A line that is longer goes on in pieces.
const LINE_MAX: usize = 16 * 1024;

/// A place that several programs write to.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<OwnedFd>>);

/// One program's way there.
pub(crate) struct Tagged {
    to: Shared,
    tag: String,
    line: Vec<u8>,
}

impl Shared {
    pub(crate) fn new(to: OwnedFd) -> Self {
        Self(Arc::new(Mutex::new(to)))
    }

    /// Writes a line that nothing else comes between.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn line(&self, line: &[u8]) -> io::Result<()> {
        write_all(&self.0.lock().unwrap_or_else(PoisonError::into_inner), line)
    }
}

impl Tagged {
    pub(crate) fn new(to: &Shared, name: &str) -> Self {
        Self { to: to.clone(), tag: format!("[{name}] "), line: Vec::new() }
    }

    /// Takes what comes, and writes the lines that are whole.
    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.is_empty() {
                self.line.extend_from_slice(self.tag.as_bytes());
            }
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() > LINE_MAX {
                self.end()?;
            }
        }
        Ok(())
    }

    /// Writes what is left, as a line.
    pub(super) fn end(&mut self) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return Ok(());
        }
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        self.to.line(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek};

    #[test]
    fn each_line_has_its_tag_and_comes_whole() {
        let mut file = tempfile::tempfile().unwrap();
        let shared = Shared::new(file.try_clone().unwrap().into());
        let (mut one, mut other) = (Tagged::new(&shared, "a"), Tagged::new(&shared, "b"));
        for piece in ["x", "y\nz", "\n\nl"] {
            one.put(piece.as_bytes()).unwrap();
            other.put(b"-").unwrap();
        }
        other.end().unwrap();
        one.end().unwrap();
        one.end().unwrap();
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "[a] xy\n[a] z\n[a] \n[b] ---\n[a] l\n");
    }
}
