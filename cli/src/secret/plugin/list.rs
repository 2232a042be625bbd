//! `plugin list`: which plugins there are, and how each is. Asks nobody, and needs no passphrase.

use std::io::{BufWriter, Write, stdout};

use clap::Args;
use serde::Serialize;

use super::file::{self, Is, Plugin};
use super::{Config, standing};
use crate::ending::Outcome;
use crate::render::{self, Form, JsonOption};
use crate::session::Session;

/// Shows plugins and how each is
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret plugin list --json")]
pub(super) struct List {
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    json: JsonOption,
}

/// A plugin, as it is shown.
#[derive(Serialize)]
struct View {
    id: String,
    kind: Option<String>,
    enabled: bool,
    state: String,
    pid: Option<i32>,
    since: Option<String>,
    starts: u32,
    secrets: Vec<String>,
    why: Option<String>,
}

impl List {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let plugins = file::read(&self.config.path(&session.home))?;
        let views: Vec<View> = plugins.into_iter().map(|plugin| view(session, plugin)).collect();
        let mut out = BufWriter::new(stdout().lock());
        match self.json.form() {
            Form::Json => render::json(&mut out, &views)?,
            form @ (Form::Table | Form::Plain) => {
                let rows: Vec<_> = views.into_iter().map(cells).collect();
                let header = ["ID", "ENABLED", "STATE", "PID", "SINCE", "STARTS", "SECRETS", "WHY"];
                render::rows(&mut out, form, header, &rows)?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

fn view(session: &Session, plugin: Plugin) -> View {
    let found = standing::of(&session.home, &plugin.id);
    let (state, since) = match &found {
        Some(found) => (found.state.clone(), Some(found.since.clone())),
        None => ("not looked after".to_owned(), None),
    };
    let found = found.unwrap_or_default();
    View {
        enabled: plugin.is == Is::Enabled,
        secrets: plugin.secrets.iter().map(|(name, handle)| format!("{name}={handle}")).collect(),
        id: plugin.id,
        kind: plugin.kind,
        state,
        pid: found.pid,
        since,
        starts: found.starts,
        why: found.why,
    }
}

fn cells(view: View) -> [String; 8] {
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        view.id,
        if view.enabled { "yes" } else { "no" }.to_owned(),
        view.state,
        dash(view.pid.map(|pid| pid.to_string())),
        dash(view.since),
        view.starts.to_string(),
        if view.secrets.is_empty() { "-".to_owned() } else { view.secrets.join(",") },
        dash(view.why),
    ]
}
