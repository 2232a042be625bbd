//! `broker start`: the launcher in the background, and back once it serves.

use std::io::{Write, stdout};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use proto::cli_lane::CliRequest;
use proto::failure::{Failure, FailureClass};
use proto::standing::{KeeperStanding, LauncherStanding, Phase};

use super::broker_log::BrokerLog;
use super::gone::wait_until_gone;
use super::probe;
use super::standing::standing;
use crate::addresses::{self, Keys};
use crate::ending::{Halt, Outcome};
use crate::hazmat::handover;
use crate::keeper;
use crate::launch::Places;
use crate::pause::pause;
use crate::progress::Progress;
use crate::session::Session;
use crate::spawn::sibling;
use crate::system;

/// How long a broker may take until it serves.
const STARTING: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// What of our environment the launcher gets; the rest is none of its business.
const ENVIRONMENT: [&str; 9] = [
    "UGENT_LOG",
    "UGENT_SECRETS_BACKEND",
    "PATH",
    "HOME",
    "NOTIFY_SOCKET",
    "CREDENTIALS_DIRECTORY",
    "UGENT_RUN",
    // Where the session's bus is, which the keychain is on.
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
];

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
    /// Without options.
    pub(super) fn plain() -> Self {
        Self { foreground: false, options: crate::launch::Options::default() }
    }

    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        if session.home.system().is_some() && !system::is_root() {
            return Err(system::takes_root("broker start").into());
        }
        let options = self.options.settle(&session.settings, &session.home)?;
        keeper::check_set_up(session)?;
        if let Some((launcher, standing)) = running(session)? {
            return self.runs_already(session, &options, &launcher, &standing);
        }
        let passphrase = session.passphrase.for_broker(&session.home)?;
        let mut launcher = Command::new(sibling("secret-broker")?);
        launcher.args(options.as_arguments(&session.home)).env_clear();
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

    /// Says where the broker that runs is reached, unless it was to be another.
    fn runs_already(
        &self,
        session: &Session,
        options: &Places,
        launcher: &LauncherStanding,
        standing: &KeeperStanding,
    ) -> Outcome {
        let unmet = self.options.unmet(options, launcher, &session.home);
        if !unmet.is_empty() {
            let pid = launcher.pid;
            return Err(Failure::new(
                FailureClass::TryAgain,
                format!("the broker (pid {pid}) runs already with other options: {}", unmet.join("; ")),
                "ugent secret broker stop; then start it again with these options",
            )
            .into());
        }
        print(session, launcher, standing, "a broker is running already")?;
        if !options.are_served(launcher, &session.home) {
            let _ = writeln!(std::io::stderr(), "note: this workspace has no socket of its own");
        }
        Ok(())
    }
}

/// The broker that runs, if one does and goes on. One that is ending is waited for.
fn running(session: &Session) -> Result<Option<(LauncherStanding, KeeperStanding)>, Failure> {
    let Some(mut keeper) = keeper::reach_broker(session)? else {
        return Ok(None);
    };
    let (launcher, standing) = standing(&mut keeper)?;
    match launcher.phase {
        Phase::Starting | Phase::Serving => return Ok(Some((launcher, standing))),
        Phase::Ending => {}
    }
    let process = unix::passed::process(launcher.pid);
    keeper.end()?;
    if let Ok(process) = process {
        let why = format!("waiting for the broker that is ending (pid {})", launcher.pid);
        wait_until_gone(&process, launcher.pid, &why)?;
    }
    Ok(None)
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
    let progress = Progress::of("starting the broker");
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
    drop(progress);
    if session.home.is_in_keychain() {
        open_keychain(session);
    }
    let (launcher, standing) = standing(&mut keeper::require_broker(session)?)?;
    print(session, &launcher, &standing, "the broker is running")
}

/// At once, while somebody is there who can be asked. Where it does not open, the broker serves all the
/// same, and tries again when a value is wanted.
fn open_keychain(session: &Session) {
    let opened = keeper::require_broker(session)
        .and_then(|mut keeper| keeper.ask_patiently(&CliRequest::Unlock, None).map(drop));
    if let Err(failure) = opened {
        let _ = writeln!(std::io::stderr(), "warning: {}\nhint: {}", failure.what, failure.hint);
    }
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

fn print(
    session: &Session,
    launcher: &LauncherStanding,
    standing: &KeeperStanding,
    headline: &str,
) -> Outcome {
    let mut out = stdout().lock();
    writeln!(out, "{headline} (pid {})", launcher.pid)?;
    addresses::print(&mut out, &session.home, launcher, Keys::from_locked(standing.locked))?;
    Ok(())
}

fn could_not_start(error: &std::io::Error) -> Failure {
    Failure::new(FailureClass::Io, format!("secret-broker could not be started: {error}"), "")
}
