//! The next sensible step: decided from how the home stands, and from nothing else.

use proto::standing::GrantsStanding;

use super::state::{Here, State};
use crate::secret::suggestion::Suggestion;
use crate::system::Mode;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is nothing yet.
    SetUp,
    /// There is nothing yet of the machine's broker, which `setup` is not for.
    Init,
    /// The journal is broken: nothing goes before that is mended.
    Doctor,
    /// The grants file is refused.
    MendGrants,
    /// There is no secret.
    Add,
    /// There is a secret that no grant names.
    Grant(String),
    /// No broker runs.
    Start,
    /// It runs without keys.
    Unlock,
    /// Everything is there.
    Use,
}

impl Step {
    /// After all that was done.
    pub(super) fn after(state: &State, mode: Mode) -> Self {
        let here = match (state, mode) {
            (State::Nothing { .. }, Mode::OneUser) => return Self::SetUp,
            (State::Nothing { .. }, Mode::System) => return Self::Init,
            (State::Here(here), _) => here,
        };
        if here.keeper.journal_broken.is_some() {
            return Self::Doctor;
        }
        match &here.keeper.grants {
            GrantsStanding::Refused(_) => return Self::MendGrants,
            GrantsStanding::Missing | GrantsStanding::Loaded(_) => {}
        }
        if here.secrets.is_empty() {
            return Self::Add;
        }
        if let Some(command) = ungranted(here) {
            return Self::Grant(command);
        }
        match (&here.launcher, here.keeper.locked) {
            (None, _) => Self::Start,
            (Some(_), true) => Self::Unlock,
            (Some(_), false) => Self::Use,
        }
    }

    /// The very commands, one after the other or one instead of the other.
    pub(super) fn commands(&self) -> Vec<String> {
        let of =
            |commands: &[&str]| commands.iter().map(|command| format!("ugent secret {command}")).collect();
        match self {
            Self::SetUp => of(&["setup"]),
            Self::Init => of(&["init"]),
            Self::Doctor => of(&["doctor"]),
            Self::MendGrants => of(&["grant check"]),
            Self::Add => of(&["add @openai_api_key --provider openai --stdin < key.txt"]),
            Self::Grant(command) => of(&[command]),
            Self::Start => of(&["broker start"]),
            Self::Unlock => of(&["unlock"]),
            Self::Use => of(&["audit --since 1h", "doctor"]),
        }
    }

    /// What that is for.
    pub(super) const fn why(&self) -> &'static str {
        match self {
            Self::SetUp => {
                "asks five questions, and ends with a gateway that works; or by hand: ugent secret init"
            }
            Self::Init => "makes the machine's vault and catalog; it asks for a passphrase",
            Self::Doctor => "says what is wrong with the journal, and what mends it",
            Self::MendGrants => "says which line of the grants file is wrong, and what mends it",
            Self::Add => "puts your first key into the vault; it is read from stdin, and never shown again",
            Self::Grant(_) => "lets it be used: nothing is, until a grant says who, what for and where to",
            Self::Start => "starts the gateway in the background",
            Self::Unlock => "gives the broker its keys: until then it refuses every request",
            Self::Use => "who used what, and whether all is well; your programs use the URL above",
        }
    }
}

/// What would let the first secret be used that no grant names.
fn ungranted(here: &Here) -> Option<String> {
    let granted = |name: &str| here.grants.iter().any(|grant| grant.secret.as_str() == name);
    let secret = here.secrets.iter().find(|secret| !granted(secret.handle.as_str()))?;
    // A program's own token is a consumer, too; this is the one there is from the beginning.
    let suggestion = Suggestion::of(&secret.provider, &here.routes);
    Some(suggestion.command(&secret.handle, suggestion.consumer()))
}
