//! `ugent secret inspect`: metadata of one secret.

use std::io::{Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};

use super::handle;
use super::meta_view::{FIELDS, MetaView};
use crate::clock::now;
use crate::ending::Outcome;
use crate::keeper::{self, Purpose};
use crate::render::{self, Form, JsonOption};
use crate::session::Session;

/// Shows one secret, without its value
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret inspect @openai_api_key")]
pub(crate) struct Inspect {
    /// Which, as in @openai_api_key
    #[arg(value_name = "@NAME")]
    name: String,
    #[command(flatten)]
    json: JsonOption,
}

impl Inspect {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let handle = handle(&self.name)?;
        let mut keeper = keeper::reach(session, Purpose::Use)?;
        let CliAnswer::Inspected(meta) = keeper.ask(&CliRequest::Inspect { handle }, None)?.answer else {
            return Err(keeper::unexpected().into());
        };
        keeper.end()?;
        let view = MetaView::of(&meta, now());
        let mut out = stdout().lock();
        match self.json.form() {
            Form::Json => render::json(&mut out, &view)?,
            Form::Table | Form::Plain => {
                let previous = view.previous();
                for (label, cell) in FIELDS.iter().zip(view.cells()) {
                    writeln!(out, "{label}: {cell}")?;
                }
                writeln!(out, "previous: {previous}")?;
            }
        }
        Ok(())
    }
}
