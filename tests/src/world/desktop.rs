//! A desktop's session without a desktop: a bus, and a keyring on it.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::until::until_true;
use super::{HANDLE, World};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const PASSWORD: &str = "the keyring's password";
const COLLECTION: &str = "/org/freedesktop/secrets/collection/login";

/// Both, killed when dropped.
pub struct Desktop {
    dir: TempDir,
    bus: Child,
    keyring: Option<Child>,
}

impl Desktop {
    /// A bus that nobody keeps secrets on, and that starts nobody.
    ///
    /// # Panics
    /// If the programs for it are missing or do not do it.
    #[must_use]
    pub fn without_keyring() -> Self {
        let dir = tempfile::Builder::new().prefix("kc-").tempdir().expect("a directory");
        let config = dir.path().join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
             <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
            dir.path().join("bus").display()
        );
        fs::write(&config, text).expect("our own directory");
        let bus = start_bus(dir.path());
        Self { dir, bus, keyring: None }
    }

    /// A bus with an unlocked keyring.
    #[must_use]
    pub fn unlocked() -> Self {
        let mut desktop = Self::without_keyring();
        desktop.start_keyring();
        desktop
    }

    /// What programs are told of the bus.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:path={}", self.dir.path().join("bus").display())
    }

    /// A keyring, unlocked. There is none.
    ///
    /// # Panics
    /// If the programs for it are missing or do not do it.
    pub fn start_keyring(&mut self) {
        let mut daemon = self.command("gnome-keyring-daemon");
        daemon.args(["--foreground", "--unlock", "--components=secrets"]);
        let mut child = daemon
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a keyring starts");
        let typed = child.stdin.take().expect("piped").write_all(PASSWORD.as_bytes());
        typed.expect("it reads its password");
        self.keyring = Some(child);
        until_true("the keyring keeps secrets", || self.store("a probe", &["probe", "probe"], "x"));
    }

    /// The keyring is gone, at once.
    ///
    /// # Panics
    /// If the programs for it are missing or do not do it.
    pub fn kill_keyring(&mut self) {
        self.signal_keyring(Signal::SIGKILL);
        let mut child = self.keyring.take().expect("there is a keyring");
        child.wait().expect("our own child");
    }

    /// The bus is gone, at once, and with it whoever was on it.
    ///
    /// # Panics
    /// If the programs for it are missing or do not do it.
    pub fn kill_bus(&mut self) {
        kill(pid(&self.bus), Signal::SIGKILL).expect("our own child");
        self.bus.wait().expect("our own child");
        if let Some(mut keyring) = self.keyring.take() {
            let _ = keyring.kill();
            let _ = keyring.wait();
        }
    }

    /// Another bus at the same address.
    pub fn start_bus(&mut self) {
        let _ = fs::remove_file(self.dir.path().join("bus"));
        self.bus = start_bus(self.dir.path());
    }

    /// Sends the keyring a signal.
    ///
    /// # Panics
    /// If the programs for it are missing or do not do it.
    pub fn signal_keyring(&self, signal: Signal) {
        let keyring = self.keyring.as_ref().expect("there is a keyring");
        kill(pid(keyring), signal).expect("our own child");
    }

    /// Locks the keyring's collection. Nobody here can be asked to unlock it.
    ///
    /// # Panics
    /// If the programs for it are missing or do not do it.
    pub fn lock(&self) {
        let mut lock = self.command("dbus-send");
        lock.args(["--session", "--print-reply", "--dest=org.freedesktop.secrets"]);
        lock.args(["/org/freedesktop/secrets", "org.freedesktop.Secret.Service.Lock"]);
        lock.arg(format!("array:objpath:{COLLECTION}"));
        assert!(lock.stdout(Stdio::null()).status().expect("it runs").success());
    }

    /// What `secret-tool lookup` prints for these attributes.
    ///
    /// # Panics
    /// If the programs for it are missing or do not do it.
    #[must_use]
    pub fn lookup(&self, attributes: &[&str]) -> Option<Vec<u8>> {
        let output = self.command("secret-tool").arg("lookup").args(attributes).output().expect("it runs");
        output.status.success().then_some(output.stdout)
    }

    /// What `secret-tool search` prints for these attributes, without the values.
    ///
    /// # Panics
    /// If the programs for it are missing or do not do it.
    #[must_use]
    pub fn search(&self, attributes: &[&str]) -> String {
        let mut tool = self.command("secret-tool");
        let output = tool.args(["search", "--all"]).args(attributes).output().expect("it runs");
        // It prints attributes on the one and labels on the other.
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        format!("{out}{err}")
    }

    /// Stores an item as any program of this user can.
    ///
    /// # Panics
    /// If the programs for it are missing or do not do it.
    #[must_use]
    pub fn store(&self, label: &str, attributes: &[&str], value: &str) -> bool {
        let mut tool = self.command("secret-tool");
        tool.args(["store", "--label", label]).args(attributes).stdin(Stdio::piped());
        let mut child = tool.stderr(Stdio::null()).spawn().expect("it runs");
        let typed = child.stdin.take().expect("piped").write_all(value.as_bytes());
        child.wait().expect("our own child").success() && typed.is_ok()
    }

    /// A world of one user on this bus, set up without saying where values are to be kept.
    #[must_use]
    pub fn world(&self) -> World {
        World::bare_of_one_user().on_bus(&self.address()).initialized()
    }

    /// The same with its key and a grant.
    #[must_use]
    pub fn ready(&self) -> World {
        self.world().granted()
    }

    /// The attribute of an item of the world's key.
    ///
    /// # Panics
    /// If the programs for it are missing or do not do it.
    #[must_use]
    pub fn attribute(&self, name: &str) -> String {
        let found = self.search(&["application", "ugent-vault", "name", HANDLE]);
        let prefix = format!("attribute.{name} = ");
        let line = found.lines().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap_or_else(|| panic!("no {name} in {found}")).to_owned()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let directory = self.dir.path();
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", directory);
        command.env("XDG_RUNTIME_DIR", directory).env("DBUS_SESSION_BUS_ADDRESS", self.address());
        command
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for child in self.keyring.iter_mut().chain([&mut self.bus]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start_bus(directory: &Path) -> Child {
    let mut daemon = Command::new("dbus-daemon");
    daemon.arg(format!("--config-file={}", directory.join("bus.conf").display()));
    daemon.args(["--nofork", "--nopidfile"]).env_clear().stderr(Stdio::null());
    let child = daemon.spawn().expect("a bus starts");
    until_true("the bus listens", || UnixStream::connect(directory.join("bus")).is_ok());
    child
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a pid"))
}
