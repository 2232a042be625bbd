//! `ugent secret doctor`: every check an operator would make by hand, each with what mends it.
//!
//! Each file looks at one area and judges it, looking apart from judging. Changes nothing but with `--fix`, asks for
//! no passphrase, opens no connection but to the broker of this home.

mod broker;
mod environment;
mod expected;
mod files;
mod finding;
mod grants;
mod journal;
mod kernel;
mod keychain;
mod memory;
mod processes;
mod secrets;
mod visit;

use std::io::{BufWriter, Write, stdout};

use clap::Args;
use proto::cli_lane::OrphanFix;
use proto::control_lane::LogLevel;
use proto::failure::FailureClass;
use proto::standing::{Confinement, Strictness};

use self::expected::Layout;
use self::files::Ground;
use self::finding::{Finding, Level, Report};
use self::visit::Visit;
use crate::clock;
use crate::ending::{Halt, Outcome};
use crate::hazmat::environment as environment_block;
use crate::hazmat::passphrase::Sources;
use crate::home::Home;
use crate::log_filter::LogFilter;
use crate::paint::Paint;
use crate::render::{self, Form, JsonOption};
use crate::session::Session;
use crate::settings::Settings;
use crate::system::{Mode, is_root};

/// Checks this home, this machine and the running broker, and says what mends what is wrong
#[derive(Args)]
#[command(after_help = "Ends with 78 if a check fails; warnings alone end with 0.\n\n\
                        Example:\n  ugent secret doctor --json")]
pub(crate) struct Doctor {
    /// Removes items from the keychain that no secret needs
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    json: JsonOption,
}

impl Doctor {
    pub(super) fn run(&self, mode: Mode, sources: Sources) -> Outcome {
        let fix = if self.fix { OrphanFix::Remove } else { OrphanFix::Look };
        let report =
            Report::of(examine(mode, sources, fix).into_iter().map(|finding| finding.typed(mode)).collect());
        let mut out = BufWriter::new(stdout().lock());
        match self.json.form() {
            Form::Json => render::json(&mut out, &report)?,
            Form::Table | Form::Plain => report.lines(Paint::of(&stdout()), &mut out)?,
        }
        out.flush()?;
        if report.has_failures() { Err(Halt::Said(FailureClass::Config.exit_code())) } else { Ok(()) }
    }
}

fn examine(mode: Mode, sources: Sources, fix: OrphanFix) -> Vec<Finding> {
    let around = environment::judge(&sources, &environment_block::held());
    let offered = kernel::look();
    let memory = memory::look();
    let (mut findings, told) = match Home::locate(mode) {
        Ok(home) => examine_home(home, sources, fix),
        Err(failure) => (vec![Finding::failure("home", failure)], Told::default()),
    };
    findings.extend(kernel::judge(&offered, told.confinement.as_ref(), told.strictness));
    findings.extend(memory::judge(&memory));
    findings.extend(around);
    findings
}

/// What the home says about how the kernel is to be judged.
struct Told {
    strictness: Strictness,
    /// What holds a keeper, if one answers.
    confinement: Option<Confinement>,
}

impl Default for Told {
    fn default() -> Self {
        Self { strictness: Settings::unset().strictness, confinement: None }
    }
}

fn examine_home(home: Home, sources: Sources, fix: OrphanFix) -> (Vec<Finding>, Told) {
    let (ground, mut findings) = files::examine(&home);
    if ground == Ground::Unfit {
        findings.push(unvisited());
        return (findings, Told::default());
    }
    let settings = match Settings::load(&home) {
        Ok(settings) => {
            findings.push(Finding::ok("settings", said(&home, &settings)));
            settings
        }
        Err(failure) => {
            findings.push(Finding::failure("settings", failure));
            Settings::unset()
        }
    };
    let secrets = home.secrets();
    findings.push(journal::judge_room(&secrets, journal::room(&secrets)));
    findings.push(users(&home));
    let strictness = settings.strictness;
    let log = LogFilter::from_environment(LogLevel::Warn);
    let session = Session { home, settings, passphrase: sources, log };
    let confinement = match visit::visit(&session, fix) {
        Ok(visit) => {
            let confinement = visit.confinement.clone();
            findings.extend(judge_visit(&session, visit));
            confinement
        }
        Err(failure) => {
            let is_said = |finding: &Finding| {
                finding.level == Level::Fail && finding.mend.as_ref() == Some(&failure.hint)
            };
            let said = findings.iter().any(is_said);
            findings.push(if said { unvisited() } else { Finding::failure("keeper", failure) });
            None
        }
    };
    (findings, Told { strictness, confinement })
}

/// What no keeper could be asked for, for a reason that was said.
fn unvisited() -> Finding {
    let what = "vault, grants and journal were not looked at";
    Finding::warn("keeper", what, "mend the failures above, and look again")
}

fn said(home: &Home, settings: &Settings) -> String {
    let tokenless = match (home.system(), settings.peers.len()) {
        (Some(_), _) if !is_root() => {
            return "settings are root's to read, and were not looked at".to_owned();
        }
        (Some(_), 0) => "needs a token".to_owned(),
        (Some(_), uids) => format!("needs a token but from the uids in consumers ({uids})"),
        (None, _) if settings.tokenless => "needs no token".to_owned(),
        (None, _) => "needs a token".to_owned(),
    };
    format!("settings are understood: confinement {}, the Unix socket {tokenless}", settings.strictness)
}

fn judge_visit(session: &Session, visit: Visit) -> Vec<Finding> {
    let Visit {
        whose,
        standing,
        header,
        secrets,
        without_secret,
        ends,
        newest,
        orphans,
        processes,
        confinement: _,
    } = visit;
    let mut findings = broker::judge(&session.home, &whose, &standing, header);
    let ours = unix::namespaces::ours();
    let layout = layout(&session.home);
    let strictness = session.settings.strictness;
    findings
        .extend(processes.iter().map(|seen| seen.judge(&layout.expected(seen.process()), &ours, strictness)));
    findings.extend(grants::judge(&session.home, &standing, &secrets, &without_secret));
    findings.extend(orphans.map(keychain::judge));
    findings.push(secrets::judge(&ends, clock::now()));
    findings.extend(journal::judge(standing.journal_broken.as_deref(), newest, clock::now()));
    findings
}

/// Who the processes of this home run as.
fn layout(home: &Home) -> Layout {
    match home.system() {
        None => Layout::OneUser(nix::unistd::geteuid().as_raw()),
        Some(system) => Layout::System { keeper: system.keeper, egress: system.egress },
    }
}

fn users(home: &Home) -> Finding {
    const ID: &str = "users";
    match layout(home) {
        Layout::OneUser(0) => Finding::warn(
            ID,
            "everything runs as root: each process has uid 0, though the daemons keep no capability",
            "run the broker as an ordinary user of its own, or with --system as three users",
        ),
        Layout::OneUser(uid) => Finding::ok(ID, format!("all processes run as uid {uid}")),
        Layout::System { keeper, egress } => Finding::ok(
            ID,
            format!(
                "keeperd runs as uid {}, egressd as uid {}, their launcher as root",
                keeper.uid, egress.uid
            ),
        ),
    }
}
