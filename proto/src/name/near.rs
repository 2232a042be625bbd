//! Which known name may have been meant by one that is unknown. Takes names only: what was typed is
//! compared and never repeated, and what is known is what the asker may list anyway.

/// The most edits between what was typed and what may have been meant.
const NEAR: usize = 2;

/// The known name that is nearest, if one is near enough to be meant. A short name must be nearer:
/// two edits make any of three letters of any other.
#[must_use]
pub fn nearest<T: AsRef<str>>(typed: &str, known: impl IntoIterator<Item = T>) -> Option<T> {
    let far = |name: &T| distance(typed, name.as_ref());
    let most = if typed.chars().count() > 4 { NEAR } else { 1 };
    let near = known.into_iter().map(|name| (far(&name), name)).filter(|(edits, _)| *edits <= most);
    near.min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

/// How many characters must be put in, taken out or replaced to make one of the other (Levenshtein).
#[must_use]
pub fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    // Row by row: the distances from what of `one` was seen to each start of `other`.
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (seen, c) in one.chars().enumerate() {
        let mut next = vec![seen + 1];
        for ((left, right), d) in row.iter().zip(row.iter().skip(1)).zip(&other) {
            let before = next.last().copied().unwrap_or_default();
            next.push((left + usize::from(c != *d)).min(right + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (one, other, edits) in [
            ("", "", 0),
            ("list", "list", 0),
            ("lsit", "list", 2),
            ("rekey", "remove", 4),
            ("", "add", 3),
            ("ad", "add", 1),
        ] {
            assert_eq!(distance(one, other), edits, "{one} {other}");
            assert_eq!(distance(other, one), edits, "{other} {one}");
        }
    }

    #[test]
    fn the_nearest_is_meant_and_nothing_that_is_far() {
        let known = ["openai", "google", "xai", "groq"];
        for (typed, meant) in [
            ("opnai", Some("openai")),
            ("opeani", Some("openai")),
            ("gogle", Some("google")),
            ("xia", None),
            ("grok", Some("groq")),
            ("anthropic", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
