//! What makes a text a credential: the key it stands under, what it begins with, where it stands in a URL
//! or behind an option.

use std::fmt;

/// What gave a plain credential away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The key it stands under.
    Key,
    /// Its first characters, which its provider gives to all.
    Prefix,
    /// Its place in a URL.
    Url,
    /// The option before it.
    Argument,
    /// It is the head of a private key.
    PrivateKey,
    /// It stands behind `Bearer` or `Basic`.
    Header,
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "by its key",
            Self::Prefix => "by what it begins with",
            Self::Url => "in a URL",
            Self::Argument => "behind an option",
            Self::PrivateKey => "a private key",
            Self::Header => "in a header",
        })
    }
}

/// How a provider's keys begin, and how long they are at least.
const PREFIXES: [(&str, usize); 17] = [
    ("sk-", 16),
    ("sk_live_", 16),
    ("rk_live_", 16),
    ("AIza", 30),
    ("jina_", 16),
    ("pa-", 30),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("hf_", 20),
    ("AKIA", 20),
    ("ugent_", 20),
    ("gsk_", 20),
];

/// Words a credential's key ends with.
const KEYS: [&str; 15] = [
    "apikey",
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secretkey",
    "privatekey",
    "accesskey",
    "clientsecret",
    "authkey",
    "credential",
    "credentials",
    "bearer",
    "pat",
];

/// Names of pairs in a query.
const QUERY: [&str; 8] = ["key", "apikey", "api_key", "token", "access_token", "secret", "password", "sig"];

/// Whether what stands under a key of that name is a credential.
pub(super) fn is_key(name: &str) -> bool {
    let words: String = name.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let lower = words.to_ascii_lowercase();
    let last = name.rsplit(['_', '-', '.']).next().unwrap_or_default().to_ascii_lowercase();
    match lower.as_str() {
        // A short word only as a word of its own: `format` does not end with a `pat`.
        _ if last == "pat" || last == "pw" => true,
        text => KEYS.iter().any(|key| key.len() > 3 && text.ends_with(key)),
    }
}

/// Whether a word begins as a provider's keys do, and is as long as they are.
pub(super) fn has_prefix(word: &str) -> bool {
    let plain = |rest: &str| rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    PREFIXES.iter().any(|(prefix, least)| word.starts_with(prefix) && word.len() >= *least && plain(word))
}

/// Whether a URL has a password before its host, or a credential in its query.
pub(super) fn is_in_url(word: &str) -> bool {
    let Some((_, rest)) = word.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    if user.and_then(|user| user.split_once(':')).is_some_and(|(_, password)| !is_empty(password)) {
        return true;
    }
    let query = rest.split_once('?').map(|(_, query)| query).unwrap_or_default();
    query
        .split(['&', '#'])
        .filter_map(|pair| pair.split_once('='))
        .any(|(name, value)| QUERY.contains(&name.to_ascii_lowercase().as_str()) && !is_empty(value))
}

/// Whether a text stands for nothing: none, a placeholder, a variable.
pub(super) fn is_empty(text: &str) -> bool {
    let lower = text.trim().to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    lower.is_empty()
        || is_variable(text)
        || lower.starts_with(['<', '{', '[', '*', '|', '>', '&'])
        || ["null", "none", "nil", "true", "false", "~"].contains(&lower.as_str())
        || lower.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        || lower.bytes().all(|byte| matches!(byte, b'x' | b'*' | b'.' | b'-'))
        || has(&["changeme", "change-me", "your_", "your-", "placeholder", "replace_me", "..."])
}

/// Whether a text names a variable of the environment.
pub(super) fn is_variable(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('$') || text.starts_with("env:") || text.starts_with("%(") || text.starts_with("{{")
}
