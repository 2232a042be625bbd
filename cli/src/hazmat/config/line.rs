//! One line of a configuration, whatever its language: `key = value`, `key: value`, `"key": value`, and
//! lists of them on one line. Pairs are found by their separators, texts by their quotes.

use proto::name::Handle;

use super::items::{Item, items};
use super::sorts::{self, Sort};
use super::{Section, Source};

/// The longest key that is shown.
const KEY_MAX: usize = 64;
/// The longest word of one.
const WORD_MAX: usize = 24;

/// Something that was found in a line, and where.
pub(super) struct Hit<'a> {
    /// The key before it, if it is a name.
    pub(super) key: Option<String>,
    pub(super) source: Source,
    /// The same key where it stands, if there is one.
    pub(super) stands: Option<&'a str>,
    pub(super) text: &'a str,
    pub(super) extent: Extent,
}

/// How much of a text is a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// A part.
    Part,
    /// It stands in a comment.
    Comment,
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

/// The `type` of an instance.
pub(super) fn sort_of_instance(line: &str) -> Option<&str> {
    let item = items(line).into_iter().find(|item| matches!(item.key, Some("type" | "provider")))?;
    is_shown(item.text).then_some(item.text)
}

/// What of a line is a credential or stands for one, with its key.
pub(super) fn findings<'a>(line: &'a str, section: &Section) -> Vec<Hit<'a>> {
    if line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY-----") {
        let source = Source::Plain(Sort::PrivateKey);
        return vec![Hit { key: None, source, stands: None, text: line, extent: Extent::Part }];
    }
    let is_comment = line.starts_with(['#', ';']) || line.starts_with("//");
    let mut found = Vec::new();
    let mut option = false;
    for item in items(line) {
        let key = item.key.filter(|key| is_shown(key)).map(str::to_owned);
        let is_value_of_option = std::mem::replace(&mut option, is_option(item.text));
        let is_comment = is_comment || item.remark;
        let source = if is_comment {
            has_prefix(item.text).then_some(Source::Plain(Sort::Prefix))
        } else {
            source(&item, is_value_of_option, section)
        };
        let is_whole = match &source {
            Some(Source::Plain(Sort::Key)) => true,
            Some(Source::Plain(Sort::Prefix)) => sorts::has_prefix(item.text),
            Some(
                Source::Plain(Sort::Url | Sort::Argument | Sort::PrivateKey | Sort::Header)
                | Source::Reference(_)
                | Source::BadReference
                | Source::Variable,
            )
            | None => false,
        };
        let extent = match (is_comment, is_whole) {
            (true, _) => Extent::Comment,
            (false, true) => Extent::Whole,
            (false, false) => Extent::Part,
        };
        let (stands, text) = (item.key, item.text);
        found.extend(source.map(|source| Hit { key, source, stands, text, extent }));
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
    let is_argument = is_value_of_option && !sorts::is_empty(text) && !is_option(text);
    let sort = if is_option_with_value(text) || is_argument {
        Sort::Argument
    } else if has_prefix(text) {
        Sort::Prefix
    } else if sorts::is_in_url(text) {
        Sort::Url
    } else if is_bearer(text) {
        Sort::Header
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
pub(super) fn is_shown(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    // Nobody's name has so many letters and digits in a row.
    let is_worded = key.split(|c: char| !c.is_ascii_alphanumeric()).all(|word| word.len() < WORD_MAX);
    key.len() <= KEY_MAX && key.chars().all(plain) && is_worded && !sorts::has_prefix(key)
}
