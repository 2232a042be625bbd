//! However the bytes are cut and however slowly they are taken, the provider gets the value once, in
//! its place, and everything else as it was.

#![expect(clippy::disallowed_methods, reason = "INV-02: the tests fill a slot")]

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use proto::hazmat::SecretBytes;
use tokio::io::AsyncWrite;

use super::{Arm, Injector};
use crate::hazmat::needle::{Needle, NeedleError};

const VALUE: &[u8] = b"sk-canary-0123456789abcdef";

/// Takes as much of each write as it is told; 0 stands for "not now".
#[derive(Default)]
struct Slow {
    takes: VecDeque<usize>,
    got: Vec<u8>,
    is_flushed: bool,
}

impl AsyncWrite for Slow {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(from)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = from.iter().flat_map(|slice| slice.to_vec()).collect();
        let take = self.takes.pop_front().unwrap_or(usize::MAX).min(all.len());
        if take == 0 && !all.is_empty() {
            return Poll::Pending;
        }
        self.got.extend_from_slice(&all[..take]);
        Poll::Ready(Ok(take))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_flushed = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn slot(bytes: &[u8]) -> Rc<SecretBytes> {
    let mut value = SecretBytes::zeroed(bytes.len()).unwrap();
    value.expose_mut().copy_from_slice(bytes);
    Rc::new(value)
}

fn needle(prefix: &str) -> Needle {
    Needle::in_header("authorization", prefix, slot(VALUE)).unwrap()
}

fn armed(prefix: &str, takes: Vec<usize>) -> (Injector<Slow>, Arm, String) {
    let (injector, arm) = Injector::new(Slow { takes: takes.into(), ..Slow::default() });
    let needle = needle(prefix);
    let placeholder = String::from_utf8(needle.placeholder().to_vec()).unwrap();
    arm.load(needle, None);
    (injector, arm, placeholder)
}

/// Offers bytes as hyper does: what was not taken is offered again, with more behind it or not.
fn write_all(injector: &mut Injector<Slow>, bytes: &[u8], cuts: &[usize]) -> io::Result<()> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        while from < to {
            // Two slices, cut somewhere in the middle of what is left.
            let (first, second) = bytes[from..to].split_at((to - from) / 2);
            match Pin::new(&mut *injector)
                .poll_write_vectored(&mut cx, &[IoSlice::new(first), IoSlice::new(second)])
            {
                Poll::Ready(Ok(0)) => panic!("nothing was taken of a write that is not empty"),
                Poll::Ready(Ok(taken)) => from += taken,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {}
            }
        }
    }
    while Pin::new(&mut *injector).poll_flush(&mut cx)?.is_pending() {}
    Ok(())
}

fn request(authorization: &str, body: &str) -> String {
    format!(
        "POST /v1/chat HTTP/1.1\r\nhost: x\r\nx-odd: authorization: Bearer y\r\n\
         authorization: {authorization}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_value_stands_where_its_placeholder_was_and_nothing_else_changes(
        takes in proptest::collection::vec(0_usize..40, 0..60),
        cuts in proptest::collection::vec(1_usize..400, 0..8),
        prefix in prop_oneof![Just(""), Just("Bearer ")],
    ) {
        let (mut injector, arm, placeholder) = armed(prefix, takes);
        let body = format!("\r\nauthorization: {prefix}{placeholder}\r\n{placeholder}\r\n\r\n");
        let sent = request(&format!("{prefix}{placeholder}"), &body);
        let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut < sent.len()).collect();
        cuts.sort_unstable();
        write_all(&mut injector, sent.as_bytes(), &cuts).unwrap();
        let value = std::str::from_utf8(VALUE).unwrap();
        let expected = request(&format!("{prefix}{value}"), &body);
        prop_assert_eq!(String::from_utf8(injector.stream.got.clone()).unwrap(), expected);
        prop_assert!(injector.stream.is_flushed);
        prop_assert!(!arm.is_loaded());
    }
}

fn target(query: &str) -> String {
    format!("POST /v1/a&key=1:chat?{query} HTTP/1.1\r\nhost: x\r\ncookie: &key=x\r\n\r\n?key=y")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_a_query_too(
        takes in proptest::collection::vec(0_usize..40, 0..60),
        cuts in proptest::collection::vec(1_usize..200, 0..8),
        others in prop_oneof![Just(""), Just("a=1&&ke=2&b?key=c&"), Just("&")],
    ) {
        let needle = Needle::in_query("POST", &format!("/v1/a&key=1:chat?{others}key="), slot(VALUE)).unwrap();
        let placeholder = String::from_utf8(needle.placeholder().to_vec()).unwrap();
        let (mut injector, arm) = Injector::new(Slow { takes: takes.into(), ..Slow::default() });
        arm.load(needle, None);
        let sent = target(&format!("{others}key={placeholder}"));
        let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut < sent.len()).collect();
        cuts.sort_unstable();
        write_all(&mut injector, sent.as_bytes(), &cuts).unwrap();
        let expected = target(&format!("{others}key={}", std::str::from_utf8(VALUE).unwrap()));
        prop_assert_eq!(String::from_utf8(injector.stream.got.clone()).unwrap(), expected);
        prop_assert!(!arm.is_loaded());
    }
}

#[test]
fn a_querys_value_is_not_put_behind_the_request_line_nor_in_the_middle_of_it() {
    for change in ["header", "body", "middle", "method", "version"] {
        let needle = Needle::in_query("GET", "/?key=", slot(VALUE)).unwrap();
        let placeholder = String::from_utf8(needle.placeholder().to_vec()).unwrap();
        let (mut injector, arm) = Injector::new(Slow::default());
        arm.load(needle, None);
        let head = match change {
            "header" => format!("GET / HTTP/1.1\r\nx: ?key={placeholder} HTTP/1.1\r\n\r\n"),
            "body" => format!("GET / HTTP/1.1\r\n\r\n?key={placeholder} HTTP/1.1\r\n"),
            "middle" => format!("GET /?key={placeholder}&a=1 HTTP/1.1\r\n\r\n"),
            "method" => format!("POST /?key={placeholder} HTTP/1.1\r\n\r\n"),
            _ => format!("GET /?key={placeholder} HTTP/1.0\r\n\r\n"),
        };
        assert!(write_all(&mut injector, head.as_bytes(), &[]).is_err(), "{change}");
        assert!(!arm.is_loaded() && arm.is_misplaced());
        assert!(!injector.stream.got.windows(4).any(|window| window == b"sk-c"), "{change}");
    }
}

#[test]
fn the_slot_is_given_up_with_the_values_last_byte_and_with_any_error() {
    for (takes, is_whole) in [(vec![], true), (vec![3, 0, 60, 0, 20, 1, 1], true), (vec![], false)] {
        let value = slot(VALUE);
        let needle = Needle::in_header("authorization", "", Rc::clone(&value)).unwrap();
        let placeholder = String::from_utf8(needle.placeholder().to_vec()).unwrap();
        let (mut injector, arm) = Injector::new(Slow { takes: takes.into(), ..Slow::default() });
        arm.load(needle, None);
        assert_eq!(Rc::strong_count(&value), 2);
        let line = if is_whole { placeholder } else { "other".into() };
        assert_eq!(write_all(&mut injector, request(&line, "").as_bytes(), &[]).is_ok(), is_whole);
        assert_eq!(Rc::strong_count(&value), 1, "nobody has it but who kept it for the response");
    }
}

#[test]
fn a_whole_head_leaves_in_one_write() {
    let (mut injector, arm, placeholder) = armed("Bearer ", vec![]);
    let sent = request(&format!("Bearer {placeholder}"), "{}");
    let mut cx = Context::from_waker(Waker::noop());
    let written = Pin::new(&mut injector).poll_write(&mut cx, sent.as_bytes());
    assert!(matches!(written, Poll::Ready(Ok(n)) if n == sent.len()));
    assert!(arm.has_written() && !arm.is_loaded());
}

#[test]
fn a_head_without_the_placeholder_is_an_error_and_the_value_is_wiped_unwritten() {
    for line in ["Bearer other-bytes-in-the-same-place", "Bearer ", "Basic x"] {
        let (mut injector, arm, _) = armed("Bearer ", vec![]);
        assert!(write_all(&mut injector, request(line, "body").as_bytes(), &[]).is_err(), "{line}");
        assert!(!arm.is_loaded());
        assert!(!injector.stream.got.windows(4).any(|window| window == b"sk-c"));
    }
}

#[test]
fn a_placeholder_that_is_cut_short_or_goes_on_is_not_replaced() {
    for change in ["shorter", "longer", "other name", "inside a line"] {
        let (mut injector, arm, placeholder) = armed("Bearer ", vec![]);
        let head = match change {
            "shorter" => request(&format!("Bearer {}", &placeholder[1..]), ""),
            "longer" => request(&format!("Bearer {placeholder}x"), ""),
            "other name" => format!("GET / HTTP/1.1\r\nxauthorization: Bearer {placeholder}\r\n\r\n"),
            _ => format!("GET / HTTP/1.1\r\nx: authorization: Bearer {placeholder}\r\n\r\n"),
        };
        assert!(write_all(&mut injector, head.as_bytes(), &[]).is_err(), "{change}");
        assert!(!arm.is_loaded() && arm.is_misplaced());
        assert!(!injector.stream.got.windows(4).any(|window| window == b"sk-c"), "{change}");
    }
}

#[test]
fn without_a_value_everything_passes() {
    let (mut injector, arm, placeholder) = armed("", vec![]);
    arm.unload();
    let sent = request(&placeholder, "x");
    write_all(&mut injector, sent.as_bytes(), &[7, 30]).unwrap();
    assert_eq!(injector.stream.got, sent.as_bytes());
}

#[test]
fn a_dropped_stream_takes_its_value_along() {
    let (injector, arm, _) = armed("", vec![]);
    drop(injector);
    assert!(!arm.is_loaded());
}

#[test]
fn what_would_not_mean_itself_stands_in_no_query() {
    for odd in b"\"#%&+;<=>[\\]^`{|}" {
        let value = [VALUE, &[*odd]].concat();
        assert!(Needle::in_header("authorization", "", slot(&value)).is_ok());
        let error = Needle::in_query("GET", "/?key=", slot(&value)).err();
        assert_eq!(error, Some(NeedleError::NotInjectable), "{}", char::from(*odd));
    }
}

#[test]
fn what_cannot_stand_in_a_header_is_refused() {
    for (value, fits) in [
        (vec![b'a'; 16], true),
        (vec![b'~'; 8192], true),
        (vec![b'a'; 15], false),
        (vec![b'a'; 8193], false),
        (b"0123456789abcdef\r\nx: y".to_vec(), false),
        (b"0123456789 abcdef".to_vec(), false),
        (vec![0xC3; 20], false),
    ] {
        let error = Needle::in_header("authorization", "", slot(&value)).err();
        let for_query = Needle::in_query("GET", "/?key=", slot(&value)).err();
        assert_eq!(for_query, (!fits).then_some(NeedleError::NotInjectable));
        assert_eq!(error, (!fits).then_some(NeedleError::NotInjectable));
    }
}
