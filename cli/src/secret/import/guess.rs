//! What a variable of a `.env` file may be, by its name and by how keys of some providers begin. A guess
//! is shown before anything is done with it.

use proto::failure::{Failure, FailureClass};
use proto::name::{Handle, Kind, ProviderId};

use crate::hazmat::env_file::{EnvFile, Variable};

/// First words of names, and how values begin that can be no other's.
const PROVIDERS: &[(&str, &[&str], &[&str])] = &[
    ("openai", &["OPENAI"], &["sk-proj-", "sk-svcacct-"]),
    ("google", &["GOOGLE", "GEMINI"], &["AIza"]),
    ("jina", &["JINA", "JINAAI"], &["jina_"]),
    ("voyage", &["VOYAGE", "VOYAGEAI"], &["pa-"]),
    ("anthropic", &["ANTHROPIC"], &["sk-ant-"]),
    ("mistral", &["MISTRAL"], &[]),
    ("cohere", &["COHERE"], &[]),
    ("groq", &["GROQ"], &["gsk_"]),
    ("openrouter", &["OPENROUTER"], &["sk-or-"]),
    ("deepseek", &["DEEPSEEK"], &[]),
    ("dashscope", &["DASHSCOPE"], &[]),
    ("together", &["TOGETHER", "TOGETHERAI"], &[]),
    ("xai", &["XAI"], &["xai-"]),
    ("fireworks", &["FIREWORKS"], &["fw_"]),
    ("perplexity", &["PERPLEXITY", "PERPLEXITYAI"], &["pplx-"]),
];

/// Words that end the name of a secret.
const LAST: &[&str] = &["KEY", "TOKEN", "PASS", "PAT", "AUTH"];
/// Words that stand anywhere in one.
const ANYWHERE: &[&str] =
    &["APIKEY", "SECRET", "SECRETS", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "CREDENTIALS"];
/// How values begin that are keys whatever their names are.
const BEGINNINGS: &[&str] = &["sk-", "ghp_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "hf_"];

/// Whether it looks like a secret.
pub(super) fn is_secret(file: &EnvFile, variable: &Variable) -> bool {
    let name = variable.name.to_ascii_uppercase();
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let is_last = words.clone().next_back().is_some_and(|word| LAST.contains(&word));
    is_last
        || words.any(|word| ANYWHERE.contains(&word))
        || by_value(file, variable).is_some()
        || BEGINNINGS.iter().any(|begin| file.begins(variable, begin))
}

/// Whose it may be: by its name where that says so and it is a key, else by its value.
pub(super) fn provider(file: &EnvFile, variable: &Variable) -> Result<ProviderId, Failure> {
    let found = by_name(&variable.name).or_else(|| by_value(file, variable)).unwrap_or("generic");
    ProviderId::parse(found).map_err(super::bad_name)
}

fn by_name(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let (first, last) = (words.next()?, words.next_back()?);
    let is_key = matches!(last, "KEY" | "TOKEN" | "APIKEY");
    let known = PROVIDERS.iter().find(|(_, names, _)| names.contains(&first));
    known.filter(|_| is_key).map(|(provider, _, _)| *provider)
}

fn by_value(file: &EnvFile, variable: &Variable) -> Option<&'static str> {
    let known = PROVIDERS.iter().find(|(_, _, begins)| begins.iter().any(|with| file.begins(variable, with)));
    known.map(|(provider, _, _)| *provider)
}

/// What sort of value it may be.
pub(super) fn kind(name: &str) -> Kind {
    let name = name.to_ascii_uppercase();
    let has = |wanted: &[&str]| name.split('_').any(|word| wanted.contains(&word));
    if has(&["PASSWORD", "PASSWD", "PASS", "PASSPHRASE"]) {
        Kind::Password
    } else if has(&["KEY", "APIKEY"]) {
        Kind::ApiKey
    } else if has(&["TOKEN", "PAT", "AUTH"]) {
        Kind::Token
    } else {
        Kind::Other
    }
}

/// The handle of a name: in lower case, less what it cannot begin with.
pub(super) fn handle(variable: &Variable) -> Result<Handle, Failure> {
    let bare = variable.name.trim_start_matches('_').to_ascii_lowercase();
    Handle::parse(&format!("@{bare}")).map_err(|error| {
        Failure::new(
            FailureClass::BadInput,
            format!(
                "the name on line {} makes no handle, which is {error}; nothing was imported",
                variable.line
            ),
            format!("leave it out: --except {}", variable.name),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(name: &str, value: &str) -> (bool, String, &'static str) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(".env");
        std::fs::write(&path, format!("{name}='{value}'\n")).unwrap();
        let file = EnvFile::read(&path).unwrap();
        let variable = &file.variables()[0];
        let provider = provider(&file, variable).unwrap().to_string();
        (is_secret(&file, variable), provider, kind(name).as_str())
    }

    #[test]
    fn names_and_beginnings_say_what_a_value_is() {
        for (name, value, secret, provider, kind) in [
            ("OPENAI_API_KEY", "sk-1", true, "openai", "api_key"),
            ("MY_KEY", "sk-proj-1", true, "openai", "api_key"),
            ("GEMINI_API_KEY", "x", true, "google", "api_key"),
            ("VOYAGE_API_KEY", "x", true, "voyage", "api_key"),
            ("JINA_API_KEY", "x", true, "jina", "api_key"),
            ("ANTHROPIC_API_KEY", "sk-ant-1", true, "anthropic", "api_key"),
            ("MY_KEY", "gsk_1", true, "groq", "api_key"),
            ("NOTION_TOKEN", "x", true, "generic", "token"),
            ("GITHUB_TOKEN", "x", true, "generic", "token"),
            ("DB_PASSWORD", "x", true, "generic", "password"),
            ("JWT_SECRET", "x", true, "generic", "other"),
            ("SOMETHING", "ghp_x", true, "generic", "other"),
            ("OPENAI_BASE_URL", "x", false, "generic", "other"),
            ("MAX_TOKENS", "100", false, "generic", "other"),
            ("KEYCLOAK_URL", "x", false, "generic", "other"),
            ("PORT", "80", false, "generic", "other"),
        ] {
            assert_eq!(guessed(name, value), (secret, provider.to_owned(), kind), "{name}");
        }
    }
}
