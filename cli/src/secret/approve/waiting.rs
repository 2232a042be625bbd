//! Uses that wait for a person, as they are found and shown.

use std::io::{self, BufWriter, Write, stderr, stdout};

use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::meta::ApprovalMeta;
use serde::Serialize;

use crate::clock::seconds;
use crate::ending::Outcome;
use crate::keeper::{self, Keeper};
use crate::render::{self, Form, JsonOption, or_dash};
use crate::session::Session;

/// Names of the fields: JSON keys, and columns.
const FIELDS: [&str; 14] = [
    "id", "consumer", "secret", "version", "purpose", "delivery", "host", "route", "uid", "pid", "asked",
    "ends", "ttl_secs", "asks",
];
/// The shortest beginning of an id that is taken for it.
const BEGINNING_MIN: usize = 4;

/// What is shown of one.
#[derive(Serialize)]
struct View {
    id: String,
    consumer: String,
    secret: String,
    version: u32,
    purpose: String,
    delivery: &'static str,
    host: Option<String>,
    route: String,
    uid: Option<u32>,
    pid: Option<u32>,
    asked: String,
    ends: String,
    ttl_secs: u32,
    asks: u32,
}

impl From<&ApprovalMeta> for View {
    fn from(meta: &ApprovalMeta) -> Self {
        Self {
            id: meta.id.to_string(),
            consumer: meta.consumer.to_string(),
            secret: meta.secret.to_string(),
            version: meta.version,
            purpose: meta.purpose.to_string(),
            delivery: meta.delivery.as_str(),
            host: meta.host.as_ref().map(ToString::to_string),
            route: meta.route.to_string(),
            uid: meta.uid,
            pid: meta.pid,
            asked: seconds(meta.asked),
            ends: seconds(meta.ends),
            ttl_secs: meta.ttl_secs,
            asks: meta.asks,
        }
    }
}

impl View {
    fn cells(self) -> [String; 14] {
        [
            self.id,
            self.consumer,
            self.secret,
            self.version.to_string(),
            self.purpose,
            self.delivery.to_owned(),
            or_dash(self.host),
            self.route,
            or_dash(self.uid),
            or_dash(self.pid),
            self.asked,
            self.ends,
            self.ttl_secs.to_string(),
            self.asks.to_string(),
        ]
    }
}

/// Shows all, those first that came first.
pub(super) fn show(session: &Session, json: JsonOption) -> Outcome {
    keeper::check_set_up(session)?;
    let mut found = match keeper::reach_broker(session)? {
        Some(mut keeper) => {
            let found = all(&mut keeper)?;
            keeper.end()?;
            found
        }
        None => {
            let _ = writeln!(stderr(), "no broker is running, so nobody waits");
            Vec::new()
        }
    };
    found.sort_by_key(|waiting| (waiting.asked, waiting.id));
    let views = found.iter().map(View::from);
    let mut out = BufWriter::new(stdout().lock());
    match json.form() {
        Form::Json => render::json(&mut out, &views.collect::<Vec<_>>())?,
        form @ (Form::Table | Form::Plain) => {
            let header = FIELDS.map(str::to_ascii_uppercase);
            let rows: Vec<_> = views.map(View::cells).collect();
            render::rows(&mut out, form, header.each_ref().map(String::as_str), &rows)?;
        }
    }
    out.flush()?;
    Ok(())
}

/// The running broker's keeper: no other has anybody who waits.
pub(in crate::secret) fn broker(session: &Session) -> Result<Keeper, Failure> {
    keeper::check_set_up(session)?;
    keeper::require_broker(session)
}

/// The one that is meant.
pub(in crate::secret) fn one(keeper: &mut Keeper, typed: &str) -> Result<ApprovalMeta, Failure> {
    let mut meant: Vec<ApprovalMeta> = Vec::new();
    if is_beginning(typed) {
        meant = all(keeper)?;
        meant.retain(|waiting| waiting.id.to_string().starts_with(typed));
    }
    match <[ApprovalMeta; 1]>::try_from(meant) {
        Ok([one]) => Ok(one),
        Err(none) if none.is_empty() => Err(wrong("nobody waits for an approval of that id")),
        Err(_) => Err(wrong("several ids begin so")),
    }
}

/// What is about to be approved.
pub(super) fn sentence(meta: &ApprovalMeta) -> String {
    let to = meta.host.as_ref().map(|host| format!(" at {host}")).unwrap_or_default();
    format!(
        "{} asks for {} version {}, for {}{to} ({}): a lease of {} s",
        meta.consumer, meta.secret, meta.version, meta.purpose, meta.route, meta.ttl_secs
    )
}

/// What was done.
pub(in crate::secret) fn done(
    out: &mut impl Write,
    json: JsonOption,
    meta: &ApprovalMeta,
    what: &str,
) -> io::Result<()> {
    match json.form() {
        Form::Json => render::json(out, &View::from(meta)),
        Form::Table | Form::Plain => {
            let View { id, consumer, secret, .. } = View::from(meta);
            writeln!(out, "{what}: {id}, {consumer} for {secret}")
        }
    }
}

fn all(keeper: &mut Keeper) -> Result<Vec<ApprovalMeta>, Failure> {
    let mut found: Vec<ApprovalMeta> = Vec::new();
    loop {
        let after = found.last().map(|waiting| waiting.id);
        let CliAnswer::ApprovalListed { approvals, more } =
            keeper.ask(&CliRequest::ApprovalList { after }, None)?.answer
        else {
            return Err(keeper::unexpected());
        };
        // A page of nothing that promises more would never end.
        let ends = !more || approvals.is_empty();
        found.extend(approvals);
        if ends {
            return Ok(found);
        }
    }
}

fn is_beginning(typed: &str) -> bool {
    typed.len() >= BEGINNING_MIN && typed.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What was typed is not repeated: it may have been anything.
fn wrong(what: &str) -> Failure {
    Failure::new(FailureClass::BadInput, what, "ugent secret approve   (shows who waits, for what)")
}

#[cfg(test)]
mod tests {
    use proto::meta::{LeaseId, Timestamp};
    use proto::name::{Consumer, Delivery, Handle, Host, Purpose, RouteName};

    use super::*;

    #[test]
    fn json_has_the_documented_keys_in_their_order() {
        let meta = ApprovalMeta {
            id: LeaseId(0xab),
            consumer: Consumer::ugent_core(),
            secret: Handle::parse("@a").unwrap(),
            version: 2,
            purpose: Purpose::parse("llm.chat").unwrap(),
            delivery: Delivery::HttpHeaderInject,
            host: Some(Host::parse("api.openai.com").unwrap()),
            route: RouteName::parse("openai POST /v1/x").unwrap(),
            uid: Some(7),
            pid: None,
            asked: Timestamp(0),
            ends: Timestamp(1500),
            ttl_secs: 300,
            asks: 1,
        };
        assert_eq!(
            serde_json::to_string(&View::from(&meta)).unwrap(),
            "{\"id\":\"00000000000000ab\",\"consumer\":\"ugent-core\",\"secret\":\"@a\",\"version\":2,\
             \"purpose\":\"llm.chat\",\"delivery\":\"http_header_inject\",\"host\":\"api.openai.com\",\
             \"route\":\"openai POST /v1/x\",\"uid\":7,\"pid\":null,\"asked\":\"1970-01-01T00:00:00Z\",\
             \"ends\":\"1970-01-01T00:00:01Z\",\"ttl_secs\":300,\"asks\":1}"
        );
        let json = serde_json::to_value(View::from(&meta)).unwrap();
        assert!(FIELDS.iter().all(|field| json.get(field).is_some()));
        assert_eq!(
            sentence(&meta),
            "ugent-core asks for @a version 2, for llm.chat at api.openai.com (openai POST /v1/x): a lease of 300 s"
        );
    }

    #[test]
    fn only_what_may_begin_an_id_is_looked_for() {
        assert!(is_beginning("01f0") && is_beginning("00000000000000ab"));
        for typed in ["", "01f", "01F0", "@key", "sk-0123"] {
            assert!(!is_beginning(typed), "{typed}");
        }
    }
}
