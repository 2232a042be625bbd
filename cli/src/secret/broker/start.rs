//! `broker start`: the launcher in the background, and back once it serves.

use std::io::{Write, stdout};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use proto::failure::{Failure, FailureClass};

use super::broker_log::BrokerLog;
use super::probe;
use super::standing::standing;
use crate::addresses::{self, Keys};
use crate::ending::{Halt, Outcome};
use crate::hazmat::handover;
use crate::keeper::{self, Keeper};
use crate::pause::pause;
use crate::session::Session;
use crate::spawn::sibling;

/// How long a broker may take until it serves.
const STARTING: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// What of our environment the launcher gets; the rest is none of its business.
const ENVIRONMENT: [&str; 6] =
    ["UGENT_LOG", "UGENT_SECRETS_BACKEND", "PATH", "HOME", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY"];

/// Starts the broker in the background, and returns once it serves
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret broker start --listen 127.0.0.1:18443")]
pub(crate) struct Start {
    /// Stays in the foreground
    #[arg(long)]
    foreground: bool,
    #[command(flatten)]
    options: crate::launch::Options,
}

impl Start {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let options = self.options.settle(&session.settings, &session.home)?;
        keeper::check_set_up(session)?;
        if let Some(mut keeper) = keeper::reach_broker(session)? {
            return print(session, &mut keeper, "a broker is running already");
        }
        let passphrase = session.passphrase.for_broker(&session.home)?;
        let mut launcher = Command::new(sibling("secret-broker")?);
        launcher.args(options.as_arguments()).env_clear();
        launcher.envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        launcher.env("UGENT_HOME", session.home.path());
        let probed = if passphrase.is_some() { "/readyz" } else { "/healthz" };
        match passphrase {
            Some(passphrase) => {
                let pipe = handover::pipe(passphrase).map_err(|error| {
                    Failure::new(
                        FailureClass::Io,
                        format!("the passphrase could not be handed on: {error}"),
                        "",
                    )
                })?;
                launcher.stdin(pipe).args(["--passphrase-fd", "0"]);
            }
            None => {
                launcher.stdin(Stdio::null());
            }
        }
        if self.foreground {
            // From here on we are the launcher.
            return Err(could_not_start(&launcher.exec()).into());
        }
        in_background(session, launcher, &options.first_socket(&session.home), probed)
    }
}

/// Starts the launcher and waits until `GET path` over that socket is answered with 200.
fn in_background(session: &Session, mut launcher: Command, socket: &Path, path: &str) -> Outcome {
    let mut log = BrokerLog::open(&session.home.broker_log())?;
    let output = || log.file.try_clone().map(Stdio::from).map_err(|error| could_not_start(&error));
    launcher.arg("--detached").current_dir("/").stdout(output()?).stderr(output()?);
    let mut process = launcher.spawn().map_err(|error| could_not_start(&error))?;
    drop(launcher);
    let log_path = session.home.broker_log();
    let deadline = Instant::now() + STARTING;
    while !probe::over_socket(socket, path) {
        if let Ok(Some(status)) = process.try_wait() {
            return Err(ended_early(status, &mut log, &log_path));
        }
        if Instant::now() >= deadline {
            return Err(Failure::new(
                FailureClass::TryAgain,
                format!(
                    "the broker (pid {}) does not serve after {} seconds",
                    process.id(),
                    STARTING.as_secs()
                ),
                format!("read {}; ugent secret broker stop", log_path.display()),
            )
            .into());
        }
        pause(PAUSE);
    }
    print(session, &mut keeper::require_broker(session)?, "the broker is running")
}

/// Says what the launcher has said, and ends as it did.
fn ended_early(status: ExitStatus, log: &mut BrokerLog, path: &Path) -> Halt {
    let said = log.last_words();
    if said.is_empty() {
        let what = format!("the broker ended at its start ({status})");
        return Failure::new(FailureClass::Bug, what, format!("read {}", path.display())).into();
    }
    let _ = writeln!(std::io::stderr(), "{said}");
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Halt::Said(code.unwrap_or(FailureClass::Bug.exit_code()))
}

fn print(session: &Session, keeper: &mut Keeper, headline: &str) -> Outcome {
    let (launcher, standing) = standing(keeper)?;
    let mut out = stdout().lock();
    writeln!(out, "{headline} (pid {})", launcher.pid)?;
    addresses::print(&mut out, &session.home, &launcher, Keys::from_locked(standing.locked))?;
    Ok(())
}

fn could_not_start(error: &std::io::Error) -> Failure {
    Failure::new(FailureClass::Io, format!("secret-broker could not be started: {error}"), "")
}
