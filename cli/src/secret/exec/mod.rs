//! `ugent secret exec`: a program that needs values themselves gets them in its environment, and
//! nowhere else. Here is the order in which that happens; nothing is started before all is granted.

mod lent;
mod program;
mod supervise;
mod variables;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::name::{Consumer, Handle};

use crate::clock::span_ms;
use crate::ending::{Outcome, no_slot};
use crate::hazmat::block::{Block, Filled};
use crate::hazmat::input::to_the_end;
use crate::hazmat::mask::{Patterns, SHORTEST};
use crate::hazmat::start::Program;
use crate::secret::bad_name;
use crate::session::Session;
use crate::spawn::Heritage;
use crate::usage::wrong;
use lent::{Borrower, Value};
use supervise::Watch;
use variables::{Source, Variable};

/// Runs a program with values in its environment, and nowhere else
///
/// All values are judged before anything is started: with one refusal nothing is, the exit code is 77,
/// and the grant that would allow it is shown. The program's input, terminal, signals and exit code are
/// its own. Where stdout or stderr is not a terminal, values in what it writes there become stars, also in
/// base64 and as URLs have them. No UGENT_SECRETS_ variable reaches it. Programs of the same user can read
/// the environment of a program that runs.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  ugent secret exec --env OPENAI_API_KEY=@openai_api_key -- python3 job.py\n  \
                  ugent secret exec --env-file refs.env --timeout 10m -- make deploy\n  \
                  ugent secret exec --env KEY=@service_key --consumer ci --token-fd 3 3< token.txt -- ./run.sh"
)]
pub(crate) struct Exec {
    /// A variable and the secret whose value it is to have; may be given again
    #[arg(long, value_name = "VAR=@NAME")]
    env: Vec<String>,
    /// A file of VAR=@NAME and VAR=text lines; may be given again
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Who asks, as named in grants; another than cli or plugin:ID takes its token
    #[arg(long, value_name = "C")]
    consumer: Option<String>,
    /// Reads that consumer's token from this open descriptor
    #[arg(long, value_name = "N")]
    token_fd: Option<i32>,
    /// Ends the program after this time, as in 90s or 10m; the exit code is 124 then
    #[arg(long, value_name = "SPAN")]
    timeout: Option<String>,
    /// Lets the program gain no privilege by what it executes, setuid programs included
    #[arg(long)]
    no_new_privs: bool,
    /// Passes on what the program writes as it is
    #[arg(long)]
    no_mask: bool,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl Exec {
    pub(super) fn run(&self, session: &mut Session, heritage: &Heritage) -> Outcome {
        let timeout = self.timeout()?;
        let variables = variables::all(&self.env, &self.env_file)?;
        let found = program::find(&self.command, &variables)?;
        let borrower = self.borrower(session)?;
        let values = self.values(session, borrower, &variables)?;
        let block = Block::of(&filled(&variables, &values)).map_err(no_slot)?;
        let patterns = if self.is_masked() { Some(patterns(&values)?) } else { None };
        // From here on they are in the block, and in what is looked for.
        drop(values);
        let program = Program {
            path: found.path,
            arguments: found.arguments,
            plain: program::plain(&variables),
            block,
        };
        if self.no_new_privs {
            unix::surrender::new_privileges().map_err(|error| {
                Failure::new(
                    FailureClass::Config,
                    format!("--no-new-privs was refused: {error}"),
                    "leave it out",
                )
            })?;
        }
        let descriptors = self.descriptors(session, heritage);
        let patterns = patterns.filter(|patterns| !patterns.is_empty()).map(Arc::new);
        if patterns.is_none() && timeout.is_none() {
            return program::replace(&program, heritage.core, &descriptors);
        }
        supervise::run(program, Watch { patterns, timeout, core: heritage.core, descriptors })
    }

    fn timeout(&self) -> Result<Option<Duration>, Failure> {
        let Some(text) = &self.timeout else { return Ok(None) };
        match span_ms(text) {
            Some(ms) if ms > 0 => Ok(Some(Duration::from_millis(ms))),
            Some(_) | None => {
                Err(wrong("--timeout is no span of time, or none at all", "as in: --timeout 10m"))
            }
        }
    }

    fn borrower(&self, session: &Session) -> Result<Borrower, Failure> {
        let consumer = self.consumer.as_deref().map(Consumer::parse).transpose().map_err(bad_name)?;
        for (option, number) in
            [("--token-fd", self.token_fd == Some(0)), ("--passphrase-fd", session.passphrase.uses_stdin())]
        {
            if number {
                let what = format!("{option} 0 would take the program's stdin from it");
                return Err(wrong(what, format!("use another descriptor, as in: {option} 3 3< FILE")));
            }
        }
        let Some(number) = self.token_fd else {
            return Ok(Borrower { consumer: Some(consumer.unwrap_or_else(Consumer::cli)), token: None });
        };
        Ok(Borrower { consumer, token: Some(token(number)?) })
    }

    fn values(
        &self,
        session: &mut Session,
        borrower: Borrower,
        variables: &[Variable],
    ) -> Result<Vec<Value>, Failure> {
        let handles: BTreeSet<Handle> =
            variables.iter().filter_map(|one| one.source.handle().cloned()).collect();
        if handles.is_empty() {
            return Ok(Vec::new());
        }
        lent::borrow(session, borrower, handles.into_iter().collect())
    }

    /// Whether anything of ours has to stay between the program and its readers.
    fn is_masked(&self) -> bool {
        !(self.no_mask || stdout().is_terminal() && stderr().is_terminal())
    }

    /// What whoever started us has left open for the program: all but what was for us.
    fn descriptors(&self, session: &Session, heritage: &Heritage) -> Vec<i32> {
        let is_ours = |number: i32| self.token_fd == Some(number) || session.passphrase.named(number);
        heritage.descriptors.iter().copied().filter(|number| !is_ours(*number)).collect()
    }
}

/// Each variable that is to have a value, with it.
fn filled<'a>(variables: &'a [Variable], values: &'a [Value]) -> Vec<Filled<'a>> {
    let value_of = |handle: &Handle| values.iter().find(|one| one.handle == *handle).map(|one| &one.value);
    let of = |one: &'a Variable| {
        let value = one.source.handle().and_then(value_of)?;
        Some(Filled { name: &one.name, value })
    };
    variables.iter().filter_map(of).collect()
}

fn patterns(values: &[Value]) -> Result<Patterns, Failure> {
    for Value { handle, value } in values.iter().filter(|one| one.value.len() < SHORTEST) {
        let said =
            format!("warning: the value of {handle} has {} bytes, and is masked from 8 on", value.len());
        let _ = writeln!(stderr(), "{said}");
    }
    Patterns::of(&values.iter().map(|one| &one.value).collect::<Vec<_>>()).map_err(no_slot)
}

fn token(number: i32) -> Result<SecretBytes, Failure> {
    let Some(fd) = unix::passed::named(number) else {
        return Err(wrong(
            format!("--token-fd {number} is not an open descriptor"),
            format!("redirect one, as in: --token-fd {number} {number}< FILE"),
        ));
    };
    to_the_end(fd).map_err(|error| {
        let what = format!("the token on descriptor {number} {error}");
        Failure::new(FailureClass::BadInput, what, "give another, as in: --token-fd 3 3< FILE")
    })
}

impl Source {
    fn handle(&self) -> Option<&Handle> {
        match self {
            Self::Secret(handle) => Some(handle),
            Self::Plain(_) => None,
        }
    }
}
