//! Enters the very confinement of a daemon, by the daemon's own code, and then tries one thing that
//! it must not be able to do. What came of it is the last line on stdout, unless the kernel ended
//! the process for it. Not shipped.
//!
//! ```text
//! boundary-probe keeperd|egressd|secret-broker HOME ATTEMPT STRANGER OPEN-PORT CLOSED-PORT
//! boundary-probe cost keeperd|egressd HOME
//! boundary-probe look PID|child
//! ```

mod attempts;
mod errands;
mod look;

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use proto::control_lane::{Account, KdfCost, Keep, LogLevel, Role, StartKeeper, System};
use proto::failure::{Failure, FailureClass};
use proto::standing::Strictness;
use tests::world::Layout;
use tests::world::layout::user;
use unix::syscalls::killed;

/// What an attempt has to work with: all of it was there before the confinement.
struct Given {
    home: PathBuf,
    /// A process that is no part of the broker.
    stranger: i32,
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
        ["look", "child"] => look::at_a_child(),
        ["look", pid] => look::at(pid),
        ["cost", daemon, home] => cost(daemon, home),
        [daemon, home, attempt, stranger, open_port, closed_port] => {
            tried(daemon, home, attempt, [stranger, open_port, closed_port])
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

fn tried(daemon: &str, home: &str, attempt: &str, numbers: [&str; 3]) -> Option<String> {
    let [stranger, open_port, closed_port] = numbers;
    let made = |family| socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).ok();
    let given = Given {
        home: home.into(),
        stranger: stranger.parse().ok()?,
        open_port: open_port.parse().ok()?,
        closed_port: closed_port.parse().ok()?,
        unix: made(AddressFamily::Unix)?,
        tcp: made(AddressFamily::Inet)?,
    };
    let attempt = attempts::named(attempt)?;
    if let Err(failure) = confined(daemon, home, &[given.open_port]) {
        return Some(failure.to_string());
    }
    let errno = attempt(&given);
    Some(if errno == 0 { "done".to_owned() } else { format!("{:?}", nix::errno::Errno::from_raw(errno)) })
}

/// How long it takes to be confined, in microseconds.
fn cost(daemon: &str, home: &str) -> Option<String> {
    let begun = Instant::now();
    confined(daemon, home, &[443, 53]).ok()?;
    Some(begun.elapsed().as_micros().to_string())
}

/// By the daemon's own code, in its own order.
fn confined(daemon: &str, home: &str, ports: &[u16]) -> Result<(), Failure> {
    match daemon {
        "egressd" => {
            let undumpable = egressd::confine::before_start()?;
            let account = account("ugent-egress");
            undumpable.isolate(Strictness::Required, account)?.jail(ports)?.confine().map(drop)
        }
        // Its filter alone: what else it gives up, it gives up before.
        "secret-broker" => unix::syscalls::install(cli::LAUNCHER_ALLOWED, &[killed::ALWAYS])
            .map(drop)
            .map_err(|error| Failure::new(FailureClass::Config, error.to_string(), "")),
        _ => {
            let undumpable = keeperd::confine::before_start()?;
            undumpable.isolate(&start(home))?.jail(&start(home))?.confine().map(drop)
        }
    }
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

fn start(home: &str) -> StartKeeper {
    StartKeeper {
        role: Role::Broker,
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
        log: LogLevel::Error,
    }
}
