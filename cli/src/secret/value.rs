//! The value of `add` and `rotate`: from stdin, whole and checked before anything is sent.

use std::io::{IsTerminal, stderr, stdin};

use clap::Args;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::name::Handle;

use crate::hazmat::input::{InputError, to_the_end};
use crate::hazmat::prompt;
use crate::session::Session;
use crate::usage::wrong;

/// Where the value comes from: there is only one place.
#[derive(Args)]
pub(super) struct FromStdin {
    /// Reads the value from stdin; one trailing newline is dropped
    #[arg(long)]
    stdin: bool,
}

impl FromStdin {
    /// Checks the options, before anything else is done.
    pub(super) fn check(&self, session: &Session) -> Result<(), Failure> {
        if !self.stdin {
            return Err(wrong(
                "--stdin is missing: values come by stdin only",
                "add --stdin, and give the value as in: … --stdin < FILE",
            ));
        }
        if session.passphrase.uses_stdin() {
            return Err(wrong(
                "--stdin and --passphrase-fd 0 cannot both read stdin",
                "give the passphrase on another descriptor, as in: --passphrase-fd 3 3< FILE",
            ));
        }
        Ok(())
    }

    /// Reads it.
    pub(super) fn read(&self, handle: &Handle) -> Result<SecretBytes, Failure> {
        let stdin = stdin();
        let read = if stdin.is_terminal() {
            prompt::ask(&mut stderr(), &stdin, &format!("Value of {handle} (not shown; end with Enter): "))
        } else {
            to_the_end(&stdin)
        };
        read.map_err(|error| refused(&error))
    }
}

fn refused(error: &InputError) -> Failure {
    let (class, hint) = match error {
        InputError::Empty => (FailureClass::BadInput, "pipe the value in, as in: … --stdin < FILE"),
        InputError::Nul => (FailureClass::BadInput, "encode a binary value first, as in: base64 FILE | …"),
        InputError::TooLong => (FailureClass::BadInput, "the longest value is 65536 bytes"),
        InputError::NoSlot(_) => (FailureClass::TryAgain, "raise the limit of locked memory: ulimit -l 8192"),
        InputError::Io(_) => (FailureClass::Io, ""),
    };
    Failure::new(class, format!("the value on stdin {error}; nothing was changed"), hint)
}
