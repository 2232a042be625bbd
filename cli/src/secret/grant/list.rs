//! `grant list`: the grants in force, in the order they are looked at.

use std::io::{BufWriter, Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::Failure;
use proto::policy::GrantView;
use serde::Serialize;

use crate::clock::seconds;
use crate::ending::Outcome;
use crate::keeper::{self, Purpose};
use crate::render::{self, Form, JsonOption};
use crate::session::Session;

/// Names of the columns.
const HEADER: [&str; 8] =
    ["LINE", "SECRET", "CONSUMER", "PURPOSES", "DELIVERY", "HOSTS", "TTL_SECS", "NARROWED"];

/// Lists the grants in force, in file order
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret grant list --json")]
pub(crate) struct List {
    #[command(flatten)]
    json: JsonOption,
}

/// What is shown of a grant: its fields, as they are called in the file.
#[derive(Serialize)]
struct Row {
    line: u32,
    secret_ref: String,
    consumer: String,
    purposes: Vec<String>,
    delivery: Vec<String>,
    allowed_hosts: Vec<String>,
    methods: Option<Vec<String>>,
    paths: Option<Vec<String>>,
    ttl_secs: u32,
    not_after: Option<String>,
    max_requests_per_minute: Option<u32>,
    max_concurrent: Option<u32>,
    approval: Option<&'static str>,
    approval_secs: Option<u32>,
}

impl From<GrantView> for Row {
    fn from(view: GrantView) -> Self {
        Self {
            line: view.line,
            secret_ref: view.secret.to_string(),
            consumer: view.consumer.to_string(),
            purposes: texts(&view.purposes),
            delivery: texts(&view.delivery),
            allowed_hosts: texts(&view.allowed_hosts),
            methods: view.methods.as_deref().map(texts),
            paths: view.paths,
            ttl_secs: view.ttl_secs,
            not_after: view.not_after.map(seconds),
            max_requests_per_minute: view.max_requests_per_minute,
            max_concurrent: view.max_concurrent,
            approval: view.approval_secs.map(|_| "each-lease"),
            approval_secs: view.approval_secs,
        }
    }
}

impl Row {
    fn cells(self) -> [String; 8] {
        let narrowed = self.narrowed();
        [
            self.line.to_string(),
            self.secret_ref,
            self.consumer,
            listed(&self.purposes),
            listed(&self.delivery),
            listed(&self.allowed_hosts),
            self.ttl_secs.to_string(),
            narrowed,
        ]
    }

    /// The optional fields that are there.
    fn narrowed(&self) -> String {
        let fields = [
            self.methods.as_deref().map(|methods| format!("methods={}", listed(methods))),
            self.paths.as_deref().map(|paths| format!("paths={}", listed(paths))),
            self.not_after.as_ref().map(|end| format!("not_after={end}")),
            self.max_requests_per_minute.map(|most| format!("max_requests_per_minute={most}")),
            self.max_concurrent.map(|most| format!("max_concurrent={most}")),
            self.approval.map(|when| format!("approval={when}")),
            self.approval_secs.map(|secs| format!("approval_secs={secs}")),
        ];
        let there: Vec<String> = fields.into_iter().flatten().collect();
        if there.is_empty() { "-".to_owned() } else { there.join(" ") }
    }
}

impl List {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let rows = all(session)?.into_iter().map(Row::from);
        let mut out = BufWriter::new(stdout().lock());
        match self.json.form() {
            Form::Json => render::json(&mut out, &rows.collect::<Vec<_>>())?,
            form @ (Form::Table | Form::Plain) => {
                let cells: Vec<_> = rows.map(Row::cells).collect();
                render::rows(&mut out, form, HEADER, &cells)?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

fn all(session: &Session) -> Result<Vec<GrantView>, Failure> {
    let mut keeper = keeper::reach(session, Purpose::Use)?;
    let mut found: Vec<GrantView> = Vec::new();
    loop {
        let seen = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let CliAnswer::GrantListed { grants, more } =
            keeper.ask(&CliRequest::GrantList { seen }, None)?.answer
        else {
            return Err(keeper::unexpected());
        };
        // A page of nothing that promises more would never end.
        let ends = !more || grants.is_empty();
        found.extend(grants);
        if ends {
            keeper.end()?;
            return Ok(found);
        }
    }
}

fn texts(names: &[impl ToString]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn listed(words: &[String]) -> String {
    if words.is_empty() { "-".to_owned() } else { words.join(",") }
}
