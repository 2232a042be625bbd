//! What a value looks like in output. Forms are written byte by byte to wherever they are to be, and
//! first to nowhere, to learn how long they are.

/// Bytes that a form of a URL leaves as they are, besides letters and digits.
const KEPT: [&[u8]; 4] = [
    // RFC 3986 section 2.3, and Python's quote_plus but for the space.
    b"-._~",
    // Python's quote.
    b"-._~/",
    // encodeURIComponent of JavaScript.
    b"-._~!*'()",
    // application/x-www-form-urlencoded, and URLSearchParams.
    b"-._*",
];

/// One way to write a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Exact,
    /// In base64 that has so many bytes before it, modulo 3: the characters that these do not change.
    Within { alphabet: Alphabet, before: usize },
    /// In base64 of nothing else: its last character too, and the padding.
    Whole { alphabet: Alphabet, padding: Padding },
    /// The same without padding, in lines of that many characters.
    Lines { width: usize, ending: &'static [u8], last: Last },
    /// In a URL.
    Url { kept: &'static [u8], hex: &'static [u8; 16], space: Space },
}

/// Which characters base64 has for 62 and 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    Standard,
    Url,
}

/// Whether base64 is filled up to four characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    None,
    Equals,
}

/// Whether the last character is one, where more than the value is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Left,
    Taken,
}

/// How a space is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Escaped,
    Plus,
}

/// All forms that there are.
pub(super) fn all() -> Vec<Form> {
    let mut all = vec![Form::Exact];
    for alphabet in [Alphabet::Standard, Alphabet::Url] {
        all.extend((0..3).map(|before| Form::Within { alphabet, before }));
        all.extend([Padding::None, Padding::Equals].map(|padding| Form::Whole { alphabet, padding }));
    }
    for last in [Last::Left, Last::Taken] {
        // base64(1) and MIME; PEM.
        for (width, ending) in [(76, &b"\n"[..]), (76, b"\r\n"), (64, b"\n")] {
            all.push(Form::Lines { width, ending, last });
        }
    }
    for kept in KEPT {
        for hex in [b"0123456789ABCDEF", b"0123456789abcdef"] {
            all.extend([Space::Escaped, Space::Plus].map(|space| Form::Url { kept, hex, space }));
        }
    }
    all
}

impl Form {
    /// Whether it is another text than the forms before it; for many values it is not.
    pub(super) fn is_of_its_own(self, value: &[u8]) -> bool {
        let has = |wanted: &[u8]| {
            let mut found = false;
            self.write(value, &mut |byte| found |= wanted.contains(&byte));
            found
        };
        match self {
            Self::Exact | Self::Within { alphabet: Alphabet::Standard, .. } => true,
            // But for the two characters it is the standard one.
            Self::Within { alphabet: Alphabet::Url, .. } => has(b"-_"),
            Self::Whole { alphabet: Alphabet::Standard, .. } => !value.len().is_multiple_of(3),
            Self::Whole { alphabet: Alphabet::Url, .. } => !value.len().is_multiple_of(3) && has(b"-_"),
            Self::Lines { ending, .. } => has(ending),
            Self::Url { space: Space::Escaped, .. } => has(b"%"),
            Self::Url { space: Space::Plus, .. } => value.contains(&b' '),
        }
    }

    /// Writes the value in this form.
    pub(super) fn write(self, value: &[u8], put: &mut dyn FnMut(u8)) {
        match self {
            Self::Exact => value.iter().for_each(|byte| put(*byte)),
            Self::Within { alphabet, before } => {
                let known = known(before, value.len());
                known.for_each(|place| put(alphabet.of(six(value, 6 * place - 8 * before))));
            }
            Self::Whole { alphabet, padding } => {
                let count = (8 * value.len()).div_ceil(6);
                (0..count).for_each(|place| put(alphabet.of(six(value, 6 * place))));
                match padding {
                    Padding::None => {}
                    Padding::Equals => (count..count.next_multiple_of(4)).for_each(|_| put(b'=')),
                }
            }
            Self::Lines { width, ending, last } => {
                let count = match last {
                    Last::Left => known(0, value.len()).len(),
                    Last::Taken => (8 * value.len()).div_ceil(6),
                };
                for place in 0..count {
                    if place > 0 && place % width == 0 {
                        ending.iter().for_each(|byte| put(*byte));
                    }
                    put(Alphabet::Standard.of(six(value, 6 * place)));
                }
            }
            Self::Url { kept, hex, space } => {
                let digit = |number: u8| hex.get(usize::from(number)).copied().unwrap_or_default();
                for byte in value {
                    match (byte, space) {
                        (b' ', Space::Plus) => put(b'+'),
                        (byte, _) if byte.is_ascii_alphanumeric() || kept.contains(byte) => put(*byte),
                        (byte, _) => {
                            [b'%', digit(byte >> 4), digit(byte & 15)].into_iter().for_each(&mut *put)
                        }
                    }
                }
            }
        }
    }
}

impl Alphabet {
    fn of(self, six: u8) -> u8 {
        match (self, six) {
            (_, 0..=25) => b'A' + six,
            (_, 26..=51) => b'a' + (six - 26),
            (_, 52..=61) => b'0' + (six - 52),
            (Self::Standard, 62) => b'+',
            (Self::Standard, _) => b'/',
            (Self::Url, 62) => b'-',
            (Self::Url, _) => b'_',
        }
    }
}

/// The characters of base64 that are made of the value's bits alone, by their places.
fn known(before: usize, length: usize) -> std::ops::Range<usize> {
    (8 * before).div_ceil(6)..(8 * (before + length)) / 6
}

/// Six bits from there on; zeros behind the end.
fn six(value: &[u8], bit: usize) -> u8 {
    let byte = |index: usize| u16::from(value.get(index).copied().unwrap_or_default());
    let two = byte(bit / 8) << 8 | byte(bit / 8 + 1);
    let [_, six] = ((two << (bit % 8)) >> 10).to_be_bytes();
    six & 63
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form, value: &[u8]) -> String {
        let mut text = Vec::new();
        form.write(value, &mut |byte| text.push(byte));
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn base64_is_as_others_write_it() {
        let whole =
            |padding, value: &[u8]| written(Form::Whole { alphabet: Alphabet::Standard, padding }, value);
        assert_eq!(whole(Padding::Equals, b"foob"), "Zm9vYg==");
        assert_eq!(whole(Padding::Equals, b"fooba"), "Zm9vYmE=");
        assert_eq!(whole(Padding::Equals, b"foobar"), "Zm9vYmFy");
        assert_eq!(whole(Padding::None, b"foob"), "Zm9vYg");
        let url = Form::Whole { alphabet: Alphabet::Url, padding: Padding::None };
        assert_eq!(written(url, &[0xFB, 0xFF]), "-_8");
        assert_eq!(whole(Padding::None, &[0xFB, 0xFF]), "+/8");
    }

    #[test]
    fn what_is_around_a_value_changes_none_of_its_known_characters() {
        let whole = Form::Whole { alphabet: Alphabet::Standard, padding: Padding::None };
        for (before, head) in ["", "u", "us", "use"].into_iter().enumerate() {
            for tail in ["", ":", "::", "\n"] {
                let text = written(whole, format!("{head}correct horse{tail}").as_bytes());
                let form = Form::Within { alphabet: Alphabet::Standard, before: before % 3 };
                let known = written(form, b"correct horse");
                assert!(known.len() >= 16 && text.contains(&known), "{known} in {text}");
            }
        }
    }

    #[test]
    fn lines_are_cut_where_base64_cuts_them() {
        let value = [b'x'; 100];
        let lines = written(Form::Lines { width: 76, ending: b"\n", last: Last::Taken }, &value);
        let lengths: Vec<usize> = lines.split('\n').map(str::len).collect();
        assert_eq!(lengths, [76, 58]);
    }

    #[test]
    fn a_url_has_escapes_in_either_case_and_plus_for_space() {
        let mut forms: Vec<String> = Vec::new();
        for form in all() {
            if matches!(form, Form::Url { .. }) {
                forms.push(written(form, b"a b/c~!"));
            }
        }
        for due in ["a%20b%2Fc~%21", "a%20b%2fc~%21", "a+b%2Fc%7E%21", "a%20b%2Fc~!", "a%20b/c~%21"] {
            assert!(forms.iter().any(|form| form == due), "{due} in {forms:?}");
        }
    }
}
