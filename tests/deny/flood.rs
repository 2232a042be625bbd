//! A flood of refusals: counted, not recorded one by one.

use tests::world::World;
use tests::world::http::Ask;
use tests::world::until::until_true;

#[test]
fn a_flood_of_refusals_is_counted_and_does_not_fill_the_journal() {
    const ASKED: u64 = 3_000;
    let world = World::ready();
    let broker = world.broker();
    let mut client = world.tcp();
    for _ in 0..ASKED {
        let answer = client.ask(&Ask::chat()).unwrap();
        assert_eq!(answer.refusal(), Some("invalid_token"));
    }
    let refused = || {
        let records = world.events("lease.denied");
        let count: u64 = records.iter().map(|record| record["count"].as_u64().unwrap_or(1)).sum();
        (count, records.len())
    };
    until_true("each of them is counted", || refused().0 == ASKED);
    let (_, records) = refused();
    assert!(records < 1_500, "{records} records for {ASKED} refusals");
    drop(broker.stop().succeeded());
}
