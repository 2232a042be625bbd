//! What the looks share: worlds on plain pages, values, and the demand that nothing is left.

use std::time::Duration;

use tests::scan::{self, Report};
use tests::world::census::Process;
use tests::world::until::{seen, until};
use tests::world::{Binaries, Broker, HANDLE, Layout, Pages, World};

/// Whether the counts are those of a quick run. `UGENT_TESTS=full` does the rest.
pub(crate) fn is_quick() -> bool {
    !matches!(std::env::var("UGENT_TESTS").as_deref(), Ok("full" | "long"))
}

/// A world without a vault. `UGENT_TESTS_BUILD=release` tries the release build.
pub(crate) fn bare(pages: Pages) -> World {
    let binaries = match std::env::var("UGENT_TESTS_BUILD").as_deref() {
        Ok("release") => Binaries::of_release(),
        _ => Binaries::of_this_build(),
    };
    World::with(binaries, Layout::of_this_run()).on(pages)
}

/// A world with a vault, a key and a grant.
pub(crate) fn ready(pages: Pages) -> World {
    bare(pages).initialized().granted()
}

/// What is random of a passphrase; the rest of it is a word that programs say.
pub(crate) fn random_part(passphrase: &str) -> &str {
    passphrase.rsplit(' ').next().unwrap()
}

/// Puts a key in the place of the one there is, in the vault and at the provider.
pub(crate) fn change_key(world: &World, key: &str) {
    world.rotate(HANDLE, key);
    world.standin().accept_only(key);
}

/// A look at processes that have nothing to do: one look, as a second would find processes that the
/// first has woken.
#[track_caller]
pub(crate) fn look(processes: &[Process], values: &[&str]) -> Vec<Report> {
    let asleep = || processes.iter().map(Process::asleep).collect::<Option<Vec<_>>>();
    until("all sleep", || {
        let first = asleep()?;
        let moved = seen(Duration::from_millis(20), || (asleep().as_ref() != Some(&first)).then_some(()));
        moved.is_none().then_some(())
    });
    let before: Vec<u64> = processes.iter().map(threads).collect();
    let reports = scan::live(&processes.iter().map(|process| process.pid).collect::<Vec<_>>(), values);
    for ((process, before), report) in processes.iter().zip(before).zip(&reports) {
        assert_eq!(report.process, process.name, "the report is of that process");
        assert!(report.blind().is_empty(), "{:?} in {report}", report.blind());
        assert_eq!(report.swapped, 0, "memory for values is in swap: {report}");
        assert!(report.half_locked.is_empty(), "{:?} in {report}", report.half_locked);
        // One that is idle for long may have ended meanwhile.
        let all = before.min(threads(process));
        assert!(
            all > 0 && report.threads >= all,
            "{} of {all} threads were looked into: {report}",
            report.threads
        );
    }
    reports
}

fn threads(process: &Process) -> u64 {
    std::fs::read_dir(format!("/proc/{}/task", process.pid)).map_or(0, |tasks| tasks.count() as u64)
}

/// The three processes of a broker.
pub(crate) fn processes(broker: &Broker<'_>) -> Vec<Process> {
    let launcher = Process::find(broker.launcher().pid().as_raw()).unwrap();
    [launcher].into_iter().chain(broker.children()).collect()
}

/// No process of this broker holds any of these values, or a part of one, in memory of any kind or
/// in a register; nor the passphrase.
#[track_caller]
pub(crate) fn all_forgotten(broker: &Broker<'_>, world: &World, values: &[&str], when: &str) {
    let passphrase = random_part(world.passphrase());
    let values: Vec<&str> = values.iter().copied().chain([passphrase]).collect();
    let reports = look(&processes(broker), &values);
    for name in ["secret-broker", "keeperd", "egressd"] {
        assert!(reports.iter().any(|report| report.process == name), "{when}: nothing of {name}");
    }
    if world.pages() == Pages::Plain {
        for report in reports.iter().filter(|report| report.process != "secret-broker") {
            assert!(
                report.locked > 0 && report.unseen() == 0,
                "{when}, its locked memory was not seen: {report}"
            );
        }
    }
    let left: Vec<String> =
        reports.iter().filter(|report| !report.finds.is_empty()).map(ToString::to_string).collect();
    assert!(left.is_empty(), "INV-06: {when}, what is over is still there\n{}", left.join("\n"));
}
