//! The tables as they are installed, and which of their rows a call meets, judged here apart from
//! the filter's compiler.

use std::fmt;

use tests::world::Layout;
use unix::syscalls::{Arg, Row};

use super::history::Call;

/// The launcher's program.
pub(super) const LAUNCHER: &str = "secret-broker";
/// A C int.
const INT: u64 = u32::MAX as u64;

/// A process's table.
pub(super) struct Table {
    pub(super) process: &'static str,
    pub(super) parts: &'static [&'static [Row]],
}

/// One way to be allowed: a row, and one of its lists of tests.
pub(super) struct Way {
    pub(super) row: &'static Row,
    pub(super) tests: &'static [Arg],
}

impl Table {
    /// The launcher's is wider where there are three users.
    pub(super) const fn all(layout: Layout) -> [Self; 3] {
        let launchers = match layout {
            Layout::OneUser => cli::LAUNCHER_ALLOWED,
            Layout::System => cli::LAUNCHER_ALLOWED_TO_SYSTEM,
        };
        [
            Self { process: "keeperd", parts: keeperd::confine::ALLOWED },
            Self { process: "egressd", parts: egressd::confine::ALLOWED },
            Self { process: LAUNCHER, parts: launchers },
        ]
    }

    /// An export of the journal; what it has in common with the daemons is tried with them.
    pub(super) const fn export() -> Self {
        Self { process: "ugent", parts: cli::EXPORT_ALLOWED }
    }

    /// What an export has of its own.
    pub(super) const fn export_alone() -> Self {
        Self { process: "ugent", parts: &[cli::EXPORT_ROWS] }
    }

    pub(super) fn ways(&self) -> impl Iterator<Item = Way> {
        self.parts.iter().copied().flatten().flat_map(|row| {
            let lists: &'static [&'static [Arg]] = if row.args.is_empty() { &[&[]] } else { row.args };
            lists.iter().map(move |tests| Way { row, tests })
        })
    }

    pub(super) fn allows(&self, call: &Call) -> bool {
        self.ways().any(|way| way.is_met_by(call))
    }
}

impl Way {
    pub(super) fn is_met_by(&self, call: &Call) -> bool {
        call.nr == self.row.nr
            && call.args.is_none_or(|args| self.tests.iter().all(|test| holds(*test, &args)))
    }

    /// Whether whatever meets the other meets this one.
    pub(super) fn is_as_wide_as(&self, other: &Self) -> bool {
        let sure = |test: &Arg| other.tests.iter().any(|known| implies(*known, *test));
        self.row.nr == other.row.nr && self.tests.iter().all(sure)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "system call {} {:?} ({})", self.row.nr, self.tests, self.row.why)
    }
}

/// As they are documented.
fn holds(test: Arg, args: &[u64; 6]) -> bool {
    let arg = |number: u8| args[usize::from(number)];
    match test {
        Arg::Is(number, value) => arg(number) & INT == value & INT,
        Arg::Without(number, bits) => arg(number) & bits == 0,
        Arg::Among(number, mask, bits) => arg(number) & mask == bits & mask,
    }
}

/// Whether an argument that passes one test passes the other. What is known of an int is its lower
/// half.
fn implies(known: Arg, test: Arg) -> bool {
    let bits_known = |argument: u8| match known {
        Arg::Is(number, value) if number == argument => Some((INT, value & INT)),
        Arg::Without(number, bits) if number == argument => Some((bits, 0)),
        Arg::Among(number, mask, bits) if number == argument => Some((mask, bits & mask)),
        Arg::Is(..) | Arg::Without(..) | Arg::Among(..) => None,
    };
    let (argument, mask, bits) = match test {
        Arg::Is(number, value) => (number, INT, value & INT),
        Arg::Without(number, bits) => (number, bits, 0),
        Arg::Among(number, mask, bits) => (number, mask, bits & mask),
    };
    bits_known(argument).is_some_and(|(known, value)| known & mask == mask && value & mask == bits)
}
