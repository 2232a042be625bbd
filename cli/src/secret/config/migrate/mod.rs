//! `config migrate`: credentials of a configuration go into the vault, and references take their place.
//! In this order: all are stored or none, each is compared with what the vault gives back, and only then
//! the file is replaced, in one step. So whenever it is interrupted, each value is in the old file or in
//! the vault, and running it again goes on. No copy of the old file is kept, and no value is shown.

mod plan;

use std::io::{BufRead, IsTerminal, Write, stderr, stdin, stdout};
use std::path::PathBuf;

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest, IMPORT_MAX, Likeness};
use proto::failure::{Failure, FailureClass};
use proto::name::Handle;

use crate::ending::{self, Outcome};
use crate::hazmat::config::{Document, Language};
use crate::keeper::{self, Keeper, Purpose};
use crate::secret::backup::count;
use crate::secret::list::all;
use crate::secret::unlock::{Expected, unlocked_keeper};
use crate::session::Session;
use crate::usage::wrong;
use plan::{Known, Move, Plan};

/// Moves the credentials of a configuration file into the vault
///
/// api_key = "…" becomes api_key_ref = "@NAME" in TOML, YAML and JSON, and any other value "@NAME" under its
/// own key; in a .env file NAME=@name takes its place, for exec. Shows what would change and asks; all
/// values are stored or none, and read back, before the file is replaced in one step. Comments, order, mode
/// and owner stay. Of a value that the vault has already under that name, only the reference is written.
/// No copy of the old file is kept, but its blocks on the disk are not wiped, nor copies in backups or version
/// control: replace keys that were there.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  ugent secret config migrate ~/.ugent/config.toml\n  ugent secret config migrate \
                  app.yaml --yes --except 12 --as 7=@billing_key"
)]
pub(crate) struct Migrate {
    /// The file, at most 1 MiB, of .env files 64 KiB
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Its language, where its name does not tell: toml, yaml, json or env
    #[arg(long, value_name = "LANGUAGE")]
    format: Option<String>,
    /// Leaves what is on this line as it is; repeatable
    #[arg(long, value_name = "LINE")]
    except: Vec<usize>,
    /// Gives what is on this line that name in the vault; repeatable
    #[arg(long = "as", value_name = "LINE=@NAME")]
    names: Vec<String>,
    /// Does not ask
    #[arg(long)]
    yes: bool,
}

impl Migrate {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let language = self.language()?;
        let names = plan::names(&self.names)?;
        keeper::check_set_up(session)?;
        let document = Document::read(&self.file, language)?;
        let mut plan = Plan::of(&document, &self.except, &names)?;
        let shown = self.file.display();
        if plan.moves.is_empty() {
            plan.show(&document, &mut stdout().lock())?;
            writeln!(stdout(), "nothing in {shown} is to be migrated")?;
            return Ok(());
        }
        // One of our own ends again: nobody waits for the catalog while the user thinks.
        let mut keeper = keeper::reach(session, Purpose::Use)?;
        let there = all(&mut keeper)?;
        keeper.end()?;
        plan.look_up(&there.into_iter().map(|secret| secret.handle).collect::<Vec<_>>());
        plan.show(&document, &mut stdout().lock())?;
        if !self.yes {
            self.confirm(plan.moves.len())?;
        }
        let mut keeper = unlocked_keeper(session, Expected::Anything)?;
        let stored = store(&mut keeper, &document, &plan.moves)?;
        keeper.end()?;
        let references: Vec<_> = plan
            .moves
            .iter()
            .flat_map(|found| found.credentials.iter().map(|credential| (*credential, &found.handle)))
            .collect();
        document.rewrite(&self.file, &references).map_err(|failure| Failure {
            what: format!("the values are in the vault, but {}", failure.what),
            ..failure
        })?;
        writeln!(stdout(), "{} stored and read back; {shown} has references now", count(stored, "value"))?;
        writeln!(stdout(), "what its programs may have says: ugent secret config check {shown}")?;
        Ok(())
    }

    fn language(&self) -> Result<Language, Failure> {
        let found = match &self.format {
            Some(name) => Language::named(name),
            None => Language::of(&self.file),
        };
        found.ok_or_else(|| {
            wrong("what language the file is in is not known", "--format is one of: toml, yaml, json, env")
        })
    }

    fn confirm(&self, count: usize) -> Result<(), Failure> {
        if !stdin().is_terminal() {
            return Err(wrong(
                "nothing was changed: there is no terminal to ask on",
                format!("ugent secret config migrate {} --yes", self.file.display()),
            ));
        }
        let _ = write!(stderr(), "Move these {count} into the vault, and change the file? [y/N] ");
        let mut answer = String::new();
        if stdin().lock().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        Err(Failure::new(FailureClass::Refused, "nothing was changed", "answer y, or give --yes"))
    }
}

/// Stores what is new, all of it or nothing, and sees to it that the vault gives back what the file has.
/// How many are new.
fn store(keeper: &mut Keeper, document: &Document, moves: &[Move<'_>]) -> Result<u32, Failure> {
    let (there, new): (Vec<_>, Vec<_>) = moves.iter().partition(|found| found.known == Known::There);
    for found in there {
        if compared(keeper, document, found)? == Likeness::Different {
            return Err(taken(&found.handle, found.first_line()));
        }
    }
    if new.len() > IMPORT_MAX {
        let what = format!("at most {IMPORT_MAX} values are moved at once; nothing was changed");
        return Err(Failure::new(
            FailureClass::BadInput,
            what,
            "leave some for the next time, with --except",
        ));
    }
    if new.is_empty() {
        return Ok(0);
    }
    for found in &new {
        let Some(first) = found.credentials.first() else { continue };
        let value = document.value(first).map_err(ending::no_slot)?;
        let (handle, provider, kind) = (found.handle.clone(), found.provider.clone(), found.kind);
        let request = CliRequest::ImportAdd { handle, provider, kind };
        let CliAnswer::ImportNoted = keeper.ask(&request, Some(value))?.answer else {
            return Err(keeper::unexpected());
        };
    }
    let CliAnswer::Imported { secrets } = keeper.ask(&CliRequest::ImportDone, None)?.answer else {
        return Err(keeper::unexpected());
    };
    for found in new {
        if compared(keeper, document, found)? == Likeness::Different {
            let what =
                format!("the vault gives back something else for {}; the file is as it was", found.handle);
            return Err(Failure::new(
                FailureClass::Bug,
                what,
                format!("ugent secret remove {}", found.handle),
            ));
        }
    }
    Ok(secrets)
}

fn compared(keeper: &mut Keeper, document: &Document, found: &Move<'_>) -> Result<Likeness, Failure> {
    let Some(first) = found.credentials.first() else { return Err(keeper::unexpected()) };
    let value = document.value(first).map_err(ending::no_slot)?;
    let request = CliRequest::Compare { handle: found.handle.clone() };
    let CliAnswer::Compared(likeness) = keeper.ask(&request, Some(value))?.answer else {
        return Err(keeper::unexpected());
    };
    Ok(likeness)
}

fn taken(handle: &Handle, line: usize) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("{handle} has another value than line {line}; nothing was changed"),
        format!("give that one another name (--as {line}=@NAME), or leave it (--except {line})"),
    )
}
