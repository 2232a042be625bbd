//! `grant add`: one more grant at the end of the file, and everything else in it as it was. Writes
//! nothing that keeperd would refuse.

use std::io::{Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::name::{Consumer, Delivery, Handle, Host, Method, NameError, Purpose};
use proto::policy::{FileVerdict, PolicyFile};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value, value};

use super::new_file::NewFile;
use super::verdict_on;
use crate::clock::span_ms;
use crate::ending::Outcome;
use crate::keeper;
use crate::secret::suggestion::Suggestion;
use crate::secret::{bad_name, handle};
use crate::session::Session;
use crate::system::{is_root, takes_root};
use crate::usage::wrong;

/// Appends a grant to the grants file, keeping what is in it; it counts within a second
#[derive(Args)]
#[command(
    after_help = "Example:\n  ugent secret grant add --secret @openai_api_key --consumer context-engine \\\n    \
                  --purpose llm.embeddings --delivery http_header_inject --host api.openai.com --ttl 5m"
)]
pub(crate) struct Add {
    /// Which secret, as in @openai_api_key
    #[arg(long, value_name = "@NAME")]
    secret: String,
    /// Who may have it, as in ugent-core
    #[arg(long, value_name = "C")]
    consumer: String,
    /// What for, as in llm.chat; may be given again
    #[arg(long, value_name = "P", required = true)]
    purpose: Vec<String>,
    /// How: native, http_header_inject or env_inject; may be given again
    #[arg(long, value_name = "D", required = true)]
    delivery: Vec<String>,
    /// Where to, as in api.openai.com; may be given again
    #[arg(long, value_name = "H")]
    host: Vec<String>,
    /// How long a lease lasts, as in 5m
    #[arg(long, value_name = "SPAN")]
    ttl: Option<String>,
    /// Most uses of a lease; the next one begins a new lease
    #[arg(long, value_name = "N")]
    max_uses: Option<u32>,
    /// Only by this method; may be given again
    #[arg(long, value_name = "M")]
    method: Vec<String>,
    /// Only to this path, as in /v1/embeddings or /v1/files/{id}; may be given again
    #[arg(long, value_name = "PATH")]
    path: Vec<String>,
    /// The last day it is good, or the moment it ends (RFC 3339)
    #[arg(long, value_name = "TIME")]
    not_after: Option<String>,
    /// Most requests in any minute
    #[arg(long, value_name = "N")]
    max_requests_per_minute: Option<u32>,
    /// Most requests at once
    #[arg(long, value_name = "N")]
    max_concurrent: Option<u32>,
    /// Somebody must approve each lease: each-lease
    #[arg(long, value_name = "WHEN")]
    approval: Option<String>,
    /// How long a request waits for that, as in 60s
    #[arg(long, value_name = "SPAN", requires = "approval")]
    approval_wait: Option<String>,
}

impl Add {
    /// One that was suggested.
    pub(in crate::secret) fn of(secret: &Handle, consumer: &Consumer, suggestion: &Suggestion) -> Self {
        Self {
            secret: secret.to_string(),
            consumer: consumer.to_string(),
            purpose: suggestion.purposes.iter().map(ToString::to_string).collect(),
            delivery: vec![suggestion.delivery.to_string()],
            host: suggestion.hosts.iter().map(ToString::to_string).collect(),
            ttl: None,
            method: Vec::new(),
            path: Vec::new(),
            not_after: None,
            max_requests_per_minute: None,
            max_concurrent: None,
            max_uses: None,
            approval: None,
            approval_wait: None,
        }
    }

    pub(in crate::secret) fn run(&self, session: &Session) -> Outcome {
        if session.home.system().is_some() && !is_root() {
            return Err(takes_root("writing the grants").into());
        }
        let table = self.table()?;
        let path = session.home.grants();
        let shown = path.display().to_string();
        let mut keeper = keeper::reach(session, keeper::Purpose::Use)?;
        // Held to the end, so that two of these commands cannot undo each other.
        let file = NewFile::of(&path, session.home.system().map(|system| system.keeper.gid))?;
        let CliAnswer::PolicyChecked { grants, .. } = keeper.ask(&CliRequest::CheckPolicy, None)?.answer
        else {
            return Err(keeper::unexpected().into());
        };
        match grants {
            // Its owner and mode are checked by this, too.
            FileVerdict::Bad(complaint) => return Err(complaint.failure(&shown).into()),
            FileVerdict::Good(_) | FileVerdict::Missing => {}
        }
        let before = file.before()?;
        let after = appended(&before, table).map_err(|what| unchanged(&shown, what, "add it by hand"))?;
        match verdict_on(&mut keeper, PolicyFile::Grants, &after)? {
            FileVerdict::Good(_) => {}
            FileVerdict::Bad(complaint) => {
                return Err(unchanged(&shown, &complaint.what, &complaint.mend).into());
            }
            FileVerdict::Missing => return Err(keeper::unexpected().into()),
        }
        keeper.end()?;
        file.put(&before, &after)?;
        let mut out = stdout().lock();
        writeln!(out, "added to {shown}; it counts within a second")?;
        Ok(())
    }

    fn table(&self) -> Result<Table, Failure> {
        let secret = handle(&self.secret)?;
        let mut table = Table::new();
        let mut put = |field: &str, item: Item| drop(table.insert(field, item));
        put("secret_ref", value(secret.as_str()));
        put("consumer", value(Consumer::parse(&self.consumer).map_err(bad_name)?.as_str()));
        put("purposes", list(&self.purpose, Purpose::parse)?);
        put("delivery", list(&self.delivery, Delivery::parse)?);
        for (field, words) in [
            ("allowed_hosts", (!self.host.is_empty()).then(|| list(&self.host, Host::parse))),
            ("methods", (!self.method.is_empty()).then(|| list(&self.method, Method::parse))),
        ] {
            if let Some(list) = words {
                put(field, list?);
            }
        }
        if !self.path.is_empty() {
            put("paths", value(self.path.iter().collect::<Array>()));
        }
        if let Some(span) = &self.ttl {
            let ms = span_ms(span).ok_or_else(|| wrong("--ttl is not a span of time", "as in: --ttl 5m"))?;
            put("ttl_secs", value(i64::try_from(ms / 1000).unwrap_or(i64::MAX)));
        }
        match self.approval.as_deref() {
            None => {}
            Some("each-lease") => put("approval", value("each-lease")),
            Some(_) => return Err(wrong("--approval is each-lease", "as in: --approval each-lease")),
        }
        if let Some(span) = &self.approval_wait {
            let ms = span_ms(span).ok_or_else(|| {
                wrong("--approval-wait is not a span of time", "as in: --approval-wait 60s")
            })?;
            put("approval_secs", value(i64::try_from(ms / 1000).unwrap_or(i64::MAX)));
        }
        if let Some(end) = &self.not_after {
            let moment = end.parse::<toml_edit::Datetime>();
            let moment = moment.map_err(|_| {
                wrong("--not-after is neither a date nor a time", "as in: --not-after 2026-12-31")
            })?;
            put("not_after", value(moment));
        }
        for (field, most) in [
            ("max_uses", self.max_uses),
            ("max_requests_per_minute", self.max_requests_per_minute),
            ("max_concurrent", self.max_concurrent),
        ] {
            if let Some(most) = most {
                put(field, value(i64::from(most)));
            }
        }
        Ok(table)
    }
}

/// Words as they are understood, not as they were typed.
fn list<T: ToString>(words: &[String], parse: fn(&str) -> Result<T, NameError>) -> Result<Item, Failure> {
    let parsed: Result<Vec<T>, NameError> = words.iter().map(|word| parse(word)).collect();
    let texts = parsed.map_err(bad_name)?.into_iter().map(|name| Value::from(name.to_string()));
    Ok(value(texts.collect::<Array>()))
}

/// The text with one more grant, or why that cannot be.
fn appended(before: &str, mut table: Table) -> Result<String, &'static str> {
    let mut document: DocumentMut = before.parse().map_err(|_| "it could not be read again")?;
    if !before.is_empty() {
        table.decor_mut().set_prefix("\n");
    }
    let grants = document.entry("grants").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let grants = grants.as_array_of_tables_mut().ok_or("its grants are not written as [[grants]]")?;
    grants.push(table);
    Ok(document.to_string())
}

fn unchanged(path: &str, what: &str, mend: &str) -> Failure {
    let what = format!("{path} was not changed: {what}");
    Failure::new(
        FailureClass::BadInput,
        what,
        if mend.is_empty() { "ugent secret grant add --help" } else { mend },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_file_stays_as_it_is() {
        let mut table = Table::new();
        drop(table.insert("consumer", value("b")));
        let before = "# mine\n\n[[grants]] # first\nconsumer   =  'a'\n\n# the end";
        let after = appended(before, table.clone()).unwrap();
        assert!(after.starts_with("# mine\n\n[[grants]] # first\nconsumer   =  'a'\n"), "{after}");
        assert!(after.contains("\n[[grants]]\nconsumer = \"b\"\n") && after.contains("# the end"), "{after}");
        assert_eq!(appended("", table.clone()).unwrap(), "[[grants]]\nconsumer = \"b\"\n");
        assert!(appended("grants = [{ consumer = 'a' }]\n", table.clone()).is_err());
        assert!(appended("[[grants", table).is_err());
    }
}
