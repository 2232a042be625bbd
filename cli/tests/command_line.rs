//! What the two programs say and do before any daemon is needed. Run on the real executables.

#![expect(clippy::unwrap_used, reason = "a test's helper that cannot do its part fails the test")]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

const KEY: &str = "sk-typed-in-the-wrong-place";
/// A key that cannot be the name of a consumer.
const KEY_OF_CAPITALS: &str = "SK-typed-in-the-wrong-place";

struct Said {
    code: i32,
    out: String,
    err: String,
}

/// Runs a program with a home of its own and nothing else in its environment.
fn run_in(home: &Path, program: &str, arguments: &[&str], stdin: &[u8]) -> Said {
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("UGENT_HOME", home)
        .current_dir(home.parent().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not want its stdin has ended without reading it.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn ugent(arguments: &[&str]) -> Said {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home");
    let said = run_in(&home, env!("CARGO_BIN_EXE_ugent"), arguments, b"");
    assert!(!home.exists(), "{arguments:?} has made the home");
    said
}

#[test]
fn nothing_typed_in_the_wrong_place_is_repeated() {
    let joined = format!("--value={KEY}");
    for arguments in [
        &["secret", "add", "@a", "--value", KEY][..],
        &["secret", "add", "@a", &joined],
        &["secret", "rotate", "@a", "--stdin", "--value", KEY],
        &["secret", "add", KEY, "--stdin"],
        &["secret", "add", "@a", KEY],
        &["secret", "add", "@a", "--kind", KEY, "--stdin"],
        &["secret", "add", "@a", "--provider", "SK wrong-place", "--stdin"],
        &["secret", KEY],
        &[KEY],
        &["secret", "list", "--sk-typed-in-the-wrong-place"],
        &["secret", "inspect", KEY],
        &["secret", "token", "revoke", KEY],
        &["secret", "token", "issue", "--consumer", KEY_OF_CAPITALS],
        &["secret", "token", "issue", "--consumer", "a", "--ttl", KEY],
        &["secret", "token", "rotate", "--grace", KEY],
        &["secret", "rotate", "@a", "--keep", KEY, "--stdin"],
        &["secret", "add", "@a", "--expires", KEY, "--stdin"],
        &["secret", "rollback", KEY],
        &["secret", "rekey", "--new-passphrase-fd", KEY],
        &["secret", "audit", "--event", KEY],
        &["secret", "audit", "--limit", KEY],
        &["secret", "audit", "--since", KEY],
        &["secret", "--passphrase-fd", KEY, "list"],
        &["secret", "broker", "start", "--listen", KEY],
    ] {
        let said = ugent(arguments);
        assert!(matches!(said.code, 64 | 65), "{arguments:?}: {} {}", said.code, said.err);
        assert!(
            !said.err.contains("wrong-place") && !said.out.contains("wrong-place"),
            "{arguments:?}: {}",
            said.err
        );
        assert!(said.err.starts_with("error: "), "{arguments:?}: {}", said.err);
    }
}

#[test]
fn value_is_refused_with_the_way_to_do_it() {
    let said = ugent(&["secret", "add", "@a", "--value", KEY]);
    assert_eq!(said.code, 64);
    assert!(said.err.contains("values come by stdin only"), "{}", said.err);
    assert!(said.err.contains("--stdin < FILE"), "{}", said.err);
}

#[test]
fn without_stdin_option_add_says_how_values_come() {
    let said = ugent(&["secret", "add", "@a"]);
    assert_eq!(said.code, 64);
    assert!(said.err.contains("--stdin is missing"), "{}", said.err);
}

#[test]
fn typos_are_answered_with_what_is_near() {
    assert!(ugent(&["secret", "lsit"]).err.contains("did you mean list?"));
    assert!(ugent(&["secret", "list", "--jsno"]).err.contains("did you mean --json?"));
    let alone = ugent(&["secret"]);
    assert_eq!(alone.code, 64);
    assert!(alone.err.contains("Usage: ugent secret"), "{}", alone.err);
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in ["init", "add", "rotate", "list", "inspect", "remove", "audit", "unlock", "lock", "doctor"]
    {
        let said = ugent(&["secret", command, "--help"]);
        assert_eq!(said.code, 0, "{command}");
        assert!(said.out.contains("Example"), "{command}: {}", said.out);
    }
    for command in ["issue", "list", "revoke", "rotate"] {
        let said = ugent(&["secret", "token", command, "--help"]);
        assert_eq!(said.code, 0, "{command}");
        assert!(said.out.contains("Example"), "{command}: {}", said.out);
    }
    for command in ["start", "stop", "status"] {
        let said = ugent(&["secret", "broker", command, "--help"]);
        assert_eq!(said.code, 0, "{command}");
        assert!(said.out.contains("Example"), "{command}: {}", said.out);
    }
}

#[test]
fn a_home_that_is_not_set_up_says_init() {
    for command in ["list", "audit"] {
        let said = ugent(&["secret", command]);
        assert_eq!(said.code, 78, "{command}");
        assert!(said.err.ends_with("hint: ugent secret init\n"), "{command}: {}", said.err);
    }
    for command in ["unlock", "lock"] {
        let said = ugent(&["secret", command]);
        assert_eq!(said.code, 69, "{command}");
        assert!(said.err.ends_with("hint: ugent secret broker start\n"), "{command}: {}", said.err);
    }
    assert_eq!(ugent(&["secret", "broker", "status"]).code, 69);
}

#[test]
fn values_that_cannot_be_are_refused_before_anybody_is_asked() {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home");
    let longest = vec![b'x'; 64 * 1024 + 1];
    for (value, what) in [(&b""[..], "is empty"), (b"\n", "is empty"), (b"a\0b", "NUL"), (&longest, "64 KiB")]
    {
        let arguments = ["secret", "add", "@a", "--stdin"];
        let said = run_in(&home, env!("CARGO_BIN_EXE_ugent"), &arguments, value);
        assert_eq!(said.code, 65, "{}", said.err);
        assert!(said.err.contains(what), "{}", said.err);
        assert!(!home.exists());
    }
}

#[test]
fn a_home_or_a_settings_file_that_others_can_write_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home");
    let mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    std::fs::create_dir(&home).unwrap();
    std::fs::create_dir(home.join("secrets")).unwrap();
    mode(&home.join("secrets"), 0o700);
    let list =
        |program| run_in(&home, program, if program == UGENT { &["secret", "list"] } else { &[] }, b"");
    const UGENT: &str = env!("CARGO_BIN_EXE_ugent");
    const BROKER: &str = env!("CARGO_BIN_EXE_secret-broker");
    for program in [UGENT, BROKER] {
        mode(&home, 0o770);
        let said = list(program);
        assert_eq!((said.code, said.err.contains("hint: chmod go-w")), (78, true), "{}", said.err);
        mode(&home, 0o755);
        std::fs::write(home.join("secrets.toml"), "listen = 5\n").unwrap();
        mode(&home.join("secrets.toml"), 0o600);
        let said = list(program);
        assert_eq!((said.code, said.err.contains("secrets.toml:1:10: ")), (78, true), "{}", said.err);
        mode(&home.join("secrets.toml"), 0o666);
        let said = list(program);
        assert_eq!((said.code, said.err.contains("can be written by others")), (78, true), "{}", said.err);
        mode(&home.join("secrets"), 0o750);
        let said = list(program);
        assert_eq!((said.code, said.err.contains("hint: chmod go-rwx")), (78, true), "{}", said.err);
        mode(&home.join("secrets"), 0o700);
    }
}

#[test]
fn the_launcher_says_init_where_there_is_nothing() {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home");
    let said = run_in(&home, env!("CARGO_BIN_EXE_secret-broker"), &[], b"");
    assert_eq!(said.code, 78);
    assert!(said.err.ends_with("hint: ugent secret init\n"), "{}", said.err);
    assert!(!home.exists());
}

#[test]
fn every_command_has_a_manual_page_with_its_examples() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("man");
    let said = ugent(&["secret", "man", "--out", out.to_str().unwrap()]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    for (page, parts) in [
        ("man1/ugent-secret.1", &["EXIT STATUS", "ENVIRONMENT", "ugent\\-secret\\-grant(1)"][..]),
        ("man1/ugent-secret-add.1", &["\\-\\-provider", ".SH \"EXAMPLES\"", "SEE ALSO"]),
        ("man1/ugent-secret-token-issue.1", &["ugent secret token issue [OPTIONS] \\-\\-consumer <C>"]),
        ("man8/secret-broker.8", &["\\-\\-listen", "SIGTERM"]),
    ] {
        let text = std::fs::read_to_string(out.join(page)).unwrap();
        for part in parts {
            assert!(text.contains(part), "{page} has no {part}");
        }
    }
    assert!(
        ugent(&["secret", "man", "grant", "add"]).out.starts_with(".TH \"UGENT-SECRET-GRANT-ADD\" \"1\"")
    );
    let unknown = ugent(&["secret", "man", KEY]);
    assert_eq!(unknown.code, 64);
    assert!(!unknown.err.contains(KEY), "{}", unknown.err);
}

#[test]
fn completions_name_every_command_and_are_for_shells_that_are_known() {
    for shell in ["bash", "zsh", "fish"] {
        let said = ugent(&["secret", "completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{shell}");
        for word in ["rollback", "explain", "passphrase-fd"] {
            assert!(said.out.contains(word), "{shell} knows no {word}");
        }
    }
    assert_eq!(ugent(&["secret", "completions", "tcsh"]).code, 64);
}
