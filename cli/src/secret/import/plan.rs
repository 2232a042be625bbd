//! What is to become of each variable of a `.env` file: shown before it is done. Names, lines and
//! guesses; it has no field a value would fit in.

use std::collections::BTreeMap;
use std::io::{self, Write};

use proto::failure::{Failure, FailureClass};
use proto::name::{Handle, Kind, ProviderId};

use super::guess;
use crate::hazmat::env_file::{EnvFile, Variable};
use crate::usage::wrong;

/// Which variables are meant.
pub(super) enum Choice<'a> {
    /// Those that look like secrets.
    Likely,
    /// All that have a value.
    All,
    /// These.
    Only(&'a [String]),
}

/// A variable that becomes a secret.
pub(super) struct Move<'a> {
    pub(super) variable: &'a Variable,
    pub(super) handle: Handle,
    pub(super) provider: ProviderId,
    pub(super) kind: Kind,
}

/// What is done, and what is left with the reason.
pub(super) struct Plan<'a> {
    pub(super) moves: Vec<Move<'a>>,
    pub(super) left: Vec<(&'a Variable, &'static str)>,
}

impl<'a> Plan<'a> {
    /// Makes it. No two variables may come to one handle.
    pub(super) fn of(file: &'a EnvFile, choice: &Choice<'_>, except: &[String]) -> Result<Self, Failure> {
        let named = match choice {
            Choice::Likely | Choice::All => &[][..],
            Choice::Only(names) => names,
        };
        for name in named.iter().chain(except) {
            if !file.variables().iter().any(|variable| variable.name == *name) {
                return Err(wrong(
                    "--only or --except names a variable that the file does not have",
                    "give the names as they stand before the =",
                ));
            }
        }
        let mut plan = Self { moves: Vec::new(), left: Vec::new() };
        let mut lines: BTreeMap<Handle, u32> = BTreeMap::new();
        for variable in file.variables() {
            if let Some(why) = why_left(file, variable, choice, except) {
                plan.left.push((variable, why));
                continue;
            }
            let handle = guess::handle(variable)?;
            if let Some(before) = lines.insert(handle.clone(), variable.line) {
                return Err(Failure::new(
                    FailureClass::BadInput,
                    format!(
                        "the names on lines {before} and {} both make {handle}; nothing was imported",
                        variable.line
                    ),
                    format!("leave one out: --except {}", variable.name),
                ));
            }
            let (provider, kind) = (guess::provider(file, variable)?, guess::kind(&variable.name));
            plan.moves.push(Move { variable, handle, provider, kind });
        }
        Ok(plan)
    }

    /// Refuses to go on where a handle is taken.
    pub(super) fn all_new(&self, known: &[Handle]) -> Result<(), Failure> {
        let taken: Vec<&Move<'_>> = self.moves.iter().filter(|found| known.contains(&found.handle)).collect();
        let Some(first) = taken.first() else { return Ok(()) };
        let others = match taken.len() {
            1 => String::new(),
            count => format!(", and {} others,", count - 1),
        };
        let except: Vec<_> = taken.iter().map(|found| format!("--except {}", found.variable.name)).collect();
        Err(Failure::new(
            FailureClass::BadInput,
            format!(
                "{} (line {}){others} exists already; nothing was imported",
                first.handle, first.variable.line
            ),
            format!("rotate it instead, or leave it out: {}", except.join(" ")),
        ))
    }

    /// Shows it.
    pub(super) fn show(&self, to: &mut impl Write) -> io::Result<()> {
        let width = |of: &dyn Fn(&Move<'_>) -> usize| self.moves.iter().map(of).max().unwrap_or(0);
        let names = width(&|found| found.variable.name.len());
        let handles = width(&|found| found.handle.to_string().len());
        for Move { variable, handle, provider, kind } in &self.moves {
            let (name, handle) = (&variable.name, handle.to_string());
            writeln!(to, "import  {name:names$}  -> {handle:handles$}  provider {provider}, kind {kind}")?;
        }
        for (variable, why) in &self.left {
            writeln!(to, "leave   {}  ({why})", variable.name)?;
        }
        Ok(())
    }
}

/// Why a variable stays as it is, if it does.
fn why_left(
    file: &EnvFile,
    variable: &Variable,
    choice: &Choice<'_>,
    except: &[String],
) -> Option<&'static str> {
    if except.contains(&variable.name) {
        return Some("--except");
    }
    if file.is_empty(variable) {
        return Some("it is empty");
    }
    if file.is_reference(variable) {
        return Some("it is a reference");
    }
    match choice {
        Choice::All => None,
        Choice::Only(names) => (!names.contains(&variable.name)).then_some("--only names others"),
        Choice::Likely => (!guess::is_secret(file, variable))
            .then_some("it does not look like a secret: --all takes it too"),
    }
}
