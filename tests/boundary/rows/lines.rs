//! The lines of a trace, as `strace -f -n -e raw=…` writes them.

use super::history::Call;

/// What glibc reads when memory of a thread is given back for the first time, whenever that is. It is
/// refused, and glibc goes on without (malloc/arena.c, shrink_heap).
const OVERCOMMIT: &str = "\"/proc/sys/vm/overcommit_memory\"";
/// Stands for that call.
pub(super) const LIBC_LOOKS: i64 = -1;

/// A line: who, and what.
pub(super) struct Line {
    pub(super) pid: u32,
    pub(super) said: Said,
    /// The program that execve(2) was asked for.
    pub(super) program: Option<String>,
    /// clone3(2) was asked for a thread.
    pub(super) makes_thread: bool,
}

pub(super) enum Said {
    /// It made this call, which returned that; nothing yet if another's lines come between.
    Called {
        call: Call,
        returned: Option<String>,
    },
    /// The call it had made has returned that.
    Returned {
        returned: Option<String>,
    },
    Ended,
}

impl Said {
    /// What a call has returned, if this line says so.
    pub(super) fn returned(&self) -> Option<&str> {
        match self {
            Self::Called { returned, .. } | Self::Returned { returned } => returned.as_deref(),
            Self::Ended => None,
        }
    }
}

impl Line {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (pid, rest) = line.split_once(' ')?;
        let pid = pid.parse().ok()?;
        let (nr, rest) = rest.trim_start().strip_prefix('[')?.split_once("] ")?;
        let plain = |said| Some(Self { pid, said, program: None, makes_thread: false });
        if rest.starts_with("+++") {
            return if rest.contains("superseded") { None } else { plain(Said::Ended) };
        }
        if rest.starts_with("---") {
            return None;
        }
        let returned = rest.rsplit_once(" = ").map(|(_, returned)| returned.to_owned());
        if rest.starts_with("<...") {
            return plain(Said::Returned { returned });
        }
        let nr: i64 = nr.trim().parse().ok()?;
        let (name, arguments) = rest.split_once('(')?;
        let in_words = ["execve", "clone3", "openat"].contains(&name);
        let nr = if name == "openat" && arguments.contains(OVERCOMMIT) { LIBC_LOOKS } else { nr };
        let call = Call { nr, args: (!in_words).then(|| numbers(arguments)) };
        let program = (name == "execve").then(|| program(arguments)).flatten();
        let makes_thread = name == "clone3" && arguments.contains("CLONE_THREAD");
        Some(Self { pid, said: Said::Called { call, returned }, program, makes_thread })
    }
}

/// `0x1, 0x2) = 0` and `0x1, 0x2 <unfinished ...>`: as many as there are, the rest 0.
fn numbers(arguments: &str) -> [u64; 6] {
    let end = arguments.find([')', '<']).unwrap_or(arguments.len());
    let mut numbers = [0; 6];
    let given = arguments[..end].split(',').map(str::trim);
    for (number, given) in numbers.iter_mut().zip(given) {
        let digits = given.strip_prefix("0x").unwrap_or(given);
        *number = u64::from_str_radix(digits, 16).unwrap_or_default();
    }
    numbers
}

/// `"/usr/libexec/keeperd", …`
fn program(arguments: &str) -> Option<String> {
    let path = arguments.split('"').nth(1)?;
    path.rsplit('/').next().map(str::to_owned)
}
