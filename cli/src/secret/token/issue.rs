//! `token issue`: a token for one consumer, shown once.

use std::io::{self, Write, stderr, stdout};
use std::path::{Path, PathBuf};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::meta::TokenMeta;
use proto::name::Consumer;

use super::span;
use crate::clock::seconds;
use crate::ending::Outcome;
use crate::hazmat::output::{self, Fate, NewFile};
use crate::keeper::{self, Keeper, Purpose};
use crate::secret::bad_name;
use crate::session::Session;
use crate::usage::wrong;

/// Issues a token to a consumer; asks for the passphrase again
///
/// Whoever shows the token to the gateway is that consumer, and may use what it was granted. It is
/// shown once: what is kept of it is a digest.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  ugent secret token issue --consumer context-engine --ttl 30d --out token.txt\n  \
                        ugent secret token issue --consumer ci --ttl 12h --passphrase-fd 3 3< passphrase.txt > token.txt"
)]
pub(crate) struct Issue {
    /// Whom it speaks for, as named in grants
    #[arg(long, value_name = "C")]
    consumer: String,
    /// How long it is good for, as in 30d, 12h, 10m; without this it has no end
    #[arg(long, value_name = "SPAN")]
    ttl: Option<String>,
    /// Writes it to this new file, mode 0600, instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Issue {
    /// One without an end, to a new file.
    pub(in crate::secret) fn to_file(consumer: &Consumer, path: PathBuf) -> Self {
        Self { consumer: consumer.to_string(), ttl: None, out: Some(path) }
    }

    pub(in crate::secret) fn run(&self, session: &mut Session) -> Outcome {
        let consumer = Consumer::parse(&self.consumer).map_err(bad_name)?;
        let ttl_ms = self.ttl.as_deref().map(|text| span("--ttl", text)).transpose()?;
        if ttl_ms == Some(0) {
            return Err(wrong("--ttl 0 is over at once", "as in: --ttl 30d, or leave it out").into());
        }
        // All that can be wrong is found before anybody is asked, and before there is a token.
        keeper::check_set_up(session)?;
        self.out.as_deref().map_or_else(kept, not_there)?;
        let passphrase = session.passphrase.for_vault(&session.home)?;
        let to = match &self.out {
            Some(path) => To::File(NewFile::make(path).map_err(|error| not_made(path, &error))?, path),
            None => To::Stdout,
        };
        let mut keeper = keeper::reach(session, Purpose::Use)?;
        let request = CliRequest::TokenIssue { consumer, ttl_ms };
        let answered = keeper.ask(&request, passphrase)?;
        let (CliAnswer::TokenIssued(meta), Some(token)) = (answered.answer, answered.value) else {
            return Err(keeper::unexpected().into());
        };
        let written = to.write(&token);
        drop(token);
        if let Err(failure) = written {
            return Err(taken_back(keeper, &meta, failure).into());
        }
        keeper.end()?;
        self.tell(&meta);
        Ok(())
    }

    /// On stderr: stdout has the token, and nothing else.
    fn tell(&self, meta: &TokenMeta) {
        let end =
            meta.expires.map_or("has no end".to_owned(), |end| format!("is good until {}", seconds(end)));
        let _ = writeln!(stderr(), "issued token {} to {}; it {end}", meta.id, meta.consumer);
        if let Some(path) = &self.out {
            let _ = writeln!(stderr(), "written to {}", path.display());
        }
    }
}

/// Where the token goes.
enum To<'a> {
    Stdout,
    File(NewFile, &'a Path),
}

impl To<'_> {
    fn write(self, token: &SecretBytes) -> Result<(), Failure> {
        match self {
            Self::Stdout => output::line(token, stdout()).map_err(|error| {
                Failure::new(FailureClass::Io, format!("stdout could not be written: {error}"), "--out FILE")
            }),
            Self::File(file, path) => file.keep(token).map_err(|error| not_made(path, &error)),
        }
    }
}

/// Nobody has the token, so nobody should be let in by it.
fn taken_back(mut keeper: Keeper, meta: &TokenMeta, failure: Failure) -> Failure {
    let revoked = keeper.ask(&CliRequest::TokenRevoke { id: meta.id.clone() }, None);
    let ended = keeper.end();
    match revoked.map(drop).and(ended) {
        Ok(()) => Failure { what: format!("{}; the token was revoked", failure.what), ..failure },
        Err(_) => Failure { hint: format!("ugent secret token revoke {}", meta.id), ..failure },
    }
}

/// std opens /dev/null in the place of a stdout that was closed when we were started, and writing to
/// it succeeds: the token would be lost, and good.
fn kept() -> Result<(), Failure> {
    match output::fate(stdout()) {
        Fate::Kept => Ok(()),
        Fate::Lost => Err(wrong("nobody would get the token: stdout is closed, or /dev/null", "--out FILE")),
    }
}

fn not_there(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) => Err(exists(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(not_made(path, &error)),
    }
}

fn not_made(path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return exists(path);
    }
    let what = format!("the token could not be written to {}: {error}", path.display());
    Failure::new(FailureClass::Io, what, "name a file in a directory you can write to, with --out FILE")
}

fn exists(path: &Path) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("{} is there already, and was not changed", path.display()),
        "name another file, or move that one away first",
    )
}
