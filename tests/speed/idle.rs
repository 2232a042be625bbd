//! Memory of an idle broker.

use tests::world::census::Process;
use tests::world::http::Ask;
use tests::world::{Binaries, Layout, World};

/// Proportional set size in KiB (proc(5), smaps_rollup).
fn pss(process: &Process) -> u64 {
    let rollup = String::from_utf8(process.proc_file("smaps_rollup")).unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn an_idle_broker_holds_at_most_16_mb() {
    let world = World::with(Binaries::of_release(), Layout::of_this_run()).initialized().granted();
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::streamed_chat()).status, 200);
    let launcher = Process::find(broker.launcher().pid().as_raw()).unwrap();
    let sizes: Vec<_> = broker
        .children()
        .iter()
        .chain([&launcher])
        .map(|process| (process.name.clone(), pss(process)))
        .collect();
    let whole: u64 = sizes.iter().map(|(_, size)| size).sum();
    assert!(whole <= 16 * 1000 * 1000 / 1024, "{whole} KiB together: {sizes:?}");
    let _ = broker.stop().succeeded();
}
