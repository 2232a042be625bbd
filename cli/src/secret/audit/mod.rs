//! `ugent secret audit`: the journal, read through read-only descriptors that a keeper gives, and
//! filtered here, so that listing a million records keeps no lease waiting.

mod export;
mod filter;
mod follow;
mod pages;
mod segment_file;
mod verify;
mod view;

use std::io::{BufWriter, IsTerminal, Write, stdout};

use clap::Args;

pub use self::export::{ALLOWED as EXPORT_ALLOWED, ROWS as EXPORT_ROWS};
use self::filter::Filter;
pub(super) use self::pages::newest;
use self::view::RecordView;
use super::{bad_name, handle};
use crate::clock;
use crate::ending::Outcome;
use crate::render::{Form, JsonOption};
use crate::session::Session;
use crate::usage::wrong;

/// What a terminal shows unless `--limit` says otherwise.
const TERMINAL_LIMIT: usize = 50;

/// Shows what was done with secrets, oldest first
#[derive(Args)]
#[command(after_help = "Examples:\n  ugent secret audit @openai_api_key --since 2h\n  \
                        ugent secret audit --event lease.denied --json\n  ugent secret audit --verify")]
pub(crate) struct Audit {
    /// Only of this secret
    #[arg(value_name = "@NAME")]
    name: Option<String>,
    /// Only from this time on: 90s, 15m, 2h, 7d, or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only this event, as in lease.issued
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// Only of this consumer
    #[arg(long, value_name = "CONSUMER")]
    consumer: Option<String>,
    /// Only the last N
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Goes on with what happens from now on
    #[arg(long)]
    follow: bool,
    /// Checks that nothing was changed or taken away; needs the passphrase
    #[arg(long, conflicts_with_all = ["name", "since", "event", "consumer", "limit", "follow"])]
    verify: bool,
    /// With --verify: that the record of this number still has this link, as noted earlier
    #[arg(long, value_name = "SEQ:HASH", requires = "verify")]
    expect: Option<String>,
    #[command(flatten)]
    json: JsonOption,
    #[command(flatten)]
    export: export::Export,
}

impl Audit {
    /// Whether this is an export, which has no session and reaches no keeper by itself.
    pub(super) const fn is_export(&self) -> bool {
        self.export.is_asked()
    }

    pub(super) fn run_export(&self) -> Outcome {
        self.export.run()
    }

    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let form = self.json.form();
        if self.verify {
            return verify::run(session, self.expect.as_deref(), form);
        }
        let filter = self.filter()?;
        let limit = self.limit.or(stdout().is_terminal().then_some(TERMINAL_LIMIT));
        let mut out = Printer { out: BufWriter::new(stdout().lock()), form, header: form == Form::Table };
        let mut last = filter::Last::new(limit);
        let end = pages::read_all(session, &mut |record| {
            let shown = if filter.takes(&record) { last.push(record) } else { None };
            shown.map_or(Ok(()), |record| out.print(&record))
        })?;
        last.into_iter().try_for_each(|record| out.print(&record))?;
        out.out.flush()?;
        if self.follow { follow::run(session, end, &filter, &mut out) } else { Ok(()) }
    }

    fn filter(&self) -> Result<Filter, crate::ending::Halt> {
        let since = match &self.since {
            None => None,
            Some(text) => Some(clock::since(text, clock::now()).ok_or_else(|| {
                wrong("--since is neither a span nor a time", "ugent secret audit --since 2h")
            })?),
        };
        Ok(Filter {
            secret: self.name.as_deref().map(handle).transpose()?,
            since,
            event: self.event.as_deref().map(str::parse).transpose().map_err(bad_name)?,
            consumer: self.consumer.as_deref().map(str::parse).transpose().map_err(bad_name)?,
        })
    }
}

/// Prints records one by one: they may be too many to align by the longest.
struct Printer<W: Write> {
    out: W,
    form: Form,
    header: bool,
}

impl<W: Write> Printer<W> {
    fn print(&mut self, record: &proto::journal::Record) -> Outcome {
        let view = RecordView::from(record);
        if std::mem::take(&mut self.header) {
            writeln!(self.out, "{}", view::header())?;
        }
        match self.form {
            Form::Json => crate::render::json(&mut self.out, &view)?,
            Form::Table => writeln!(self.out, "{}", view.aligned())?,
            Form::Plain => writeln!(self.out, "{}", view.cells().join("\t"))?,
        }
        Ok(())
    }
}
