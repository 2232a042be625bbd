//! `--verify`: has a keeperd of its own check the journal, by read-only descriptors.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, Write, stdout};
use std::os::fd::OwnedFd;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::journal::Verdict;
use serde::Serialize;

use super::pages::{Page, page};
use crate::ending::Outcome;
use crate::keeper::{self, Keeper, Key, Purpose, Verifier, unexpected};
use crate::render::{self, Form};
use crate::session::Session;

/// The head's file is a few sectors; more is not one.
const HEAD_MAX: u64 = 64 * 1024;
/// Looks at the head until two show the same. It is written about once a second.
const LOOKS: u32 = 16;

#[derive(Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
enum VerdictView<'a> {
    Whole { records: u64, last: u64, link: &'a str, plain: u64, torn_tail: bool },
    Damaged { at: u64, segment: u32, what: &'a str },
}

pub(super) fn run(session: &mut Session, form: Form) -> Outcome {
    keeper::check_set_up(session)?;
    let passphrase = session.passphrase.for_vault(&session.home)?;
    raise_descriptor_limit();
    let mut keeper = keeper::reach(session, Purpose::Use)?;
    // The head first: what it says when it is read is in the segments that are listed after. The
    // other way round a running broker could begin a segment in between, and seal a head over it.
    let files = files(&mut keeper)?;
    let segments = segments(&mut keeper)?;
    keeper.end()?;
    let mut verifier = Verifier::start(session)?;
    let key = match files {
        Files::OfFileVault { head, header } => {
            verifier.files(head, header)?;
            Key::Passphrase(passphrase.ok_or_else(unexpected)?)
        }
        Files::OfKeychain { head, vault } => {
            verifier.head(head)?;
            Key::InKeychain(vault)
        }
    };
    for page in segments {
        verifier.segments(page)?;
    }
    let verdict = verifier.verdict(key)?;
    print(&verdict, form)
}

/// What is checked besides the segments.
enum Files {
    OfFileVault { head: OwnedFd, header: OwnedFd },
    OfKeychain { head: OwnedFd, vault: [u8; 16] },
}

fn files(keeper: &mut Keeper) -> Result<Files, Failure> {
    let answered = keeper.ask(&CliRequest::VerifyFiles, None)?;
    let kept = |head: OwnedFd| {
        snapshot(head.into()).map_err(|error| {
            let what = format!("the journal's sealed head could not be read: {error}");
            Failure::new(FailureClass::Io, what, "")
        })
    };
    if let CliAnswer::VerifyHead { vault } = answered.answer {
        let [head] = <[OwnedFd; 1]>::try_from(answered.fds).map_err(|_| unexpected())?;
        return Ok(Files::OfKeychain { head: kept(head)?, vault });
    }
    let (CliAnswer::VerifyFiles, Ok([head, header])) =
        (answered.answer, <[OwnedFd; 2]>::try_from(answered.fds))
    else {
        return Err(unexpected());
    };
    Ok(Files::OfFileVault { head: kept(head)?, header })
}

/// The head as it is now. A running broker moves it on, and into segments we were not given; what
/// it says now must hold in every later state of the journal.
fn snapshot(mut head: File) -> io::Result<OwnedFd> {
    let mut bytes = look(&head)?;
    for _ in 0..LOOKS {
        match head.rewind() {
            Ok(()) => {}
            // A pipe with nothing in it is what a keeper gives where there is no head.
            Err(error) if error.kind() == ErrorKind::NotSeekable => break,
            Err(error) => return Err(error),
        }
        // One that is half written would look like damage.
        let before = std::mem::replace(&mut bytes, look(&head)?);
        if before == bytes {
            break;
        }
    }
    let mut copy = File::from(memfd_create("head", MFdFlags::MFD_CLOEXEC)?);
    copy.write_all(&bytes)?;
    copy.rewind()?;
    Ok(copy.into())
}

fn look(head: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    head.take(HEAD_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn segments(keeper: &mut Keeper) -> Result<Vec<Vec<OwnedFd>>, Failure> {
    let mut pages = Vec::new();
    let mut last = 0;
    loop {
        let Page { segments, more } = page(keeper, last)?;
        last = segments.last().map_or(last, |(number, _)| *number);
        pages.push(segments.into_iter().map(|(_, fd)| fd).collect());
        if !more {
            return Ok(pages);
        }
    }
}

/// A journal of many segments needs as many descriptors, here and in the verifier. Where that
/// fails, the kernel says so when they run out.
fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

fn print(verdict: &Verdict, form: Form) -> Outcome {
    let mut out = stdout().lock();
    let view = match verdict {
        Verdict::Whole { records, last, link, plain, torn_tail } => {
            VerdictView::Whole { records: *records, last: last.0, link, plain: *plain, torn_tail: *torn_tail }
        }
        Verdict::Damaged { at, segment, what } => VerdictView::Damaged { at: at.0, segment: *segment, what },
    };
    match (form, &view) {
        (Form::Json, view) => render::json(&mut out, view)?,
        (Form::Table | Form::Plain, VerdictView::Whole { records, last, link, plain, torn_tail }) => {
            writeln!(out, "whole: {records} records, the last is {last}, link {link}")?;
            if *plain > 0 {
                writeln!(
                    out,
                    "{plain} of them are chained, not keyed: they were written while the vault was locked"
                )?;
            }
            if *torn_tail {
                writeln!(out, "an incomplete record behind the last is cut off at the next write")?;
            }
        }
        (Form::Table | Form::Plain, VerdictView::Damaged { .. }) => {}
    }
    match verdict {
        Verdict::Whole { .. } => Ok(()),
        Verdict::Damaged { at, segment, what } => Err(Failure::new(
            FailureClass::BadInput,
            format!("the journal is damaged at record {} (segment {segment}): {what}", at.0),
            "keep the files as they are, and find out who could write to them",
        )
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    fn whole(kept: OwnedFd) -> Vec<u8> {
        let mut bytes = Vec::new();
        File::from(kept).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_head_that_moves_on_does_not_move_what_was_kept() {
        let head = tempfile::tempfile().unwrap();
        head.write_all_at(b"as it was", 0).unwrap();
        let kept = snapshot(head.try_clone().unwrap()).unwrap();
        head.write_all_at(b"later on.", 0).unwrap();
        assert_eq!(whole(kept), b"as it was");
    }

    #[test]
    fn a_journal_without_a_head_is_for_the_verifier_to_judge() {
        let (reader, writer) = io::pipe().unwrap();
        drop(writer);
        assert_eq!(whole(snapshot(File::from(OwnedFd::from(reader))).unwrap()), b"");
    }

    #[test]
    fn no_more_is_kept_of_a_head_than_one_can_be() {
        let head = tempfile::tempfile().unwrap();
        head.set_len(HEAD_MAX + 1).unwrap();
        assert_eq!(whole(snapshot(head).unwrap()).len() as u64, HEAD_MAX);
    }
}
