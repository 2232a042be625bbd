//! Where the vault's passphrase comes from: `--passphrase-fd`, the environment, systemd's
//! credential, the terminal, in this order. It is taken once and handed on once.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::RawFd;
use std::path::Path;

use proto::failure::{Failure, FailureClass};
use proto::hazmat::{NoSlot, SecretBytes};

use super::input::{InputError, is_blank, same, to_the_end};
use super::prompt;
use crate::home::Home;

const FD: &str = "--passphrase-fd";
const NEW_FD: &str = "--new-passphrase-fd";
const BACKUP_FD: &str = "--backup-passphrase-fd";

/// How often the terminal asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// For a vault that is there.
    Once,
    /// The same, where it can do without: nothing but Enter means none.
    OnceOrNot,
    /// For one that is made now: a mistyped passphrase would be lost.
    Twice,
}

/// All sources, in order.
pub(crate) struct Sources {
    fd: Option<RawFd>,
    /// The same, also once it was read.
    given: Option<RawFd>,
    environment: Result<Option<SecretBytes>, NoSlot>,
}

impl Sources {
    /// The option, and what the environment held when the program started.
    pub(crate) const fn new(fd: Option<RawFd>, environment: Result<Option<SecretBytes>, NoSlot>) -> Self {
        Self { fd, given: fd, environment }
    }

    /// Takes one that was asked for already, for the next that needs it.
    pub(crate) fn give(&mut self, passphrase: SecretBytes) {
        self.fd = None;
        self.environment = Ok(Some(passphrase));
    }

    /// Whether the environment held one when the program started.
    pub(crate) const fn have_environment(&self) -> bool {
        matches!(self.environment, Ok(Some(_)) | Err(_))
    }

    /// Whether the option names stdin, which a value may be read from too.
    pub(crate) fn uses_stdin(&self) -> bool {
        self.fd == Some(0)
    }

    /// Whether the option named this descriptor, read or not.
    pub(crate) fn named(&self, fd: RawFd) -> bool {
        self.given == Some(fd)
    }

    /// The passphrase, or an error that names every way to give one.
    pub(crate) fn require(&mut self, asking: Asking) -> Result<SecretBytes, Failure> {
        let passphrase = self.find(asking)?.ok_or_else(|| {
            Failure::new(
                FailureClass::Refused,
                "the vault's passphrase is needed and there is no terminal to ask on",
                "give it by --passphrase-fd N, or in UGENT_SECRETS_PASSPHRASE, or run this in a terminal",
            )
        })?;
        match asking {
            // Only where it is chosen: a vault that has such a one must still open.
            Asking::Twice => chosen(passphrase),
            Asking::Once | Asking::OnceOrNot => Ok(passphrase),
        }
    }

    /// The passphrase of the vault in that home; none where it has none, being in a keychain.
    pub(crate) fn for_vault(&mut self, home: &Home) -> Result<Option<SecretBytes>, Failure> {
        if home.is_in_keychain() { Ok(None) } else { self.require(Asking::Once).map(Some) }
    }

    /// Whether the option names this descriptor.
    pub(crate) fn uses(&self, fd: RawFd) -> bool {
        self.fd == Some(fd)
    }

    /// The passphrase, or none where no source has one.
    fn find(&mut self, asking: Asking) -> Result<Option<SecretBytes>, Failure> {
        if let Some(passphrase) = self.silent()? {
            return Ok(Some(passphrase));
        }
        from_terminal(asking)
    }

    /// The passphrase for a broker that starts, or none: then it starts locked. Where there is no
    /// vault yet nobody is asked; keeperd says what to do.
    pub(crate) fn for_broker(&mut self, home: &Home) -> Result<Option<SecretBytes>, Failure> {
        if home.has_vault() {
            self.find(Asking::OnceOrNot)
        } else if home.is_in_keychain() {
            // It has none; one that is lying about is for another home.
            self.silent().map(|_| None)
        } else {
            self.silent()
        }
    }

    /// As [`Sources::find`], without asking anybody.
    fn silent(&mut self) -> Result<Option<SecretBytes>, Failure> {
        if let Some(number) = self.fd.take() {
            return from_fd(FD, number).map(Some);
        }
        match std::mem::replace(&mut self.environment, Ok(None)) {
            Ok(None) => from_credential(),
            Ok(found) => Ok(found),
            Err(error) => Err(crate::ending::no_slot(error)),
        }
    }
}

/// The passphrase that is to take the place of another: never from where that one comes from.
pub(crate) fn another(fd: Option<RawFd>) -> Result<SecretBytes, Failure> {
    let found = match fd {
        Some(number) => Some(from_fd(NEW_FD, number)?),
        None => on_terminal(|ask| twice(ask, "New passphrase of the vault: "))?,
    };
    chosen(found.ok_or_else(|| {
        Failure::new(
            FailureClass::Refused,
            "a new passphrase is needed and there is no terminal to ask on",
            "give it by --new-passphrase-fd N, or run this in a terminal",
        )
    })?)
}

/// The passphrase of a backup: chosen for one that is made, or known for one that is restored.
pub(crate) fn of_backup(fd: Option<RawFd>, asking: Asking) -> Result<SecretBytes, Failure> {
    let wrong = |error| refused(&error, "the backup's passphrase");
    let found = match (fd, asking) {
        (Some(number), _) => Some(from_fd(BACKUP_FD, number)?),
        (None, Asking::Twice) => on_terminal(|ask| twice(ask, "Passphrase for the backup: "))?,
        (None, Asking::Once | Asking::OnceOrNot) => {
            on_terminal(|ask| ask("Passphrase of the backup: ").map(Some).map_err(wrong))?
        }
    };
    let passphrase = found.ok_or_else(|| {
        Failure::new(
            FailureClass::Refused,
            "the backup's passphrase is needed and there is no terminal to ask on",
            "give it by --backup-passphrase-fd N, or run this in a terminal",
        )
    })?;
    match asking {
        Asking::Twice => chosen(passphrase),
        Asking::Once | Asking::OnceOrNot => Ok(passphrase),
    }
}

fn chosen(passphrase: SecretBytes) -> Result<SecretBytes, Failure> {
    if is_blank(&passphrase) {
        return Err(Failure::new(
            FailureClass::BadInput,
            "the passphrase is nothing but white space",
            "choose one that is hard to guess",
        ));
    }
    Ok(passphrase)
}

fn from_fd(option: &str, number: RawFd) -> Result<SecretBytes, Failure> {
    let Some(fd) = unix::passed::named(number) else {
        return Err(Failure::new(
            FailureClass::Usage,
            format!("{option} {number} is not an open descriptor"),
            format!("redirect one, as in: {option} {number} {number}< FILE"),
        ));
    };
    to_the_end(fd).map_err(|error| refused(&error, &format!("the passphrase on descriptor {number}")))
}

fn from_credential() -> Result<Option<SecretBytes>, Failure> {
    let Some(directory) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
        return Ok(None);
    };
    let path = Path::new(&directory).join("ugent-passphrase");
    match path.symlink_metadata() {
        Ok(_) => {}
        // The unit has credentials, but this is none of them; where it has none at all, some versions
        // of systemd leave a directory that is closed to us.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
            return Ok(None);
        }
        Err(error) => return Err(refused(&InputError::Io(error), "the credential ugent-passphrase")),
    }
    match File::open(path) {
        Ok(file) => to_the_end(file)
            .map(Some)
            .map_err(|error| refused(&error, "the passphrase in the credential ugent-passphrase")),
        Err(error) => Err(refused(&InputError::Io(error), "the credential ugent-passphrase")),
    }
}

fn from_terminal(asking: Asking) -> Result<Option<SecretBytes>, Failure> {
    let wrong = |error| refused(&error, "the passphrase");
    on_terminal(|ask| match asking {
        Asking::Once => ask("Passphrase of the vault: ").map(Some).map_err(wrong),
        Asking::OnceOrNot => match ask("Passphrase of the vault (empty: start locked): ") {
            Err(InputError::Empty) => Ok(None),
            answer => answer.map(Some).map_err(wrong),
        },
        Asking::Twice => twice(ask, "Passphrase for the new vault: "),
    })
}

/// A question, and what was typed.
type Ask<'a> = dyn FnMut(&str) -> Result<SecretBytes, InputError> + 'a;

/// What comes of asking; none where there is no terminal.
fn on_terminal(
    asks: impl FnOnce(&mut Ask<'_>) -> Result<Option<SecretBytes>, Failure>,
) -> Result<Option<SecretBytes>, Failure> {
    let Some(mut shown) = prompt::terminal() else {
        return Ok(None);
    };
    let typed = shown.try_clone().map_err(|error| refused(&InputError::Io(error), "the terminal"))?;
    asks(&mut |question: &str| prompt::ask(&mut shown, &typed, question))
}

fn twice(ask: &mut Ask<'_>, question: &str) -> Result<Option<SecretBytes>, Failure> {
    let wrong = |error| refused(&error, "the passphrase");
    let first = ask(question).map_err(wrong)?;
    if same(&first, &ask("The same again: ").map_err(wrong)?) {
        return Ok(Some(first));
    }
    Err(Failure::new(FailureClass::BadInput, "the two passphrases differ", "try again"))
}

fn refused(error: &InputError, what: &str) -> Failure {
    const ANOTHER: &str = "give another, as in: --passphrase-fd 3 3< FILE";
    let (class, hint) = match error {
        InputError::Empty | InputError::Nul | InputError::TooLong => (FailureClass::BadInput, ANOTHER),
        InputError::NoSlot(_) => (FailureClass::TryAgain, "raise the limit of locked memory: ulimit -l 8192"),
        InputError::Io(_) => (FailureClass::Io, "open it for reading, as in: --passphrase-fd 3 3< FILE"),
    };
    Failure::new(class, format!("{what} {error}"), hint)
}
