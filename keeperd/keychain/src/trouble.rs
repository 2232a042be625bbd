//! From what libraries say to the few words of the lane. Their texts stay here: what a service writes
//! into an error is not ours to repeat.

use proto::keychain_lane::Trouble;
use secret_service::Error;

/// Why it was not done.
pub(crate) fn of(error: &Error) -> Trouble {
    // Its errors grow, so what is not of a known kind is a refusal.
    if let Error::Zbus(error) = error {
        return of_bus(error);
    }
    if let Error::ZbusFdo(error) = error {
        return of_standard(error);
    }
    let kinds = [
        (matches!(error, Error::Locked), Trouble::Locked),
        (matches!(error, Error::NoResult), Trouble::Missing),
        (matches!(error, Error::Prompt), Trouble::NotUnlocked),
        (matches!(error, Error::PromptDisconnected), Trouble::NoService),
        (matches!(error, Error::Unavailable), Trouble::NoBus),
    ];
    kinds.into_iter().find(|(is_it, _)| *is_it).map_or(Trouble::Refused, |(_, trouble)| trouble)
}

/// The same, of the bus.
pub(crate) fn of_bus(error: &zbus::Error) -> Trouble {
    use zbus::Error;
    if let Error::MethodError(name, _, _) = error {
        return named(name.as_str());
    }
    if let Error::FDO(error) = error {
        return of_standard(error);
    }
    let is_gone = matches!(
        error,
        Error::InputOutput(_) | Error::Address(_) | Error::Handshake(_) | Error::Connection(..)
    );
    if is_gone { Trouble::NoBus } else { Trouble::Refused }
}

fn of_standard(error: &zbus::fdo::Error) -> Trouble {
    if let zbus::fdo::Error::ZBus(error) = error {
        return of_bus(error);
    }
    named(zbus::DBusError::name(error).as_str())
}

/// By the names of the D-Bus and Secret Service specifications.
fn named(name: &str) -> Trouble {
    let last = name.rsplit('.').next().unwrap_or_default();
    match last {
        "IsLocked" => Trouble::Locked,
        "NoSuchObject" | "UnknownObject" | "UnknownMethod" => Trouble::Missing,
        // Whoever it was is gone, and with it the session that it knew us by.
        "ServiceUnknown" | "NameHasNoOwner" | "NoReply" | "NoSession" | "Disconnected" | "Timeout"
        | "TimedOut" => Trouble::NoService,
        _ if name.contains(".Spawn.") => Trouble::NoService,
        _ => Trouble::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_specifications_are_known() {
        for (name, trouble) in [
            ("org.freedesktop.Secret.Error.IsLocked", Trouble::Locked),
            ("org.freedesktop.Secret.Error.NoSession", Trouble::NoService),
            ("org.freedesktop.Secret.Error.NoSuchObject", Trouble::Missing),
            ("org.freedesktop.DBus.Error.ServiceUnknown", Trouble::NoService),
            ("org.freedesktop.DBus.Error.Spawn.ChildExited", Trouble::NoService),
            ("org.freedesktop.DBus.Error.NoReply", Trouble::NoService),
            ("org.freedesktop.DBus.Error.AccessDenied", Trouble::Refused),
        ] {
            assert_eq!(named(name), trouble, "{name}");
        }
    }
}
