//! However a body is cut, its client gets what a search through the whole of it would leave, as
//! soon as it can, and nothing is ever held back but the start of a value.

#![expect(clippy::disallowed_methods, reason = "INV-02: the tests fill a slot")]

use proptest::prelude::*;

use super::*;

const VALUE: &[u8] = b"sk-Canary-0123456789ABCdef";

fn scrub(value: &[u8]) -> Scrub {
    let mut slot = SecretBytes::zeroed(value.len()).unwrap();
    slot.expose_mut().copy_from_slice(value);
    Scrub::new(Rc::new(slot))
}

/// As one would do it with all of the text at hand.
fn starred(value: &[u8], text: &[u8]) -> Vec<u8> {
    let mut clean = text.to_vec();
    let mut at = 0;
    while at + value.len() <= text.len() {
        if text[at..].starts_with(value) {
            clean[at..at + value.len()].fill(b'*');
            at += value.len();
        } else {
            at += 1;
        }
    }
    clean
}

/// Passes the pieces, and looks after each at what is held back.
fn pass(value: &[u8], pieces: &[&[u8]]) -> (Vec<u8>, bool) {
    let mut scrub = scrub(value);
    let (mut came, mut went) = (Vec::new(), Vec::new());
    for piece in pieces {
        came.extend_from_slice(piece);
        // Half of them from a buffer that others see, as hyper's are.
        let whole = Bytes::copy_from_slice(piece);
        let _other = (came.len() % 2 == 0).then(|| whole.clone());
        went.extend_from_slice(&scrub.piece(whole, Then::More));
        let held = &came[went.len()..];
        assert_eq!(held.len(), scrub.held());
        assert!(held.len() < value.len() && value.starts_with(held), "{held:?} is held back");
        let longest = (0..value.len()).rev().find(|len| came.ends_with(&value[..*len])).unwrap();
        assert!(held.len() <= longest, "more is held back than can be of a value");
    }
    went.extend_from_slice(&scrub.rest());
    assert_eq!(went, starred(value, &came));
    (went, scrub.has_hit())
}

#[test]
fn a_value_is_found_however_it_is_cut_in_two_or_three() {
    let text = [b"data: {\"k\":\"", VALUE, b"\"}\n\n"].concat();
    for one in 0..=text.len() {
        assert!(pass(VALUE, &[&text[..one], &text[one..]]).1, "cut at {one}");
        for two in one..=text.len() {
            let (went, has_hit) = pass(VALUE, &[&text[..one], &text[one..two], &text[two..]]);
            assert!(has_hit, "cut at {one} and {two}");
            assert_eq!(went.iter().filter(|byte| **byte == b'*').count(), VALUE.len());
        }
    }
    let single: Vec<_> = text.chunks(1).collect();
    assert!(pass(VALUE, &single).1);
}

#[test]
fn a_value_that_repeats_itself_is_found_behind_a_false_start() {
    for value in
        [&b"aaaab"[..], b"aaaaaaaa", b"abababac", b"abcabcabd", b"aabaabaaab", b"aaaaaaaaaaaaaaaaaab"]
    {
        for before in [&b""[..], b"a", b"aaa", b"aaaaaa", b"ab", b"abab", b"abc", b"aab", b"aabaabaa"] {
            let text = [before, value, before, value, value, before].concat();
            for one in 0..=text.len() {
                for two in one..=text.len() {
                    assert!(pass(value, &[&text[..one], &text[one..two], &text[two..]]).1);
                }
            }
        }
    }
}

#[test]
fn a_body_without_the_value_goes_on_uncopied_and_whole() {
    let mut scrub = scrub(VALUE);
    let piece = Bytes::from_static(b"data: {\"text\":\"a canary in the mine\"}\n\n");
    let passed = scrub.piece(piece.clone(), Then::More);
    assert_eq!((passed.as_ptr(), passed.len()), (piece.as_ptr(), piece.len()));
    assert_eq!((scrub.held(), scrub.has_hit()), (0, false));
}

#[test]
fn only_an_end_that_may_be_a_start_waits_for_what_follows() {
    let mut scrub = scrub(VALUE);
    assert_eq!(scrub.piece(Bytes::from_static(b"risk-sk-Can"), Then::More), "risk-");
    assert_eq!(scrub.held(), 6);
    assert_eq!(scrub.piece(Bytes::from_static(b"non, sk"), Then::More), "sk-Cannon, ");
    assert_eq!(scrub.piece(Bytes::from_static(b"-"), Then::End), "sk-");
    assert_eq!((scrub.rest(), scrub.has_hit()), (Bytes::new(), false));
}

#[test]
fn a_buffer_that_is_ours_alone_is_overwritten_in_place() {
    let text = [b"key: ", VALUE].concat();
    let piece = Bytes::from(text);
    let place = piece.as_ptr();
    let clean = scrub(VALUE).piece(piece, Then::End);
    assert_eq!(clean.as_ptr(), place);
    assert_eq!(&clean[..], [&b"key: "[..], &[b'*'; VALUE.len()]].concat());
}

#[test]
fn headers_and_trailers_are_starred_and_the_others_keep_their_bytes() {
    let value = std::str::from_utf8(VALUE).unwrap();
    let mut headers = HeaderMap::new();
    for text in [format!("Bearer {value}"), "other".into(), format!("{value},{value}")] {
        headers.append("x-echo", text.parse().unwrap());
    }
    headers.append("location", format!("/?key={value}&a=%31").parse().unwrap());
    headers.append("x-raw", HeaderValue::from_bytes(&[b"\xff ", VALUE].concat()).unwrap());
    headers.append(hyper::header::HeaderName::from_bytes(VALUE).unwrap(), "1".parse().unwrap());
    let mut scrub = scrub(VALUE);
    scrub.headers(&mut headers);
    let stars = "*".repeat(VALUE.len());
    let echoes: Vec<_> = headers.get_all("x-echo").iter().collect();
    assert_eq!(echoes, [&format!("Bearer {stars}"), "other", &format!("{stars},{stars}")]);
    assert_eq!(headers["location"], format!("/?key={stars}&a=%31"));
    assert_eq!(headers["x-raw"].as_bytes(), [b"\xff ", stars.as_bytes()].concat());
    assert_eq!(headers.len(), 5, "a header that is named as the value is dropped");
    assert!(scrub.has_hit());
}

#[test]
fn a_name_is_found_in_lower_case_too() {
    let value = b"sk-Canary-0123456789ABCDEF";
    let mut headers = HeaderMap::new();
    for name in ["x-SK-canary-0123456789abcdef-x", "x-kept"] {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), "1".parse().unwrap());
    }
    let mut scrub = scrub(value);
    scrub.headers(&mut headers);
    assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-kept"]);
    assert!(scrub.has_hit());
}

#[test]
fn a_location_has_it_in_no_spelling_that_a_client_would_undo() {
    let value = b"sk-Canary+0123456789/ABCDEF=";
    for (location, is_found) in [
        ("/?key=sk-Canary%2B0123456789%2fABCDEF%3d&a=1", true),
        ("/?key=%73k-Canary+0123456789/ABCDEF=", true),
        ("/sk-Canary%2B0123456789%2FABCDE", false),
        ("/sk-Canary%2C0123456789%2FABCDEF%3D", false),
        ("/%", false),
        ("/plain", false),
    ] {
        let mut headers = HeaderMap::new();
        for name in ["location", "x-other"] {
            headers.insert(name, location.parse().unwrap());
        }
        let mut scrub = scrub(value);
        scrub.headers(&mut headers);
        assert_eq!((headers["location"] == "*", scrub.has_hit()), (is_found, is_found), "{location}");
        assert_eq!(headers["x-other"], location);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_texts_randomly_cut(
        value in prop_oneof![
            "[ab]{1,6}",
            "[abc]{4,12}",
            // Longer than what is looked for at first.
            "a{15,20}b",
            "(ab){8,12}c?",
            Just("sk-canary-0123456789abcdef".to_owned()),
        ],
        parts in proptest::collection::vec((0_usize..30, "[abcs-]{0,8}"), 0..8),
        cuts in proptest::collection::vec(0_usize..200, 0..12),
    ) {
        let value = value.as_bytes();
        // Wholes, starts and ends of the value, and noise.
        let mut text = Vec::new();
        for (number, noise) in parts {
            match number {
                0..8 => text.extend_from_slice(value),
                8..16 => text.extend_from_slice(&value[..number % value.len()]),
                16..20 => text.extend_from_slice(&value[number % value.len()..]),
                _ => text.extend_from_slice(noise.as_bytes()),
            }
        }
        let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut < text.len()).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for to in cuts.into_iter().chain([text.len()]) {
            pieces.push(&text[from..to]);
            from = to;
        }
        pass(value, &pieces);
    }
}
