//! The values of a child: asked for together, taken one by one, given back. With one refusal there is
//! none of them.

use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::journal::Reason;
use proto::loan::{Borrow, NotLent};
use proto::name::{Consumer, Delivery, Handle, Purpose};

use crate::keeper::{self, Keeper};
use crate::secret::bad_name;
use crate::session::Session;

/// A value, and whose it is.
pub(in crate::secret) struct Value {
    pub(in crate::secret) handle: Handle,
    pub(in crate::secret) version: u32,
    pub(in crate::secret) value: SecretBytes,
}

/// Who asks.
pub(in crate::secret) struct Borrower {
    pub(in crate::secret) consumer: Option<Consumer>,
    pub(in crate::secret) token: Option<SecretBytes>,
    /// What values go into an environment for, as grants have it.
    pub(in crate::secret) purpose: &'static str,
}

/// All of these values, or why there are none. The keeper is let go of: the leases are over, and one
/// of our own has ended.
pub(in crate::secret) fn borrow(
    session: &Session,
    mut keeper: Keeper,
    borrower: Borrower,
    handles: Vec<Handle>,
) -> Result<Vec<Value>, Failure> {
    let Borrower { consumer, token, purpose: text } = borrower;
    let purpose = Purpose::parse(text).map_err(bad_name)?;
    let request = CliRequest::Borrow(Borrow {
        consumer: consumer.clone(),
        purpose,
        delivery: Delivery::EnvInject,
        secrets: handles.clone(),
    });
    let answer = keeper.ask(&request, token)?.answer;
    if let CliAnswer::NotLent { consumer: found, refused } = &answer {
        return Err(why(session, &mut keeper, (found.clone().or(consumer), text), refused));
    }
    let CliAnswer::Lent { .. } = answer else { return Err(keeper::unexpected()) };
    let mut values = Vec::new();
    for handle in handles {
        let answered = keeper.ask(&CliRequest::Take { secret: handle.clone() }, None)?;
        if let CliAnswer::NotLent { consumer: found, refused } = &answered.answer {
            return Err(why(session, &mut keeper, (found.clone().or(consumer), text), refused));
        }
        let (CliAnswer::Taken { version, .. }, Some(value)) = (answered.answer, answered.value) else {
            return Err(keeper::unexpected());
        };
        values.push(Value { handle, version, value });
    }
    let CliAnswer::GivenBack = keeper.ask(&CliRequest::GiveBack, None)?.answer else {
        return Err(keeper::unexpected());
    };
    keeper.end()?;
    Ok(values)
}

/// What kind of mending a refusal takes, the one to be told first coming first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mend {
    Journal,
    Token,
    Unlock,
    UnlockKeychain,
    Keychain,
    Damaged,
    Check,
    Expired,
    Approval,
    Grant,
    Later,
}

const fn mend(reason: Reason) -> Mend {
    match reason {
        Reason::JournalUnavailable => Mend::Journal,
        Reason::InvalidToken | Reason::TokenRevoked | Reason::TokenExpired => Mend::Token,
        Reason::VaultLocked | Reason::WrongPassphrase => Mend::Unlock,
        Reason::KeychainLocked => Mend::UnlockKeychain,
        Reason::KeychainUnreachable => Mend::Keychain,
        Reason::VaultDamaged => Mend::Damaged,
        Reason::GrantsUnusable => Mend::Check,
        Reason::SecretExpired => Mend::Expired,
        Reason::RateLimited | Reason::Busy => Mend::Later,
        Reason::ApprovalDenied | Reason::ApprovalExpired => Mend::Approval,
        Reason::UnknownRoute
        | Reason::GrantsMissing
        | Reason::NotGranted
        | Reason::HostNotGranted
        | Reason::PurposeNotGranted
        | Reason::DeliveryNotGranted
        | Reason::MethodNotGranted
        | Reason::PathNotGranted
        | Reason::GrantExpired
        | Reason::NoSecret
        | Reason::ValueNotInjectable
        | Reason::Expired
        | Reason::UsedUp
        | Reason::GrantChanged
        | Reason::SecretRotated
        | Reason::SecretRemoved
        | Reason::SecretRolledBack
        | Reason::ProviderChanged
        | Reason::Revoked
        | Reason::Returned
        | Reason::Shutdown => Mend::Grant,
    }
}

/// Why nothing is lent, to that consumer for that purpose.
fn why(
    session: &Session,
    keeper: &mut Keeper,
    (consumer, purpose): (Option<Consumer>, &str),
    refused: &[NotLent],
) -> Failure {
    let Some(worst) = refused.iter().map(|one| mend(one.reason)).min() else { return keeper::unexpected() };
    let those: Vec<&NotLent> = refused.iter().filter(|one| mend(one.reason) == worst).collect();
    let names = those.iter().map(|one| one.secret.to_string()).collect::<Vec<_>>().join(", ");
    let failure =
        |class, what: String, hint: &str| Failure::new(class, format!("{what}; nothing was started"), hint);
    match worst {
        Mend::Journal => failure(
            FailureClass::Io,
            format!("{names} cannot be lent, since the journal takes no record of it"),
            "make room on the disk, or see what is wrong: ugent secret audit --verify",
        ),
        Mend::Token => failure(
            FailureClass::Refused,
            match &consumer {
                Some(consumer) => format!("{consumer} has not shown a token that is good for it"),
                None => "nobody is known by that token".to_owned(),
            },
            "ugent secret token issue --consumer C --out FILE; then --token-fd 3 3< FILE",
        ),
        Mend::Unlock => {
            failure(FailureClass::Refused, "the vault is locked".to_owned(), "ugent secret unlock")
        }
        Mend::UnlockKeychain => failure(
            FailureClass::TryAgain,
            "the keychain is locked".to_owned(),
            "unlock it on the desktop, and type this again",
        ),
        Mend::Keychain => failure(
            FailureClass::Unreachable,
            "the keychain does not answer".to_owned(),
            "ugent secret doctor   (says what is wrong with it)",
        ),
        Mend::Damaged => failure(
            FailureClass::BadInput,
            format!("the sealed value of {names} is missing or damaged"),
            "ugent secret rotate @NAME --stdin",
        ),
        Mend::Check => failure(
            FailureClass::Refused,
            "the grants file is refused".to_owned(),
            "ugent secret grant check",
        ),
        Mend::Expired => failure(
            FailureClass::Refused,
            format!("the value of {names} has expired"),
            "ugent secret rotate @NAME --stdin",
        ),
        Mend::Approval => failure(
            FailureClass::Refused,
            format!(
                "the grant for {names} asks for an approval of each lease, which only the gateway waits for"
            ),
            "give it a grant of its own without `approval`",
        ),
        Mend::Later => failure(
            FailureClass::TryAgain,
            format!("{names} is lent as often as may be just now"),
            "try again later, or raise the limits of its grant",
        ),
        Mend::Grant => match missing(keeper, &those) {
            Some((names, hint)) => {
                failure(FailureClass::BadInput, format!("there is no secret {names}"), &hint)
            }
            None => {
                let consumer = consumer.unwrap_or_else(Consumer::cli);
                let reasons: Vec<String> =
                    those.iter().map(|one| format!("{} ({})", one.secret, one.reason)).collect();
                let what = format!("{consumer} may not have {} for {purpose}", reasons.join(", "));
                failure(FailureClass::Refused, what, &grants(session, &consumer, purpose, &those))
            }
        },
    }
}

/// Those of them that do not exist at all, and what keeperd says to the last of them.
fn missing(keeper: &mut Keeper, those: &[&NotLent]) -> Option<(String, String)> {
    let (mut missing, mut hint) = (Vec::new(), String::new());
    for NotLent { secret, .. } in those {
        match keeper.ask(&CliRequest::Inspect { handle: secret.clone() }, None) {
            Err(failure) if failure.class == FailureClass::BadInput => {
                missing.push(secret.to_string());
                hint = failure.hint;
            }
            Err(_) | Ok(_) => {}
        }
    }
    (!missing.is_empty()).then(|| (missing.join(", "), hint))
}

/// What would allow it, to be added as it stands.
fn grants(session: &Session, consumer: &Consumer, purpose: &str, those: &[&NotLent]) -> String {
    let mut text = format!("if it should, add this to {}:", session.home.grants().display());
    for NotLent { secret, .. } in those {
        text.push_str(&format!(
            "\n\n[[grants]]\nsecret_ref = \"{}\"\nconsumer = \"{consumer}\"\npurposes = [\"{purpose}\"]\n\
             delivery = [\"env_inject\"]",
            secret.as_str()
        ));
    }
    text
}
