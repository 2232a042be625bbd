//! The broker as a service of a machine.

use tests::world::until::until_true;

use crate::machine::{Machine, PASSPHRASE};

const OWN: &str = "UGENT_HOME=/var/lib/ugent";

fn is_root() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        println!("not tried: booting a machine takes root");
    }
    is_root
}

/// A vault of the user the unit runs as.
fn init(machine: &Machine) {
    machine.must("install -d -m 0700 -o ugent -g ugent /var/lib/ugent");
    machine.must_as(
        "ugent",
        &format!(
            "{OWN} UGENT_SECRETS_BACKEND=file-vault UGENT_SECRETS_PASSPHRASE='{PASSPHRASE}' ugent secret init"
        ),
    );
}

fn main_pid(machine: &Machine, unit: &str) -> String {
    machine.must(&format!("systemctl show -P MainPID {unit}")).trim().to_owned()
}

#[test]
fn the_unit_of_one_user_is_started_by_a_request_and_unlocked_by_a_credential() {
    if !is_root() {
        return;
    }
    let machine = crate::boot();
    init(&machine);
    machine.store_passphrase();
    machine.must("systemctl start ugent-vault.socket");
    assert_eq!(machine.sh("systemctl is-active ugent-vault.service").text.trim(), "inactive");
    // The connection waits in the socket of systemd until the broker takes it.
    assert_eq!(machine.readiness(), "200");
    assert_eq!(machine.must("systemctl is-active ugent-vault.service").trim(), "active");

    let doctor = machine.must_as("ugent", &format!("{OWN} ugent secret doctor"));
    for process in ["secret-broker", "keeperd", "egressd"] {
        assert!(doctor.contains(&format!("ok    {process} (pid ")), "{doctor}");
    }
    let before = main_pid(&machine, "ugent-vault.service");
    machine.must("pkill -KILL -x egressd");
    until_true("another egressd serves", || machine.readiness() == "200");
    assert_eq!(main_pid(&machine, "ugent-vault.service"), before, "the launcher lives on");

    // Without a keeper the broker ends, and the unit starts it anew, unlocked.
    machine.must("pkill -KILL -x keeperd");
    until_true("the unit is started again", || {
        let now = main_pid(&machine, "ugent-vault.service");
        now != before && now != "0" && machine.readiness() == "200"
    });
    machine.must("systemctl stop ugent-vault.service ugent-vault.socket");
    assert_eq!(machine.must("systemctl show -P Result ugent-vault.service").trim(), "success");
    let left = machine.sh("for name in keeperd egressd secret-broker; do pgrep -l -x $name; done").text;
    assert!(left.is_empty(), "{left}");
    let last = machine.must_as("ugent", &format!("{OWN} ugent secret audit --json | tail -n 1"));
    assert!(last.contains("\"event\":\"broker.stopped\""), "the keeper ended in order: {last}");
}

#[test]
fn without_a_credential_the_unit_serves_locked_until_somebody_unlocks_it() {
    if !is_root() {
        return;
    }
    let machine = crate::boot();
    init(&machine);
    machine.must("systemctl start ugent-vault.service");
    assert_eq!(machine.readiness(), "503");
    let unlock = format!("{OWN} UGENT_SECRETS_PASSPHRASE='{PASSPHRASE}' ugent secret unlock");
    machine.must_as("ugent", &unlock);
    assert_eq!(machine.readiness(), "200");
}

#[test]
fn the_unit_of_three_users_lets_each_reach_only_its_own() {
    if !is_root() {
        return;
    }
    let machine = crate::boot();
    machine.store_passphrase();
    machine.must(&format!("UGENT_SECRETS_PASSPHRASE='{PASSPHRASE}' ugent secret --system init"));
    machine.must("systemctl start ugent-vault-system.service");
    assert_eq!(machine.readiness(), "200");
    let doctor = machine.must("ugent secret --system doctor");
    assert!(doctor.contains(" 0 failures"), "{doctor}");

    machine.must("useradd operator1 -G ugent-admin; useradd service1 -G ugent-clients; useradd stranger1");
    let lists = |user: &str| machine.sh_as(user, "ugent secret --system list");
    let reaches = |user: &str| {
        machine.sh_as(user, "curl -s --unix-socket /run/ugent/gateway.sock http://localhost/healthz").code
    };
    assert_eq!((lists("operator1").code, reaches("operator1")), (Some(0), Some(7)));
    assert_eq!((lists("service1").code, reaches("service1")), (Some(69), Some(0)));
    assert_eq!((lists("stranger1").code, reaches("stranger1")), (Some(69), Some(7)));
    let told = lists("stranger1").text;
    assert!(told.contains("ugent-admin"), "{told}");

    for user in ["operator1", "service1", "stranger1", "ugent-egress", "ugent-keeper"] {
        for path in ["/var/lib/ugent-system/secrets/metadata.redb", "/var/lib/ugent-system/secrets.toml"] {
            machine.must("install -m 0640 -g ugent-keeper /dev/null /var/lib/ugent-system/secrets.toml");
            let read = machine.sh_as(user, &format!("head -c 1 {path}")).code == Some(0);
            assert_eq!(read, user == "ugent-keeper", "{user} reads {path}");
        }
        let changed = machine.sh_as(user, "echo >> /var/lib/ugent-system/secrets.toml").code == Some(0);
        assert!(!changed, "{user} changes the settings");
        for (process, of) in
            [("secret-broker", "root"), ("keeperd", "ugent-keeper"), ("egressd", "ugent-egress")]
        {
            let signals = machine.sh_as(user, &format!("kill -CONT $(pgrep -x {process})")).code == Some(0);
            assert_eq!(signals, user == of, "{user} signals {process}");
        }
    }
}

#[test]
fn without_its_users_a_broker_of_the_machine_says_what_makes_them() {
    if !is_root() {
        return;
    }
    let machine = crate::boot();
    machine.must("sed -i '/^ugent-keeper:/d' /etc/passwd");
    for command in ["ugent secret --system init", "secret-broker --system", "ugent secret --system list"] {
        let told = machine.sh(command);
        assert_eq!(told.code, Some(78), "{}", told.text);
        assert!(
            told.text.contains("ugent-keeper") && told.text.contains("systemd-sysusers"),
            "{}",
            told.text
        );
    }
}
