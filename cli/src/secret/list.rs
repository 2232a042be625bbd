//! `ugent secret list`: metadata of all secrets.

use std::io::{BufWriter, Write, stderr, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::Failure;
use proto::meta::{SecretMeta, Timestamp};

use super::expiry::{Expiry, mend};
use super::meta_view::{FIELDS, MetaView};
use crate::clock::now;
use crate::ending::Outcome;
use crate::keeper::{self, Keeper, Purpose};
use crate::render::{self, Form, JsonOption};
use crate::session::Session;

/// Lists secrets, without their values
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret list --json")]
pub(crate) struct List {
    #[command(flatten)]
    json: JsonOption,
}

impl List {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let mut keeper = keeper::reach(session, Purpose::Use)?;
        let secrets = all(&mut keeper)?;
        keeper.end()?;
        let now = now();
        let views = secrets.iter().map(|secret| MetaView::of(secret, now));
        let mut out = BufWriter::new(stdout().lock());
        match self.json.form() {
            Form::Json => render::json(&mut out, &views.collect::<Vec<_>>())?,
            form @ (Form::Table | Form::Plain) => {
                let header = FIELDS.map(str::to_ascii_uppercase);
                let rows: Vec<_> = views.map(MetaView::cells).collect();
                render::rows(&mut out, form, header.each_ref().map(String::as_str), &rows)?;
            }
        }
        out.flush()?;
        for line in warnings(&secrets, now) {
            let _ = writeln!(stderr(), "{line}");
        }
        Ok(())
    }
}

/// What should be heard of the ends of values, whatever becomes of the list.
fn warnings(secrets: &[SecretMeta], now: Timestamp) -> Vec<String> {
    let warning = |what: Expiry, said: &str| {
        let ends = |secret: &&SecretMeta| {
            let end = secret.versions.last().and_then(|version| version.expires);
            end.and_then(|end| Expiry::of(end, now)) == Some(what)
        };
        let those: Vec<_> = secrets.iter().filter(ends).map(|secret| &secret.handle).collect();
        let first = those.first()?;
        let names = those.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Some(format!("warning: {said}: {names} ({})", mend(first)))
    };
    let expired = warning(Expiry::Expired, "expired, and given to nobody");
    expired.into_iter().chain(warning(Expiry::Soon, "expires within two weeks")).collect()
}

/// All secrets, page by page.
pub(super) fn all(keeper: &mut Keeper) -> Result<Vec<SecretMeta>, Failure> {
    let mut found: Vec<SecretMeta> = Vec::new();
    loop {
        let after = found.last().map(|secret| secret.handle.clone());
        let CliAnswer::Listed { secrets, more } = keeper.ask(&CliRequest::List { after }, None)?.answer
        else {
            return Err(keeper::unexpected());
        };
        // A page of nothing that promises more would never end.
        let ends = !more || secrets.is_empty();
        found.extend(secrets);
        if ends {
            return Ok(found);
        }
    }
}
