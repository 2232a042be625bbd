//! The table of transports: what keeperd says of providers, kept for each egressd that is started.

use proto::control_lane::{ControlOrder, Transport};
use proto::name::ProviderId;

/// More than any providers file can say: a keeper that goes on and on is broken.
const ENTRIES_MAX: usize = 4096;

/// The table in use, and the next one while it comes in.
#[derive(Default)]
pub(super) struct Transports {
    current: Vec<ControlOrder>,
    incoming: Vec<ControlOrder>,
}

/// What the end of a table means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// As before.
    Same,
    /// Other than before: an egressd knows only the one it was started with.
    Changed,
}

/// The table is longer than a table can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Transports {
    /// One provider.
    pub(super) fn transport(&mut self, transport: Transport) -> Result<(), TooLong> {
        self.push(ControlOrder::Transport(transport))
    }

    /// One anchor.
    pub(super) fn anchor(&mut self, provider: ProviderId, der: Vec<u8>) -> Result<(), TooLong> {
        self.push(ControlOrder::Anchor { provider, der })
    }

    /// The table is complete.
    pub(super) fn end(&mut self) -> Table {
        let next = std::mem::take(&mut self.incoming);
        if next == self.current {
            return Table::Same;
        }
        self.current = next;
        Table::Changed
    }

    /// What an egressd is told before it starts.
    pub(super) fn orders(&self) -> &[ControlOrder] {
        &self.current
    }

    fn push(&mut self, order: ControlOrder) -> Result<(), TooLong> {
        if self.incoming.len() >= ENTRIES_MAX {
            return Err(TooLong);
        }
        self.incoming.push(order);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(table: &mut Transports, der: u8) {
        table.anchor(ProviderId::parse("openai").unwrap(), vec![der]).unwrap();
    }

    #[test]
    fn only_a_whole_table_counts() {
        let mut table = Transports::default();
        anchor(&mut table, 1);
        assert!(table.orders().is_empty());
        assert_eq!(table.end(), Table::Changed);
        assert_eq!(table.orders().len(), 1);
        anchor(&mut table, 1);
        assert_eq!(table.end(), Table::Same);
        anchor(&mut table, 2);
        assert_eq!(table.end(), Table::Changed);
    }

    #[test]
    fn an_endless_table_is_refused() {
        let mut table = Transports::default();
        (0..ENTRIES_MAX).for_each(|_| anchor(&mut table, 1));
        assert_eq!(table.anchor(ProviderId::generic(), vec![]), Err(TooLong));
    }
}
