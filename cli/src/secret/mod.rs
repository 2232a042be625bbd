//! `ugent secret …`: one file a command.

mod add;
mod approve;
mod audit;
mod backend;
mod backup;
mod broker;
mod completions;
mod config;
mod deny;
mod doctor;
mod exec;
mod expires;
mod expiry;
mod grant;
mod import;
mod init;
mod inspect;
mod lease;
mod list;
mod lock;
mod man;
mod meta_view;
mod migrate;
mod plugin;
mod provider;
mod rekey;
mod remove;
mod restore;
mod rollback;
mod rotate;
mod setup;
mod suggestion;
mod token;
mod tour;
mod unlock;
mod value;

use clap::{Args, Parser, Subcommand};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::{NoSlot, SecretBytes};
use proto::name::{Handle, NameError};

pub use self::audit::{EXPORT_ALLOWED, EXPORT_ROWS, confine_export};
use crate::ending::{Halt, Outcome};
use crate::hazmat::passphrase::Sources;
use crate::session::Session;
use crate::system::Mode;
use crate::{spawn, typed, usage};

/// UGENT on the command line.
#[derive(Parser)]
#[command(name = "ugent", version, arg_required_else_help = true, subcommand_required = true)]
pub(crate) struct Ugent {
    #[command(subcommand)]
    area: Area,
}

#[derive(Subcommand)]
enum Area {
    /// Keeps API keys, and lends them to programs without showing them
    Secret(Secret),
}

#[derive(Args)]
#[command(
    after_help = "Without a command: how this home stands, and what to do next.\n\nFirst steps:\n  ugent secret init\n  \
                  ugent secret add @openai_api_key --provider openai --stdin\n  ugent secret broker start"
)]
struct Secret {
    /// Reads the vault's passphrase from this open descriptor
    #[arg(long, global = true, value_name = "N")]
    passphrase_fd: Option<i32>,
    /// Means the machine's broker, of three users, instead of your own
    #[arg(long, global = true)]
    system: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    Setup(setup::Setup),
    Init(init::Init),
    Add(add::Add),
    Rotate(rotate::Rotate),
    Rollback(rollback::Rollback),
    List(list::List),
    Inspect(inspect::Inspect),
    Remove(remove::Remove),
    Exec(exec::Exec),
    Plugin(plugin::Plugin),
    Config(config::Config),
    Grant(grant::Grant),
    Provider(provider::Provider),
    Token(token::Token),
    Lease(lease::Lease),
    Approve(approve::Approve),
    Deny(deny::Deny),
    Audit(audit::Audit),
    Unlock(unlock::Unlock),
    Lock(lock::Lock),
    Rekey(rekey::Rekey),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Import(import::Import),
    Migrate(migrate::Migrate),
    Broker(broker::Broker),
    Doctor(doctor::Doctor),
    Man(man::Man),
    Completions(completions::Completions),
}

impl Verb {
    const fn word(&self) -> &'static str {
        match self {
            Self::Setup(_) => "setup",
            Self::Init(_) => "init",
            Self::Add(_) => "add",
            Self::Rotate(_) => "rotate",
            Self::Rollback(_) => "rollback",
            Self::List(_) => "list",
            Self::Inspect(_) => "inspect",
            Self::Remove(_) => "remove",
            Self::Exec(_) => "exec",
            Self::Plugin(_) => "plugin",
            Self::Config(_) => "config",
            Self::Grant(_) => "grant",
            Self::Provider(_) => "provider",
            Self::Token(_) => "token",
            Self::Lease(_) => "lease",
            Self::Approve(_) => "approve",
            Self::Deny(_) => "deny",
            Self::Audit(_) => "audit",
            Self::Unlock(_) => "unlock",
            Self::Lock(_) => "lock",
            Self::Rekey(_) => "rekey",
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::Import(_) => "import",
            Self::Migrate(_) => "migrate",
            Self::Broker(_) => "broker",
            Self::Doctor(_) => "doctor",
            Self::Man(_) => "man",
            Self::Completions(_) => "completions",
        }
    }
}

/// Stands for the help of whatever command it is that fails.
const HELP: &str = "ugent secret --help";

/// The longest word that is taken for a name whose `@` was forgotten, and repeated: keys are longer.
const FORGOTTEN_MAX: usize = 20;

/// The program, but for its exit code.
pub(crate) fn main(passphrase: Result<Option<SecretBytes>, NoSlot>) -> Outcome {
    let Ugent { area: Area::Secret(secret) } = usage::parse()?;
    if let Some(Verb::Audit(audit)) = &secret.verb
        && audit.is_export()
    {
        // As the daemons: it settles in by itself, in an order of its own.
        return audit.run_export();
    }
    let sources = Sources::new(secret.passphrase_fd, passphrase);
    let mode = if secret.system { Mode::System } else { Mode::OneUser };
    let word = secret.verb.as_ref().map_or("", Verb::word);
    let done = match secret.verb {
        Some(verb) => run(verb, mode, sources),
        None => spawn::settle_in().map_err(Halt::from).and_then(|()| tour::run(mode, sources)),
    };
    done.map_err(|halt| match halt {
        Halt::Failed(failure) if failure.hint == HELP => {
            Halt::Failed(Failure { hint: format!("ugent secret {word} --help"), ..failure })
        }
        other @ (Halt::Failed(_) | Halt::PipeClosed | Halt::Said(_)) => typed::halt(mode, other),
    })
}

fn run(verb: Verb, mode: Mode, sources: Sources) -> Outcome {
    if let Verb::Exec(exec) = verb {
        // What this process gives up for good, the program in its place would miss.
        let heritage = spawn::settle_in_for_another()?;
        return exec.run(&mut Session::open(mode, sources)?, &heritage);
    }
    if let Verb::Plugin(plugin) = verb {
        let heritage = spawn::settle_in_for_another()?;
        return plugin.run(mode, sources, &heritage);
    }
    spawn::settle_in()?;
    match verb {
        Verb::Exec(_) | Verb::Plugin(_) => Ok(()),
        // Makes the home that the others find.
        Verb::Setup(setup) => setup.run(mode, sources),
        Verb::Init(init) => init.run(mode, sources),
        // Says what is wrong with the home and its settings, instead of ending there.
        Verb::Doctor(doctor) => doctor.run(mode, sources),
        // Of the program, and of no home.
        Verb::Man(man) => man.run(),
        Verb::Completions(completions) => completions.run(),
        Verb::Add(add) => add.run(&mut Session::open(mode, sources)?),
        Verb::Rotate(rotate) => rotate.run(&mut Session::open(mode, sources)?),
        Verb::Rollback(rollback) => rollback.run(&mut Session::open(mode, sources)?),
        Verb::List(list) => list.run(&Session::open(mode, sources)?),
        Verb::Inspect(inspect) => inspect.run(&Session::open(mode, sources)?),
        Verb::Remove(remove) => remove.run(&mut Session::open(mode, sources)?),
        Verb::Config(config) => config.run(&mut Session::open(mode, sources)?),
        Verb::Grant(grant) => grant.run(&Session::open(mode, sources)?),
        Verb::Provider(provider) => provider.run(&Session::open(mode, sources)?),
        Verb::Token(token) => token.run(&mut Session::open(mode, sources)?),
        Verb::Approve(approve) => approve.run(&mut Session::open(mode, sources)?),
        Verb::Deny(deny) => deny.run(&Session::open(mode, sources)?),
        Verb::Lease(lease) => lease.run(&mut Session::open(mode, sources)?),
        Verb::Audit(audit) => audit.run(&mut Session::open(mode, sources)?),
        Verb::Unlock(unlock) => unlock.run(&mut Session::open(mode, sources)?),
        Verb::Lock(lock) => lock.run(&Session::open(mode, sources)?),
        Verb::Rekey(rekey) => rekey.run(&mut Session::open(mode, sources)?),
        Verb::Backup(backup) => backup.run(&mut Session::open(mode, sources)?),
        Verb::Restore(restore) => restore.run(mode, sources),
        Verb::Import(import) => import.run(&mut Session::open(mode, sources)?),
        Verb::Migrate(migrate) => migrate.run(&mut Session::open(mode, sources)?),
        Verb::Broker(broker) => broker.run(&mut Session::open(mode, sources)?),
    }
}

/// A handle as typed; what was typed is not repeated, unless it only lacks its `@` and is too short
/// for a key.
fn handle(text: &str) -> Result<Handle, Failure> {
    Handle::parse(text).map_err(|error| {
        let failure = bad_name(error);
        match Handle::parse(&format!("@{text}")) {
            Ok(meant) if text.len() < FORGOTTEN_MAX => {
                Failure { hint: format!("did you mean {meant}?"), ..failure }
            }
            Ok(_) | Err(_) => failure,
        }
    })
}

/// A name that is none, as an error for a person.
fn bad_name(error: NameError) -> Failure {
    Failure::new(FailureClass::BadInput, format!("the {} on the command line is {error}", error.what), HELP)
}
