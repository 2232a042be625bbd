//! A record as it is shown.

use proto::journal::Record;
use serde::Serialize;

use crate::clock::rfc3339;
use crate::render::or_dash;

/// The fields of the interface page, in its order; JSON has only those that are there.
#[derive(Serialize)]
pub(super) struct RecordView {
    seq: u64,
    time: String,
    event: &'static str,
    #[serde(flatten)]
    rest: Rest,
}

/// What a record may lack.
#[derive(Serialize)]
struct Rest {
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_out: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

impl From<&Record> for RecordView {
    fn from(record: &Record) -> Self {
        Self {
            seq: record.seq.0,
            time: rfc3339(record.time),
            event: record.event.as_str(),
            rest: Rest {
                secret: record.secret.as_ref().map(ToString::to_string),
                version: record.version,
                consumer: record.consumer.as_ref().map(ToString::to_string),
                purpose: record.purpose.as_ref().map(ToString::to_string),
                delivery: record.delivery.map(|delivery| delivery.as_str()),
                host: record.host.as_ref().map(ToString::to_string),
                route: record.route.as_ref().map(ToString::to_string),
                lease: record.lease.as_ref().map(ToString::to_string),
                uid: record.uid,
                pid: record.pid,
                outcome: record.outcome.map(|outcome| outcome.as_str()),
                reason: record.reason.map(|reason| reason.as_str()),
                status: record.status,
                bytes_in: record.bytes_in,
                bytes_out: record.bytes_out,
                ms: record.ms,
                count: record.count,
            },
        }
    }
}

/// Above the rows of a table.
pub(super) fn header() -> String {
    align(["SEQ", "TIME", "EVENT", "SECRET", "CONSUMER", "DETAILS"])
}

impl RecordView {
    /// As in `time`.
    pub(super) fn time(&self) -> &str {
        &self.time
    }

    /// As in `event`.
    pub(super) const fn event(&self) -> &'static str {
        self.event
    }

    /// seq, time, event, secret, consumer, and the rest as `name=text`.
    pub(super) fn cells(&self) -> [String; 6] {
        [
            self.seq.to_string(),
            self.time.clone(),
            self.event.to_owned(),
            or_dash(self.rest.secret.as_ref()),
            or_dash(self.rest.consumer.as_ref()),
            self.details(),
        ]
    }

    /// The same, as one row of a table.
    pub(super) fn aligned(&self) -> String {
        align(self.cells().each_ref().map(String::as_str))
    }

    fn details(&self) -> String {
        let rest = &self.rest;
        let present = [
            rest.version.map(|version| format!("version={version}")),
            rest.reason.map(|reason| format!("reason={reason}")),
            rest.outcome.map(|outcome| format!("outcome={outcome}")),
            rest.status.map(|status| format!("status={status}")),
            rest.purpose.as_ref().map(|purpose| format!("purpose={purpose}")),
            rest.delivery.map(|delivery| format!("delivery={delivery}")),
            rest.host.as_ref().map(|host| format!("host={host}")),
            rest.route.as_ref().map(|route| format!("route={route:?}")),
            rest.lease.as_ref().map(|lease| format!("lease={lease}")),
            rest.uid.map(|uid| format!("uid={uid}")),
            rest.pid.map(|pid| format!("pid={pid}")),
            rest.bytes_in.map(|bytes| format!("bytes_in={bytes}")),
            rest.bytes_out.map(|bytes| format!("bytes_out={bytes}")),
            rest.ms.map(|ms| format!("ms={ms}")),
            rest.count.map(|count| format!("count={count}")),
        ];
        present.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

fn align(cells: [&str; 6]) -> String {
    let [seq, time, event, secret, consumer, details] = cells;
    format!("{seq:>6}  {time:24}  {event:20}  {secret:24}  {consumer:12}  {details}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::journal::{Event, Reason};
    use proto::meta::{LeaseId, RecordSeq, Timestamp};
    use proto::name::{Consumer, Handle, RouteName};

    fn record() -> Record {
        let mut record = Record::of(Event::LeaseIssued, Timestamp(1_700_000_000_123));
        record.seq = RecordSeq(7);
        record.secret = Handle::parse("@a").ok();
        record.consumer = Some(Consumer::ugent_core());
        record.lease = Some(LeaseId(0xab));
        record
    }

    #[test]
    fn json_is_compact_and_has_only_what_is_there() {
        let text = serde_json::to_string(&RecordView::from(&record())).unwrap();
        assert_eq!(
            text,
            "{\"seq\":7,\"time\":\"2023-11-14T22:13:20.123Z\",\"event\":\"lease.issued\",\"secret\":\"@a\",\
             \"consumer\":\"ugent-core\",\"lease\":\"00000000000000ab\"}"
        );
    }

    #[test]
    fn plain_rows_have_six_cells() {
        let mut record = record();
        record.reason = Some(Reason::NotGranted);
        record.route = RouteName::parse("openai POST /v1/x").ok();
        let cells = RecordView::from(&record).cells();
        assert_eq!(cells[0..5], ["7", "2023-11-14T22:13:20.123Z", "lease.issued", "@a", "ugent-core"]);
        assert_eq!(cells[5], "reason=not_granted route=\"openai POST /v1/x\" lease=00000000000000ab");
    }
}
