//! Warns ahead of values that expire, in the journal and the log: from two weeks before on, once a
//! value and day. Only a running broker does; what was warned of outlives it in the catalog.

use std::collections::BTreeMap;

use proto::control_lane::LogLevel;
use proto::failure::Failure;
use proto::journal::Event;
use proto::meta::Timestamp;

use super::keeper::Keeper;
use super::recorder::Urgency;
use super::slow::Job;
use crate::catalog::SecretRow;
use crate::clock::wall;
use crate::hazmat::binding::DepositId;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// As `doctor` has it.
const AHEAD_MS: u64 = 14 * DAY_MS;

/// A day, counted from 1970 in UTC.
pub(crate) type Day = u64;

/// Which values were warned of, and when to look again.
#[derive(Default)]
pub(super) struct Warnings {
    /// The last day each was.
    warned: BTreeMap<DepositId, Day>,
    next: Option<Timestamp>,
}

impl Warnings {
    pub(super) fn of(warned: &[(DepositId, Day)]) -> Self {
        Self { warned: warned.iter().copied().collect(), next: Some(Timestamp(0)) }
    }

    /// Something changed.
    pub(super) const fn look_again(&mut self) {
        self.next = Some(Timestamp(0));
    }

    /// What is to be warned of now; it counts as done. Works out when to look next.
    fn take_due<'a>(
        &mut self,
        rows: impl Iterator<Item = &'a SecretRow>,
        now: Timestamp,
    ) -> Vec<(&'a SecretRow, u64)> {
        let today = now.0 / DAY_MS;
        let mut before = std::mem::take(&mut self.warned);
        self.next = None;
        let mut due = Vec::new();
        for row in rows {
            let Some(version) = row.current() else { continue };
            let Some(Timestamp(end)) = version.expires.filter(|end| now < *end) else { continue };
            let begins = end.saturating_sub(AHEAD_MS);
            if now.0 < begins {
                self.at(begins);
                continue;
            }
            // A clock that was set back may warn twice of a day, and skips none.
            if before.remove(&version.deposit) != Some(today) {
                due.push((row, end - now.0));
            }
            self.warned.insert(version.deposit, today);
            self.at((today + 1) * DAY_MS);
        }
        due
    }

    fn at(&mut self, when: u64) {
        self.next = Some(self.next.map_or(Timestamp(when), |next| next.min(Timestamp(when))));
    }
}

impl Keeper {
    /// When to look next.
    pub(super) fn next_warning(&self) -> Option<Timestamp> {
        self.vault.warnings.next.filter(|_| self.is_broker())
    }

    /// Looks for values that come near their end. The catalog is told first: after a kill in between,
    /// a day is passed over rather than repeated with every start.
    pub(super) fn look_for_expiries(&mut self) {
        let now = wall();
        if self.next_warning().is_none_or(|next| now < next) {
            return;
        }
        let due = self.vault.warnings.take_due(self.vault.secrets.values(), now);
        let warnings: Vec<_> = due.into_iter().map(|(row, left)| warning(row, left)).collect();
        if !warnings.is_empty() {
            let warned = self.vault.warnings.warned.iter().map(|(deposit, day)| (*deposit, *day)).collect();
            self.slow.send(Job::Warned { warned, warnings });
        }
    }

    /// Warns of them, or later, where the catalog could not be told.
    pub(super) fn warn_of_expiries(&mut self, warnings: Vec<Warning>, result: Result<(), Failure>) {
        if let Err(failure) = result {
            self.log(
                LogLevel::Warn,
                &format!("values expire soon, and that was not recorded: {}", failure.what),
            );
            self.vault.warnings.warned.clear();
            self.vault.warnings.next = Some(Timestamp(wall().0.saturating_add(HOUR_MS)));
            return;
        }
        for warning in warnings {
            let handle = &warning.0.secret;
            let days = warning.0.ms.unwrap_or_default() / DAY_MS;
            if let Some(handle) = handle {
                let text = format!(
                    "the value of {handle} expires in {days} days: ugent secret rotate {handle} --stdin"
                );
                self.log(LogLevel::Warn, &text);
            }
            let _ = self.record(warning.0, Urgency::Soon);
        }
    }
}

/// A record that is to be.
pub(super) struct Warning(proto::journal::Record);

fn warning(row: &SecretRow, left_ms: u64) -> Warning {
    let mut record = Keeper::event(Event::SecretExpiring);
    record.secret = Some(row.handle.clone());
    record.version = row.current().map(|version| version.version);
    record.ms = Some(left_ms);
    Warning(record)
}

#[cfg(test)]
mod tests {
    use proto::meta::Fingerprint;
    use proto::name::{Handle, Kind, ProviderId};

    use super::*;
    use crate::catalog::VersionRow;
    use crate::hazmat::injectable::Injectable;

    fn row(name: &str, deposit: u8, expires: Option<u64>) -> SecretRow {
        SecretRow {
            handle: Handle::parse(name).unwrap(),
            provider: ProviderId::parse("openai").unwrap(),
            kind: Kind::ApiKey,
            created: Timestamp(0),
            rotated: None,
            last_used: None,
            versions: vec![VersionRow {
                version: 1,
                deposit: DepositId([deposit; 16]),
                fingerprint: Fingerprint::parse("0123456789ab").unwrap(),
                created: Timestamp(0),
                injectable: Injectable::Yes,
                expires: expires.map(Timestamp),
                kept_until: None,
            }],
        }
    }

    fn due(warnings: &mut Warnings, rows: &[SecretRow], now: u64) -> Vec<String> {
        let due = warnings.take_due(rows.iter(), Timestamp(now));
        due.into_iter().map(|(row, _)| row.handle.to_string()).collect()
    }

    #[test]
    fn each_is_warned_of_once_a_day_in_its_last_two_weeks() {
        let end = 100 * DAY_MS + HOUR_MS;
        let rows = [row("@a", 1, Some(end)), row("@endless", 2, None), row("@over", 3, Some(5))];
        let mut warnings = Warnings::of(&[]);
        assert_eq!(warnings.next, Some(Timestamp(0)));
        assert!(due(&mut warnings, &rows, end - AHEAD_MS - 1).is_empty());
        assert_eq!(
            warnings.next,
            Some(Timestamp(end - AHEAD_MS)),
            "one wakes when there is something to say"
        );
        let mut said = 0;
        for hour in 0..=14 * 24 {
            let now = end - AHEAD_MS + hour * HOUR_MS;
            said += due(&mut warnings, &rows, now).len();
            assert!(warnings.next.is_none_or(|next| next.0 > now), "and does not spin");
        }
        assert_eq!(said, 15, "on each of the days that those hours fall on");
        assert_eq!(warnings.next, None);
    }

    #[test]
    fn what_was_warned_of_today_is_known_after_a_start_and_a_new_value_is_another() {
        let now = 50 * DAY_MS;
        let rows = [row("@a", 1, Some(now + DAY_MS))];
        let mut warnings = Warnings::of(&[(DepositId([1; 16]), 50), (DepositId([9; 16]), 50)]);
        assert!(due(&mut warnings, &rows, now).is_empty());
        assert_eq!(warnings.warned.len(), 1, "what is gone is forgotten");
        let rotated = [row("@a", 2, Some(now + DAY_MS))];
        assert_eq!(due(&mut warnings, &rotated, now), ["@a"]);
        assert_eq!(due(&mut warnings, &rotated, now - 20 * DAY_MS).len(), 0, "not yet, by another clock");
        assert_eq!(due(&mut warnings, &rotated, now), ["@a"]);
    }
}
