//! Connections that wait for the next request, of one worker. A connection carries nothing of the
//! request before it: its value was wiped, and one that came back over it takes it along.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::link::Link;

/// How long one may wait. Providers commonly close after 60 s.
const IDLE: Duration = Duration::from_secs(30);
/// How many may wait for one place.
const IDLE_MAX: usize = 32;

struct Waiting {
    link: Box<Link>,
    since: Instant,
}

#[derive(Default)]
struct Shelf {
    places: RefCell<HashMap<usize, Vec<Waiting>>>,
    has_sweeper: Cell<bool>,
}

/// The connections that wait, by the number of their place.
#[derive(Clone, Default)]
pub(super) struct Pool(Rc<Shelf>);

impl Pool {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The connection that was last put there and still lives.
    pub(super) async fn take(&self, place: usize) -> Option<Box<Link>> {
        std::future::poll_fn(|cx| {
            loop {
                let waiting = self.0.places.borrow_mut().get_mut(&place).and_then(Vec::pop);
                let Some(Waiting { mut link, since }) = waiting else {
                    return Poll::Ready(None);
                };
                if since.elapsed() < IDLE && link.is_idle(cx) {
                    return Poll::Ready(Some(link));
                }
            }
        })
        .await
    }

    /// Puts a connection there, if there is room.
    pub(super) fn put(&self, place: usize, link: Box<Link>) {
        let mut places = self.0.places.borrow_mut();
        let waiting = places.entry(place).or_default();
        if waiting.len() < IDLE_MAX {
            waiting.push(Waiting { link, since: Instant::now() });
        }
        drop(places);
        if !self.0.has_sweeper.replace(true) {
            tokio::task::spawn_local(sweep(self.clone()));
        }
    }
}

/// Closes what has waited too long; ends when nothing waits, so that an idle process sleeps.
async fn sweep(pool: Pool) {
    loop {
        tokio::time::sleep(IDLE).await;
        let mut places = pool.0.places.borrow_mut();
        places.retain(|_, waiting| {
            waiting.retain(|waiting| waiting.since.elapsed() < IDLE);
            !waiting.is_empty()
        });
        if places.is_empty() {
            pool.0.has_sweeper.set(false);
            return;
        }
    }
}
