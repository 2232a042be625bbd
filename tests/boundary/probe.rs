//! Runs the probe: a process that enters the confinement of one of a broker's and then tries one thing.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::unistd::Pid;
use tests::world::layout::user;
use tests::world::{Binaries, Home, Layout};

/// No user of a broker.
const NOBODY: u32 = 65534;

/// Its executable.
pub(crate) fn probe() -> PathBuf {
    Binaries::of_this_build().path("boundary-probe")
}

/// What a probe may try, and whom it may meet.
pub(crate) struct Ground {
    home: Home,
    open: TcpListener,
    closed: TcpListener,
    _abstract: UnixListener,
    stranger: Child,
    peer: Option<Pid>,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let layout = Layout::of_this_run();
        let home = Home::make(layout);
        let secrets = home.path().join("secrets");
        std::fs::create_dir(&secrets).unwrap();
        if layout == Layout::System {
            let (user, group) = user("ugent-keeper");
            chown(&secrets, Some(user.as_raw()), Some(group.as_raw())).unwrap();
        }
        home.write("secrets.grants.toml", "# none\n");
        // Readable for everybody; and somebody else's, where we can give it away.
        let anothers = home.around().join("another_users");
        std::fs::write(&anothers, "x").unwrap();
        std::fs::set_permissions(&anothers, std::fs::Permissions::from_mode(0o644)).unwrap();
        if nix::unistd::geteuid().is_root() {
            chown(&anothers, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = listen();
        let name = format!("ugent-probe-{}", closed.local_addr().unwrap().port());
        let name = SocketAddr::from_abstract_name(name).unwrap();
        let stranger = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
        let _abstract = UnixListener::bind_addr(&name).unwrap();
        Self { home, open: listen(), closed, _abstract, stranger, peer: None }
    }

    /// With that process of a broker to be looked into.
    pub(crate) fn beside(peer: Pid) -> Self {
        let mut ground = Self::new();
        ground.peer = Some(peer);
        ground
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.home.path()
    }

    /// The same, by another executable of the probe.
    pub(crate) fn tried_by(&self, probe: &Path, process: &str, attempt: &str) -> String {
        came_of(&self.output_of(probe, process, attempt, &[]))
    }

    /// What it says on stderr meanwhile, with that in its environment.
    pub(crate) fn said(&self, process: &str, attempt: &str, environment: &[(&str, &str)]) -> String {
        let output = self.output_of(&probe(), process, attempt, environment);
        String::from_utf8(output.stderr).unwrap()
    }

    fn output_of(&self, probe: &Path, process: &str, attempt: &str, environment: &[(&str, &str)]) -> Output {
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port().to_string();
        let home = self.home().display().to_string();
        let stranger = self.stranger.id().to_string();
        let peer = self.peer.map_or_else(|| stranger.clone(), |peer| peer.to_string());
        let arguments = [process, &home, attempt, &stranger, &peer, &port(&self.open), &port(&self.closed)];
        run_by(probe, &arguments, environment)
    }

    /// What came of it: `done`, an errno's name, or the number of the signal that ended it.
    pub(crate) fn tried(&self, process: &str, attempt: &str) -> String {
        self.tried_by(&probe(), process, attempt)
    }

    pub(crate) fn stranger_lives(&mut self) -> bool {
        self.stranger.try_wait().unwrap().is_none()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = self.stranger.kill();
        let _ = self.stranger.wait();
    }
}

/// Runs the probe with those arguments.
pub(crate) fn run(arguments: &[&str]) -> String {
    came_of(&run_by(&probe(), arguments, &[]))
}

fn run_by(probe: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(probe)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(std::env::var("UGENT_TESTS_AS").map(|layout| ("UGENT_TESTS_AS", layout)))
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn came_of(output: &Output) -> String {
    match output.status.signal() {
        Some(signal) => format!("signal {signal}"),
        None => String::from_utf8_lossy(&output.stdout).trim_end().to_owned(),
    }
}
