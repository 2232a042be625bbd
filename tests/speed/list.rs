//! `list` with a thousand secrets.

use std::time::{Duration, Instant};

use tests::world::{Binaries, Layout, World, key};

/// The fastest of several runs: what it costs when nothing else disturbs it.
fn fastest(run: impl Fn()) -> Duration {
    (0..15)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed()
        })
        .min()
        .unwrap()
}

#[test]
fn a_thousand_secrets_are_listed_within_50_ms_beyond_process_start() {
    let world = World::with(Binaries::of_release(), Layout::of_this_run()).initialized();
    let _broker = world.broker();
    for number in 0..1000 {
        let call = world.ugent(&["add", &format!("@secret-{number:04}"), "--stdin"]);
        drop(call.typing(key()).run().succeeded());
    }
    let start = fastest(|| drop(world.ugent(&["--help"]).run().succeeded()));
    let list = fastest(|| {
        assert_eq!(world.ugent(&["list"]).run().succeeded().stdout.lines().count(), 1000);
    });
    assert!(list < start + Duration::from_millis(50), "list took {list:?}, process start {start:?}");

    drop(_broker);
    let start = fastest(|| drop(World::ugent(&world, &["--help"]).run().succeeded()));
    let private = fastest(|| {
        assert_eq!(world.ugent(&["list"]).run().succeeded().stdout.lines().count(), 1000);
    });
    assert!(
        private < start + Duration::from_millis(50),
        "with a private keeper it took {private:?}, process start {start:?}"
    );
}
