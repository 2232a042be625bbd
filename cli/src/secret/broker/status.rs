//! `broker status`: what runs, where it listens, what holds it.

use std::io::{Write, stdout};

use clap::Args;
use proto::standing::{ChildKind, GrantsStanding, KeeperStanding, LauncherStanding, Phase};
use serde::Serialize;

use super::process::ProcessView;
use super::standing::standing;
use crate::clock;
use crate::ending::Outcome;
use crate::keeper;
use crate::render::{self, Form, JsonOption, or_dash};
use crate::session::Session;
use crate::system::Mode;
use crate::typed;

/// Shows whether the broker runs, and what holds its processes
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret broker status --json")]
pub(crate) struct Status {
    #[command(flatten)]
    json: JsonOption,
}

#[derive(Serialize)]
struct StatusView {
    pid: u32,
    state: &'static str,
    started: String,
    uptime_secs: u64,
    tcp: Option<String>,
    sockets: Vec<String>,
    backend: Option<&'static str>,
    locked: bool,
    secrets: u32,
    grants: GrantsView,
    providers_refused: Option<String>,
    journal_broken: Option<String>,
    processes: Vec<ProcessView>,
    /// It serves, but no egressd lives: requests wait for the next.
    egress_restarting: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum GrantsView {
    Loaded(u32),
    Missing,
    Refused(String),
}

impl Status {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let mut keeper = keeper::require_broker(session)?;
        let (launcher, keeper_standing) = standing(&mut keeper)?;
        let view = StatusView::of(launcher, keeper_standing, session.home.mode());
        let mut out = stdout().lock();
        match self.json.form() {
            Form::Json => render::json(&mut out, &view)?,
            Form::Table | Form::Plain => view.lines(&mut out)?,
        }
        Ok(())
    }
}

impl StatusView {
    fn of(launcher: LauncherStanding, keeper: KeeperStanding, mode: Mode) -> Self {
        let worded = |why: String| typed::text(mode, &why);
        Self {
            pid: launcher.pid,
            state: launcher.phase.as_str(),
            started: clock::seconds(launcher.started),
            uptime_secs: clock::now().0.saturating_sub(launcher.started.0) / 1000,
            tcp: launcher.tcp,
            sockets: launcher.sockets,
            backend: keeper.backend.map(|backend| backend.as_str()),
            locked: keeper.locked,
            secrets: keeper.secrets,
            grants: match keeper.grants {
                GrantsStanding::Loaded(count) => GrantsView::Loaded(count),
                GrantsStanding::Missing => GrantsView::Missing,
                GrantsStanding::Refused(why) => GrantsView::Refused(worded(why)),
            },
            providers_refused: keeper.providers_refused.map(worded),
            journal_broken: keeper.journal_broken.map(worded),
            egress_restarting: launcher.phase == Phase::Serving
                && launcher.children.iter().all(|child| child.kind != ChildKind::Egressd),
            processes: ProcessView::all(launcher.pid, &launcher.children),
        }
    }

    fn lines(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(out, "pid: {}", self.pid)?;
        writeln!(out, "state: {}", self.state)?;
        writeln!(out, "started: {}", self.started)?;
        writeln!(out, "uptime: {}", clock::span(self.uptime_secs * 1000))?;
        writeln!(out, "url: {}", or_dash(self.tcp.as_ref().map(|address| format!("http://{address}"))))?;
        for socket in &self.sockets {
            writeln!(out, "socket: {socket}")?;
        }
        writeln!(out, "backend: {}", or_dash(self.backend))?;
        writeln!(out, "locked: {}", if self.locked { "yes" } else { "no" })?;
        writeln!(out, "secrets: {}", self.secrets)?;
        match &self.grants {
            GrantsView::Loaded(count) => writeln!(out, "grants: {count} in force")?,
            GrantsView::Missing => writeln!(out, "grants: no file, so everything is denied")?,
            GrantsView::Refused(why) => writeln!(out, "grants: refused, so everything is denied: {why}")?,
        }
        if let Some(why) = &self.providers_refused {
            writeln!(out, "providers: refused, the built-in ones go on: {why}")?;
        }
        if let Some(why) = &self.journal_broken {
            writeln!(out, "journal: nothing can be recorded, so nothing is released: {why}")?;
        }
        for process in &self.processes {
            process.lines(out)?;
        }
        if self.egress_restarting {
            writeln!(out, "{}: restarting", ChildKind::Egressd)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(phase: Phase) -> String {
        let launcher = LauncherStanding {
            pid: 1,
            started: proto::meta::Timestamp(0),
            phase,
            tcp: None,
            sockets: Vec::new(),
            children: Vec::new(),
        };
        let keeper = KeeperStanding {
            home: String::new(),
            backend: None,
            locked: true,
            secrets: 0,
            grants: GrantsStanding::Missing,
            providers_refused: None,
            journal_broken: None,
        };
        let mut out = Vec::new();
        StatusView::of(launcher, keeper, Mode::OneUser).lines(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_egressd_that_is_missing_is_only_missed_while_the_broker_serves() {
        assert!(lines(Phase::Serving).contains("state: serving\n"));
        assert!(lines(Phase::Serving).ends_with("egressd: restarting\n"));
        assert!(!lines(Phase::Ending).contains("restarting"));
        assert!(!lines(Phase::Starting).contains("restarting"));
    }
}
