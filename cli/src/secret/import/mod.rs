//! `ugent secret import`: the secrets of a `.env` file, all of them or none, and references in their
//! place. Values go from the file to slots and on to keeperd; none is shown.

mod guess;
mod plan;

use std::io::{BufRead, IsTerminal, Write, stderr, stdin, stdout};
use std::path::PathBuf;

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest, IMPORT_MAX};
use proto::failure::{Failure, FailureClass};

use super::backup::count;
use super::bad_name;
use super::list::all;
use super::unlock::{Expected, unlocked_keeper};
use crate::ending::{self, Outcome};
use crate::hazmat::env_file::EnvFile;
use crate::keeper::{self, Purpose};
use crate::session::Session;
use crate::usage::wrong;
use plan::{Choice, Move, Plan};

/// Moves the secrets of a .env file into the vault
///
/// OPENAI_API_KEY becomes @openai_api_key. Shows what it would do and asks; all secrets are stored, or
/// none. Then it offers to put references in the place of the values, as in
/// OPENAI_API_KEY=@openai_api_key; all else in the file stays as it is. The old file's blocks on the disk
/// are not wiped, nor copies in backups or version control: replace keys that were there.
#[derive(Args)]
#[command(after_help = "Examples:\n  ugent secret import --env-file .env\n  \
                        ugent secret import --env-file .env --only OPENAI_API_KEY --yes --rewrite")]
pub(crate) struct Import {
    /// The file, at most 64 KiB
    #[arg(long, value_name = "FILE")]
    env_file: PathBuf,
    /// Takes every variable that has a value, not only those that look like secrets
    #[arg(long, conflicts_with = "only")]
    all: bool,
    /// Takes this variable, and others named so; repeatable
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Leaves this variable as it is; repeatable
    #[arg(long, value_name = "NAME")]
    except: Vec<String>,
    /// Does not ask
    #[arg(long)]
    yes: bool,
    /// Puts references in the place of the values, without asking for that
    #[arg(long)]
    rewrite: bool,
}

impl Import {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        keeper::check_set_up(session)?;
        let file = EnvFile::read(&self.env_file)?;
        let choice = match (self.all, self.only.as_slice()) {
            (true, _) => Choice::All,
            (false, []) => Choice::Likely,
            (false, names) => Choice::Only(names),
        };
        let plan = Plan::of(&file, &choice, &self.except)?;
        plan.show(&mut stdout().lock())?;
        let Some(first) = plan.moves.first() else {
            writeln!(stdout(), "nothing to import")?;
            return Ok(());
        };
        if plan.moves.len() > IMPORT_MAX {
            let what = format!("an import has at most {IMPORT_MAX} secrets; nothing was imported");
            return Err(
                Failure::new(FailureClass::BadInput, what, "import them in parts, with --only").into()
            );
        }
        // One of our own ends again: nobody waits for the catalog while the user thinks.
        let mut keeper = keeper::reach(session, Purpose::Use)?;
        let known = all(&mut keeper)?;
        keeper.end()?;
        let known: Vec<_> = known.into_iter().map(|secret| secret.handle).collect();
        plan.all_new(&known)?;
        if !self.yes {
            self.confirm(plan.moves.len())?;
        }
        let mut keeper = unlocked_keeper(session, Expected::New(&first.handle))?;
        for Move { variable, handle, provider, kind } in &plan.moves {
            let value = file.value(variable).map_err(ending::no_slot)?;
            let (handle, provider, kind) = (handle.clone(), provider.clone(), *kind);
            let request = CliRequest::ImportAdd { handle, provider, kind };
            let CliAnswer::ImportNoted = keeper.ask(&request, Some(value))?.answer else {
                return Err(keeper::unexpected().into());
            };
        }
        let CliAnswer::Imported { secrets } = keeper.ask(&CliRequest::ImportDone, None)?.answer else {
            return Err(keeper::unexpected().into());
        };
        keeper.end()?;
        writeln!(stdout(), "imported {}", count(secrets, "secret"))?;
        self.references(&file, &plan)
    }

    fn confirm(&self, count: usize) -> Result<(), Failure> {
        if !stdin().is_terminal() {
            return Err(wrong(
                "nothing was imported: there is no terminal to ask on",
                format!("ugent secret import --env-file {} --yes", self.env_file.display()),
            ));
        }
        if agreed(&format!("Import these {count}? [y/N] ")) {
            return Ok(());
        }
        Err(Failure::new(FailureClass::Refused, "nothing was imported", "answer y, or give --yes"))
    }

    fn references(&self, file: &EnvFile, plan: &Plan<'_>) -> Outcome {
        let shown = self.env_file.display();
        let asks = !self.yes && stdin().is_terminal();
        let question = format!("Put references into {shown} instead of values? [y/N] ");
        let is_wanted = self.rewrite || (asks && agreed(&question));
        if !is_wanted {
            writeln!(
                stdout(),
                "the values still stand in {shown}: put @name in their place (--rewrite does so)"
            )?;
            return Ok(());
        }
        let references: Vec<_> = plan.moves.iter().map(|found| (found.variable, &found.handle)).collect();
        file.rewrite(&self.env_file, &references).map_err(|failure| Failure {
            what: format!("the secrets were imported, but {}", failure.what),
            ..failure
        })?;
        writeln!(stdout(), "{shown} has references now, and is otherwise as it was")?;
        Ok(())
    }
}

fn agreed(question: &str) -> bool {
    let _ = write!(stderr(), "{question}");
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
