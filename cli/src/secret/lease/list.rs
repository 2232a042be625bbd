//! `lease list`: who has what, for what, and until when.

use std::io::{BufWriter, Write, stderr, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::Failure;
use proto::meta::LeaseMeta;
use serde::Serialize;

use crate::clock::seconds;
use crate::ending::Outcome;
use crate::keeper;
use crate::render::{self, Form, JsonOption, or_dash};
use crate::session::Session;

/// Names of the fields: JSON keys, and columns.
const FIELDS: [&str; 10] =
    ["id", "consumer", "secret", "version", "purpose", "delivery", "host", "issued", "ends", "uses"];

/// Lists the running broker's leases in force, oldest first
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret lease list --json")]
pub(crate) struct List {
    #[command(flatten)]
    json: JsonOption,
}

/// What is shown of a lease.
#[derive(Serialize)]
struct LeaseView {
    id: String,
    consumer: String,
    secret: String,
    version: u32,
    purpose: String,
    delivery: &'static str,
    host: Option<String>,
    issued: String,
    ends: String,
    uses: u64,
}

impl From<&LeaseMeta> for LeaseView {
    fn from(meta: &LeaseMeta) -> Self {
        Self {
            id: meta.id.to_string(),
            consumer: meta.consumer.to_string(),
            secret: meta.secret.to_string(),
            version: meta.version,
            purpose: meta.purpose.to_string(),
            delivery: meta.delivery.as_str(),
            host: meta.host.as_ref().map(ToString::to_string),
            issued: seconds(meta.issued),
            ends: seconds(meta.ends),
            uses: meta.uses,
        }
    }
}

impl LeaseView {
    fn cells(self) -> [String; 10] {
        [
            self.id,
            self.consumer,
            self.secret,
            self.version.to_string(),
            self.purpose,
            self.delivery.to_owned(),
            or_dash(self.host),
            self.issued,
            self.ends,
            self.uses.to_string(),
        ]
    }
}

impl List {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let mut leases = all(session)?;
        leases.sort_by_key(|lease| (lease.issued, lease.id));
        let views = leases.iter().map(LeaseView::from);
        let mut out = BufWriter::new(stdout().lock());
        match self.json.form() {
            Form::Json => render::json(&mut out, &views.collect::<Vec<_>>())?,
            form @ (Form::Table | Form::Plain) => {
                let header = FIELDS.map(str::to_ascii_uppercase);
                let rows: Vec<_> = views.map(LeaseView::cells).collect();
                render::rows(&mut out, form, header.each_ref().map(String::as_str), &rows)?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

fn all(session: &Session) -> Result<Vec<LeaseMeta>, Failure> {
    keeper::check_set_up(session)?;
    let mut found: Vec<LeaseMeta> = Vec::new();
    let Some(mut keeper) = keeper::reach_broker(session)? else {
        // A keeper of our own would have none, and end with this command.
        let _ = writeln!(stderr(), "no broker is running, so no lease is in force");
        return Ok(found);
    };
    loop {
        let after = found.last().map(|lease| lease.id);
        let CliAnswer::LeaseListed { leases, more } =
            keeper.ask(&CliRequest::LeaseList { after }, None)?.answer
        else {
            return Err(keeper::unexpected());
        };
        // A page of nothing that promises more would never end.
        let ends = !more || leases.is_empty();
        found.extend(leases);
        if ends {
            keeper.end()?;
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::meta::{LeaseId, Timestamp};
    use proto::name::{Consumer, Delivery, Handle, Purpose};

    use super::*;

    #[test]
    fn json_has_the_documented_keys_in_their_order() {
        let meta = LeaseMeta {
            id: LeaseId(0xab),
            consumer: Consumer::cli(),
            secret: Handle::parse("@a").unwrap(),
            version: 2,
            purpose: Purpose::parse("process.env").unwrap(),
            delivery: Delivery::EnvInject,
            host: None,
            issued: Timestamp(0),
            ends: Timestamp(1500),
            uses: 3,
        };
        assert_eq!(
            serde_json::to_string(&LeaseView::from(&meta)).unwrap(),
            "{\"id\":\"00000000000000ab\",\"consumer\":\"cli\",\"secret\":\"@a\",\"version\":2,\
             \"purpose\":\"process.env\",\"delivery\":\"env_inject\",\"host\":null,\
             \"issued\":\"1970-01-01T00:00:00Z\",\"ends\":\"1970-01-01T00:00:01Z\",\"uses\":3}"
        );
        let json = serde_json::to_value(LeaseView::from(&meta)).unwrap();
        assert!(FIELDS.iter().all(|field| json.get(field).is_some()));
    }
}
