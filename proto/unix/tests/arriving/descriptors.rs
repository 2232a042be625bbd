//! Descriptors that come otherwise than a message announces: refused, and none stays open.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::PoisonError;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use proto::control_lane::ControlOrder;
use proto::frame::encode;
use unix::lane::{Descriptors, FDS_MAX, Lane, LaneError, Parcel, Received};

use crate::ALONE;

fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn lane(descriptors: Descriptors) -> (UnixStream, Lane) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    (ours, Lane::new(theirs, descriptors).unwrap())
}

/// Sends bytes with that many copies of a descriptor.
fn send(socket: &UnixStream, bytes: &[u8], fd: BorrowedFd<'_>, count: usize) {
    let numbers: Vec<RawFd> = vec![fd.as_raw_fd(); count];
    let rights = [ControlMessage::ScmRights(&numbers)];
    let rights = if count == 0 { &[][..] } else { &rights[..] };
    let sent = sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], rights, MsgFlags::empty(), None);
    assert_eq!(sent, Ok(bytes.len()));
}

fn plain() -> Vec<u8> {
    encode(&ControlOrder::Stop, 0).unwrap()
}

fn with_fds(lanes: u16) -> Vec<u8> {
    encode(&ControlOrder::NewEgress { generation: 1, lanes }, 0).unwrap()
}

/// What comes of sending these pieces, each in a write and a read of its own: how many descriptors
/// each message had, or the breach.
fn taken(pieces: &[(&[u8], usize)]) -> Result<Vec<usize>, LaneError> {
    let (socket, mut lane) = lane(Descriptors::Accepted);
    let mut found = Vec::new();
    for (bytes, count) in pieces {
        send(&socket, bytes, socket.as_fd(), *count);
        lane.receive()?;
        while let Some(Parcel { fds, .. }) = lane.take::<ControlOrder>()? {
            found.push(fds.len());
        }
    }
    Ok(found)
}

fn is_breach(outcome: &Result<Vec<usize>, LaneError>) -> bool {
    matches!(outcome, Err(LaneError::Descriptors))
}

#[test]
fn no_number_of_descriptors_stays_open_behind_a_breach() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for (descriptors, count) in [
        (Descriptors::Refused, 1),
        (Descriptors::Refused, 200),
        (Descriptors::Refused, 253),
        (Descriptors::One, 2),
        (Descriptors::One, 200),
        (Descriptors::Accepted, FDS_MAX + 1),
        (Descriptors::Accepted, 200),
        (Descriptors::Accepted, 253),
    ] {
        let before = open_fds();
        for _ in 0..20 {
            let (socket, mut lane) = lane(descriptors);
            send(&socket, b"x", socket.as_fd(), count);
            assert!(matches!(lane.receive(), Err(LaneError::Descriptors)), "{count}");
        }
        assert_eq!(open_fds(), before, "{descriptors:?} {count}");
    }
}

#[test]
fn where_one_may_wait_a_second_is_a_breach() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = open_fds();
    let (socket, mut lane) = lane(Descriptors::One);
    send(&socket, b"x", socket.as_fd(), 1);
    assert!(matches!(lane.receive(), Ok(Received::Bytes | Received::Last)));
    send(&socket, b"x", socket.as_fd(), 1);
    assert!(matches!(lane.receive(), Err(LaneError::Descriptors)));
    drop((socket, lane));
    assert_eq!(open_fds(), before);
}

#[test]
fn none_stays_open_when_this_process_has_no_room_for_all_of_them() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let before = open_fds();
    for _ in 0..5 {
        let (socket, mut lane) = lane(Descriptors::Accepted);
        send(&socket, &with_fds(50), socket.as_fd(), 50);
        // The two of the pair are open, and 10 more fit.
        setrlimit(Resource::RLIMIT_NOFILE, before as u64 + 2 + 10, hard).unwrap();
        let received = lane.receive();
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
        assert!(matches!(received, Err(LaneError::Descriptors)), "{received:?}");
        drop(lane);
    }
    assert_eq!(open_fds(), before);
}

#[test]
fn descriptors_come_with_the_first_byte_of_their_message_however_it_is_split() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let frame = with_fds(3);
    for at in 1..frame.len() {
        let (first, rest) = frame.split_at(at);
        assert_eq!(taken(&[(first, 3), (rest, 0), (&plain(), 0)]).unwrap(), [3, 0], "split at {at}");
        let late = taken(&[(first, 0), (rest, 3)]);
        assert!(is_breach(&late), "behind the first byte, at {at}: {late:?}");
    }
    let both = [plain(), frame.clone()].concat();
    assert_eq!(taken(&[(&both, 3)]).unwrap(), [0, 3]);
    let half = [&frame[..], &plain()[..5]].concat();
    assert_eq!(taken(&[(&half, 3), (&plain()[5..], 0)]).unwrap(), [3, 0]);
    assert_eq!(taken(&[(&frame, 3), (&with_fds(96), 96)]).unwrap(), [3, 96]);
}

#[test]
fn a_message_finds_its_own_descriptors_in_what_one_look_brings() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (socket, mut lane) = lane(Descriptors::Accepted);
    for (bytes, count) in [(plain(), 0), (with_fds(2), 2), (with_fds(1), 1), (plain(), 0)] {
        send(&socket, &bytes, socket.as_fd(), count);
    }
    while matches!(lane.receive().unwrap(), Received::Bytes | Received::Last) {}
    let mut found = Vec::new();
    while let Some(parcel) = lane.take::<ControlOrder>().unwrap() {
        found.push(parcel.fds.len());
    }
    assert_eq!(found, [0, 2, 1, 0]);
}

#[test]
fn descriptors_no_message_announces_are_a_breach() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (plain, frame) = (plain(), with_fds(3));
    let cases: [&[(&[u8], usize)]; 8] = [
        &[(&plain, 1)],
        &[(&frame, 2)],
        &[(&frame, 4)],
        &[(&frame, 0)],
        &[(&frame, 3), (&plain, 1)],
        &[(&plain[..4], 1), (&plain[4..], 0)],
        &[(&frame[..4], 3), (&frame[4..8], 1)],
        &[(&frame[..4], 2), (&frame[4..], 1)],
    ];
    for (number, case) in cases.iter().enumerate() {
        let before = open_fds();
        let outcome = taken(case);
        assert!(is_breach(&outcome), "case {number}: {outcome:?}");
        assert_eq!(open_fds(), before, "case {number}");
    }
}

#[test]
fn a_lane_still_hands_over_what_is_announced() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (socket, mut lane) = lane(Descriptors::Accepted);
    let mut peer = Lane::new(socket, Descriptors::Refused).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    for lanes in [1_u16, 96, 2] {
        let fds: Vec<OwnedFd> =
            (0..lanes).map(|_| OwnedFd::from(std::fs::File::open("/dev/null").unwrap())).collect();
        peer.push(&ControlOrder::Stop, None).unwrap();
        peer.send(&ControlOrder::NewEgress { generation: 1, lanes }, None, fds, deadline).unwrap();
        assert!(lane.wait_for::<ControlOrder>(deadline).unwrap().fds.is_empty());
        assert_eq!(lane.wait_for::<ControlOrder>(deadline).unwrap().fds.len(), usize::from(lanes));
    }
}
