//! The output of a child, taken up as it is written.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::until::DEADLINE;

/// What a process wrote so far.
#[derive(Default)]
pub(super) struct Captured {
    text: Mutex<(Vec<u8>, End)>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    Closed,
}

impl Captured {
    pub(super) fn of(mut source: impl Read + Send + 'static) -> Arc<Self> {
        let captured = Arc::new(Self::default());
        let here = Arc::clone(&captured);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let read = source.read(&mut bytes).unwrap_or_default();
                let mut text = here.text.lock().unwrap_or_else(PoisonError::into_inner);
                text.0.extend_from_slice(bytes.get(..read).unwrap_or_default());
                if read == 0 {
                    text.1 = End::Closed;
                }
                here.changed.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        captured
    }

    /// All of it so far.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap_or_else(PoisonError::into_inner).0).into_owned()
    }

    /// Waits for the end of it.
    ///
    /// # Panics
    /// If somebody keeps it open.
    pub(super) fn whole(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let (text, _) = self
            .changed
            .wait_timeout_while(text, DEADLINE, |(_, end)| *end == End::Open)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(text.1 == End::Closed, "a process that outlives its parent keeps its output open");
        String::from_utf8_lossy(&text.0).into_owned()
    }
}
