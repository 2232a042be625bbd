//! `provider list`: every route there is, in the order they are looked at.

use std::io::{BufWriter, Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::name::ProviderId;
use proto::policy::{Origin, RouteView};
use serde::Serialize;

use crate::ending::Outcome;
use crate::keeper::{self, Keeper, Purpose};
use crate::render::{self, Form, JsonOption};
use crate::secret::bad_name;
use crate::session::Session;

/// Names of the columns.
const HEADER: [&str; 7] = ["PROVIDER", "ORIGIN", "TAKES", "METHOD", "PATH", "PURPOSE", "HOSTS"];

/// Lists what may be called, and the purpose a grant must name for it
#[derive(Args)]
#[command(
    after_help = "Examples:\n  ugent secret provider list openai\n  ugent secret provider list --json\n\n\
                        A provider that is unplaced is used once secrets.providers.toml says where it is."
)]
pub(crate) struct List {
    /// Only this provider's routes
    #[arg(value_name = "PROVIDER")]
    provider: Option<String>,
    #[command(flatten)]
    json: JsonOption,
}

/// What is shown of a route.
#[derive(Serialize)]
struct Row {
    provider: String,
    origin: &'static str,
    takes: &'static str,
    method: Option<String>,
    path: Option<String>,
    purpose: Option<String>,
    hosts: Vec<String>,
}

impl From<RouteView> for Row {
    fn from(view: RouteView) -> Self {
        let (method, path, purpose) = match view.route {
            Some(route) => {
                (Some(route.method.to_string()), Some(route.path), Some(route.purpose.to_string()))
            }
            None => (None, None, None),
        };
        Self {
            provider: view.provider.to_string(),
            origin: view.origin.as_str(),
            takes: view.takes.as_str(),
            method,
            path,
            purpose,
            hosts: view.hosts.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Row {
    fn cells(self) -> [String; 7] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let hosts = if self.hosts.is_empty() { "-".to_owned() } else { self.hosts.join(",") };
        [
            self.provider,
            self.origin.to_owned(),
            self.takes.to_owned(),
            or_dash(self.method),
            or_dash(self.path),
            or_dash(self.purpose),
            hosts,
        ]
    }
}

impl List {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let wanted = self.provider.as_deref().map(ProviderId::parse).transpose().map_err(bad_name)?;
        let mut keeper = keeper::reach(session, Purpose::Use)?;
        let mut routes = all(&mut keeper)?;
        keeper.end()?;
        if let Some(wanted) = wanted {
            routes.retain(|route| route.provider == wanted);
            if routes.is_empty() {
                let what = "there is no provider of that name";
                return Err(Failure::new(FailureClass::BadInput, what, "ugent secret provider list").into());
            }
        }
        // What cannot be used yet stands at the end, where it is seen.
        routes.sort_by_key(|route| route.origin == Origin::Unplaced);
        let rows = routes.into_iter().map(Row::from);
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

/// All of them, page by page.
pub(in crate::secret) fn all(keeper: &mut Keeper) -> Result<Vec<RouteView>, Failure> {
    let mut found: Vec<RouteView> = Vec::new();
    loop {
        let seen = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let CliAnswer::ProviderListed { routes, more } =
            keeper.ask(&CliRequest::ProviderList { seen }, None)?.answer
        else {
            return Err(keeper::unexpected());
        };
        // A page of nothing that promises more would never end.
        let ends = !more || routes.is_empty();
        found.extend(routes);
        if ends {
            return Ok(found);
        }
    }
}
