//! Locked memory comes to its end. Then a request is refused, and no value lies anywhere else.

use tests::world::http::{Ask, Http};
use tests::world::{HANDLE, World, letters};

/// Room for some thirty of the longest values, beside what lanes need.
const LITTLE_KIB: u32 = 320;
/// Room for more than a hundred.
const MORE_KIB: u32 = 1024;

/// A world with a key of that length, which may be used.
fn with_key(length: usize) -> World {
    let world = World::with_vault();
    let key = letters(length);
    world.add(HANDLE, &key);
    world.home().write("secrets.grants.toml", &world.grant());
    world.standin().accept_only(&key);
    world
}

/// Begins that many streams, which the provider holds up: those that were served, and how many were
/// refused. The value of each is looked for in its response, so it stays in its slot until that ends.
fn held_streams(world: &World, count: usize) -> (Vec<Http>, usize) {
    let ask = Ask::streamed_chat().script("hold gate=a").bearer(&world.token());
    let (mut streams, mut refused): (Vec<Http>, usize) = (Vec::new(), 0);
    for _ in 0..count {
        let mut http = world.tcp();
        http.send(&ask.bytes()).unwrap();
        let head = http.head().unwrap();
        match head.status {
            200 => streams.push(http),
            503 => {
                refused += 1;
                assert_eq!(head.header("x-ugent-refusal"), Some("busy"));
                assert!(head.header("retry-after").is_some());
            }
            other => panic!("{other}"),
        }
    }
    (streams, refused)
}

fn end(world: &World, mut streams: Vec<Http>) {
    streams.iter().for_each(|_| world.standin().open_gate("a"));
    for stream in &mut streams {
        while stream.event().unwrap().is_some() {}
    }
}

#[test]
fn without_locked_memory_a_request_is_refused_as_busy_and_others_go_on() {
    let world = with_key(8000);
    let _broker = world.broker_locking_at_most(LITTLE_KIB);
    let (streams, refused) = held_streams(&world, 64);
    assert!(streams.len() > 8 && refused > 8, "{} served, {refused} refused", streams.len());
    end(&world, streams);
    assert_eq!(world.ask(&Ask::chat()).status, 200, "there is room again");
}

#[test]
fn a_burst_of_long_keys_leaves_its_room_to_keys_of_other_lengths() {
    let world = with_key(4000);
    let _broker = world.broker_locking_at_most(MORE_KIB);
    let (streams, refused) = held_streams(&world, 140);
    assert!(streams.len() > 60 && refused > 0, "{} served, {refused} refused", streams.len());
    let long = streams.len();
    end(&world, streams);
    for length in [1000, 51, 4000] {
        let key = letters(length);
        world.rotate(HANDLE, &key);
        world.standin().accept_only(&key);
        assert_eq!(world.ask(&Ask::chat()).status, 200, "a key of {length} bytes");
        // Not only out of what happened to be left: as many at once as there were of long ones.
        let (streams, refused) = held_streams(&world, long);
        assert_eq!((streams.len(), refused), (long, 0), "with {length} bytes");
        end(&world, streams);
    }
}
