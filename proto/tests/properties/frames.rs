//! Frames: any message comes out of any splitting of its bytes as it went in; what is not a frame
//! is refused, before anything is allocated for it.

use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::control_lane::{ControlOrder, ControlReport};
use proto::frame::{
    FRAME_MAX, FrameError, HEAD_MAX, Message, PREFIX_LEN, Prefix, VALUE_MAX, ValueRule, decode, encode,
};
use proto::hazmat::deposit::{Deposit, Inbound};
use proto::hazmat::release::Outbound;
use proto::hello::{Hello, LaneKind};
use proto::keychain_lane::{KeychainAnswer, KeychainRequest};
use proto::lease_lane::{LeaseAnswer, LeaseRequest};

use crate::any;
use crate::hazmat::{bytes_of, value_of};

/// A value such as the message may have.
fn fitting<M: Message>(message: &M, wanted: &[u8]) -> Vec<u8> {
    match message.value_rule() {
        ValueRule::Never => Vec::new(),
        ValueRule::Optional => wanted.to_vec(),
        ValueRule::Required if wanted.is_empty() => vec![7],
        ValueRule::Required => wanted.to_vec(),
    }
}

/// Writes through an `Outbound` that is drained by pieces of these sizes, in turn.
fn written<M: Message>(messages: &[(M, Vec<u8>)], pieces: &[usize]) -> Vec<u8> {
    let mut outbound = Outbound::new();
    for (message, value) in messages {
        let value = (!value.is_empty()).then(|| value_of(value));
        outbound.push(message, value).expect("it fits");
    }
    let mut bytes = Vec::with_capacity(outbound.bytes());
    for piece in pieces.iter().cycle() {
        if outbound.is_empty() {
            break;
        }
        let slices: Vec<u8> = outbound.slices(usize::MAX).iter().flat_map(|slice| slice.to_vec()).collect();
        let piece = (*piece).clamp(1, slices.len());
        bytes.extend_from_slice(&slices[..piece]);
        outbound.advance(piece);
    }
    assert_eq!((outbound.bytes(), outbound.frames()), (0, 0));
    bytes
}

/// Reads through an `Inbound` that is filled by pieces of these sizes, in turn.
fn read<M: Message>(mut bytes: &[u8], pieces: &[usize]) -> Result<Vec<(M, Vec<u8>)>, FrameError> {
    let mut inbound = Inbound::new().expect("locked memory");
    let mut messages = Vec::new();
    for piece in pieces.iter().cycle() {
        while let Some(frame) = inbound.take::<M>()? {
            let value = match &frame.value {
                Deposit::None => Vec::new(),
                Deposit::Value(value) => bytes_of(value),
                Deposit::NoRoom => panic!("there is room"),
            };
            messages.push((frame.message, value));
        }
        if bytes.is_empty() {
            break;
        }
        let space = inbound.space();
        assert!(!space.is_empty(), "there is room for more after a take without a frame");
        let piece = (*piece).clamp(1, bytes.len()).min(space.len());
        let (now, later) = bytes.split_at(piece);
        space[..piece].copy_from_slice(now);
        inbound.filled(piece);
        bytes = later;
    }
    Ok(messages)
}

fn crosses<M: Message + PartialEq + Debug>(
    message: M,
    wanted: &[u8],
    writes: &[usize],
    reads: &[usize],
) -> Result<(), TestCaseError> {
    let value = fitting(&message, wanted);
    let sent = vec![(message, value)];
    let bytes = written(&sent, writes);
    prop_assert_eq!(read::<M>(&bytes, reads), Ok(sent));
    Ok(())
}

fn pieces() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1..4_usize, 1..200_usize, 1..9000_usize], 1..12)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![0..3_usize, 200..300_usize, 2000..2100_usize, 8000..8400_usize];
    length.prop_flat_map(|length| vec(any::<u8>(), length))
}

proptest! {
    #[test]
    fn any_hello_crosses(m in any::hello(), w in pieces(), r in pieces()) { crosses(m, &[], &w, &r)?; }

    #[test]
    fn any_lease_request_crosses(m in any::lease_request(), v in value(), w in pieces(), r in pieces()) { crosses(m, &v, &w, &r)?; }

    #[test]
    fn any_lease_answer_crosses(m in any::lease_answer(), v in value(), w in pieces(), r in pieces()) { crosses(m, &v, &w, &r)?; }

    #[test]
    fn any_cli_request_crosses(m in any::cli_request(), v in value(), w in pieces(), r in pieces()) { crosses(m, &v, &w, &r)?; }

    #[test]
    fn any_cli_answer_crosses(m in any::cli_answer(), v in value(), w in pieces(), r in pieces()) { crosses(m, &v, &w, &r)?; }

    #[test]
    fn any_control_order_crosses(m in any::control_order(), v in value(), w in pieces(), r in pieces()) { crosses(m, &v, &w, &r)?; }

    #[test]
    fn any_control_report_crosses(m in any::control_report(), v in value(), w in pieces(), r in pieces()) { crosses(m, &v, &w, &r)?; }

    #[test]
    fn any_keychain_request_crosses(m in any::keychain_request(), v in value(), w in pieces(), r in pieces()) { crosses(m, &v, &w, &r)?; }

    #[test]
    fn any_keychain_answer_crosses(m in any::keychain_answer(), v in value(), w in pieces(), r in pieces()) { crosses(m, &v, &w, &r)?; }

    #[test]
    fn many_frames_cross_in_order(asks in vec((any::lease_request(), value()), 1..20), w in pieces(), r in pieces()) {
        let sent: Vec<_> = asks.into_iter().map(|(ask, wanted)| { let v = fitting(&ask, &wanted); (ask, v) }).collect();
        let bytes = written(&sent, &w);
        prop_assert_eq!(read::<LeaseRequest>(&bytes, &r), Ok(sent));
    }

    #[test]
    fn arbitrary_bytes_are_no_reason_to_panic(bytes in vec(any::<u8>(), 0..600), r in pieces()) {
        let _ = read::<Hello>(&bytes, &r);
        let _ = read::<LeaseRequest>(&bytes, &r);
        let _ = read::<LeaseAnswer>(&bytes, &r);
        let _ = read::<CliRequest>(&bytes, &r);
        let _ = read::<CliAnswer>(&bytes, &r);
        let _ = read::<ControlOrder>(&bytes, &r);
        let _ = read::<ControlReport>(&bytes, &r);
        let _ = read::<KeychainRequest>(&bytes, &r);
        let _ = read::<KeychainAnswer>(&bytes, &r);
    }

    #[test]
    fn an_arbitrary_head_in_a_sound_frame_is_no_reason_to_panic(head in vec(any::<u8>(), 1..400), value in 0..50_usize) {
        let _ = decode::<LeaseRequest>(&head, value);
        let _ = decode::<LeaseAnswer>(&head, value);
        let _ = decode::<CliRequest>(&head, value);
        let _ = decode::<CliAnswer>(&head, value);
        let _ = decode::<ControlOrder>(&head, value);
        let _ = decode::<ControlReport>(&head, value);
        let _ = decode::<KeychainRequest>(&head, value);
        let _ = decode::<KeychainAnswer>(&head, value);
    }

    #[test]
    fn bytes_left_over_in_a_head_are_refused(m in any::cli_request(), extra in vec(any::<u8>(), 1..20)) {
        let value = fitting(&m, &[1]);
        let mut head = encode(&m, value.len()).unwrap().split_off(PREFIX_LEN);
        head.extend_from_slice(&extra);
        prop_assert_eq!(decode::<CliRequest>(&head, value.len()), Err(FrameError::TrailingBytes));
    }

    #[test]
    fn a_head_cut_short_is_refused(m in any::control_order(), at in any::<prop::sample::Index>()) {
        let head = encode(&m, fitting(&m, &[1]).len()).unwrap().split_off(PREFIX_LEN);
        let cut = decode::<ControlOrder>(&head[..at.index(head.len())], 0);
        prop_assert!(matches!(cut, Err(FrameError::Malformed | FrameError::ValueMisplaced)), "{cut:?}");
    }

    #[test]
    fn a_misplaced_or_missing_value_is_refused_on_both_sides(m in any::lease_answer()) {
        let wrong = match m.value_rule() { ValueRule::Never => 1, ValueRule::Required => 0, ValueRule::Optional => return Ok(()) };
        prop_assert_eq!(encode(&m, wrong), Err(FrameError::ValueMisplaced));
        let head = encode(&m, 1 - wrong).unwrap().split_off(PREFIX_LEN);
        prop_assert_eq!(decode::<LeaseAnswer>(&head, wrong), Err(FrameError::ValueMisplaced));
    }

    #[test]
    fn a_prefix_is_bounded(bytes: [u8; PREFIX_LEN]) {
        if let Ok(prefix) = Prefix::parse(bytes) {
            prop_assert!((1..=HEAD_MAX).contains(&prefix.head) && prefix.value <= VALUE_MAX);
            prop_assert!(prefix.frame_len() <= FRAME_MAX);
        }
    }
}

fn prefix(head: usize, value: usize) -> Vec<u8> {
    let length = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    [length(head), length(value)].concat()
}

#[test]
fn lengths_out_of_bounds_are_refused_by_the_prefix_alone() {
    let cases = [
        (0, 0, FrameError::HeadLength),
        (HEAD_MAX + 1, 0, FrameError::HeadLength),
        (u32::MAX as usize, 0, FrameError::HeadLength),
        (1, VALUE_MAX + 1, FrameError::ValueLength),
        (1, u32::MAX as usize, FrameError::ValueLength),
    ];
    for (head, value, error) in cases {
        let mut inbound = Inbound::new().unwrap();
        let room = inbound.space().len();
        inbound.space()[..PREFIX_LEN].copy_from_slice(&prefix(head, value));
        inbound.filled(PREFIX_LEN);
        assert_eq!(inbound.take::<Hello>().err(), Some(error));
        assert_eq!(inbound.space().len(), room - PREFIX_LEN, "nothing was allocated for it");
    }
}

#[test]
fn before_the_greeting_no_room_is_made_for_a_long_frame() {
    for (head, value, error) in [
        (65, 0, FrameError::HeadLength),
        (HEAD_MAX, 0, FrameError::HeadLength),
        (3, 1, FrameError::ValueLength),
    ] {
        let mut inbound = Inbound::new().unwrap();
        inbound.space()[..PREFIX_LEN].copy_from_slice(&prefix(head, value));
        inbound.filled(PREFIX_LEN);
        let room = inbound.space().len();
        assert_eq!(inbound.take::<Hello>().err(), Some(error));
        assert_eq!(inbound.space().len(), room);
    }
}

#[test]
fn the_longest_value_crosses_and_a_longer_one_does_not() {
    let value: Vec<u8> = (0..=255).cycle().take(VALUE_MAX).collect();
    let sent = vec![(CliRequest::Unlock, value)];
    for pieces in [[FRAME_MAX], [4096], [997]] {
        let bytes = written(&sent, &pieces);
        assert!(read::<CliRequest>(&bytes, &pieces) == Ok(sent.clone()));
    }
    assert_eq!(encode(&CliRequest::Unlock, VALUE_MAX + 1), Err(FrameError::ValueLength));
}

#[test]
fn a_head_that_is_too_long_is_not_sent_and_nothing_is_queued() {
    let ask = CliAnswer::Failed(proto::failure::Failure::new(
        proto::failure::FailureClass::Bug,
        "x".repeat(HEAD_MAX),
        "",
    ));
    let mut outbound = Outbound::new();
    assert_eq!(outbound.push(&ask, None), Err(FrameError::HeadLength));
    assert!(outbound.is_empty());
}

#[test]
fn a_hello_of_another_version_or_lane_does_not_fit() {
    let ours = Hello::ours(LaneKind::Lease);
    assert!(ours.fits(LaneKind::Lease));
    assert!(!ours.fits(LaneKind::Cli));
    assert!(!Hello { version: ours.version + 1, ..ours }.fits(LaneKind::Lease));
}

#[test]
fn taken_bytes_are_wiped() {
    let mut inbound = Inbound::new().unwrap();
    let mark = b"sk-canary-of-this-test";
    let bytes = written(&[(CliRequest::Unlock, mark.to_vec())], &[FRAME_MAX]);
    inbound.space()[..bytes.len()].copy_from_slice(&bytes);
    inbound.filled(bytes.len());
    assert!(inbound.take::<CliRequest>().unwrap().is_some());
    assert!(inbound.space().iter().all(|b| *b == 0), "room that was taken from is all zeros again");
}
