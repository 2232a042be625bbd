//! What a call that came to nothing means: to a person, and to the journal.

use proto::failure::{Failure, FailureClass};
use proto::journal::Reason;
use proto::keychain_lane::Trouble;

use super::CallError;

impl CallError {
    /// As a person is told. `what` did not happen, as in "@name could not be read".
    pub(crate) fn failure(self, what: &str) -> Failure {
        let (class, why, hint) = match self {
            Self::Asking => (
                FailureClass::TryAgain,
                "the keychain is locked, and the desktop asks to unlock it",
                "unlock it there, and type this again",
            ),
            Self::Stuck => (
                FailureClass::Unreachable,
                "the keychain does not answer",
                "restart the keyring (systemctl --user restart gnome-keyring-daemon), or log in anew",
            ),
            Self::NoHelper => (
                FailureClass::Unreachable,
                "the keychain's helper could not be had",
                "install keychaind beside keeperd; UGENT_LOG=debug shows more",
            ),
            Self::Trouble(trouble) => trouble.told(),
        };
        Failure::new(class, format!("{what}: {why}"), hint)
    }

    /// As the journal is told.
    pub(crate) const fn reason(self) -> Reason {
        match self {
            Self::Asking => Reason::KeychainLocked,
            Self::Stuck | Self::NoHelper => Reason::KeychainUnreachable,
            Self::Trouble(trouble) => match trouble {
                Trouble::Locked | Trouble::NotUnlocked => Reason::KeychainLocked,
                Trouble::NoBus | Trouble::NoService | Trouble::NoCollection | Trouble::Refused => {
                    Reason::KeychainUnreachable
                }
                Trouble::Missing | Trouble::Ambiguous => Reason::VaultDamaged,
                Trouble::NoRoom => Reason::Busy,
            },
        }
    }
}
