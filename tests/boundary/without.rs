//! Where the kernel gives no user namespaces: no daemon serves, unless the user has said so; and then
//! what is missing is shown.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tests::world::{Binaries, World};

/// Runs `ugent` without a privilege, and where no user namespace can be made.
fn ugent(world: &World, arguments: &[&str]) -> Output {
    let limit = "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps=-all \
                 --inh-caps=-all --bounding-set=-all -- \"$@\"";
    Command::new("unshare")
        .args(["--user", "--map-current-user", "--keep-caps", "--", "sh", "-c", limit, "sh"])
        .arg(Binaries::of_this_build().path("ugent"))
        .arg("secret")
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("UGENT_HOME", world.home().path())
        .env("UGENT_SECRETS_PASSPHRASE", world.passphrase())
        .current_dir(world.home().workspace())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn settings(home: &Path) -> String {
    std::fs::read_to_string(home.join("secrets.toml")).unwrap()
}

#[test]
fn without_namespaces_nothing_serves_and_the_error_names_both_mends() {
    let world = World::ready();
    let refused = ugent(&world, &["list"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(78), "{said}");
    assert!(said.contains("error: keeperd could not be confined: a user namespace"), "{said}");
    for mend in ["AppArmor", "confinement = \"best-effort\""] {
        assert!(said.contains(mend), "{said}");
    }
    assert!(refused.stdout.is_empty());
}

#[test]
fn best_effort_does_without_namespaces_and_shows_what_is_missing() {
    let world = World::ready();
    let text = settings(&world.home().path());
    world.home().write("secrets.toml", &format!("confinement = \"best-effort\"\n{text}"));
    let listed = ugent(&world, &["list"]);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let started = ugent(&world, &["broker", "start"]);
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    let status = world.json(&["broker", "status", "--json"]);
    let stopped = ugent(&world, &["broker", "stop"]);
    assert!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stderr));
    let processes = status["processes"].as_array().unwrap();
    let keeperd = processes.iter().find(|process| process["name"] == "keeperd").unwrap();
    let layers = keeperd["layers"].as_array().unwrap();
    for missing in ["user_ns", "net_ns", "ipc_ns", "uts_ns"] {
        assert!(!layers.iter().any(|layer| layer == missing), "{missing}: {layers:?}");
    }
    for held in ["undumpable", "no_new_privs", "no_caps", "files", "filter"] {
        assert!(layers.iter().any(|layer| layer == held), "{held}: {layers:?}");
    }
}

#[test]
fn doctor_names_what_is_missing_as_a_warning_only_where_that_was_chosen() {
    let world = World::ready();
    let diagnosed = || {
        let told = ugent(&world, &["doctor", "--json"]);
        let json: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
        (told.status.code(), json["checks"].as_array().unwrap().clone())
    };
    let (code, checks) = diagnosed();
    assert_eq!(code, Some(78));
    let of = |checks: &[serde_json::Value], id: &str| {
        let found = checks.iter().find(|check| check["id"] == id).unwrap();
        ["level", "what", "mend"].map(|field| found[field].as_str().unwrap_or_default().to_owned())
    };
    let [level, what, mend] = of(&checks, "keeper");
    assert!(level == "fail" && what.contains("could not be confined: a user namespace"), "{what}");
    assert!(mend.contains("best-effort"), "{mend}");
    let [level, what, mend] = of(&checks, "kernel.user_namespaces");
    assert!(level == "fail" && what.contains("user.max_user_namespaces is 0"), "{level} {what}");
    assert!(mend.contains("sysctl"), "{mend}");

    let text = settings(&world.home().path());
    world.home().write("secrets.toml", &format!("confinement = \"best-effort\"\n{text}"));
    let (code, checks) = diagnosed();
    let failed: Vec<_> = checks.iter().filter(|check| check["level"] == "fail").collect();
    assert_eq!((code, failed), (Some(0), Vec::new()));
    let [level, what, _] = of(&checks, "process.keeperd");
    assert_eq!(level, "warn", "{what}");
    for missing in ["net_ns", "ipc_ns", "uts_ns"] {
        assert!(what.contains(missing), "{missing}: {what}");
    }
    assert_eq!(of(&checks, "kernel.user_namespaces")[0], "warn");

    let started = ugent(&world, &["broker", "start"]);
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    let (code, checks) = diagnosed();
    // Settings that demand more than the broker that runs was started with.
    world.home().write("secrets.toml", &text);
    let stricter = diagnosed();
    assert!(ugent(&world, &["broker", "stop"]).status.success());
    assert_eq!(code, Some(0), "{checks:?}");
    assert_eq!(of(&checks, "process.keeperd")[0], "warn");
    assert_eq!(stricter.0, Some(78));
    let [level, what, _] = of(&stricter.1, "process.keeperd");
    assert!(level == "fail" && what.contains("does without"), "{what}");
}
