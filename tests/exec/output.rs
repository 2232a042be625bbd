//! What of a value is left in what the program writes: stars.

use tests::world::HANDLE;
use tests::world::until::until_true;

use crate::environment::shell;
use crate::ground::{exec, grant, ready, with_key};

/// A program for python3, which must be there.
fn python(text: &str) -> [&str; 3] {
    ["python3", "-c", text]
}

#[test]
fn a_value_becomes_as_many_stars_in_either_stream() {
    let world = ready();
    let told = with_key(&world, &[], &["sh", "-c", "echo \"<$KEY>\"; echo \"[$KEY]\" >&2"]).run().succeeded();
    let stars = "*".repeat(world.key().len());
    assert_eq!(told.stdout, format!("<{stars}>\n"));
    assert!(told.stderr.contains(&format!("[{stars}]\n")), "{}", told.stderr);
}

#[test]
fn base64_and_urls_become_stars_too() {
    let world = ready();
    let value = "pa-a/b+c d&e?f~g%hijklmnopqrstuvwxyz0123456789!0123456789!0123456789!";
    world.add("@odd", value);
    world.home().write("secrets.grants.toml", &grant("@odd", "cli", "process.env", "env_inject"));
    let program = "import os, base64, urllib.parse as u\n\
                   v = os.environ['KEY']; b = v.encode()\n\
                   for t in [base64.b64encode(b), base64.urlsafe_b64encode(b), base64.encodebytes(b)]:\n\
                   \x20   print('one', t.decode().strip(), 'end')\n\
                   for t in [v, u.quote(v), u.quote(v, safe=''), u.quote_plus(v), u.urlencode({'k': v})[2:]]:\n\
                   \x20   print('one', t, 'end')\n\
                   t = base64.b64encode(b'user:' + b).decode(); print('one', t[7:-2], 'end')\n";
    let told = exec(&world, &["--env", "KEY=@odd"], &python(program)).run().succeeded().stdout;
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 9, "{told}");
    for line in lines {
        let middle = line.strip_prefix("one ").and_then(|rest| rest.strip_suffix(" end"));
        assert!(
            middle.is_some_and(|stars| stars.len() > 60 && stars.bytes().all(|byte| byte == b'*')),
            "{told}"
        );
    }
}

#[test]
fn a_value_that_comes_byte_by_byte_is_found_and_other_bytes_do_not_wait() {
    let world = ready();
    let program = "import os, sys\n\
                   for b in (os.environ['KEY'] + '. go?').encode(): os.write(1, bytes([b]))\n\
                   sys.stdin.readline()\n";
    let mut running = with_key(&world, &[], &python(program)).open();
    // While the program waits for its answer, its question is there.
    let due = format!("{}. go?", "*".repeat(world.key().len()));
    until_true("the question is passed on", || running.stdout() == due);
    running.type_line("yes");
    assert_eq!(running.outcome().succeeded().stdout, due);
}

#[test]
fn two_streams_to_one_place_keep_their_order() {
    let world = ready();
    let command = ["sh", "-c", "for n in 1 2 3 4 5 6 7 8 9; do echo o$n; echo e$n >&2; done"];
    let line = with_key(&world, &["--passphrase-fd", "8"], &command).shell_line();
    std::fs::write(world.home().workspace().join("eighth"), world.passphrase()).unwrap();
    let told = shell(&world, &format!("{line} 2>&1 8< eighth"), "").succeeded().stdout;
    let due: String = (1..=9).map(|n| format!("o{n}\ne{n}\n")).collect();
    assert_eq!(told, due);
}

#[test]
fn one_that_is_left_behind_with_the_output_open_is_not_waited_for() {
    let world = ready();
    let command = ["sh", "-c", "sleep 600 & echo \"$! $KEY\"; exit 5"];
    let told = with_key(&world, &[], &command).run().ended_with(5);
    let (pid, stars) = told.stdout.trim_end().split_once(' ').unwrap();
    assert_eq!(stars, "*".repeat(world.key().len()), "all that was written by then is passed on");
    let pid = nix::unistd::Pid::from_raw(pid.parse().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("it still runs");
    until_true("it is gone", || tests::world::census::Process::find(pid.as_raw()).is_none());
}

#[test]
fn a_program_whose_reader_is_gone_is_told_so() {
    let world = ready();
    let line = with_key(&world, &["--passphrase-fd", "8"], &["yes"]).shell_line();
    std::fs::write(world.home().workspace().join("eighth"), world.passphrase()).unwrap();
    let script = format!("{line} 8< eighth | head -n 1; echo ${{PIPESTATUS[0]}}");
    // 128 and SIGPIPE, as without us.
    assert_eq!(shell(&world, &script, "").succeeded().stdout, "y\n141\n");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let world = ready();
    let line = with_key(&world, &["--passphrase-fd", "8"], &["echo", "text"]).shell_line();
    std::fs::write(world.home().workspace().join("eighth"), world.passphrase()).unwrap();
    let told = shell(&world, &format!("{line} 8< eighth > /dev/full"), "");
    told.refused(74, &["could not be written"]);
}

#[test]
fn what_is_too_short_to_be_masked_is_said() {
    let world = ready();
    world.add("@pin", "1234567");
    let grants = grant("@pin", "cli", "process.env", "env_inject")
        + &grant(HANDLE, "cli", "process.env", "env_inject");
    world.home().write("secrets.grants.toml", &grants);
    let told = with_key(&world, &["--env", "PIN=@pin"], &["sh", "-c", "echo $PIN $KEY"]).run().succeeded();
    assert_eq!(told.stdout, format!("1234567 {}\n", "*".repeat(world.key().len())));
    assert!(told.stderr.contains("warning: the value of @pin"), "{}", told.stderr);
}
