//! The Debian package: made from the release build, installed on a machine that is booted for it, used,
//! removed and purged. That takes root.

#[cfg(test)]
#[path = "../units/machine.rs"]
mod machine;

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use super::machine::{Machine, PASSPHRASE};

    const OWN: &str = "UGENT_HOME=/var/lib/ugent";
    const HEADER: &str = "/var/lib/ugent/secrets/vault/header";

    fn made(directory: &Path) -> PathBuf {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/deb");
        let output = Command::new(script).arg(directory).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().into()
    }

    fn purge(machine: &Machine, removes: &str) {
        machine.must(&format!(
            "echo 'ugent-vault ugent-vault/remove-vaults boolean {removes}' | debconf-set-selections"
        ));
        machine.must("DEBIAN_FRONTEND=noninteractive dpkg --purge ugent-vault");
    }

    #[test]
    fn a_package_is_installed_used_removed_and_purged_and_a_vault_stays_unless_its_removal_is_asked_for() {
        if !nix::unistd::geteuid().is_root() {
            println!("not tried: booting a machine takes root");
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let machine = Machine::boot(&made(place.path()));

        for unit in ["ugent-vault.service", "ugent-vault.socket", "ugent-vault-system.service"] {
            assert_eq!(machine.sh(&format!("systemctl is-enabled {unit}")).text.trim(), "disabled", "{unit}");
            assert_eq!(machine.sh(&format!("systemctl is-active {unit}")).text.trim(), "inactive", "{unit}");
        }
        machine
            .must("getent passwd ugent ugent-keeper ugent-egress && getent group ugent-clients ugent-admin");
        machine.must("zcat /usr/share/man/man1/ugent-secret-add.1.gz /usr/share/man/man8/secret-broker.8.gz");
        machine.must("bash -c '. /usr/share/bash-completion/completions/ugent && complete -p ugent'");
        machine.must("test -f /usr/lib/systemd/user/ugent-vault.service");
        assert_eq!(machine.must("stat -c '%a %U %G' /var/lib/ugent-system").trim(), "750 root ugent-keeper");

        machine.must("install -d -m 0700 -o ugent -g ugent /var/lib/ugent");
        machine.must_as(
            "ugent",
            &format!(
                "{OWN} UGENT_SECRETS_BACKEND=file-vault UGENT_SECRETS_PASSPHRASE='{PASSPHRASE}' ugent secret init"
            ),
        );
        machine.store_passphrase();
        machine.must("systemctl enable --now ugent-vault.socket");
        assert_eq!(machine.readiness(), "200");

        machine.must("DEBIAN_FRONTEND=noninteractive dpkg --remove ugent-vault");
        let left = machine.sh("for name in keeperd egressd secret-broker; do pgrep -l -x $name; done").text;
        assert!(left.is_empty(), "still running: {left}");
        for gone in ["/usr/bin/ugent", "/usr/libexec/ugent/keeperd", "/usr/share/man/man1/ugent-secret.1.gz"]
        {
            assert_ne!(machine.sh(&format!("test -e {gone}")).code, Some(0), "{gone}");
        }
        machine.must(&format!("test -f {HEADER}"));

        purge(&machine, "false");
        machine.must(&format!("test -f {HEADER}"));

        machine.must("DEBIAN_FRONTEND=noninteractive dpkg --install /root/ugent-vault.deb");
        let list = machine.must_as("ugent", &format!("{OWN} ugent secret doctor; echo"));
        assert!(list.contains("vault"), "{list}");
        purge(&machine, "true");
        assert_ne!(machine.sh("test -e /var/lib/ugent").code, Some(0), "the vault was to be removed");
    }
}
