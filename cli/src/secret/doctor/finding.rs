//! What a check comes to: a level, a sentence, and what mends it. Printed, counted, and turned into
//! an exit code here; decided elsewhere. A finding names paths, processes and variables, and never
//! what is in them.

use std::io::{self, Write};

use proto::failure::Failure;
use serde::Serialize;

use crate::paint::Paint;
use crate::system::Mode;
use crate::typed;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, and an operator should know.
    Warn,
    /// Something that is promised does not hold, or does not work.
    Fail,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    /// In a column of its own.
    fn painted(self, paint: Paint) -> String {
        let word = format!("{:4}", self.as_str());
        match self {
            Self::Ok => paint.good(&word),
            Self::Warn => paint.odd(&word),
            Self::Fail => paint.bad(&word),
        }
    }
}

/// What one check came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// Stays the same from version to version, for programs that read it.
    pub(super) id: &'static str,
    pub(super) level: Level,
    /// A sentence without a final stop.
    pub(super) what: String,
    /// The command or line that mends it; none where all is well.
    pub(super) mend: Option<String>,
}

impl Finding {
    pub(super) fn ok(id: &'static str, what: impl Into<String>) -> Self {
        Self { id, level: Level::Ok, what: what.into(), mend: None }
    }

    pub(super) fn warn(id: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::bad(id, Level::Warn, what, mend)
    }

    pub(super) fn fail(id: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::bad(id, Level::Fail, what, mend)
    }

    /// At a level that a check has worked out.
    pub(super) fn bad(
        id: &'static str,
        level: Level,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { id, level, what: what.into(), mend: Some(mend.into()).filter(|mend| !mend.is_empty()) }
    }

    /// An error that a command would end with.
    pub(super) fn failure(id: &'static str, failure: Failure) -> Self {
        Self::fail(id, failure.what, failure.hint)
    }

    /// With commands that mean the broker that was looked at.
    pub(super) fn typed(self, mode: Mode) -> Self {
        let what = typed::text(mode, &self.what);
        Self { what, mend: self.mend.map(|mend| typed::text(mode, &mend)), ..self }
    }
}

/// All findings, counted.
#[derive(Serialize)]
pub(super) struct Report {
    ok: usize,
    warnings: usize,
    failures: usize,
    checks: Vec<Finding>,
}

impl Report {
    pub(super) fn of(checks: Vec<Finding>) -> Self {
        let count = |level| checks.iter().filter(|finding| finding.level == level).count();
        let (ok, warnings, failures) = (count(Level::Ok), count(Level::Warn), count(Level::Fail));
        Self { ok, warnings, failures, checks }
    }

    pub(super) const fn has_failures(&self) -> bool {
        self.failures > 0
    }

    /// For people: a line each, its mend below it, and the count.
    pub(super) fn lines(&self, paint: Paint, out: &mut impl Write) -> io::Result<()> {
        for Finding { id: _, level, what, mend } in &self.checks {
            writeln!(out, "{}  {what}", level.painted(paint))?;
            if let Some(mend) = mend {
                writeln!(out, "      {} {mend}", paint.strong("mend:"))?;
            }
        }
        writeln!(
            out,
            "{} ok, {}, {}",
            self.ok,
            counted(self.warnings, "warning"),
            counted(self.failures, "failure")
        )
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_line_by_line_and_ends_with_the_count() {
        let report = Report::of(vec![
            Finding::ok("a", "this is well"),
            Finding::warn("b", "this is odd", "do that"),
            Finding::fail("c", "this is broken", ""),
        ]);
        let mut out = Vec::new();
        report.lines(Paint::Plain, &mut out).unwrap();
        let text = "ok    this is well\nwarn  this is odd\n      mend: do that\nfail  this is broken\n\
                    1 ok, 1 warning, 1 failure\n";
        assert_eq!(String::from_utf8(out).unwrap(), text);
        assert!(report.has_failures());
        assert!(!Report::of(vec![Finding::warn("b", "odd", "do that")]).has_failures());
    }
}
