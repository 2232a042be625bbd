//! The memory of exec while its program runs: values are in locked memory, for the mask, and nowhere
//! else.

use tests::scan;
use tests::world::census::Process;
use tests::world::until::{seen, until, until_true};
use tests::world::{HANDLE, Pages, key_of};

use crate::ground::{ready_on, with_key};

#[test]
fn while_its_program_runs_exec_has_the_value_in_locked_memory_only() {
    if !scan::is_possible("while_its_program_runs_exec_has_the_value_in_locked_memory_only") {
        return;
    }
    let random = |passphrase: &str| passphrase.rsplit(' ').next().map(str::to_owned).unwrap();
    for length in [51, 164, 2000, 9000] {
        let world = ready_on(Pages::Plain);
        let key = key_of(length);
        world.rotate(HANDLE, &key);
        let mut running =
            with_key(&world, &[], &["sh", "-c", "echo \"$KEY\"; echo \"$KEY\" >&2; echo ready; read -r x"])
                .open();
        until_true("the program waits", || running.stdout().contains("ready"));
        let ugent = until("it is ugent", || Process::find(running.pid().as_raw()));
        until("it sleeps", || {
            let first = ugent.asleep()?;
            let moved =
                seen(std::time::Duration::from_millis(20), || (ugent.asleep()? != first).then_some(()));
            moved.is_none().then_some(())
        });
        let report = &scan::live(&[running.pid()], &[&key, &random(world.passphrase())])[0];
        assert!(report.blind().is_empty() && report.threads >= 3, "{report}");
        assert!(report.finds.iter().any(|find| find.locked), "what is looked for is there: {report}");
        assert!(report.outside().is_empty(), "of {length} bytes: {report}");
        assert!(report.finds.iter().all(|find| find.value == 0), "no passphrase: {report}");
        running.type_line("go on");
        drop(running.outcome().succeeded());
    }
}
