//! The end of a client's connection from outside: keeperd takes back the lease of the request that
//! is on it. Before the answer has begun the client is told; after that its connection is closed,
//! whether or not it reads. Never touches a request but the one that was named.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::gate::presence::Presence;

/// One client's connection, as far as it can be cut.
#[derive(Default)]
pub(crate) struct Cut {
    /// The ask whose lease was taken back; of the request that is on the connection now.
    asked: Cell<Option<u64>>,
    answer: Cell<Answer>,
    bell: Notify,
    client: Option<Rc<dyn Presence>>,
}

/// How far the answer to the request is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Answer {
    /// The client can still be told something else.
    #[default]
    NotBegun,
    /// A provider's head went on to the client.
    Begun,
}

impl Cut {
    /// Of a connection with that client at its other end.
    pub(crate) fn of(client: Rc<dyn Presence>) -> Self {
        Self { client: Some(client), ..Self::default() }
    }

    /// Whether the client has closed it, or its half of it.
    pub(crate) fn is_client_gone(&self) -> bool {
        self.client.as_ref().is_some_and(|client| client.is_gone())
    }

    /// A request begins; what became of the one before is forgotten.
    pub(crate) fn begin(&self) {
        self.asked.set(None);
        self.answer.set(Answer::NotBegun);
    }

    /// A provider's answer to it begins.
    pub(crate) fn answered(&self) {
        self.answer.set(Answer::Begun);
    }

    /// Ends the request, which is not over, and whose ask that is.
    pub(crate) fn end(&self, seq: u64) {
        self.asked.set(Some(seq));
        self.bell.notify_waiters();
    }

    /// Whether the request of that ask was ended.
    pub(crate) fn has_ended(&self, seq: u64) -> bool {
        self.asked.get() == Some(seq)
    }

    /// Waits until the request of that ask is ended.
    pub(crate) async fn of_ask(&self, seq: u64) {
        self.until(|| self.has_ended(seq)).await;
    }

    /// Waits until a request is ended whose answer has begun.
    pub(crate) async fn of_answer(&self) {
        self.until(|| self.asked.get().is_some() && self.answer.get() == Answer::Begun).await;
    }

    async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            // Made before the look, so that no bell in between is missed.
            let rung = self.bell.notified();
            if holds() {
                return;
            }
            rung.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Waker};

    use super::*;

    fn is_over(future: Pin<&mut impl Future<Output = ()>>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn only_the_ask_that_was_named_ends_and_a_connection_only_once_its_answer_has_begun() {
        let cut = Cut::default();
        cut.begin();
        let (mut ours, mut other) = (pin!(cut.of_ask(1)), pin!(cut.of_ask(2)));
        let mut answer = pin!(cut.of_answer());
        assert!(!is_over(ours.as_mut()) && !is_over(other.as_mut()) && !is_over(answer.as_mut()));
        cut.end(1);
        assert!(is_over(ours.as_mut()) && !is_over(other.as_mut()));
        assert!(!is_over(answer.as_mut()), "the client is told instead");

        cut.begin();
        cut.answered();
        assert!(!cut.has_ended(1) && !is_over(answer.as_mut()), "the next request is another");
        cut.end(2);
        assert!(is_over(answer.as_mut()));
    }
}
