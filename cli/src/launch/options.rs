//! Options that `secret-broker` and `ugent secret broker start` share.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use proto::failure::Failure;
use proto::standing::LauncherStanding;

use crate::home::Home;
use crate::settings::{LISTEN, Settings, loopback};
use crate::system::System;
use crate::usage::wrong;
use crate::workspace::Workspace;

/// Each has a socket, which goes to egressd in one message with the others.
const WORKSPACES_MAX: usize = 32;

/// Where the gateway listens, as typed.
#[derive(Args)]
pub(crate) struct Options {
    /// Listens on this loopback address [default: 127.0.0.1:18443]
    #[arg(long, value_name = "127.0.0.1:PORT", conflicts_with = "no_tcp")]
    listen: Option<String>,
    /// Listens on Unix sockets only
    #[arg(long)]
    no_tcp: bool,
    /// Listens on the Unix socket of this workspace [default: the working directory's]; repeatable
    #[arg(long, value_name = "DIR")]
    workspace: Vec<PathBuf>,
}

/// Where the gateway listens, settled.
#[derive(Debug)]
pub(crate) struct Places {
    /// The loopback port, if any.
    pub(crate) tcp: Option<SocketAddr>,
    /// Each once: at least one, but with `--system` none, since there is one socket for all.
    pub(crate) workspaces: Vec<Workspace>,
}

impl Options {
    /// Command line first, then settings, then defaults.
    pub(crate) fn settle(&self, settings: &Settings, home: &Home) -> Result<Places, Failure> {
        let tcp = match (&self.listen, self.no_tcp) {
            (_, true) => None,
            (None, false) => settings.listen.or_else(|| loopback(LISTEN)),
            (Some(text), false) => Some(loopback(text).ok_or_else(|| {
                wrong(
                    "--listen takes a loopback address with a port, and nothing else",
                    format!("--listen {LISTEN}"),
                )
            })?),
        };
        let mut workspaces = Vec::new();
        for directory in &self.workspace {
            let workspace = Workspace::of(directory, home)?;
            if !workspaces.contains(&workspace) {
                workspaces.push(workspace);
            }
        }
        match (home.system(), workspaces.is_empty()) {
            (None, true) => workspaces.push(Workspace::here(home)?),
            (Some(_), false) => {
                return Err(wrong(
                    "--workspace is for a broker of one user",
                    "leave it out: with --system there is one socket for all",
                ));
            }
            (None, false) | (Some(_), true) => {}
        }
        if workspaces.len() > WORKSPACES_MAX {
            return Err(wrong(format!("a broker listens for at most {WORKSPACES_MAX} workspaces"), ""));
        }
        Ok(Places { tcp, workspaces })
    }
}

impl Options {
    /// What was asked for on the command line and is otherwise in the broker that runs. What only
    /// settings or defaults say is no demand.
    pub(crate) fn unmet(&self, places: &Places, running: &LauncherStanding, home: &Home) -> Vec<String> {
        let mut unmet = Vec::new();
        let asked = (self.listen.is_some() || self.no_tcp).then_some(places.tcp);
        let listens = running.tcp.as_deref().unwrap_or("Unix sockets only");
        match (asked, running.tcp.as_deref().and_then(loopback)) {
            (None, _) | (Some(None), None) => {}
            (Some(Some(asked)), Some(runs))
                if asked.ip() == runs.ip() && [0, runs.port()].contains(&asked.port()) => {}
            (Some(Some(asked)), _) => unmet.push(format!("it listens on {listens}, not on {asked}")),
            (Some(None), Some(_)) => unmet.push(format!("it listens on {listens}")),
        }
        if !self.workspace.is_empty() {
            let missing = places.workspaces.iter().filter(|workspace| !workspace.is_served(running, home));
            unmet.extend(
                missing.map(|workspace| format!("it has no socket for {}", workspace.path().display())),
            );
        }
        unmet
    }
}

impl Places {
    /// Whether each workspace has a socket of the broker that runs.
    pub(crate) fn are_served(&self, running: &LauncherStanding, home: &Home) -> bool {
        self.workspaces.iter().all(|workspace| workspace.is_served(running, home))
    }

    /// As arguments of `secret-broker`, whatever its working directory.
    pub(crate) fn as_arguments(&self, home: &Home) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = match self.tcp {
            Some(address) => vec!["--listen".into(), address.to_string().into()],
            None => vec!["--no-tcp".into()],
        };
        arguments.extend(home.system().map(|_| "--system".into()));
        for workspace in &self.workspaces {
            arguments.extend(["--workspace".into(), workspace.path().into()]);
        }
        arguments
    }

    /// The gateway's socket that is always there.
    pub(crate) fn first_socket(&self, home: &Home) -> PathBuf {
        let of_workspace = || self.workspaces.first().map(|workspace| workspace.socket(home));
        home.system().map(System::gateway_socket).or_else(of_workspace).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Home;
    use proto::control_lane::{KdfCost, Keep};
    use proto::standing::Strictness;

    fn settled(options: &Options, listen: Option<&str>) -> Result<Places, Failure> {
        let listen = listen.map(|text| text.parse().unwrap());
        let settings = Settings {
            backend: None,
            listen,
            kdf: KdfCost::MIN,
            tokenless: true,
            strictness: Strictness::Required,
            peers: Vec::new(),
            clients: proto::clients::ClientRules::DEFAULT,
            keep: Keep::default(),
            sinks: Vec::new(),
        };
        options.settle(&settings, &nowhere())
    }

    fn nowhere() -> Home {
        Home::at(std::path::Path::new("/nowhere/.ugent"))
    }

    fn options(listen: Option<&str>, no_tcp: bool, workspace: &[&str]) -> Options {
        Options {
            listen: listen.map(str::to_owned),
            no_tcp,
            workspace: workspace.iter().map(PathBuf::from).collect(),
        }
    }

    #[test]
    fn the_command_line_wins_over_settings_and_settings_over_defaults() {
        let tcp = |options: Options, set: Option<&str>| {
            settled(&options, set).unwrap().tcp.map(|tcp| tcp.to_string())
        };
        assert_eq!(tcp(options(None, false, &[]), None).as_deref(), Some(LISTEN));
        assert_eq!(tcp(options(None, false, &[]), Some("127.0.0.1:9")).as_deref(), Some("127.0.0.1:9"));
        assert_eq!(
            tcp(options(Some("[::1]:8"), false, &[]), Some("127.0.0.1:9")).as_deref(),
            Some("[::1]:8")
        );
        assert_eq!(tcp(options(None, true, &[]), Some("127.0.0.1:9")), None);
    }

    #[test]
    fn other_addresses_are_a_usage_error() {
        let failure = settled(&options(Some("0.0.0.0:80"), false, &[]), None).unwrap_err();
        assert_eq!(failure.class.exit_code(), 64);
    }

    #[test]
    fn only_what_was_asked_for_can_be_unmet() {
        use proto::meta::Timestamp;
        use proto::standing::Phase;
        let home = nowhere();
        let unmet = |asked: Options, tcp: Option<&str>| {
            let places = settled(&asked, None).unwrap();
            let running = LauncherStanding {
                pid: 1,
                started: Timestamp(0),
                phase: Phase::Serving,
                tcp: tcp.map(str::to_owned),
                sockets: vec![
                    Workspace::of(std::path::Path::new("/"), &home)
                        .unwrap()
                        .socket(&home)
                        .display()
                        .to_string(),
                ],
                children: Vec::new(),
            };
            asked.unmet(&places, &running, &home).len()
        };
        assert_eq!(unmet(options(None, false, &[]), Some("127.0.0.1:9")), 0);
        assert_eq!(unmet(options(Some("127.0.0.1:9"), false, &["/"]), Some("127.0.0.1:9")), 0);
        assert_eq!(unmet(options(Some("127.0.0.1:0"), false, &[]), Some("127.0.0.1:9")), 0);
        assert_eq!(unmet(options(Some("127.0.0.1:8"), false, &[]), Some("127.0.0.1:9")), 1);
        assert_eq!(unmet(options(Some("127.0.0.1:8"), false, &[]), None), 1);
        assert_eq!(unmet(options(None, true, &[]), Some("127.0.0.1:9")), 1);
        assert_eq!(unmet(options(None, true, &["/usr"]), Some("127.0.0.1:9")), 2);
    }

    #[test]
    fn a_workspace_is_listened_for_once() {
        let places = settled(&options(None, true, &["/", "/", "/usr/.."]), None).unwrap();
        assert_eq!(places.as_arguments(&nowhere()), ["--no-tcp", "--workspace", "/"]);
    }
}
