//! What the stand-in was asked, for tests to look at and wait for. Never printed: `Debug` shows
//! names and numbers only, since a header may hold the key.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It has not.
    NotYet,
    /// The whole answer was handed over.
    Complete,
    /// The client went away before that.
    Cut,
}

/// One request.
#[derive(Clone)]
pub struct Seen {
    /// Which connection it came on, counted from 1.
    pub connection: u64,
    /// As sent.
    pub method: String,
    /// As sent, without query.
    pub path: String,
    /// As sent, empty if there was none.
    pub query: String,
    /// In order, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Bytes of body so far.
    pub body: Vec<u8>,
    /// How many pieces of the answer's body were handed over so far.
    pub pieces: usize,
    /// How it ended.
    pub ended: Ended,
}

impl Seen {
    /// Every value of that header, given in lower case.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_slice())
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Seen")
            .field("connection", &self.connection)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &names)
            .field("body", &self.body.len())
            .field("pieces", &self.pieces)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// All requests of a stand-in, in the order their heads came.
#[derive(Default)]
pub struct Log {
    requests: Mutex<Vec<Seen>>,
    changed: Condvar,
}

impl Log {
    /// A copy of all.
    #[must_use]
    pub fn all(&self) -> Vec<Seen> {
        self.lock().clone()
    }

    /// Waits until this holds of the requests, and says whether it did within ten seconds.
    #[must_use]
    pub fn wait_until(&self, holds: impl Fn(&[Seen]) -> bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut requests = self.lock();
        while !holds(&requests) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            requests = self.changed.wait_timeout(requests, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Takes up a request and gives its place.
    pub(super) fn begin(&self, seen: Seen) -> usize {
        let mut requests = self.lock();
        requests.push(seen);
        self.changed.notify_all();
        requests.len() - 1
    }

    /// Changes the request at that place.
    pub(super) fn change(&self, place: usize, change: impl FnOnce(&mut Seen)) {
        if let Some(seen) = self.lock().get_mut(place) {
            change(seen);
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
