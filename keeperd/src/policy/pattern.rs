//! Path patterns of routes: `{name}` matches one segment, or the start of one; a trailing `/**`
//! matches the rest. Paths are matched byte for byte: egressd refuses any that could be read in
//! two ways, and keeperd refuses them again here (INV-09).

/// Whether a path is in the one form that is judged and forwarded: it starts with `/`, is printable
/// ASCII, has no empty, `.` or `..` segment, no `;` or `\`, and no encoded `/`, `.`, `\` or control.
pub(crate) fn is_plain(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    let printable =
        rest.bytes().all(|b| matches!(b, b'!'..=b'~') && !matches!(b, b'\\' | b';' | b'?' | b'#'));
    printable
        && rest.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
        && escapes_are_harmless(rest)
}

fn escapes_are_harmless(text: &str) -> bool {
    text.split('%').skip(1).all(|part| {
        let code = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let hex = part.bytes().take(2).all(|b| b.is_ascii_hexdigit());
        hex && code.is_some_and(|code| !matches!(code, b'/' | b'.' | b'\\' | b';' | b'%' | 0..=0x1F | 0x7F))
    })
}

/// Whether this is a pattern: a plain path whose segments may be, or begin with, `{name}`.
pub(crate) fn is_pattern(pattern: &str) -> bool {
    let head = pattern.strip_suffix("/**").unwrap_or(pattern);
    // A name stands for text that is in the one form, and for nothing more.
    is_plain(head) && head.split('/').all(is_pattern_segment)
}

fn is_pattern_segment(segment: &str) -> bool {
    let tail = match segment.strip_prefix('{').and_then(|open| open.split_once('}')) {
        Some((name, tail)) if !name.is_empty() => tail,
        Some(_) => return false,
        None => segment,
    };
    !tail.contains(['{', '}', '*'])
}

/// Whether a plain path fits a pattern of the table.
pub(crate) fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, open_end) = match pattern.strip_suffix("/**") {
        Some(head) => (head, true),
        None => (pattern, false),
    };
    let mut wanted = pattern.split('/');
    let mut given = path.split('/');
    loop {
        match (wanted.next(), given.next()) {
            (Some(wanted), Some(given)) if segment_fits(wanted, given) => {}
            (None, None) => return !open_end,
            (None, Some(_)) => return open_end,
            (Some(_), Some(_) | None) => return false,
        }
    }
}

fn segment_fits(wanted: &str, given: &str) -> bool {
    let Some(open) = wanted.strip_prefix('{') else {
        return wanted == given;
    };
    match open.split_once('}') {
        Some((_, tail)) => {
            given.strip_suffix(tail).is_some_and(|name| !name.is_empty() && !name.contains(':'))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_match_whole_or_not_at_all() {
        assert!(fits("/v1/chat/completions", "/v1/chat/completions"));
        assert!(!fits("/v1/chat/completions", "/v1/chat/completions/x"));
        assert!(!fits("/v1/chat/completions", "/v1/chat"));
        assert!(fits("/v1/files/{id}", "/v1/files/abc"));
        assert!(!fits("/v1/files/{id}", "/v1/files/"));
        assert!(!fits("/v1/files/{id}", "/v1/files/a/b"));
        assert!(fits("/v1/x/**", "/v1/x/a/b"));
        assert!(!fits("/v1/x/**", "/v1/x"));
    }

    #[test]
    fn patterns_are_plain_paths_with_names_in_them() {
        for pattern in ["/v1/chat", "/v1/files/{id}", "/v1/{model}:run", "/v1/x/**"] {
            assert!(is_pattern(pattern), "{pattern}");
        }
        for pattern in [
            "",
            "/",
            "v1",
            "/**",
            "/v1/*",
            "/v1/**/x",
            "/v1/{}",
            "/v1/{a",
            "/v1/a{b}",
            "/v1/{a}{b}",
            "/v1/../x",
            "/v1?x",
        ] {
            assert!(!is_pattern(pattern), "{pattern}");
        }
    }

    #[test]
    fn a_verb_behind_a_colon_is_part_of_the_match() {
        let pattern = "/v1beta/models/{model}:generateContent";
        assert!(fits(pattern, "/v1beta/models/gemini-2.5-pro:generateContent"));
        assert!(!fits(pattern, "/v1beta/models/gemini-2.5-pro:streamGenerateContent"));
        assert!(!fits(pattern, "/v1beta/models/:generateContent"));
        assert!(!fits(pattern, "/v1beta/models/a:delete:generateContent"));
    }

    #[test]
    fn paths_that_could_be_read_in_two_ways_are_not_plain() {
        for path in [
            "",
            "v1",
            "/v1//x",
            "/v1/./x",
            "/v1/../x",
            "/v1/%2e%2e/x",
            "/v1%2fx",
            "/v1/%2Fx",
            "/v1\\x",
            "/v1;a/x",
            "/v1/%",
            "/v1/%0",
            "/v1/%zz",
            "/v1/%00",
            "/v1/x?y",
            "/v1/é",
            "/v1/x y",
            "/v1/%252e",
            "/v1/+%+1",
        ] {
            assert!(!is_plain(path), "{path}");
        }
        assert!(is_plain("/v1/chat/completions"));
        assert!(is_plain("/v1/models/a%20b"));
    }
}
