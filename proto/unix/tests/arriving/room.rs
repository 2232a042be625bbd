//! Locked memory that runs out while a lane is in use: the message is there, its value is not, and
//! what comes next is whole.

use std::os::unix::net::UnixStream;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use proto::cli_lane::CliRequest;
use proto::frame::{FrameError, VALUE_MAX};
use proto::hazmat::SecretBytes;
use unix::lane::{Descriptors, Flushed, Lane, LaneError, Received, Taken};

use crate::ALONE;

fn value(len: usize) -> Option<SecretBytes> {
    Some(SecretBytes::zeroed(len).unwrap())
}

/// Runs with no locked memory to be had beyond what there is. The limit does not bind root, so a
/// test of root's runs as nobody in the meantime.
fn short_of_memory<T>(run: impl FnOnce() -> T) -> T {
    let (soft, hard) = getrlimit(Resource::RLIMIT_MEMLOCK).unwrap();
    let is_root = nix::unistd::geteuid().is_root();
    setrlimit(Resource::RLIMIT_MEMLOCK, 0, hard).unwrap();
    if is_root {
        nix::unistd::seteuid(nix::unistd::Uid::from_raw(65_534)).unwrap();
    }
    let outcome = run();
    if is_root {
        nix::unistd::seteuid(nix::unistd::Uid::from_raw(0)).unwrap();
    }
    setrlimit(Resource::RLIMIT_MEMLOCK, soft, hard).unwrap();
    outcome
}

fn pair() -> (Lane, Lane) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    for socket in [&ours, &theirs] {
        socket.set_nonblocking(true).unwrap();
    }
    (Lane::new(ours, Descriptors::Refused).unwrap(), Lane::new(theirs, Descriptors::Refused).unwrap())
}

/// Sends all that waits, and takes what comes until that many messages have.
fn exchange(from: &mut Lane, to: &mut Lane, count: usize) -> Result<Vec<Option<usize>>, LaneError> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut found = Vec::new();
    while found.len() < count {
        assert!(Instant::now() < deadline, "{found:?}");
        assert!(matches!(from.flush(), Ok(Flushed::All | Flushed::Blocked)));
        assert_ne!(to.receive()?, Received::Closed);
        while let Some(taken) = to.take_any::<CliRequest>()? {
            found.push(match taken {
                Taken::Whole(parcel) => Some(parcel.value.as_ref().map_or(0, SecretBytes::len)),
                Taken::NoRoom(CliRequest::Unlock) => None,
                Taken::NoRoom(other) => panic!("{other:?} has no value"),
            });
        }
    }
    Ok(found)
}

#[test]
fn a_value_without_room_is_said_to_have_been_there_and_the_lane_goes_on() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut from, mut to) = pair();
    // Of a length for which a slot is kept once there was one.
    exchange_kept(&mut from, &mut to);
    for len in [VALUE_MAX, 12 * 1024, 20 * 1024, VALUE_MAX] {
        from.push(&CliRequest::Unlock, value(len)).unwrap();
        from.push(&CliRequest::Status, None).unwrap();
        from.push(&CliRequest::Unlock, value(100)).unwrap();
    }
    let found = short_of_memory(|| exchange(&mut from, &mut to, 12)).unwrap();
    assert_eq!(found, [None, Some(0), Some(100)].repeat(4));
    from.push(&CliRequest::Unlock, value(VALUE_MAX)).unwrap();
    assert_eq!(exchange(&mut from, &mut to, 1).unwrap(), [Some(VALUE_MAX)], "with room it comes whole");
}

fn exchange_kept(from: &mut Lane, to: &mut Lane) {
    from.push(&CliRequest::Unlock, value(100)).unwrap();
    assert_eq!(exchange(from, to, 1).unwrap(), [Some(100)]);
}

#[test]
fn whoever_has_no_answer_to_that_never_takes_a_lost_value_for_none() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut from, mut to) = pair();
    from.push(&CliRequest::Unlock, value(12 * 1024)).unwrap();
    assert_eq!(from.flush().unwrap(), Flushed::All);
    let taken = short_of_memory(|| {
        to.receive().unwrap();
        to.take::<CliRequest>()
    });
    assert!(matches!(taken, Err(LaneError::Frame(FrameError::NoSlot))));
}
