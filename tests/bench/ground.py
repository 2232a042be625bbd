"""Where it is measured: what must be installed, the upstream, and who stands before it."""

import ctypes
import os
import platform
import resource
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import peers

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "target" / "release"
NEEDS = {"nginx": "nginx-light", "haproxy": "haproxy", "taskset": "util-linux", "chrt": "util-linux"}


class Unable(Exception):
    """What is missing, and how to get it."""


def install_needs():
    missing = [package for program, package in NEEDS.items() if shutil.which(program) is None]
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        missing.append("python3-matplotlib")
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unable(f"not installed: {' '.join(missing)}\nhint: apt-get install {' '.join(missing)}   (as root)")
    print("installing", *missing, flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
    subprocess.run(["apt-get", "update", "-q"], check=True, **quiet)
    subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing], check=True, **quiet)


def build():
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "-p", "cli", "-p", "keeperd", "-p",
                    "egressd", "-p", "tests"], cwd=ROOT, check=True)


def most_descriptors():
    """As many open files as the machine lets a process have."""
    wanted = 60_000
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    except (ValueError, PermissionError):
        _, wanted = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    return wanted


def dies_with_us():
    """A child that is killed when this process goes, however it goes (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Ground:
    """A directory, an upstream, and the peers. All of it is gone at the end."""

    def __init__(self, binaries, rr=False):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            raise Unable("this takes two cores: one for what is measured, one for the rest")
        self.measured_core, self.other_core = cpus[0], cpus[1]
        self.binaries, self.rr = Path(binaries).resolve(), rr
        self.tool = self.binaries / "bench-tool"
        if not self.tool.is_file():
            self.tool = RELEASE / "bench-tool"
        self.children = []
        self.descriptors = most_descriptors()

    def __enter__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="ugent-bench-"))
        os.chmod(self.dir, 0o711)
        self.key = "sk-" + os.urandom(24).hex()
        command = [*self.before(), self.tool, "upstream", "--dir", self.dir]
        upstream = self.start(command, self.other_core, stdin=subprocess.PIPE)
        upstream.stdin.write(self.key + "\n")
        upstream.stdin.flush()
        self.upstream = upstream.stdout.readline().split()[1]
        self.ca = self.dir / "ca.pem"
        self.peers = peers.all_of(self)
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.terminate()
        for child in reversed(self.children):
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self, command, core, **more):
        """A process on that core."""
        command = ["taskset", "-c", str(core), *map(str, command)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=dies_with_us, **more)
        self.children.append(child)
        return child

    def before(self):
        """What stands before a command of ours that others are not to disturb."""
        return ["chrt", "--rr", "1"] if self.rr else []

    def spinners(self):
        """Idle-priority load, which keeps both cores from halting and gives way to anything."""
        spin = ["chrt", "--idle", "0", "sh", "-c", "while :; do :; done"]
        return [self.start(spin, core) for core in (self.measured_core, self.other_core)]

    def stop(self, children):
        for child in children:
            child.kill()
            child.wait()
            self.children.remove(child)

    def load(self, verb, to, token, script, pids=(), **more):
        """Loads that address, and gives what was measured."""
        command = self.load_command(verb, to, token, script, pids, more)
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=dies_with_us)
        if done.returncode != 0:
            raise Unable(f"{verb} {script} at {to}: {done.stderr.strip()}")
        import json
        return json.loads(done.stdout)

    def load_command(self, verb, to, token, script, pids=(), more=()):
        command = [*self.before(), "taskset", "-c", str(self.other_core), str(self.tool), verb, "--to", to,
                   "--token", token, "--script", script]
        if pids:
            command += ["--pids", ",".join(map(str, pids))]
        for name, value in dict(more).items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        return command

    def about(self):
        """What a reader must know of the machine."""
        def first_line(command):
            done = subprocess.run(command, capture_output=True, text=True)
            return (done.stdout + done.stderr).strip().splitlines()[0]

        model = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                 if line.startswith("model name")]
        commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True,
                                text=True).stdout.strip()
        return {"processor": model[0] if model else "?", "cores": os.cpu_count(), "kernel": platform.release(),
                "nginx": first_line(["nginx", "-v"]), "haproxy": first_line(["haproxy", "-v"]), "commit": commit,
                "load_average": os.getloadavg()[0], "rr": self.rr}
