//! A real request through the gateway, if the user agrees: one that asks for nothing, so that it costs
//! nothing. A provider that takes the key complains of the request; one that does not, of the key.

use std::path::Path;

use proto::failure::Failure;
use proto::standing::LauncherStanding;

use super::questions::Wanted;
use super::teller::Teller;
use crate::hazmat::trial::{Answered, ask};

/// Words by which a provider says that it is the key, where its status is the one for any mistake.
const ABOUT_THE_KEY: [&str; 3] = ["API_KEY_INVALID", "invalid_api_key", "API key not valid"];

/// Offers it, and says what came of it. Nothing that is wrong here undoes what was set up.
pub(super) fn offer(
    teller: &mut Teller,
    wanted: &Wanted,
    launcher: &LauncherStanding,
    token: &Path,
) -> Result<(), Failure> {
    let (Some(path), Some(socket)) = (path(wanted), launcher.sockets.first()) else { return Ok(()) };
    let hosts: Vec<String> = wanted.suggestion.hosts.iter().map(ToString::to_string).collect();
    teller.say(&format!(
        "\nA request to {} would show that it works. It is empty, and costs nothing.",
        hosts.join(", ")
    ))?;
    let agreed = teller.ask("send it? y or n", "y", |typed| match typed {
        "y" | "Y" | "yes" => Ok(true),
        "n" | "N" | "no" => Ok(false),
        _ => Err("y or n".to_owned()),
    })?;
    if !agreed {
        return Ok(());
    }
    let target = format!("/proxy/{}{path}", wanted.provider);
    let text = match ask(Path::new(socket), &target, token) {
        Ok(answered) => verdict(&answered, wanted.provider.as_str()),
        Err(error) => format!("no answer came back: {error}. Look at: ugent secret doctor"),
    };
    teller.say(&format!("        {text}"))
}

/// A route that takes what is granted.
fn path(wanted: &Wanted) -> Option<String> {
    let routes = wanted.routes.iter().filter_map(|view| view.route.as_ref());
    let mut usable = routes.filter(|route| {
        route.method.as_str() == "POST" && wanted.suggestion.purposes.contains(&route.purpose)
    });
    // Of those with names in them, any name will do.
    let path = usable.next()?.path.replace("/**", "");
    Some(path.replace(['{', '}'], ""))
}

fn verdict(answered: &Answered, provider: &str) -> String {
    let Answered { status, refusal, start } = answered;
    if let Some(code) = refusal {
        return format!(
            "the gateway refused it: {status} {code}. Why: ugent secret audit --event lease.denied"
        );
    }
    let about_key = matches!(status, 401 | 403) || ABOUT_THE_KEY.iter().any(|word| start.contains(word));
    if about_key {
        return format!(
            "it reached {provider}, which does not take this key ({status}). Put in another: ugent secret rotate"
        );
    }
    match status {
        500.. => format!("it reached {provider}, which cannot answer just now ({status}); try again later"),
        _ => format!("it works: {provider} took the key, and answered the empty request with {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, refusal: Option<&str>, start: &str) -> String {
        let refusal = refusal.map(str::to_owned);
        verdict(&Answered { status, refusal, start: start.to_owned() }, "google")
    }

    #[test]
    fn what_a_provider_says_of_the_key_is_told_from_what_it_says_of_the_request() {
        for (status, start) in [(200, "{}"), (400, "{\"error\": \"missing model\"}"), (404, ""), (429, "")] {
            assert!(said(status, None, start).starts_with("it works"), "{status} {start}");
        }
        for (status, start) in [(401, ""), (403, ""), (400, "{\"reason\": \"API_KEY_INVALID\"}")] {
            assert!(said(status, None, start).contains("does not take this key"), "{status} {start}");
        }
        assert!(said(403, Some("not_granted"), "").contains("the gateway refused it: 403 not_granted"));
        assert!(said(503, None, "").contains("try again later"));
    }
}
