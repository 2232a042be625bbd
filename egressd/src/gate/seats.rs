//! The places of a worker's clients. A full house never stops a client with a request: whoever has
//! waited longest without one makes room.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use proto::lease_lane::Caller;
use tokio::sync::Notify;

use super::turn::Turn;

/// The places.
pub(crate) struct Seats {
    /// In all, and of one user of the Unix socket: those of a TCP port cannot be told apart.
    most: usize,
    most_of_one: usize,
    taken: RefCell<BTreeMap<u64, Taken>>,
    last: Cell<u64>,
    left: Notify,
}

struct Taken {
    uid: Option<u32>,
    turn: Rc<Turn>,
}

/// One place, given back when dropped.
pub(super) struct Seat {
    seats: Rc<Seats>,
    number: u64,
    /// Of the connection that has it.
    pub(super) turn: Rc<Turn>,
}

impl Seats {
    /// That many places.
    pub(crate) fn new(most: usize, most_of_one: usize) -> Self {
        Self { most, most_of_one, taken: RefCell::default(), last: Cell::new(0), left: Notify::new() }
    }

    /// A place for a client; `None` if every other one has a request under way.
    pub(super) fn take(self: &Rc<Self>, caller: Caller) -> Option<Seat> {
        let uid = match caller {
            Caller::Tcp => None,
            Caller::Unix { uid, .. } => Some(uid),
        };
        let of_one = |taken: &Taken| uid.is_some() && taken.uid == uid;
        if self.taken.borrow().values().filter(|taken| of_one(taken)).count() >= self.most_of_one {
            self.make_room(of_one)?;
        }
        if self.taken.borrow().len() >= self.most {
            self.make_room(|_| true)?;
        }
        let number = self.last.get() + 1;
        self.last.set(number);
        let turn = Rc::new(Turn::new());
        self.taken.borrow_mut().insert(number, Taken { uid, turn: Rc::clone(&turn) });
        Some(Seat { seats: Rc::clone(self), number, turn })
    }

    /// Sends away who has waited longest, if anybody waits.
    pub(super) fn make_some_room(&self) {
        let _ = self.make_room(|_| true);
    }

    /// Waits until no place is taken.
    pub(crate) async fn empty(&self) {
        while !self.taken.borrow().is_empty() {
            self.left.notified().await;
        }
    }

    fn make_room(&self, among: impl Fn(&Taken) -> bool) -> Option<()> {
        let mut taken = self.taken.borrow_mut();
        let waiting = taken.iter().filter(|(_, taken)| among(taken));
        let waiting = waiting.filter_map(|(number, taken)| Some((taken.turn.waits_since()?, *number)));
        let (_, longest) = waiting.min()?;
        taken.remove(&longest)?.turn.send_away();
        Some(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken.borrow_mut().remove(&self.number);
        self.seats.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_sent_away(turn: &Turn) -> bool {
        let sent = std::pin::pin!(turn.is_sent_away());
        sent.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    #[test]
    fn who_has_waited_longest_makes_room_and_who_has_a_request_never_does() {
        let seats = Rc::new(Seats::new(3, 2));
        let unix = |uid| Caller::Unix { uid, pid: 1 };
        let held = [unix(1), unix(1), Caller::Tcp].map(|caller| seats.take(caller).unwrap());
        held[0].turn.take();
        let third_of_one = seats.take(unix(1)).expect("the second of that user waits");
        assert!(is_sent_away(&held[1].turn) && !is_sent_away(&held[2].turn));
        third_of_one.turn.take();
        assert!(seats.take(unix(1)).is_none(), "both of that user's have a request");
        let other = seats.take(unix(2)).expect("one of the others waits");
        assert!(is_sent_away(&held[2].turn));
        other.turn.take();
        assert!(seats.take(Caller::Tcp).is_none());
        drop(other);
        assert!(seats.take(Caller::Tcp).is_some());
    }
}
