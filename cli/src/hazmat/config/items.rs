//! The texts of one line of a configuration, each with the key before it: pairs are found by their
//! separators, texts by their quotes.

use super::sorts;

/// A text of a line, with the key before it.
pub(super) struct Item<'a> {
    pub(super) key: Option<&'a str>,
    pub(super) text: &'a str,
    pub(super) quoted: bool,
    /// It stands in a comment behind something else.
    pub(super) remark: bool,
}

/// The texts of a line, each with the key before it.
pub(super) fn items(line: &str) -> Vec<Item<'_>> {
    let line = line.strip_prefix("- ").unwrap_or(line).trim_start_matches(['#', ';']).trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let mut items: Vec<Item<'_>> = Vec::new();
    let (mut key, mut open) = (None, Vec::new());
    let mut remark = false;
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let before = line.len().checked_sub(rest.len() + 1).and_then(|place| line.as_bytes().get(place));
        if first == '#' && before.is_some_and(u8::is_ascii_whitespace) {
            (key, remark) = (None, true);
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        if matches!(first, '"' | '\'') {
            let inner = rest.get(1..).unwrap_or_default();
            let end = closing(inner, first);
            let (text, behind) =
                (inner.get(..end).unwrap_or_default(), inner.get(end + 1..).unwrap_or_default());
            rest = behind.trim_start();
            match separated(rest) {
                Some(behind) => (key, rest) = (Some(text), behind),
                None => push_text(&mut items, Item { key, text, quoted: true, remark }),
            }
        } else if matches!(first, ',' | '{' | '}' | '[' | ']' | '(' | ')') || first.is_whitespace() {
            // A key is for its own value, and for the elements of a list.
            match first {
                '{' | '[' => open.push(first),
                '}' | ']' => drop(open.pop()),
                _ => {}
            }
            let ends = matches!(first, '{' | '}' | ']') || first == ',' && open.last() == Some(&'{');
            key = key.filter(|_| !ends);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        } else {
            let end = bare(rest, key.is_some());
            let (text, behind) =
                (rest.get(..end).unwrap_or_default().trim_end(), rest.get(end..).unwrap_or_default());
            rest = behind.trim_start();
            match separated(rest).filter(|_| key.is_none() || !text.contains("://")) {
                Some(behind) => (key, rest) = (Some(text), behind),
                None => push_text(&mut items, Item { key, text, quoted: false, remark }),
            }
            if end == 0 {
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    items
}

/// A text, and within it a pair as an environment has it: `- "NAME=value"`.
fn push_text<'a>(items: &mut Vec<Item<'a>>, item: Item<'a>) {
    let Item { key, text, .. } = item;
    let pair = text.split_once('=').filter(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    match pair {
        Some((name, value)) if key.is_none_or(|key| !sorts::is_key(key)) => {
            items.push(Item { key: Some(name), text: value, ..item });
        }
        Some(_) | None => items.push(item),
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
