//! What a CLI may ask of this keeper in the state it is in: one table. A new request does not
//! compile until it stands here.

use proto::cli_lane::CliRequest;
use proto::control_lane::Role;
use proto::failure::{Failure, FailureClass};

use super::lanes::Scope;

/// What must be so before a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Nothing.
    Nothing,
    /// `init` was run.
    SetUp,
    /// `init` was run, the keys are here, and the journal takes records.
    Unlocked,
    /// `init` was run, and the journal takes records.
    Recorded,
    /// `init` was run, the keys are here, the journal takes records, and this keeper belongs to a command.
    Alone,
    /// This keeper belongs to a broker.
    Broker,
    /// `init` was not run, and this keeper belongs to a command.
    Empty,
}

/// What the keeper is like just now.
pub(super) struct Condition<'a> {
    pub(super) role: Role,
    pub(super) set_up: bool,
    pub(super) locked: bool,
    pub(super) journal_broken: Option<&'a Failure>,
}

const fn needs(request: &CliRequest) -> Needs {
    match request {
        CliRequest::Init { .. } | CliRequest::Status => Needs::Nothing,
        CliRequest::Unlock
        | CliRequest::Lock
        | CliRequest::List { .. }
        | CliRequest::Inspect { .. }
        | CliRequest::Journal { .. }
        | CliRequest::VerifyFiles
        | CliRequest::TokenList { .. }
        | CliRequest::LeaseList { .. }
        | CliRequest::ApprovalList { .. }
        | CliRequest::GrantList { .. }
        | CliRequest::ProviderList { .. }
        | CliRequest::Explain(_)
        | CliRequest::CheckPolicy
        | CliRequest::CheckText { .. }
        | CliRequest::Orphans { .. } => Needs::SetUp,
        // What they let in must be on record; what is let out waits for nothing.
        CliRequest::TokenIssue { .. }
        | CliRequest::TokenRotate { .. }
        | CliRequest::CheckPassphrase
        | CliRequest::Approve { .. }
        | CliRequest::Rekey
        | CliRequest::Backup
        // A locked vault is a refusal as any other, with a record.
        | CliRequest::Borrow(_)
        | CliRequest::Take { .. } => Needs::Recorded,
        CliRequest::TokenRevoke { .. }
        | CliRequest::LeaseRevoke { .. }
        | CliRequest::Deny { .. }
        | CliRequest::GiveBack => Needs::SetUp,
        CliRequest::Add { .. }
        | CliRequest::Rotate { .. }
        | CliRequest::Rollback { .. }
        | CliRequest::Remove { .. }
        | CliRequest::ImportAdd { .. }
        | CliRequest::ImportDone
        | CliRequest::Compare { .. } => Needs::Unlocked,
        CliRequest::Restore => Needs::Empty,
        CliRequest::Migrate { .. } => Needs::Alone,
        CliRequest::BrokerStop => Needs::Broker,
    }
}

/// Whether a lane of that scope may ask it at all. One that asks for more is cut off.
pub(super) const fn is_within(request: &CliRequest, scope: Scope) -> bool {
    match scope {
        Scope::All => true,
        Scope::Journal => matches!(request, CliRequest::Journal { .. }),
    }
}

/// Whether the request is to be answered, or why not.
///
/// # Errors
/// The [`Failure`] to answer with.
pub(super) fn duty(request: &CliRequest, condition: &Condition<'_>) -> Result<(), Failure> {
    match needs(request) {
        Needs::Nothing => Ok(()),
        Needs::SetUp => set_up(condition),
        Needs::Unlocked => unlocked(condition),
        Needs::Alone => match condition.role {
            Role::Private => unlocked(condition),
            Role::Broker | Role::Verify => Err(Failure::new(
                FailureClass::Config,
                "a broker is running, and values can be moved only while none is",
                "ugent secret broker stop; then this again",
            )),
        },
        Needs::Recorded => set_up(condition).and_then(|()| recorded(condition)),
        Needs::Empty => match (condition.role, condition.set_up) {
            (Role::Private, false) => Ok(()),
            (Role::Private | Role::Broker | Role::Verify, _) => Err(Failure::new(
                FailureClass::Config,
                "there is a vault here already, so nothing was restored",
                "UGENT_HOME=ANOTHER_DIRECTORY ugent secret restore FILE",
            )),
        },
        Needs::Broker => match condition.role {
            Role::Broker => Ok(()),
            Role::Private | Role::Verify => Err(Failure::new(
                FailureClass::Unreachable,
                "no broker is running here",
                "ugent secret broker start",
            )),
        },
    }
}

fn unlocked(condition: &Condition<'_>) -> Result<(), Failure> {
    set_up(condition)?;
    recorded(condition)?;
    if condition.locked {
        return Err(Failure::new(
            FailureClass::Refused,
            "the vault is locked, so nothing was changed",
            "ugent secret unlock",
        ));
    }
    Ok(())
}

fn recorded(condition: &Condition<'_>) -> Result<(), Failure> {
    condition.journal_broken.map_or(Ok(()), |failure| Err(failure.clone()))
}

fn set_up(condition: &Condition<'_>) -> Result<(), Failure> {
    if condition.set_up {
        return Ok(());
    }
    Err(Failure::new(FailureClass::Config, "there is no vault here yet", "ugent secret init"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_the_journal_may_ask_for_nothing_else() {
        assert!(is_within(&CliRequest::Journal { after: 0 }, Scope::Journal));
        for request in [
            CliRequest::Status,
            CliRequest::Unlock,
            CliRequest::Lock,
            CliRequest::VerifyFiles,
            CliRequest::BrokerStop,
            CliRequest::List { after: None },
        ] {
            assert!(!is_within(&request, Scope::Journal), "{request:?}");
            assert!(is_within(&request, Scope::All), "{request:?}");
        }
    }
}
