//! One line of a configuration, whatever its language: `key = value`, `key: value`, `"key": value`, and
//! lists of them on one line. Pairs are found by their separators, texts by their quotes.

use proto::name::Handle;

use super::sorts::{self, Sort};
use super::{Section, Source};

/// The longest key that is shown.
const KEY_MAX: usize = 64;
/// The longest word of one.
const WORD_MAX: usize = 24;

/// A text of a line, with the key before it.
struct Item<'a> {
    key: Option<&'a str>,
    text: &'a str,
    quoted: bool,
}

/// The section that a line begins, if it does.
pub(super) fn section(line: &str) -> Option<Section> {
    let header = line.strip_prefix('[')?;
    let (name, _) = header.strip_prefix('[').unwrap_or(header).split_once(']')?;
    let name = name.trim();
    let is_name = |name: &&str| !name.is_empty() && name.len() <= KEY_MAX && !sorts::has_prefix(name);
    if let Some(instance) = name.strip_prefix("llm.instances.").map(|name| name.trim_matches(['"', '\''])) {
        return Some(Section::Instance(Some(instance).filter(is_name).unwrap_or("?").to_owned()));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'' | ' ');
    match name {
        "plugins" => Some(Section::Plugin(None)),
        name if name.starts_with("plugins.") => None,
        // A list on a line of its own is no header.
        name if name.chars().all(plain) && !name.contains([',']) => Some(Section::Other),
        _ => None,
    }
}

/// The `id` of a plugin.
pub(super) fn id(line: &str) -> Option<String> {
    let item = items(line).into_iter().find(|item| item.key == Some("id"))?;
    (item.text.len() <= KEY_MAX && !sorts::has_prefix(item.text)).then(|| item.text.to_owned())
}

/// What of a line is a credential or stands for one, with its key.
pub(super) fn findings(line: &str, section: &Section) -> Vec<(Option<String>, Source)> {
    if line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY-----") {
        return vec![(None, Source::Plain(Sort::PrivateKey))];
    }
    let is_comment = line.starts_with(['#', ';']) || line.starts_with("//");
    let mut found = Vec::new();
    let mut option = false;
    for item in items(line) {
        let key = item.key.filter(|key| is_shown(key)).map(str::to_owned);
        let is_value_of_option = std::mem::replace(&mut option, is_option(item.text));
        let source = if is_comment {
            has_prefix(item.text).then_some(Source::Plain(Sort::Prefix))
        } else {
            source(&item, is_value_of_option, section)
        };
        found.extend(source.map(|source| (key, source)));
    }
    found
}

fn source(item: &Item<'_>, is_value_of_option: bool, section: &Section) -> Option<Source> {
    let Item { key, text, .. } = *item;
    let is_reference = key.is_some_and(|key| key.ends_with("_ref"));
    let handle = Handle::parse(text);
    match (is_reference, handle) {
        (_, Ok(handle)) if text.starts_with('@') => return Some(Source::Reference(handle)),
        (true, _) => {
            let at = Handle::parse(&format!("@{text}"));
            return Some(at.map_or(Source::BadReference, Source::Reference));
        }
        (false, Ok(_) | Err(_)) => {}
    }
    let by_key = key.is_some_and(sorts::is_key);
    if by_key && sorts::is_variable(text) {
        return Some(Source::Variable);
    }
    // Names of variables that are passed on, and no values.
    let is_list_of_names = matches!(section, Section::Plugin(_)) && key == Some("env_refs");
    let sort = if has_prefix(text) {
        Sort::Prefix
    } else if sorts::is_in_url(text) {
        Sort::Url
    } else if is_bearer(text) {
        Sort::Header
    } else if is_option_with_value(text) || is_value_of_option && !sorts::is_empty(text) && !is_option(text) {
        Sort::Argument
    } else if by_key && !is_list_of_names && !sorts::is_empty(text) && is_one_word(item) {
        Sort::Key
    } else {
        return None;
    };
    Some(Source::Plain(sort))
}

/// A text without quotes ends a sentence as often as it is a value.
fn is_one_word(item: &Item<'_>) -> bool {
    item.quoted || !item.text.contains(char::is_whitespace)
}

/// Whether any word of a text begins as a provider's keys do.
fn has_prefix(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.split(|c| !plain(c)).any(sorts::has_prefix)
}

fn is_option(text: &str) -> bool {
    text.strip_prefix("--").is_some_and(|name| !name.contains('=') && sorts::is_key(name))
}

fn is_option_with_value(text: &str) -> bool {
    let pair = text.strip_prefix("--").and_then(|option| option.split_once('='));
    pair.is_some_and(|(name, value)| {
        sorts::is_key(name) && !sorts::is_empty(value) && !value.starts_with('@')
    })
}

fn is_bearer(text: &str) -> bool {
    let value =
        ["Bearer ", "bearer ", "Basic ", "basic "].iter().find_map(|scheme| text.strip_prefix(scheme));
    value.is_some_and(|value| value.len() >= 8 && !sorts::is_empty(value) && !value.contains(' '))
}

/// A key is shown if it can be nothing else.
fn is_shown(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    // Nobody's name has so many letters and digits in a row.
    let is_worded = key.split(|c: char| !c.is_ascii_alphanumeric()).all(|word| word.len() < WORD_MAX);
    key.len() <= KEY_MAX && key.chars().all(plain) && is_worded && !sorts::has_prefix(key)
}

/// The texts of a line, each with the key before it.
fn items(line: &str) -> Vec<Item<'_>> {
    let line = line.strip_prefix("- ").unwrap_or(line).trim_start_matches(['#', ';']).trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let mut items: Vec<Item<'_>> = Vec::new();
    let mut key = None;
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if matches!(first, '"' | '\'') {
            let inner = rest.get(1..).unwrap_or_default();
            let end = closing(inner, first);
            let (text, behind) =
                (inner.get(..end).unwrap_or_default(), inner.get(end + 1..).unwrap_or_default());
            rest = behind.trim_start();
            match separated(rest) {
                Some(behind) => (key, rest) = (Some(text), behind),
                None => push_text(&mut items, key, text, true),
            }
        } else if matches!(first, ',' | '{' | '}' | '[' | ']' | '(' | ')') || first.is_whitespace() {
            // A key is for its own value, and for the elements of a list.
            key = if matches!(first, ',' | '{' | '}' | ']') && !matches!(first, ',') { None } else { key };
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        } else {
            let end = bare(rest, key.is_some());
            let (text, behind) =
                (rest.get(..end).unwrap_or_default().trim_end(), rest.get(end..).unwrap_or_default());
            rest = behind.trim_start();
            match separated(rest).filter(|_| key.is_none() || !text.contains("://")) {
                Some(behind) => (key, rest) = (Some(text), behind),
                None => push_text(&mut items, key, text, false),
            }
            if end == 0 {
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    items
}

/// A text, and within it a pair as an environment has it: `- "NAME=value"`.
fn push_text<'a>(items: &mut Vec<Item<'a>>, key: Option<&'a str>, text: &'a str, quoted: bool) {
    let pair = text.split_once('=').filter(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    match pair {
        Some((name, value)) if key.is_none_or(|key| !sorts::is_key(key)) => {
            items.push(Item { key: Some(name), text: value, quoted });
        }
        Some(_) | None => items.push(Item { key, text, quoted }),
    }
}

/// What is behind a separator of key and value, if there is one here.
fn separated(rest: &str) -> Option<&str> {
    let behind = rest.strip_prefix('=').or_else(|| {
        let behind = rest.strip_prefix(':')?;
        (behind.is_empty() || behind.starts_with([' ', '"', '\'', '[', '{'])).then_some(behind)
    })?;
    Some(behind.trim_start())
}

/// Where a text without quotes ends: a key at its separator, a value at what can be in no list.
fn bare(rest: &str, is_value: bool) -> usize {
    let mut before = ' ';
    for (place, c) in rest.char_indices() {
        let next = rest.get(place + c.len_utf8()..).and_then(|behind| behind.chars().next()).unwrap_or(' ');
        let ends = match c {
            ',' | '}' | ']' => true,
            '"' | '\'' => place > 0 && before == ' ',
            '#' => before == ' ' && place > 0,
            '=' | ':' if !is_value => {
                c == '=' || next.is_whitespace() || matches!(next, '"' | '\'' | '[' | '{')
            }
            _ => false,
        };
        if ends {
            return place;
        }
        before = c;
    }
    rest.len()
}

/// Where a quoted text ends.
fn closing(inner: &str, quote: char) -> usize {
    let mut escaped = false;
    for (place, c) in inner.char_indices() {
        if c == quote && !escaped {
            return place;
        }
        escaped = c == '\\' && !escaped && quote == '"';
    }
    inner.len()
}
