//! Enters the very confinement of a process, by the process's own code, and then tries one thing that
//! it must not be able to do. What came of it is the last line on stdout, unless the kernel ended
//! the process for it. Not shipped.
//!
//! ```text
//! boundary-probe PROCESS HOME ATTEMPT STRANGER PEER OPEN-PORT CLOSED-PORT
//! boundary-probe cost PROCESS HOME
//! boundary-probe look [able|beside] PID
//! ```
//!
//! PROCESS is keeperd, verifier (a keeperd that reads a journal for `audit --verify`), egressd, export
//! or secret-broker, of the layout of this run.

mod attempts;
mod errands;
mod look;

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use proto::control_lane::{Account, KdfCost, Keep, LogLevel, Role, StartKeeper, SyncEvery, System};
use proto::failure::Failure;
use proto::standing::Strictness;
use tests::world::Layout;
use tests::world::layout::user;

/// What an attempt has to work with: all of it was there before the confinement.
struct Given {
    home: PathBuf,
    /// A process that is no part of the broker.
    stranger: i32,
    /// Another process of the broker, if the test has one.
    peer: i32,
    /// A port egressd was given, with a listener.
    open_port: u16,
    /// One it was not given, with a listener.
    closed_port: u16,
    /// As if it had been passed in: a socket nobody may make any more.
    unix: OwnedFd,
    /// The same, of TCP.
    tcp: OwnedFd,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = match arguments.as_slice() {
        ["look", pid] => look::at(pid, look::As::Plain),
        ["look", "able", pid] => look::at(pid, look::As::Able),
        ["look", "beside", pid] => look::at_a_child_beside(pid),
        ["cost", process, home] => cost(process, home),
        [process, home, attempt, stranger, peer, open_port, closed_port] => {
            tried(process, home, attempt, [stranger, peer, open_port, closed_port])
        }
        _ => None,
    };
    match said {
        Some(said) => {
            let _ = writeln!(std::io::stdout(), "{said}");
            ExitCode::SUCCESS
        }
        None => ExitCode::from(64),
    }
}

fn tried(process: &str, home: &str, attempt: &str, numbers: [&str; 4]) -> Option<String> {
    let [stranger, peer, open_port, closed_port] = numbers;
    let made = |family| socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).ok();
    let given = Given {
        home: home.into(),
        stranger: stranger.parse().ok()?,
        peer: peer.parse().ok()?,
        open_port: open_port.parse().ok()?,
        closed_port: closed_port.parse().ok()?,
        unix: made(AddressFamily::Unix)?,
        tcp: made(AddressFamily::Inet)?,
    };
    let attempt = attempts::named(attempt)?;
    if let Err(failure) = confined(process, home, &[given.open_port])? {
        return Some(failure.to_string());
    }
    let errno = attempt(&given);
    Some(if errno == 0 { "done".to_owned() } else { format!("{:?}", nix::errno::Errno::from_raw(errno)) })
}

/// How long it takes to be confined, in microseconds.
fn cost(process: &str, home: &str) -> Option<String> {
    let begun = Instant::now();
    confined(process, home, &[443, 53])?.ok()?;
    Some(begun.elapsed().as_micros().to_string())
}

/// By the process's own code, in its own order; none if there is no such process.
fn confined(process: &str, home: &str, ports: &[u16]) -> Option<Result<(), Failure>> {
    Some(match process {
        "keeperd" => keeper(&start(home, Role::Broker)),
        "verifier" => keeper(&start(home, Role::Verify)),
        "egressd" => egress(ports),
        "export" => cli::confine_export(account("ugent-keeper"), &Path::new(home).join("secrets")),
        "secret-broker" => cli::confine_launcher(match Layout::of_this_run() {
            Layout::OneUser => cli::Mode::OneUser,
            Layout::System => cli::Mode::System,
        }),
        _ => return None,
    })
}

fn keeper(start: &StartKeeper) -> Result<(), Failure> {
    keeperd::confine::before_start()?.isolate(start)?.jail(start)?.confine().map(drop)
}

fn egress(ports: &[u16]) -> Result<(), Failure> {
    let undumpable = egressd::confine::before_start()?;
    undumpable.isolate(Strictness::Required, account("ugent-egress"))?.jail(ports)?.confine().map(drop)
}

/// The daemon's own user, where this run is of three.
fn account(name: &str) -> Option<Account> {
    match Layout::of_this_run() {
        Layout::OneUser => None,
        Layout::System => {
            let (uid, gid) = user(name);
            Some(Account { uid: uid.as_raw(), gid: gid.as_raw() })
        }
    }
}

fn start(home: &str, role: Role) -> StartKeeper {
    StartKeeper {
        role,
        home: home.to_owned(),
        backend: None,
        kdf: KdfCost::MIN,
        tokenless: true,
        create: false,
        passphrase_follows: false,
        cache_secs: 300,
        strictness: Strictness::Required,
        system: account("ugent-keeper").map(|account| System { account, peers: Vec::new() }),
        keep: Keep::default(),
        sync: SyncEvery::default(),
        log: LogLevel::Error,
    }
}
