//! `--verify`: has a keeperd of its own check the journal, by read-only descriptors.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, Write, stdout};
use std::os::fd::OwnedFd;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::{SecretBytes, pair};
use proto::journal::{LINK_LEN, Noted, Verdict};
use proto::meta::RecordSeq;
use serde::Serialize;

use super::pages::{Page, page};
use crate::ending::{Halt, Outcome, no_slot};
use crate::keeper::{self, Keeper, Key, Purpose, Verifier, unexpected};
use crate::render::{self, Form};
use crate::session::Session;
use crate::usage::wrong;

/// The head's file is a few sectors; more is not one.
const HEAD_MAX: u64 = 64 * 1024;
/// Looks at the head until two show the same. It is written about once a second.
const LOOKS: u32 = 16;

#[derive(Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
enum VerdictView<'a> {
    Whole { records: u64, cut: u64, last: u64, link: &'a str, plain: u64, torn_tail: bool },
    Damaged { at: u64, segment: u32, what: &'a str },
}

pub(super) fn run(session: &mut Session, expect: Option<&str>, form: Form) -> Outcome {
    let noted = expect.map(noted).transpose()?;
    keeper::check_set_up(session)?;
    let passphrase = session.passphrase.for_vault(&session.home)?;
    raise_descriptor_limit();
    let mut keeper = keeper::reach(session, Purpose::Use)?;
    // Head and checkpoint first: what they say when they are read is in the segments that are listed
    // after. The other way round a running broker could begin a segment in between, and seal a head over it.
    let again = passphrase.as_ref().map(pair::again).transpose().map_err(no_slot)?;
    let files = files(&mut keeper, again)?;
    let segments = segments(&mut keeper)?;
    keeper.end()?;
    let mut verifier = Verifier::start(session)?;
    let key = match files {
        Files::OfFileVault(small) => {
            verifier.files(small)?;
            Key::Passphrase(passphrase.ok_or_else(unexpected)?)
        }
        Files::OfKeychain { small, vault } => {
            verifier.head(small)?;
            Key::InKeychain(vault)
        }
    };
    for page in segments {
        verifier.segments(page)?;
    }
    let verdict = verifier.verdict(noted, key)?;
    print(&verdict, form)
}

/// What is checked besides the segments.
enum Files {
    /// Head, checkpoint, vault header.
    OfFileVault([OwnedFd; 3]),
    /// Head and checkpoint.
    OfKeychain { small: [OwnedFd; 2], vault: [u8; 16] },
}

fn files(keeper: &mut Keeper, passphrase: Option<SecretBytes>) -> Result<Files, Failure> {
    let answered = keeper.ask(&CliRequest::VerifyFiles, passphrase)?;
    let kept = |what: &str, file: OwnedFd| {
        snapshot(file.into()).map_err(|error| {
            Failure::new(FailureClass::Io, format!("the journal's {what} could not be read: {error}"), "")
        })
    };
    if let CliAnswer::VerifyHead { vault } = answered.answer {
        let [head, checkpoint] = <[OwnedFd; 2]>::try_from(answered.fds).map_err(|_| unexpected())?;
        let small = [kept("sealed head", head)?, kept("checkpoint", checkpoint)?];
        return Ok(Files::OfKeychain { small, vault });
    }
    let (CliAnswer::VerifyFiles, Ok([head, checkpoint, header])) =
        (answered.answer, <[OwnedFd; 3]>::try_from(answered.fds))
    else {
        return Err(unexpected());
    };
    Ok(Files::OfFileVault([kept("sealed head", head)?, kept("checkpoint", checkpoint)?, header]))
}

/// Head or checkpoint as it is now. A running broker moves it on, and into segments we were not given; what
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

/// `SEQ:HASH`, as an earlier check printed it.
fn noted(text: &str) -> Result<Noted, Halt> {
    let parsed = text.split_once(':').and_then(|(seq, link)| {
        let seq = RecordSeq(seq.parse().ok()?);
        Some(Noted { seq, link: bytes_of(link)? })
    });
    let hint = "ugent secret audit --verify --expect 120:THE-64-DIGITS-OF-ITS-LINK";
    parsed.ok_or_else(|| {
        wrong("--expect is not the number of a record, a colon, and its link in hex", hint).into()
    })
}

fn bytes_of(hex: &str) -> Option<[u8; LINK_LEN]> {
    let mut bytes = [0; LINK_LEN];
    let is_whole = hex.len() == 2 * LINK_LEN && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)).filter(|_| is_whole) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    is_whole.then_some(bytes)
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
        Verdict::Whole { records, cut, last, link, plain, torn_tail } => VerdictView::Whole {
            records: *records,
            cut: *cut,
            last: last.0,
            link,
            plain: *plain,
            torn_tail: *torn_tail,
        },
        Verdict::Damaged { at, segment, what } => VerdictView::Damaged { at: at.0, segment: *segment, what },
    };
    match (form, &view) {
        (Form::Json, view) => render::json(&mut out, view)?,
        (Form::Table | Form::Plain, VerdictView::Whole { records, cut, last, link, plain, torn_tail }) => {
            writeln!(out, "whole: {records} records, the last is {last}, link {link}")?;
            writeln!(out, "note elsewhere, and check later with: --verify --expect {last}:{link}")?;
            if *cut > 0 {
                writeln!(out, "the first {cut} were cut off, as the settings say; a record tells of it")?;
            }
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
    fn what_was_noted_is_a_number_and_a_whole_link() {
        let link = "0f".repeat(32);
        let taken = noted(&format!("12:{link}")).ok().unwrap();
        assert_eq!(taken, Noted { seq: RecordSeq(12), link: [15; 32] });
        for text in ["", "12", "12:", ":", "x:00", "12:0f", &format!("-1:{link}"), &format!("1:{link}0f")] {
            assert!(noted(text).is_err(), "{text}");
        }
        assert!(noted(&format!("1:{}", "é".repeat(32))).is_err());
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
