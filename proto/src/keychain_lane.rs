//! The keychain lane: keeperd asks, the keychain's helper answers, one request after the other.
//!
//! Items are named by what keeperd knows of them; the helper looks for nothing else, and neither
//! side tells the other a word of what the desktop's service has said but its error's name.

use serde::{Deserialize, Serialize};

use crate::failure::FailureClass;
use crate::frame::{Message, ValueRule};
use crate::name::Handle;

/// Most items in one page of `List`.
pub const ITEMS_PAGE: usize = 64;
/// Longest path of a home that is written beside an item.
pub const HOME_MAX: usize = 512;

/// What an item holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Holding {
    /// The key that all others are derived from.
    DataKey,
    /// Where the journal's chain begins.
    JournalRoot,
    /// One version of a secret, by its deposit.
    Deposit([u8; 16]),
}

/// Names an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Item {
    /// Whose.
    pub vault: [u8; 16],
    /// What.
    pub holding: Holding,
}

/// What a person is shown of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// UGENT_HOME, so that what an `init` that was cut short has left can be told from another's.
    pub home: String,
    /// Which secret; none of a key.
    pub handle: Option<Handle>,
    /// Which version of it; 0 of a key.
    pub version: u32,
}

/// keeperd to helper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeychainRequest {
    /// Whether there is a keychain, and an open one.
    Probe,
    /// The value of an item.
    Get(Item),
    /// An item with its value; one of that name is replaced.
    Set {
        /// Which.
        item: Item,
        /// What a person sees of it.
        shown: Shown,
    },
    /// Removes an item; one that is not there is as good as removed.
    Delete(Item),
    /// A page of all items of any vault, in an order that stays as long as they do.
    List {
        /// How many were seen already.
        seen: u32,
    },
    /// Has the desktop ask its user to unlock the keychain. Takes as long as the user does.
    Unlock,
}

impl Message for KeychainRequest {
    fn value_rule(&self) -> ValueRule {
        match self {
            Self::Set { .. } => ValueRule::Required,
            Self::Probe | Self::Get(_) | Self::Delete(_) | Self::List { .. } | Self::Unlock => {
                ValueRule::Never
            }
        }
    }
}

/// Why it was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// There is no session bus, or it is gone.
    NoBus,
    /// Nobody on the bus keeps secrets, or who did is gone.
    NoService,
    /// The service has no collection of that name, or no default one.
    NoCollection,
    /// The collection is locked.
    Locked,
    /// The user was asked to unlock it, and did not; or there is no desktop that could ask.
    NotUnlocked,
    /// There is no such item.
    Missing,
    /// Several items go by that name, and nothing says which is ours.
    Ambiguous,
    /// The value is longer than one can be, or no locked memory is left for it.
    NoRoom,
    /// The service has refused otherwise.
    Refused,
}

crate::name::words!(Trouble, "trouble", "it is a word of the keychain lane", {
    NoBus => "no_bus",
    NoService => "no_service",
    NoCollection => "no_collection",
    Locked => "locked",
    NotUnlocked => "not_unlocked",
    Missing => "missing",
    Ambiguous => "ambiguous",
    NoRoom => "no_room",
    Refused => "refused",
});

impl Trouble {
    /// What a person is told: how bad it is, what is wrong, what mends it.
    #[must_use]
    pub const fn told(self) -> (FailureClass, &'static str, &'static str) {
        match self {
            Self::NoBus => (
                FailureClass::Unreachable,
                "there is no session bus",
                "set DBUS_SESSION_BUS_ADDRESS, or run it in a desktop session",
            ),
            Self::NoService => (
                FailureClass::Unreachable,
                "nobody on the session bus keeps secrets, or who did is gone",
                "start a keyring, as in: gnome-keyring-daemon --start --components=secrets",
            ),
            Self::NoCollection => (
                FailureClass::Unreachable,
                "the keychain has no such collection",
                "make a default one (in Seahorse: File, New, Password keyring), or name one in secrets.toml",
            ),
            Self::Locked => {
                (FailureClass::Unreachable, "the keychain is locked", "unlock the keyring, and try again")
            }
            Self::NotUnlocked => (
                FailureClass::Unreachable,
                "the keychain is locked, and was not unlocked",
                "unlock the keyring, and try again",
            ),
            Self::Missing => (
                FailureClass::BadInput,
                "its item is missing from the keychain",
                "unlock the keyring it was in, put it back, or rotate the secret",
            ),
            Self::Ambiguous => (
                FailureClass::BadInput,
                "several items in the keychain go by its name, and one at least is not ours",
                "remove the others (secret-tool search --all application ugent-vault), or rotate the secret",
            ),
            Self::NoRoom => (
                FailureClass::TryAgain,
                "no locked memory is left for it",
                "raise the limit on locked memory (ulimit -l)",
            ),
            Self::Refused => (
                FailureClass::Unreachable,
                "the keychain refused",
                "look into the log of the keyring, as in: journalctl --user -u gnome-keyring-daemon",
            ),
        }
    }
}

/// One item of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub item: Item,
    /// As it was set.
    pub shown: Shown,
}

/// Helper to keeperd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeychainAnswer {
    /// To `Probe`: there is, and it is open.
    Open,
    /// To `Get`, with the value.
    Got,
    /// To `Set`: the service has it.
    Kept,
    /// To `Delete`.
    Deleted,
    /// To `List`.
    Listed {
        /// Those that are named as ours are. What is not is left out.
        items: Vec<Listed>,
        /// How many were looked at, this page's included; none if these were the last.
        more: Option<u32>,
    },
    /// To `Unlock`: it is open now.
    Unlocked,
    /// To any: it was not done.
    Failed(Trouble),
}

impl Message for KeychainAnswer {
    fn value_rule(&self) -> ValueRule {
        match self {
            Self::Got => ValueRule::Required,
            Self::Open
            | Self::Kept
            | Self::Deleted
            | Self::Listed { .. }
            | Self::Unlocked
            | Self::Failed(_) => ValueRule::Never,
        }
    }
}
