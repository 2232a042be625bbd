//! `--html FILE`: the journal as one page, to be read in a browser without a network. Made whole or not
//! at all, for its owner alone, and never over a file that is there.

mod page;
mod tally;

use std::fs::File;
use std::io::{self, BufWriter, Write, stdout};
use std::path::Path;

use proto::failure::{Failure, FailureClass};
use proto::journal::Record;

use self::tally::Tally;
use super::filter::{Filter, Last};
use super::pages;
use crate::clock;
use crate::ending::Outcome;
use crate::hazmat::output::NewFile;
use crate::session::Session;

/// Most records that are shown one by one unless `--limit` says otherwise: a browser reads them all.
const ROWS: usize = 1000;

/// Reads the journal and writes the page.
pub(super) fn run(session: &Session, filter: &Filter, limit: Option<usize>, path: &Path) -> Outcome {
    let failed = |error: io::Error| not_made(path, &error);
    if path.symlink_metadata().is_ok() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()).into());
    }
    let file = NewFile::make(path).map_err(failed)?;
    let mut tally = Tally::default();
    let mut last = Last::new(Some(limit.unwrap_or(ROWS)));
    pages::read_all(session, &mut |record| {
        if filter.takes(&record) {
            tally.add(&record);
            last.push(record);
        }
        Ok(())
    })?;
    let rows: Vec<Record> = last.into_iter().collect();
    let mut out = BufWriter::new(File::from(file.descriptor().map_err(failed)?));
    let made = page::write(&mut out, &session.home.text(), clock::now(), &tally, &rows);
    made.and_then(|()| out.flush()).map_err(failed)?;
    file.keep_written().map_err(failed)?;
    writeln!(stdout(), "{} records in {}", tally.records, path.display())?;
    Ok(())
}

fn not_made(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    if error.kind() == io::ErrorKind::AlreadyExists {
        let what = format!("{shown} is there already, and was not changed");
        return Failure::new(FailureClass::BadInput, what, "name another file, or move that one away first");
    }
    let what = format!("{shown} could not be written: {error}");
    Failure::new(FailureClass::Io, what, "name a file in a directory you can write to, where there is room")
}
