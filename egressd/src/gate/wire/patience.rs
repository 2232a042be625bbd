//! How long a client may take. Never ends a request that only waits for its answer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use proto::clients::ClientRules;
use tokio::time::{Instant, Sleep};

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The pause between two requests.
    pub(crate) idle: Duration,
    /// A head, from its first byte to its last; and a fresh connection's first byte.
    pub(crate) head: Duration,
    /// A body without a further byte.
    pub(crate) stall: Duration,
}

impl Limits {
    /// As the rules say.
    pub(crate) fn of(rules: &ClientRules) -> Self {
        let secs = |secs| Duration::from_secs(u64::from(secs));
        Self { idle: secs(rules.idle_secs), head: secs(rules.head_secs), stall: secs(rules.stall_secs) }
    }
}

/// One timer, moved only when it must be: most waits end long before.
pub(crate) struct Patience {
    since: Instant,
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// From now on, that long.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { since: Instant::now(), limit, timer: None }
    }

    /// From now on, that long.
    pub(crate) fn renew(&mut self, limit: Duration) {
        (self.since, self.limit) = (Instant::now(), limit);
    }

    /// Ready when it is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.since + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
