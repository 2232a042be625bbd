//! `broker status`: what runs, where it listens, what holds it.

use std::io::{Write, stdout};

use clap::Args;
use proto::standing::{ChildKind, ChildStanding, GrantsStanding, KeeperStanding, LauncherStanding, Phase};
use serde::Serialize;

use super::standing::standing;
use crate::clock;
use crate::ending::Outcome;
use crate::keeper;
use crate::render::{self, Form, JsonOption, or_dash};
use crate::session::Session;

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

#[derive(Serialize)]
struct ProcessView {
    name: &'static str,
    pid: u32,
    generation: u32,
    layers: Vec<&'static str>,
    /// As /proc/PID/status has it: 0 none, 2 filter.
    seccomp: Option<u32>,
    no_new_privs: Option<u32>,
}

impl Status {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let mut keeper = keeper::require_broker(session)?;
        let (launcher, keeper_standing) = standing(&mut keeper)?;
        let view = StatusView::of(launcher, keeper_standing);
        let mut out = stdout().lock();
        match self.json.form() {
            Form::Json => render::json(&mut out, &view)?,
            Form::Table | Form::Plain => view.lines(&mut out)?,
        }
        Ok(())
    }
}

impl StatusView {
    fn of(launcher: LauncherStanding, keeper: KeeperStanding) -> Self {
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
                GrantsStanding::Refused(why) => GrantsView::Refused(why),
            },
            providers_refused: keeper.providers_refused,
            journal_broken: keeper.journal_broken,
            egress_restarting: launcher.phase == Phase::Serving
                && launcher.children.iter().all(|child| child.kind != ChildKind::Egressd),
            processes: launcher.children.iter().map(ProcessView::of).collect(),
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
            process.line(out)?;
        }
        if self.egress_restarting {
            writeln!(out, "{}: restarting", ChildKind::Egressd)?;
        }
        Ok(())
    }
}

impl ProcessView {
    fn of(child: &ChildStanding) -> Self {
        let kernel = std::fs::read_to_string(format!("/proc/{}/status", child.pid));
        let kernel = kernel.ok().filter(|status| !is_dead(status)).unwrap_or_default();
        Self {
            name: child.kind.as_str(),
            pid: child.pid,
            generation: child.generation,
            layers: child.layers.iter().map(|layer| layer.as_str()).collect(),
            seccomp: number(&kernel, "Seccomp:"),
            no_new_privs: number(&kernel, "NoNewPrivs:"),
        }
    }

    fn line(&self, out: &mut impl Write) -> std::io::Result<()> {
        write!(out, "{}: pid {}, generation {}", self.name, self.pid, self.generation)?;
        match (self.seccomp, self.no_new_privs) {
            (None, None) => writeln!(out, ", has ended"),
            // It holds nothing and serves nobody before it is confined.
            (_, _) if self.layers.is_empty() => writeln!(out, ", starting"),
            (seccomp, set) => {
                let (layers, seccomp, set) = (self.layers.join(" "), or_dash(seccomp), or_dash(set));
                writeln!(out, ", layers {layers}, Seccomp {seccomp}, NoNewPrivs {set}")
            }
        }
    }
}

/// Whether the process has ended: nothing holds it any more, and that says nothing of how it lived.
fn is_dead(status: &str) -> bool {
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    state.is_some_and(|state| state.trim_start().starts_with(['Z', 'X']))
}

fn number(status: &str, label: &str) -> Option<u32> {
    status.lines().find_map(|line| line.strip_prefix(label))?.trim().parse().ok()
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
            backend: None,
            locked: true,
            secrets: 0,
            grants: GrantsStanding::Missing,
            providers_refused: None,
            journal_broken: None,
        };
        let mut out = Vec::new();
        StatusView::of(launcher, keeper).lines(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_egressd_that_is_missing_is_only_missed_while_the_broker_serves() {
        assert!(lines(Phase::Serving).contains("state: serving\n"));
        assert!(lines(Phase::Serving).ends_with("egressd: restarting\n"));
        assert!(!lines(Phase::Ending).contains("restarting"));
        assert!(!lines(Phase::Starting).contains("restarting"));
    }

    #[test]
    fn of_a_process_that_has_ended_or_only_starts_no_confinement_is_shown() {
        let line = |layers, kernel: Option<u32>| {
            let (seccomp, no_new_privs) = (kernel, kernel);
            let mut out = Vec::new();
            let process =
                ProcessView { name: "egressd", pid: 7, generation: 1, layers, seccomp, no_new_privs };
            process.line(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(line(vec!["no_core"], None), "egressd: pid 7, generation 1, has ended\n");
        assert_eq!(line(vec![], Some(0)), "egressd: pid 7, generation 1, starting\n");
        assert!(line(vec!["no_core"], Some(1)).ends_with("layers no_core, Seccomp 1, NoNewPrivs 1\n"));
    }

    #[test]
    fn the_kernels_words_are_read_by_their_labels() {
        let status = "Name:\tkeeperd\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        assert_eq!(number(status, "Seccomp:"), Some(2));
        assert_eq!(number(status, "NoNewPrivs:"), Some(1));
        assert_eq!(number(status, "CapEff:"), None);
        assert!(!is_dead(status));
        assert!(is_dead("Name:\tkeeperd\nState:\tZ (zombie)\nNoNewPrivs:\t0\n"));
    }
}
