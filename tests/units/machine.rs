//! A machine with systemd as its first process, over a view of this one's files that is thrown away.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tests::world::Binaries;
use tests::world::until::{until, until_true};

/// What the vaults of these machines are opened by.
pub(crate) const PASSPHRASE: &str = "nine letters of an old song";

/// Is halted when dropped, and all its processes with it.
pub(crate) struct Machine {
    outside: Child,
    first: String,
    _place: tempfile::TempDir,
}

/// What a command in the machine said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

impl Machine {
    /// Boots one with what `packaging/` has and the programs of this build, or with a package, and waits
    /// until systemd is done.
    pub(crate) fn boot(packaging: &Path) -> Self {
        let place = tempfile::Builder::new().prefix("ugent-machine-").tempdir().unwrap();
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let binaries = Binaries::of_this_build();
        let mut boot = Command::new("unshare");
        boot.args(["--fork", "--kill-child", "--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup"])
            .arg(tests.join("units/boot"))
            .arg(place.path())
            .arg(binaries.path("ugent").parent().unwrap())
            .arg(packaging)
            .current_dir("/")
            .stdin(Stdio::null());
        let mut outside = boot.spawn().expect("util-linux is essential on Debian");
        let children = format!("/proc/{0}/task/{0}/children", outside.id());
        let first = until("systemd runs as the first process of the machine", || {
            assert!(outside.try_wait().unwrap().is_none(), "the machine halted at once: see above");
            let pid = fs::read_to_string(&children).ok()?.trim().to_owned();
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            (name.trim_end() == "systemd").then_some(pid)
        });
        let machine = Self { outside, first, _place: place };
        until_true("systemd has started its units", || {
            let said = machine.sh("systemctl is-system-running");
            ["running", "degraded"].contains(&said.text.trim())
        });
        machine
    }

    /// Runs a line of shell in the machine, as root.
    pub(crate) fn sh(&self, line: &str) -> Said {
        let output = self.enter().args(["sh", "-c", &format!("exec 2>&1; {line}")]).output().unwrap();
        said(&output)
    }

    /// The same, as that user.
    pub(crate) fn sh_as(&self, user: &str, line: &str) -> Said {
        let change = [&format!("--reuid={user}"), &format!("--regid={user}"), "--init-groups"];
        let mut command = self.enter();
        command.arg("setpriv").args(change).args(["sh", "-c", &format!("exec 2>&1; {line}")]);
        said(&command.output().unwrap())
    }

    /// Runs a line of shell that must succeed; gives what it said.
    #[track_caller]
    pub(crate) fn must(&self, line: &str) -> String {
        self.sh(line).succeeded(line)
    }

    /// The same, as that user.
    #[track_caller]
    pub(crate) fn must_as(&self, user: &str, line: &str) -> String {
        self.sh_as(user, line).succeeded(line)
    }

    /// The status that the gateway answers `/readyz` with, if it answers.
    pub(crate) fn readiness(&self) -> String {
        self.sh("curl -s -o /dev/null -w '%{http_code}' --max-time 20 http://127.0.0.1:18443/readyz").text
    }

    /// Puts the passphrase where the unit finds it.
    pub(crate) fn store_passphrase(&self) {
        let store = "/etc/credstore/ugent-passphrase";
        self.must(&format!("umask 077; printf %s '{PASSPHRASE}' > {store}"));
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["-t", &self.first, "-p", "-m", "-n", "-u", "-i", "-C", "-r", "-w/", "--"])
            .args(["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
            .current_dir("/")
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // `--kill-child` ends the first process with this one, and the kernel all others with that.
        let _ = self.outside.kill();
        let _ = self.outside.wait();
        let first = PathBuf::from(format!("/proc/{}/exe", self.first));
        until_true("the machine is halted", || fs::read_link(&first).is_err());
    }
}

impl Said {
    #[track_caller]
    fn succeeded(self, line: &str) -> String {
        assert_eq!(self.code, Some(0), "{line}\n{}", self.text);
        self.text
    }
}

fn said(output: &Output) -> Said {
    Said { code: output.status.code(), text: String::from_utf8_lossy(&output.stdout).into_owned() }
}
