//! `list` with a thousand secrets.

use std::time::{Duration, Instant};

use tests::world::{Binaries, Layout, World, key};

/// What a run may take.
const BOUND: Duration = Duration::from_millis(50);

fn taken(run: impl Fn()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}

/// What one of them costs beyond the other when nothing else disturbs it: the fastest of each, taken
/// in turn, so that what else the machine does falls on both. The more it does, the more are taken.
fn beyond(start: impl Fn(), run: impl Fn()) -> Duration {
    let mut fastest = (Duration::MAX, Duration::MAX);
    for round in 0..100 {
        fastest = (fastest.0.min(taken(&start)), fastest.1.min(taken(&run)));
        if round >= 15 && fastest.1 < fastest.0 + BOUND {
            break;
        }
    }
    fastest.1.saturating_sub(fastest.0)
}

#[test]
fn a_thousand_secrets_are_listed_within_50_ms_beyond_process_start() {
    let world = World::with(Binaries::of_release(), Layout::of_this_run()).initialized();
    let broker = world.broker();
    for number in 0..1000 {
        let call = world.ugent(&["add", &format!("@secret-{number:04}"), "--stdin"]);
        drop(call.typing(key()).run().succeeded());
    }
    let help = || drop(world.ugent(&["--help"]).run().succeeded());
    let list = || {
        assert_eq!(world.ugent(&["list"]).run().succeeded().stdout.lines().count(), 1000);
    };
    let with_broker = beyond(help, list);
    assert!(with_broker < BOUND, "list took {with_broker:?} longer than a process takes to start");

    drop(broker);
    let without = beyond(help, list);
    assert!(without < BOUND, "with a private keeper it took {without:?} longer");
}
