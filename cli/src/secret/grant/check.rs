//! `grant check`: whether keeperd would take the files, before it is asked to.

use std::fs::File;
use std::io::{Read, Write, stdout};
use std::path::{Path, PathBuf};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::policy::{FileVerdict, PolicyFile};
use serde::Serialize;

use super::verdict_on;
use crate::ending::{Halt, Outcome};
use crate::keeper::{self, Purpose};
use crate::render::{self, Form, JsonOption};
use crate::session::Session;

/// keeperd takes no longer file.
pub(super) const FILE_MAX: u64 = 8 * 1024 * 1024;

/// Checks the grants and providers files, or a file that is to become one of them
#[derive(Args)]
#[command(
    after_help = "Examples:\n  ugent secret grant check\n  ugent secret grant check new-grants.toml\n  \
                        ugent secret grant check --providers new-providers.toml"
)]
pub(crate) struct Check {
    /// A file to check as secrets.grants.toml, instead of those in use
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Checks FILE as secrets.providers.toml
    #[arg(long, requires = "file")]
    providers: bool,
    #[command(flatten)]
    json: JsonOption,
}

/// What is said of one file.
#[derive(Serialize)]
struct Said {
    path: String,
    verdict: &'static str,
    entries: Option<u32>,
    line: Option<u32>,
    column: Option<u32>,
    what: Option<String>,
    mend: Option<String>,
}

impl Check {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let verdicts = match &self.file {
            None => in_use(session)?,
            Some(path) => {
                let file = if self.providers { PolicyFile::Providers } else { PolicyFile::Grants };
                let text = text_of(path)?;
                let mut keeper = keeper::reach(session, Purpose::Use)?;
                let verdict = verdict_on(&mut keeper, file, &text)?;
                keeper.end()?;
                vec![(path.display().to_string(), file, verdict)]
            }
        };
        say(self.json.form(), &verdicts)
    }
}

/// Says what keeperd makes of files, and fails if it would not take one of them.
pub(in crate::secret) fn say(form: Form, verdicts: &[(String, PolicyFile, FileVerdict)]) -> Outcome {
    let mut out = stdout().lock();
    match form {
        Form::Json => render::json(&mut out, &verdicts.iter().map(said).collect::<Vec<_>>())?,
        Form::Table | Form::Plain => {
            for (path, file, verdict) in verdicts {
                match verdict {
                    FileVerdict::Good(count) => writeln!(out, "{path}: good, {count} {file}")?,
                    FileVerdict::Missing => writeln!(out, "{path}: not there, {}", without(*file))?,
                    FileVerdict::Bad(_) => {}
                }
            }
        }
    }
    out.flush()?;
    let bad = verdicts.iter().filter_map(|(path, _, verdict)| match verdict {
        FileVerdict::Bad(complaint) => Some(complaint.failure(path)),
        FileVerdict::Good(_) | FileVerdict::Missing => None,
    });
    let bad: Vec<Failure> = bad.collect();
    let Some((last, before)) = bad.split_last() else { return Ok(()) };
    for failure in before {
        // With stderr gone there is nobody left to tell; the code still says it.
        let _ = writeln!(std::io::stderr(), "{failure}");
    }
    Err(Halt::Failed(last.clone()))
}

const fn without(file: PolicyFile) -> &'static str {
    match file {
        PolicyFile::Grants => "so everything is denied",
        PolicyFile::Providers => "so the built-in providers are as they are",
    }
}

pub(in crate::secret) fn in_use(
    session: &Session,
) -> Result<Vec<(String, PolicyFile, FileVerdict)>, Failure> {
    let mut keeper = keeper::reach(session, Purpose::Use)?;
    let CliAnswer::PolicyChecked { grants, providers } = keeper.ask(&CliRequest::CheckPolicy, None)?.answer
    else {
        return Err(keeper::unexpected());
    };
    keeper.end()?;
    let shown = |path: PathBuf| path.display().to_string();
    Ok(vec![
        (shown(session.home.grants()), PolicyFile::Grants, grants),
        (shown(session.home.providers()), PolicyFile::Providers, providers),
    ])
}

fn said((path, _, verdict): &(String, PolicyFile, FileVerdict)) -> Said {
    let plain = |verdict, entries| Said {
        path: path.clone(),
        verdict,
        entries,
        line: None,
        column: None,
        what: None,
        mend: None,
    };
    match verdict {
        FileVerdict::Good(count) => plain("good", Some(*count)),
        FileVerdict::Missing => plain("missing", None),
        FileVerdict::Bad(complaint) => Said {
            line: complaint.place.map(|place| place.line),
            column: complaint.place.map(|place| place.column),
            what: Some(complaint.what.clone()),
            mend: Some(complaint.failure(path).hint),
            ..plain("bad", None)
        },
    }
}

/// The text of a file somebody names.
pub(in crate::secret) fn text_of(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(FILE_MAX + 1).read_to_string(&mut text));
    match read {
        Ok(length) if length as u64 <= FILE_MAX => Ok(text),
        Ok(_) => Err(Failure::new(
            FailureClass::BadInput,
            format!("{shown} is longer than {FILE_MAX} bytes, and no policy file may be"),
            "make it shorter",
        )),
        Err(error) => Err(Failure::new(
            FailureClass::BadInput,
            format!("{shown} cannot be read: {error}"),
            "name a text file you may read",
        )),
    }
}
