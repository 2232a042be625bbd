//! `plugin run`: programs that are looked after, each with its own values.

use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tests::scan;
use tests::world::census::Process;
use tests::world::until::{seen, until, until_true};
use tests::world::{HANDLE, Pages, Running, World, key};

use crate::ground::grant;

/// A world whose broker lends its key to the plugins of these ids.
fn ready(ids: &[&str]) -> World {
    ready_on(Pages::OfTheKernel, ids)
}

fn ready_on(pages: Pages, ids: &[&str]) -> World {
    let world = World::bare_of_one_user().on(pages).initialized();
    world.add(HANDLE, world.key());
    let grants: String =
        ids.iter().map(|id| grant(HANDLE, &format!("plugin:{id}"), "plugin.env", "env_inject")).collect();
    world.home().write("secrets.grants.toml", &grants);
    world
}

/// A plugin that is a script.
fn plugin(id: &str, script: &str, more: &str) -> String {
    format!(
        "[[plugins]]\nid = \"{id}\"\ncommand = \"sh\"\nargs = [\"-c\", '''{script}''']\n\
         env_refs = [\"PATH\", \"SHOWN\"]\nsecret_env_refs = {{ KEY = \"{HANDLE}\" }}\n{more}\n\n"
    )
}

fn written(world: &World, plugins: &[String]) -> PathBuf {
    world.home().write("plugins.toml", &format!("schema_version = 1\n{}", plugins.concat()));
    world.home().path().join("plugins.toml")
}

fn run(world: &World, options: &[&str]) -> Running {
    world
        .ugent(&[&["plugin", "run"], options].concat())
        .without("UGENT_SECRETS_PASSPHRASE")
        .env("SHOWN", "yes")
        .env("HIDDEN", "no")
        .open()
}

fn listed(world: &World, id: &str) -> Value {
    let all = world.json(&["plugin", "list", "--json"]);
    all.as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone()
}

fn state(world: &World, id: &str) -> String {
    listed(world, id)["state"].as_str().unwrap().to_owned()
}

/// The process of a plugin that runs.
fn process(world: &World, id: &str) -> Process {
    let pid = until("it runs", || listed(world, id)["pid"].as_i64());
    until("it is there", || Process::find(i32::try_from(pid).unwrap()))
}

fn ended(mut running: Running) -> tests::world::Outcome {
    running.signal(Signal::SIGTERM);
    running.outcome()
}

#[test]
fn a_plugin_has_its_values_and_what_is_named_and_nothing_else_and_its_lines_have_its_id_and_stars() {
    let world = ready(&["a"]);
    let broker = world.broker();
    let script = "env | cut -d= -f1 | sort | tr \"\\n\" \" \"; echo; echo \"<$KEY>\"; echo \"[$KEY]\" >&2; \
                  echo ready; sleep 600";
    let _ = written(&world, &[plugin("a", script, "")]);
    let running = run(&world, &[]);
    until_true("it is ready", || running.stdout().contains("[a] ready\n"));
    let stars = "*".repeat(world.key().len());
    let told = running.stdout();
    // What a shell adds for itself besides.
    let names: Vec<&str> = told.lines().next().unwrap().split_whitespace().skip(1).collect();
    let own = ["OLDPWD", "PWD", "SHLVL", "_"];
    let given: Vec<&&str> = names.iter().filter(|name| !own.contains(name)).collect();
    assert_eq!(given, [&"KEY", &"PATH", &"SHOWN"], "{told}");
    assert!(told.contains(&format!("[a] <{stars}>\n")), "{told}");
    until_true("both streams", || running.stderr().contains(&format!("[a] [{stars}]\n")));

    let process = process(&world, "a");
    let holds = |bytes: &[u8]| bytes.windows(world.key().len()).any(|part| part == world.key().as_bytes());
    assert!(holds(&process.proc_file("environ")) && !holds(&process.proc_file("cmdline")));
    let supervisor = Process::find(running.pid().as_raw()).unwrap();
    for file in ["environ", "cmdline"] {
        assert!(!holds(&supervisor.proc_file(file)), "{file}");
    }
    assert!(world.home().everything().values().all(|(_, content)| !holds(content)));
    let records = world.audit(&["--consumer", "plugin:a"]);
    let events: Vec<&str> = records.iter().filter_map(|record| record["event"].as_str()).collect();
    assert_eq!(events, ["lease.issued", "lease.used", "lease.ended"]);
    assert!(records.iter().all(|record| record["purpose"] == "plugin.env"));
    assert_eq!(state(&world, "a"), "running");
    drop(ended(running).succeeded());
    until_true("it is gone", || !process.lives());
    assert_eq!(state(&world, "a"), "not looked after");
    drop(broker.stop().succeeded());
}

#[test]
fn a_plugin_that_is_refused_is_not_started_and_says_why_and_others_go_on() {
    let world = ready(&["b"]);
    let broker = world.broker();
    let _ = written(&world, &[plugin("a", "touch started", ""), plugin("b", "echo up; sleep 600", "")]);
    let running = run(&world, &[]);
    until_true("the other runs", || running.stdout().contains("[b] up"));
    until_true("it says why", || running.stderr().contains("plugin a: not started: plugin:a may not have"));
    assert!(running.stderr().contains("consumer = \"plugin:a\""), "{}", running.stderr());
    assert_eq!(state(&world, "a"), "refused");
    assert!(listed(&world, "a")["why"].as_str().unwrap().contains(HANDLE));
    assert!(!world.home().workspace().join("started").exists());

    // With the grant, and a word, it is.
    let grants = grant(HANDLE, "plugin:a", "plugin.env", "env_inject") + &world.grant();
    world.home().write("secrets.grants.toml", &grants);
    until_true("it is tried again", || {
        running.signal(Signal::SIGHUP);
        world.home().workspace().join("started").exists()
    });
    until_true("it is done", || state(&world, "a") == "done");
    drop(ended(running).succeeded());

    world.home().write("secrets.grants.toml", "");
    until_true("nobody may any more", || {
        let mut alone = run(&world, &["a"]);
        let told = alone.outcome();
        told.code == Some(77) && told.stderr.contains("not started: a")
    });
    drop(broker.stop().succeeded());
}

#[test]
fn one_that_fails_is_started_again_later_each_time_and_given_up_in_the_end() {
    let world = ready(&["a", "b"]);
    let broker = world.broker();
    let limits = "limits = { max_failures = 4, restart_delay_ms = 40 }";
    let _ = written(&world, &[plugin("a", "echo turn; exit 3", limits), plugin("b", "kill -9 $$", limits)]);
    let mut running = run(&world, &[]);
    running.outcome().refused(75, &["given up: a, b"]);
    let (out, err) = (running.stdout(), running.stderr());
    assert_eq!(out.matches("[a] turn\n").count(), 4, "{out}");
    for wait in ["starts again in 40 ms", "starts again in 80 ms", "starts again in 160 ms"] {
        assert!(err.contains(&format!("plugin a: ended with code 3; {wait}")), "{err}");
    }
    assert!(err.contains("plugin a: ended with code 3; given up after 4 failures in a row"), "{err}");
    assert!(err.contains("plugin b: was ended by signal 9; given up"), "{err}");
    assert_eq!(world.audit(&["--consumer", "plugin:a", "--event", "lease.used"]).len(), 4, "asked each time");
    // One that has done its work is not.
    let _ = written(&world, &[plugin("a", "exit 0", limits)]);
    assert!(run(&world, &[]).outcome().succeeded().stderr.contains("plugin a: ended with code 0"));
    drop(broker.stop().succeeded());
}

#[test]
fn plugins_die_with_their_supervisor() {
    let world = ready(&["a"]);
    let broker = world.broker();
    let _ = written(&world, &[plugin("a", "trap \"\" TERM HUP; echo up; exec sleep 600", "")]);
    let mut running = run(&world, &[]);
    until_true("it runs", || running.stdout().contains("[a] up"));
    let process = process(&world, "a");
    running.signal(Signal::SIGKILL);
    assert!(running.ends_within(tests::world::until::DEADLINE));
    until_true("it is gone", || !process.lives());
    assert_eq!(state(&world, "a"), "not looked after");
    drop(broker.stop().succeeded());
}

#[test]
fn a_new_version_restarts_those_that_want_it() {
    let world = ready(&["a", "b"]);
    let broker = world.broker();
    let script = "echo \"$$ up\"; printf %s \"$KEY\" | sha256sum; sleep 600";
    let _ = written(
        &world,
        &[plugin("a", script, "restart_on_rotate = true"), plugin("b", script, "restart_on_rotate = false")],
    );
    let running = run(&world, &[]);
    until_true("both run", || running.stdout().matches(" up\n").count() == 2);
    let (first, other) = (process(&world, "a"), process(&world, "b"));
    let newer = key();
    world.rotate(HANDLE, &newer);
    until_true("it runs again", || running.stdout().matches(" up\n").count() == 3);
    let again = process(&world, "a");
    let environment = again.proc_file("environ");
    assert!(environment.windows(newer.len()).any(|part| part == newer.as_bytes()));
    assert!(!first.lives() && other.lives());
    assert!(running.stderr().contains("plugin a: has a secret with a new version, and starts again"));
    drop(ended(running).succeeded());
    drop(broker.stop().succeeded());
}

#[test]
fn the_last_is_ended_first_and_one_that_does_not_end_is_killed_with_all_it_has_started() {
    let world = ready(&["a", "b", "c"]);
    let broker = world.broker();
    let trap = "trap \"echo bye; exit 0\" TERM; echo up; while :; do sleep 0.05; done";
    let deaf = "trap \"\" TERM; sleep 600 & echo \"child $!\"; echo up; while :; do sleep 0.05; done";
    let limits = "limits = { grace_secs = 1 }";
    let _ = written(&world, &[plugin("a", trap, ""), plugin("b", deaf, limits), plugin("c", trap, "")]);
    let running = run(&world, &[]);
    until_true("all run", || running.stdout().matches("] up\n").count() == 3);
    let out = running.stdout();
    let child = out.lines().find_map(|line| line.strip_prefix("[b] child ")).unwrap();
    let child = Process::find(child.parse().unwrap()).unwrap();
    let told = ended(running).succeeded();
    let (out, err) = (told.stdout, told.stderr);
    let place = |text: &str| out.find(text).unwrap_or_else(|| panic!("{text} in {out}"));
    assert!(place("[c] bye") < place("[a] bye"), "{out}");
    let place = |text: &str| err.find(text).unwrap_or_else(|| panic!("{text} in {err}"));
    assert!(place("plugin c: ended with code 0") < place("plugin b: does not end, and is killed"), "{err}");
    assert!(place("plugin b: was ended by signal 9") < place("plugin a: ended with code 0"), "{err}");
    until_true("what it has started is gone", || !child.lives());
    drop(broker.stop().succeeded());
}

#[test]
fn a_second_word_ends_all_at_once() {
    let world = ready(&["a", "b"]);
    let broker = world.broker();
    let deaf = "trap \"\" TERM; echo up; while :; do sleep 0.05; done";
    let limits = "limits = { grace_secs = 300 }";
    let _ = written(&world, &[plugin("a", deaf, limits), plugin("b", deaf, limits)]);
    let mut running = run(&world, &[]);
    until_true("both run", || running.stdout().matches("] up\n").count() == 2);
    running.signal(Signal::SIGINT);
    until_true("the last is told", || state(&world, "b") == "stopping");
    running.signal(Signal::SIGINT);
    drop(running.outcome().succeeded());
    drop(broker.stop().succeeded());
}

#[test]
fn limits_hold_and_a_signal_of_a_terminal_is_for_the_supervisor_alone() {
    let world = ready(&["a"]);
    let broker = world.broker();
    let script =
        "ulimit -n; ulimit -v; ulimit -t; cat; ps -o pgid= -p $$ | tr -d \" \"; echo $$; pwd; sleep 600";
    let more = "directory = \"/\"\nlimits = { memory_mib = 512, open_files = 77, cpu_secs = 9 }";
    let _ = written(&world, &[plugin("a", script, more)]);
    let running = run(&world, &[]);
    until_true("it has said all", || running.stdout().matches("[a] ").count() == 6);
    let told = running.stdout();
    let lines: Vec<&str> = told.lines().map(|line| line.strip_prefix("[a] ").unwrap()).collect();
    assert_eq!(lines[..3], ["77", "524288", "9"], "{told}");
    assert_eq!(lines[3], lines[4], "it leads a group of its own");
    assert_eq!(lines[5], "/");
    drop(ended(running).succeeded());
    drop(broker.stop().succeeded());
}

#[test]
fn what_cannot_be_is_said_before_anything_is_started() {
    let world = ready(&["a"]);
    let one = plugin("a", "touch started; sleep 600", "");
    run(&world, &[]).outcome().refused(78, &["plugins.toml"]);
    let path = written(&world, std::slice::from_ref(&one));
    run(&world, &[]).outcome().refused(69, &["no broker"]);
    run(&world, &["sk-0123456789"]).outcome().refused(65, &["1. of the ids"]);
    let _ = written(&world, &[plugin("a", "true", "enabled = false")]);
    run(&world, &[]).outcome().refused(65, &["no plugin is enabled"]);
    let _ = written(&world, &[plugin("a", "true", "api_key = \"sk-0123456789\"")]);
    let told = run(&world, &[]).outcome();
    assert!(!told.stderr.contains("sk-0123"), "{}", told.stderr);
    told.refused(78, &["plugins.toml:", "no such field"]);
    let _ = written(&world, std::slice::from_ref(&one));
    world.home().chmod("plugins.toml", 0o666);
    run(&world, &[]).outcome().refused(78, &["plugins.toml"]);
    world.home().chmod("plugins.toml", 0o600);
    assert!(!world.home().workspace().join("started").exists());

    let broker = world.broker();
    let missing = one.replace("\"sh\"", "\"no-such-program\"") + "limits = { max_failures = 1 }\n";
    let _ = written(&world, &[missing]);
    let told = run(&world, &[]).outcome();
    assert!(told.stderr.contains("[a] error: its program was not found"), "{}", told.stderr);
    told.refused(75, &["given up: a"]);
    let _ = written(&world, &[one]);
    let first = run(&world, &["--config", path.to_str().unwrap()]);
    until_true("it runs", || world.home().workspace().join("started").exists());
    let pid = first.pid().to_string();
    run(&world, &[]).outcome().refused(75, &["plugin a is looked after already", &pid]);
    assert_eq!(state(&world, "a"), "running");
    // From a shell nobody becomes a plugin.
    let told = world.ugent(&["plugin", "start", "--parent", "1", "--core", "0", "--", "true"]).run();
    assert_eq!(told.code, Some(71));
    drop(ended(first).succeeded());
    drop(broker.stop().succeeded());
}

#[test]
fn a_broker_that_is_away_is_waited_for() {
    let world = ready(&["a"]);
    let broker = world.broker();
    let limits = "limits = { max_failures = 50, restart_delay_ms = 10 }";
    let _ = written(&world, &[plugin("a", "echo up; read -r x; sleep 600", limits)]);
    let running = run(&world, &[]);
    until_true("it runs", || running.stdout().contains("[a] up"));
    drop(broker.stop().succeeded());
    let first = process(&world, "a");
    kill(Pid::from_raw(first.pid.as_raw()), Signal::SIGKILL).unwrap();
    until_true("it cannot be started", || running.stderr().contains("no broker is running; starts again in"));
    let broker = world.broker();
    until_true("it runs again", || running.stdout().matches("[a] up").count() == 2);
    drop(ended(running).succeeded());
    drop(broker.stop().succeeded());
}

#[test]
fn while_plugins_run_their_supervisor_has_values_in_locked_memory_only() {
    if !scan::is_possible("while_plugins_run_their_supervisor_has_values_in_locked_memory_only") {
        return;
    }
    let world = ready_on(Pages::Plain, &["a", "b"]);
    let broker = world.broker();
    let script = "echo \"$KEY\"; echo \"$KEY\" >&2; echo up; exec sleep 600";
    let _ = written(&world, &[plugin("a", script, "restart_on_rotate = true"), plugin("b", script, "")]);
    let running = run(&world, &[]);
    until_true("both run", || running.stdout().matches("] up\n").count() == 2);
    let supervisor = until("it is there", || Process::find(running.pid().as_raw()));
    until("it sleeps", || {
        let first = supervisor.asleep()?;
        let moved =
            seen(std::time::Duration::from_millis(20), || (supervisor.asleep()? != first).then_some(()));
        moved.is_none().then_some(())
    });
    let report = &scan::live(&[running.pid()], &[world.key()])[0];
    assert!(report.blind().is_empty() && report.threads >= 6, "{report}");
    assert!(report.finds.iter().any(|find| find.locked), "what is looked for is there: {report}");
    assert!(report.outside().is_empty(), "{report}");
    drop(ended(running).succeeded());
    drop(broker.stop().succeeded());
}
