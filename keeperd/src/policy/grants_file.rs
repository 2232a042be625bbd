//! `secrets.grants.toml`, parsed strictly: what is not understood refuses the whole file.

use std::time::Duration;

use proto::name::{Consumer, Delivery, Handle, Host, Purpose};
use serde::de::{Deserialize, Deserializer, Error};
use toml::Spanned;

use super::grants::Grant;
use super::toml_place::Complaint;

/// Longest time a lease may be granted for: a day.
const TTL_MAX_SECS: u64 = 86_400;
/// Where a grant names no time.
const TTL_DEFAULT_SECS: u64 = 300;

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
}

/// A list with at least one element.
struct Some1<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Some1<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let list = Vec::deserialize(from)?;
        if list.is_empty() {
            Err(D::Error::custom("the list is empty, so it would match nothing"))
        } else {
            Ok(Self(list))
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

fn secret_ref<'de, D: Deserializer<'de>>(from: D) -> Result<Handle, D::Error> {
    let text = String::deserialize(from)?;
    Handle::parse_in_file(&text).map_err(D::Error::custom)
}

pub(super) fn parse(text: &str) -> Result<Vec<Grant>, Complaint> {
    let file: File = toml::from_str(text).map_err(|error| Complaint::of(text, &error))?;
    file.grants.into_iter().map(|row| grant(text, row)).collect()
}

fn grant(text: &str, row: Spanned<Row>) -> Result<Grant, Complaint> {
    let place = row.span();
    let row = row.into_inner();
    if row.delivery.0.contains(&Delivery::HttpHeaderInject) && row.allowed_hosts.is_none() {
        let what = "this grant delivers by http_header_inject and so needs allowed_hosts, as in [\"api.openai.com\"]";
        return Err(Complaint::at(text, place, what));
    }
    Ok(Grant {
        secret: row.secret_ref,
        consumer: row.consumer,
        purposes: row.purposes.0,
        deliveries: row.delivery.0,
        hosts: row.allowed_hosts.map(|hosts| hosts.0).unwrap_or_default(),
        ttl: row.ttl_secs.map_or(Duration::from_secs(TTL_DEFAULT_SECS), |ttl| ttl.0),
    })
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
        assert_eq!(grants[0].secret, Handle::parse("@openai_api_key").unwrap());
        assert_eq!(grants[0].ttl, Duration::from_secs(300));
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
            ("bad handle", GOOD.replace("openai_api_key", "Open AI"), "line 3"),
        ];
        for (what, text, line) in spoilt {
            let complaint = parse(&text).expect_err(what).to_string();
            assert!(complaint.starts_with(line), "{what}: {complaint}");
        }
    }

    #[test]
    fn a_complaint_does_not_repeat_a_string_of_the_file() {
        let text = GOOD.replace("300", "\"sk-canary-0123456789\"");
        assert!(!parse(&text).unwrap_err().to_string().contains("canary"));
        let text = GOOD.replace("openai_api_key", "SK-CANARY 0123456789");
        assert!(!parse(&text).unwrap_err().to_string().contains("CANARY"));
    }
}
