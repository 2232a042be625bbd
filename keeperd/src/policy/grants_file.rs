//! `secrets.grants.toml`, parsed strictly: what is not understood refuses the whole file.

use std::num::NonZeroU32;
use std::time::Duration;

use proto::meta::Timestamp;
use proto::name::{Consumer, Delivery, Handle, Host, Method, Purpose};
use proto::policy::{LIST_MAX, PATTERN_MAX};
use serde::de::{Deserialize, Deserializer, Error};
use toml::Spanned;

use super::grants::{Approving, Grant, Limits, Placed};
use super::toml_place::Complaint;
use super::{end_time, pattern};

/// Longest time a lease may be granted for: a day.
const TTL_MAX_SECS: u64 = 86_400;
/// Where a grant names no time.
const TTL_DEFAULT_SECS: u64 = 300;
/// How long an ask waits for its approval where a grant names no time, and the longest it may name:
/// clients give up, and nobody should find a prompt that is an hour old.
const APPROVAL_DEFAULT_SECS: u64 = 60;
const APPROVAL_MAX_SECS: u64 = 600;
/// Highest limit: what is counted for a minute is kept for a minute.
const LIMIT_MAX: u32 = 100_000;

/// Each field, as it may be written.
const EXAMPLES: [(&str, &str); 13] = [
    ("secret_ref", "secret_ref = \"openai_api_key\""),
    ("consumer", "consumer = \"ugent-core\""),
    ("purposes", "purposes = [\"llm.chat\"]"),
    ("delivery", "delivery = [\"http_header_inject\"]"),
    ("allowed_hosts", "allowed_hosts = [\"api.openai.com\"]"),
    ("ttl_secs", "ttl_secs = 300"),
    ("methods", "methods = [\"POST\"]"),
    ("paths", "paths = [\"/v1/chat/completions\"]"),
    ("not_after", "not_after = 2026-12-31, or not_after = 2026-12-31T18:00:00Z"),
    ("max_requests_per_minute", "max_requests_per_minute = 60"),
    ("max_concurrent", "max_concurrent = 4"),
    ("approval", "approval = \"each-lease\""),
    ("approval_secs", "approval_secs = 60"),
];

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    grants: Vec<Spanned<Row>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(deserialize_with = "secret_ref")]
    secret_ref: Handle,
    consumer: Consumer,
    purposes: Some1<Purpose>,
    delivery: Some1<Delivery>,
    allowed_hosts: Option<Some1<Host>>,
    ttl_secs: Option<Ttl>,
    methods: Option<Some1<Method>>,
    paths: Option<Some1<Pattern>>,
    not_after: Option<Spanned<toml::Value>>,
    max_requests_per_minute: Option<Limit>,
    max_concurrent: Option<Limit>,
    approval: Option<Approval>,
    approval_secs: Option<Spanned<ApprovalSecs>>,
}

/// When a person is asked.
#[derive(Clone, Copy)]
enum Approval {
    EachLease,
}

impl<'de> Deserialize<'de> for Approval {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match String::deserialize(from)?.as_str() {
            "each-lease" => Ok(Self::EachLease),
            _ => Err(D::Error::custom("approval is \"each-lease\", or is left out")),
        }
    }
}

/// Seconds, 1 to ten minutes.
struct ApprovalSecs(Duration);

impl<'de> Deserialize<'de> for ApprovalSecs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u64::deserialize(from)? {
            secs @ 1..=APPROVAL_MAX_SECS => Ok(Self(Duration::from_secs(secs))),
            _ => Err(D::Error::custom("approval_secs is 1 to 600 (ten minutes)")),
        }
    }
}

/// A list with at least one element, and not too many for a frame.
struct Some1<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Some1<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let list = Vec::deserialize(from)?;
        match list.len() {
            0 => Err(D::Error::custom("the list is empty, so it would match nothing")),
            1..=LIST_MAX => Ok(Self(list)),
            _ => {
                Err(D::Error::custom(format!("the list has more than {LIST_MAX} elements; make two grants")))
            }
        }
    }
}

/// Seconds, 1 to a day.
struct Ttl(Duration);

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u64::deserialize(from)? {
            secs @ 1..=TTL_MAX_SECS => Ok(Self(Duration::from_secs(secs))),
            _ => Err(D::Error::custom("ttl_secs is 1 to 86400 (a day)")),
        }
    }
}

/// A number of requests, at least one.
struct Limit(NonZeroU32);

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match NonZeroU32::new(u32::deserialize(from)?) {
            Some(limit) if limit.get() <= LIMIT_MAX => Ok(Self(limit)),
            Some(_) | None => Err(D::Error::custom(format!("a limit is 1 to {LIMIT_MAX}"))),
        }
    }
}

/// A path pattern.
struct Pattern(String);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.len() <= PATTERN_MAX && pattern::is_pattern(&text) {
            return Ok(Self(text));
        }
        Err(D::Error::custom(
            "a path starts with / and has no query; {name} stands for one segment, a trailing /** for the rest",
        ))
    }
}

fn secret_ref<'de, D: Deserializer<'de>>(from: D) -> Result<Handle, D::Error> {
    let text = String::deserialize(from)?;
    Handle::parse_in_file(&text).map_err(D::Error::custom)
}

pub(super) fn parse(text: &str) -> Result<Vec<Placed>, Complaint> {
    let parsed = toml::from_str::<File>(text).map_err(|error| Complaint::of(text, &error));
    let grants = parsed.and_then(|file| file.grants.into_iter().map(|row| grant(text, row)).collect());
    grants.map_err(|complaint| with_mend(text, complaint))
}

fn grant(text: &str, row: Spanned<Row>) -> Result<Placed, Complaint> {
    let place = row.span();
    let row = row.into_inner();
    let start = Complaint::at(text, place.clone(), "");
    let approving = match (row.approval, row.approval_secs) {
        (Some(Approval::EachLease), secs) => {
            let default = Duration::from_secs(APPROVAL_DEFAULT_SECS);
            Some(Approving { wait: secs.map_or(default, |secs| secs.into_inner().0) })
        }
        (None, None) => None,
        (None, Some(secs)) => {
            let what = "approval_secs says how long to wait for an approval, and this grant asks for none";
            return Err(Complaint::at(text, secs.span(), what).mended_by("add approval = \"each-lease\""));
        }
    };
    if row.delivery.0.contains(&Delivery::HttpHeaderInject) && row.allowed_hosts.is_none() {
        let what = "this grant delivers by http_header_inject and so needs allowed_hosts, as in [\"api.openai.com\"]";
        return Err(Complaint::at(text, place, what));
    }
    let grant = Grant {
        secret: row.secret_ref,
        consumer: row.consumer,
        purposes: row.purposes.0,
        deliveries: row.delivery.0,
        hosts: row.allowed_hosts.map(|hosts| hosts.0).unwrap_or_default(),
        methods: row.methods.map(|methods| methods.0),
        paths: row.paths.map(|paths| paths.0.into_iter().map(|pattern| pattern.0).collect()),
        ttl: row.ttl_secs.map_or(Duration::from_secs(TTL_DEFAULT_SECS), |ttl| ttl.0),
        not_after: row.not_after.map(|end| not_after(text, &end)).transpose()?,
        limits: Limits {
            per_minute: row.max_requests_per_minute.map(|limit| limit.0),
            at_once: row.max_concurrent.map(|limit| limit.0),
        },
        approving,
    };
    Ok(Placed::new(grant, start.line().unwrap_or_default()))
}

fn not_after(text: &str, end: &Spanned<toml::Value>) -> Result<Timestamp, Complaint> {
    let moment = match end.get_ref() {
        toml::Value::Datetime(moment) => Some(*moment),
        toml::Value::String(text) => text.parse().ok(),
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => None,
    };
    moment.and_then(end_time::end_of).ok_or_else(|| {
        let what = "not_after is a date, or a date and time with its offset from UTC (RFC 3339)";
        Complaint::at(text, end.span(), what)
    })
}

/// What would be right, where the complaint does not say so itself.
fn with_mend(text: &str, complaint: Complaint) -> Complaint {
    if !complaint.told().mend.is_empty() {
        return complaint;
    }
    if complaint.what().starts_with("unknown field") || complaint.what().starts_with("missing field") {
        return complaint.mended_by("the README shows a grant with its fields");
    }
    if complaint.what().starts_with("duplicate key") {
        return complaint.mended_by("keep one of the two lines");
    }
    let line = complaint.line().and_then(|line| text.lines().nth(usize::try_from(line - 1).ok()?));
    let field = line.and_then(|line| line.split_once('=')).map(|(field, _)| field.trim());
    match EXAMPLES.iter().find(|(known, _)| Some(*known) == field) {
        Some((_, example)) => complaint.mended_by(format!("as in: {example}")),
        None => complaint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[grants]]
secret_ref = "openai_api_key"
consumer = "ugent-core"
purposes = ["llm.chat", "llm.embeddings"]
delivery = ["native", "http_header_inject"]
allowed_hosts = ["api.openai.com"]
ttl_secs = 300
"#;

    #[test]
    fn the_documented_grant_is_understood() {
        let grants = parse(GOOD).unwrap();
        assert_eq!(grants.len(), 1);
        assert_eq!(grants[0].line, 2);
        assert_eq!(grants[0].grant.secret, Handle::parse("@openai_api_key").unwrap());
        assert_eq!(grants[0].grant.ttl, Duration::from_secs(300));
    }

    #[test]
    fn an_empty_file_grants_nothing() {
        assert_eq!(parse("").unwrap(), vec![]);
    }

    #[test]
    fn each_mistake_refuses_the_whole_file_and_names_its_line() {
        let spoilt = [
            ("unknown field", GOOD.replace("ttl_secs", "ttl"), "line 8"),
            ("duplicate key", format!("{GOOD}ttl_secs = 2\n"), "line 9"),
            ("wrong type", GOOD.replace("300", "\"300\""), "line 8"),
            ("zero ttl", GOOD.replace("300", "0"), "line 8"),
            ("ttl above a day", GOOD.replace("300", "86401"), "line 8"),
            ("empty list", GOOD.replace("[\"api.openai.com\"]", "[]"), "line 7"),
            ("impossible host", GOOD.replace("api.openai.com", "https://api.openai.com"), "line 7"),
            ("unknown delivery", GOOD.replace("native", "email"), "line 6"),
            ("no hosts", GOOD.replace("allowed_hosts = [\"api.openai.com\"]", ""), "line 2"),
            ("date of no calendar", format!("{GOOD}not_after = \"2026-02-30\"\n"), "line 9"),
            ("time without offset", format!("{GOOD}not_after = 2026-02-03T10:00:00\n"), "line 9"),
            ("not_after of another type", format!("{GOOD}not_after = 20261231\n"), "line 9"),
            ("no requests a minute", format!("{GOOD}max_requests_per_minute = 0\n"), "line 9"),
            ("none at once", format!("{GOOD}max_concurrent = 0\n"), "line 9"),
            ("a negative limit", format!("{GOOD}max_concurrent = -1\n"), "line 9"),
            ("empty methods", format!("{GOOD}methods = []\n"), "line 9"),
            ("bad method", format!("{GOOD}methods = [\"post\"]\n"), "line 9"),
            ("bad path", format!("{GOOD}paths = [\"v1/x\"]\n"), "line 9"),
            ("path with a query", format!("{GOOD}paths = [\"/v1/x?y\"]\n"), "line 9"),
            ("unknown approval", format!("{GOOD}approval = \"never\"\n"), "line 9"),
            ("approval of another type", format!("{GOOD}approval = true\n"), "line 9"),
            ("a wait for no approval", format!("{GOOD}approval_secs = 60\n"), "line 9"),
            (
                "no time to approve",
                format!("{GOOD}approval = \"each-lease\"\napproval_secs = 0\n"),
                "line 10",
            ),
            (
                "too long to approve",
                format!("{GOOD}approval = \"each-lease\"\napproval_secs = 601\n"),
                "line 10",
            ),
            (
                "too many",
                GOOD.replace("[\"api.openai.com\"]", &format!("{:?}", vec!["a.example"; 65])),
                "line 7",
            ),
            ("bad handle", GOOD.replace("openai_api_key", "Open AI"), "line 3"),
        ];
        for (what, text, line) in spoilt {
            let complaint = parse(&text).expect_err(what).to_string();
            assert!(complaint.starts_with(line), "{what}: {complaint}");
        }
    }

    #[test]
    fn each_complaint_comes_with_what_would_be_right() {
        let mend = |text: &str| parse(text).unwrap_err().told().mend.clone();
        assert_eq!(mend(&GOOD.replace("300", "0")), "as in: ttl_secs = 300");
        assert_eq!(
            mend(&GOOD.replace("api.openai.com", "a b")),
            "as in: allowed_hosts = [\"api.openai.com\"]"
        );
        assert_eq!(mend(&format!("{GOOD}ttl_secs = 2\n")), "keep one of the two lines");
        assert!(mend(&format!("{GOOD}not_after = \"soon\"\n")).contains("2026-12-31T18:00:00Z"));
        assert_eq!(mend(&format!("{GOOD}approval = 1\n")), "as in: approval = \"each-lease\"");
        assert_eq!(mend(&format!("{GOOD}approval_secs = 1\n")), "add approval = \"each-lease\"");
        let alone = |field: &str| !["not_after", "approval_secs"].contains(&field);
        for (field, example) in EXAMPLES.iter().filter(|(field, _)| alone(field)) {
            let text = GOOD.lines().filter(|line| !line.starts_with(field)).collect::<Vec<_>>().join("\n");
            assert!(parse(&format!("{text}\n{example}\n")).is_ok(), "the example of {field} is right");
        }
    }

    #[test]
    fn the_optional_fields_are_understood() {
        let text = format!(
            "{GOOD}methods = [\"POST\"]\npaths = [\"/v1/chat/completions\", \"/v1/files/{{id}}\", \"/v1/x/**\"]\n\
             max_requests_per_minute = 60\nmax_concurrent = 4\nnot_after = 2026-12-31\n"
        );
        let grant = parse(&text).unwrap().remove(0).grant;
        assert_eq!(grant.methods, Some(vec![Method::parse("POST").unwrap()]));
        assert_eq!(grant.paths.map(|paths| paths.len()), Some(3));
        assert_eq!(grant.limits.per_minute, NonZeroU32::new(60));
        assert_eq!(grant.limits.at_once, NonZeroU32::new(4));
        assert_eq!(grant.not_after, Some(Timestamp(1_798_761_600_000)), "the whole day is before its end");
        assert_eq!(grant.approving, None);
        let asking =
            |more: &str| parse(&format!("{GOOD}approval = \"each-lease\"\n{more}")).unwrap().remove(0);
        let wait = |more: &str| asking(more).grant.approving.map(|asks| asks.wait.as_secs());
        assert_eq!([wait(""), wait("approval_secs = 600\n")], [Some(60), Some(600)]);
        let until =
            |end: &str| parse(&format!("{GOOD}not_after = {end}\n")).unwrap().remove(0).grant.not_after;
        assert_eq!(until("\"2026-12-31\""), Some(Timestamp(1_798_761_600_000)));
        assert_eq!(until("2027-01-01T00:00:00Z"), Some(Timestamp(1_798_761_600_000)));
        assert_eq!(until("\"2027-01-01T01:00:00+01:00\""), Some(Timestamp(1_798_761_600_000)));
    }

    #[test]
    fn a_complaint_does_not_repeat_a_string_of_the_file() {
        let text = GOOD.replace("300", "\"sk-canary-0123456789\"");
        assert!(!parse(&text).unwrap_err().to_string().contains("canary"));
        let text = GOOD.replace("openai_api_key", "SK-CANARY 0123456789");
        assert!(!parse(&text).unwrap_err().to_string().contains("CANARY"));
    }
}
