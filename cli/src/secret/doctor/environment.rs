//! What the environment of this command says about the programs beside it: a passphrase, plaintext
//! keys. Names only; values are neither copied nor shown.

use super::finding::Finding;
use crate::hazmat::environment::{Held, Sort};
use crate::hazmat::passphrase::Sources;

/// How a variable that holds a key is called by most SDKs.
const KEY: &str = "_API_KEY";

/// What it comes to. Silent where there is nothing to say but for one line.
pub(super) fn judge(sources: &Sources, held: &[Held]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if sources.have_environment() {
        findings.push(Finding::warn(
            "environment.passphrase",
            "UGENT_SECRETS_PASSPHRASE is set: every program you start from here can read it",
            "unset UGENT_SECRETS_PASSPHRASE; give it at the prompt, or by --passphrase-fd N",
        ));
    }
    findings.extend(keys(held));
    if findings.is_empty() {
        findings.push(Finding::ok("environment", "no passphrase and no key in the environment"));
    }
    findings
}

fn keys(held: &[Held]) -> Option<Finding> {
    let keys: Vec<&str> = held
        .iter()
        .filter(|held| held.name.ends_with(KEY) && is_plain(&held.name) && held.sort == Sort::Other)
        .map(|held| held.name.as_str())
        .collect();
    let first = *keys.first()?;
    let handle = first.to_ascii_lowercase();
    let provider = match first {
        "OPENAI_API_KEY" => " --provider openai",
        "GEMINI_API_KEY" | "GOOGLE_API_KEY" => " --provider google",
        "JINA_API_KEY" => " --provider jina",
        "VOYAGE_API_KEY" => " --provider voyage",
        _ => "",
    };
    Some(Finding::warn(
        "environment.keys",
        format!("keys in plain text in the environment: {}", keys.join(", ")),
        format!("ugent secret add @{handle}{provider} --stdin < FILE; then unset {}", keys.join(" ")),
    ))
}

/// Names with anything else in them are nobody's on purpose, and could play with a terminal.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn held(name: &str, sort: Sort) -> Held {
        Held { name: name.to_owned(), sort }
    }

    #[test]
    fn keys_are_named_and_broker_tokens_are_none() {
        let environment = [
            held("OPENAI_API_KEY", Sort::Other),
            held("JINA_API_KEY", Sort::BrokerToken),
            held("VOYAGE_API_KEY", Sort::Empty),
            held("GEMINI_API_KEY", Sort::Other),
            held("HOME", Sort::Other),
            held("\u{1b}[2J_API_KEY", Sort::Other),
        ];
        let found = judge(&Sources::new(None, Ok(None)), &environment);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].level, Level::Warn);
        assert!(found[0].what.ends_with(": OPENAI_API_KEY, GEMINI_API_KEY"), "{}", found[0].what);
        let clean = judge(&Sources::new(None, Ok(None)), &environment[1..3]);
        assert_eq!(clean.iter().map(|found| found.level).collect::<Vec<_>>(), [Level::Ok]);
    }
}
