//! Locked memory comes to its end. Then a request is refused, and no value lies anywhere else.

use tests::world::http::{Ask, Http};
use tests::world::{HANDLE, World, letters};

/// Room for some thirty of the longest values, beside what lanes need.
const LIMIT_KIB: u32 = 320;
const STREAMS: usize = 64;

#[test]
fn without_locked_memory_a_request_is_refused_as_busy_and_others_go_on() {
    let world = World::with_vault();
    let long = letters(8000);
    world.add(HANDLE, &long);
    world.home().write("secrets.grants.toml", &world.grant());
    world.standin().accept_only(&long);
    let _broker = world.broker_locking_at_most(LIMIT_KIB);
    // The value of each is looked for in its response, so it stays in its slot until that ends.
    let ask = Ask::streamed_chat().script("hold gate=a").bearer(&world.token());
    let (mut streams, mut refused): (Vec<Http>, usize) = (Vec::new(), 0);
    for _ in 0..STREAMS {
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
    assert!(streams.len() > 8 && refused > 8, "{} served, {refused} refused", streams.len());
    streams.iter().for_each(|_| world.standin().open_gate("a"));
    for stream in &mut streams {
        while stream.event().unwrap().is_some() {}
    }
    assert_eq!(world.ask(&Ask::chat()).status, 200, "there is room again");
}
