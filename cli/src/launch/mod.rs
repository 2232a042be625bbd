//! `secret-broker`: binds the listeners, starts the daemons, hands on descriptors and the
//! passphrase, and sees to it that they live. It holds no key, decides nothing about values, and
//! speaks to nobody but its children.

mod activation;
mod broker;
mod broker_deaths;
mod broker_reports;
mod child;
mod confine;
mod egress;
mod exports;
mod keychain;
mod listeners;
mod lock;
mod log_lines;
mod mutter;
mod notify;
mod options;
mod outlet;
mod respawn;
mod signals;
mod transports;

use clap::Parser;
use proto::control_lane::LogLevel;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::{NoSlot, SecretBytes};

pub use confine::{ALLOWED, ALLOWED_TO_SYSTEM};
pub(crate) use lock::holder;
pub(crate) use options::{Options, Places};

use crate::ending::Outcome;
use crate::hazmat::passphrase::Sources;
use crate::home::{Found, Home};
use crate::log_filter::LogFilter;
use crate::settings::Settings;
use crate::system::{self, Mode};
use crate::{spawn, typed, usage};

/// The broker in the foreground, for a service manager or a terminal
#[derive(Parser)]
#[command(name = "secret-broker", version, after_help = "Example:\n  secret-broker --listen 127.0.0.1:18443")]
pub(crate) struct SecretBroker {
    #[command(flatten)]
    options: Options,
    /// Reads the vault's passphrase from this open descriptor
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<i32>,
    /// Serves the whole machine, as three users; takes root
    #[arg(long)]
    system: bool,
    /// Leaves the session of the terminal it was started from
    #[arg(long, hide = true)]
    detached: bool,
}

/// The program, but for its exit code.
pub(crate) fn main(passphrase: Result<Option<SecretBytes>, NoSlot>) -> Outcome {
    let given: SecretBroker = usage::parse()?;
    let passed_on = activation::listener()?;
    spawn::settle_in()?;
    if given.detached {
        // Fails only for the leader of a group, which has no terminal to lose then.
        let _ = nix::unistd::setsid();
    }
    let mode = if given.system { Mode::System } else { Mode::OneUser };
    serve(given, mode, passphrase, passed_on).map_err(|halt| typed::halt(mode, halt))
}

/// What the launcher gives up before its first child, in its order. For the tests, which then try to
/// get out.
///
/// # Errors
/// [`Failure`]: the process must end.
pub fn confine_launcher(mode: Mode) -> Result<(), Failure> {
    spawn::settle_in()?;
    confine::confine(mode).map(drop)
}

/// From a home to the end of its broker.
fn serve(
    given: SecretBroker,
    mode: Mode,
    passphrase: Result<Option<SecretBytes>, NoSlot>,
    passed_on: Option<activation::PassedOn>,
) -> Outcome {
    let home = Home::locate(mode)?;
    if home.system().is_some() && !system::is_root() {
        return Err(system::takes_root("secret-broker").into());
    }
    match home.check()? {
        Found::Secrets => {}
        Found::Nothing => {
            let what = format!("{} is not set up", home.secrets().display());
            return Err(Failure::new(FailureClass::Config, what, "ugent secret init").into());
        }
    }
    let settings = Settings::load(&home)?;
    let options = given.options.settle(&settings, &home)?;
    let lock = lock::take(&home)?;
    let passphrase = Sources::new(given.passphrase_fd, passphrase).for_broker(&home)?;
    let listeners = listeners::Listeners::bind(&home, &options, passed_on)?;
    let signals = signals::Signals::hold_back()?;
    let log = log_lines::Log::new(LogFilter::from_environment(LogLevel::Info));
    let broker = broker::Broker::new(home, &settings, log, listeners);
    let confined = confine::confine(mode)?;
    let outcome = broker.run(passphrase, &signals, &confined);
    // One broker a home until its last file is gone.
    drop(lock);
    outcome
}
