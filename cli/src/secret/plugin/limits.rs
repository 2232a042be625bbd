//! What a plugin may use, and how often it may fail: the table `limits` of `plugins.toml`.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::file::Mistake;

/// The longest that a plugin is waited for after it was told to end.
const GRACE_MAX: u64 = 300;

/// What it may use, and how often it may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Address space, in bytes.
    pub(super) memory: Option<u64>,
    /// Descriptors.
    pub(super) files: Option<u64>,
    /// Time on a processor, in seconds.
    pub(super) cpu: Option<u64>,
    /// Failures in a row until it is given up.
    pub(super) failures: u32,
    /// How long it runs before it counts as well.
    pub(super) healthy: Duration,
    /// The first wait before another start; each further one is twice as long.
    pub(super) delay: Duration,
    /// From being told to end to being ended.
    pub(super) grace: Duration,
}

/// The same, as it is written.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsWritten {
    memory_mib: Option<u64>,
    open_files: Option<u64>,
    cpu_secs: Option<u64>,
    max_failures: Option<u32>,
    healthy_secs: Option<u64>,
    restart_delay_ms: Option<u64>,
    grace_secs: Option<u64>,
}

/// What was written, or our own.
pub(super) fn limits(written: Option<Spanned<LimitsWritten>>) -> Result<Limits, Mistake> {
    let at = written.as_ref().map_or(0, |written| written.span().start);
    let written = written.map(Spanned::into_inner).unwrap_or_default();
    let grace = written.grace_secs.unwrap_or(10);
    if grace > GRACE_MAX {
        return Err((at, "grace_secs is at most 300"));
    }
    let failures = written.max_failures.unwrap_or(5);
    if failures == 0 {
        return Err((at, "max_failures is at least 1"));
    }
    let memory = written.memory_mib.map(|mib| mib.saturating_mul(1024 * 1024));
    Ok(Limits {
        memory,
        files: written.open_files,
        cpu: written.cpu_secs,
        failures,
        healthy: Duration::from_secs(written.healthy_secs.unwrap_or(60)),
        delay: Duration::from_millis(written.restart_delay_ms.unwrap_or(1000).max(10)),
        grace: Duration::from_secs(grace),
    })
}
