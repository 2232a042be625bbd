//! `--expires` of `add` and `rotate`: until when a value is good. What was typed is not repeated.

use clap::Args;
use proto::failure::Failure;
use proto::meta::Timestamp;

use crate::clock::{end_of, now};
use crate::usage::wrong;

const EXAMPLE: &str = "as in: --expires 2030-12-31, or --expires 2030-12-31T18:00:00Z";

/// When the value ends, if it is said.
#[derive(Args)]
pub(super) struct Expires {
    /// The last day the value is good for (UTC), or a time in RFC 3339; no lease is had after
    #[arg(long, value_name = "DAY")]
    expires: Option<String>,
}

impl Expires {
    pub(super) fn read(&self) -> Result<Option<Timestamp>, Failure> {
        let Some(text) = &self.expires else { return Ok(None) };
        let end = end_of(text).ok_or_else(|| wrong("--expires is neither a day nor a time", EXAMPLE))?;
        if end <= now() {
            return Err(wrong("--expires is over already", EXAMPLE));
        }
        Ok(Some(end))
    }
}
