//! The ground that a command is pasted on: a home in the state its reader is in, the files it speaks
//! of, and a provider that is a stand-in.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::PathBuf;

use crate::world::http::{Ask, Http};
use crate::world::until::until;
use crate::world::{AtTerminal, HANDLE, Outcome, World};

/// How far the home is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing was done here.
    Fresh,
    /// There is a vault with nothing in it.
    Vault,
    /// There are secrets and grants.
    Ready,
    /// And a broker, with a lease that is in use.
    Serving,
    /// A broker, and a request that waits for somebody to approve it.
    Waiting,
}

/// Secrets that examples speak of, besides the first.
const STOCK: &str = "OLD_KEY=old-0123456789abcdef0123\nSERVICE_KEY=service-0123456789abcdef\n\
                     MY_SERVICE_TOKEN=token-0123456789abcdef01\nVOYAGE_API_KEY=pa-0123456789abcdef0123\n";

/// A configuration with a credential on line 7, and what is none on line 12.
const YAML: &str = "app:\n  name: shop\n  port: 8080\n\nbilling:\n  url: https://billing.example\n  \
                    api_key: \"sk-0123456789abcdef0123456789abcdef\"\n\nmail:\n  host: mail.example\n  user: shop\n  \
                    password: \"not-used-any-more-0123\"\n";

/// One plugin, which does nothing for long.
const PLUGINS: &str = "schema_version = 1\n\n[[plugins]]\nid = \"my-plugin\"\ncommand = \"/bin/sleep\"\nargs = [\"600\"]\n\
                       secret_env_refs = { MY_API_TOKEN = \"@my_service_token\" }\n";

/// A place to paste commands in.
pub struct Ground {
    world: World,
    waiting: Option<Http>,
}

impl Ground {
    /// At that stage.
    #[must_use]
    #[track_caller]
    pub fn at(stage: Stage) -> Self {
        let ground = Self { world: World::bare_of_one_user(), waiting: None };
        ground.files();
        if stage < Stage::Vault {
            return ground;
        }
        ground.must("ugent secret init");
        if stage < Stage::Ready {
            return ground;
        }
        ground.stock();
        if stage < Stage::Serving {
            return ground;
        }
        ground.must("ugent secret broker start");
        if stage < Stage::Waiting {
            assert_eq!(ground.world.ask(&Ask::chat()).status, 200);
            return ground;
        }
        ground.wait_for_approval()
    }

    /// Its world.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Pastes it.
    #[must_use]
    pub fn paste(&self, script: &str) -> Outcome {
        self.supply(script);
        self.world.shell(&self.own(script)).run()
    }

    /// Pastes it at a terminal, where it will ask.
    #[must_use]
    pub fn type_in(&self, line: &str) -> AtTerminal {
        self.supply(line);
        self.world.typed_at_terminal(&self.own(line)).env("UGENT_SECRETS_BACKEND", "file-vault")
    }

    /// A text with what is one home's own in it: its port, its directory, its ids.
    #[must_use]
    pub fn own(&self, text: &str) -> String {
        let around = self.world.home().around().display().to_string();
        let mut own = text
            .replace("127.0.0.1:18443", &format!("127.0.0.1:{}", self.world.port()))
            .replace("/home/you", &around)
            .replace("/etc/ssl/corp-ca.pem", &format!("{around}/home/ca.pem"))
            .replace("/srv/", &format!("{around}/"))
            .replace("/usr/local/share/man", &format!("{around}/man"));
        for (written, command) in [
            ("01f0e9a3c5d7b862", "lease list --json"),
            ("01f0e9a3c5d7b862", "approve --json"),
            ("1f0e9a3c", "token list --json"),
        ] {
            // Written short it is the beginning of an id.
            for length in [written.len(), 4] {
                let short: String = written.chars().take(length).collect();
                let word = format!(" {short}");
                if !own.split_whitespace().any(|typed| typed == short) {
                    continue;
                }
                let words: Vec<&str> = command.split(' ').collect();
                let listed = self.world.ugent(&words).run();
                let rows: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap_or_default();
                let rows = rows.as_array().into_iter().flatten();
                // The token that every home has cannot be revoked.
                let rows = rows.filter(|row| command != "token list --json" || row["consumer"] == "ci");
                let mut ids = rows.filter_map(|row| row["id"].as_str());
                if let Some(id) = ids.next_back() {
                    let id: String = id.chars().take(length).collect();
                    own = own.replace(&word, &format!(" {id}"));
                }
            }
        }
        own
    }

    /// A path in its workspace.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.world.home().workspace().join(name)
    }

    #[track_caller]
    fn must(&self, script: &str) {
        drop(self.paste(script).succeeded());
    }

    /// What examples read, each made as its reader would.
    fn files(&self) {
        let (key, passphrase) = (self.world.key(), self.world.passphrase());
        for (name, text, mode) in [
            ("key.txt", format!("{key}\n"), 0o600),
            ("new-key.txt", format!("{key}\n"), 0o600),
            ("passphrase.txt", format!("{passphrase}\n"), 0o600),
            ("vault.txt", format!("{passphrase}\n"), 0o600),
            ("old.txt", format!("{passphrase}\n"), 0o600),
            ("new.txt", "another passphrase\n".to_owned(), 0o600),
            ("backup.txt", "the backup's own\n".to_owned(), 0o600),
            ("job.py", "import os\nassert os.environ['OPENAI_API_KEY']\n".to_owned(), 0o600),
            ("run.sh", "#!/bin/sh\ntest -n \"$KEY\"\n".to_owned(), 0o700),
            ("Makefile", "deploy:\n\ttest -n \"$$OPENAI_API_KEY\"\n".to_owned(), 0o600),
            ("refs.env", "OPENAI_API_KEY=@openai_api_key\nREGION=eu\n".to_owned(), 0o600),
            (".env", "OPENAI_API_KEY=sk-0123456789abcdef0123456789\nREGION=eu\n".to_owned(), 0o600),
            ("app.yaml", YAML.to_owned(), 0o600),
            ("plugins.toml", PLUGINS.to_owned(), 0o600),
            ("new-grants.toml", self.grants(), 0o600),
            ("new-providers.toml", self.world.providers(), 0o600),
        ] {
            self.write(name, &text, mode);
        }
        // `~/.ugent`, as documents have it.
        symlink(self.world.home().path(), self.world.home().around().join(".ugent")).expect("a new link");
        self.world.home().write("plugins.toml", PLUGINS);
        self.world.home().write("config.toml", "[llm.instances.a]\napi_key_ref = \"@openai_api_key\"\n");
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        use std::io::Write;
        let mut options = fs::OpenOptions::new();
        let opened = options.write(true).create(true).truncate(true).mode(mode).open(self.path(name));
        opened.and_then(|mut file| file.write_all(text.as_bytes())).expect("there is room");
    }

    /// Puts in what a home in use has.
    fn stock(&self) {
        self.world.add(HANDLE, "sk-the-key-that-was-before-0123456789");
        self.must("ugent secret rotate @openai_api_key --keep 24h --stdin < key.txt");
        self.write("stock.env", STOCK, 0o600);
        self.must("ugent secret import --env-file stock.env --yes");
        self.world.home().write("secrets.grants.toml", &self.grants());
    }

    /// What is read from a file that only a command can have made.
    fn supply(&self, script: &str) {
        let lacks = |name: &str| !self.path(name).exists();
        if ["< token.txt", "token revoke"].iter().any(|read| script.contains(read)) && lacks("token.txt") {
            self.must("ugent secret token issue --consumer ci --out token.txt");
        }
        for name in ["vault-2030-01-31.backup", "FILE"] {
            if script.contains(&format!("restore {name}")) && lacks(name) {
                let other = Self::at(Stage::Ready);
                let own = other.path("backup.txt").display().to_string();
                let script = format!("ugent secret backup made --backup-passphrase-fd 4 4< {own}");
                other.must(&script);
                fs::copy(other.path("made"), self.path(name)).expect("it was made");
            }
        }
    }

    fn grants(&self) -> String {
        let lent = |secret: &str, consumer: &str| {
            format!(
                "[[grants]]\nsecret_ref = \"{secret}\"\nconsumer = \"{consumer}\"\npurposes = [\"process.env\"]\n\
                 delivery = [\"env_inject\"]\n\n"
            )
        };
        format!(
            "[[grants]]\nsecret_ref = \"openai_api_key\"\nconsumer = \"ugent-core\"\n\
             purposes = [\"llm.chat\", \"llm.embeddings\"]\ndelivery = [\"http_header_inject\"]\n\
             allowed_hosts = [\"api.openai.com\", \"localhost\"]\nttl_secs = 300\n\n{}{}{}",
            lent("openai_api_key", "cli"),
            lent("service_key", "ci"),
            lent("my_service_token", "plugin:my-plugin").replace("process.env", "plugin.env"),
        )
    }

    /// A request that waits, since its grant wants somebody to approve each lease.
    fn wait_for_approval(mut self) -> Self {
        let waiting = self.grants().replace("ttl_secs = 300", "ttl_secs = 300\napproval = \"each-lease\"");
        self.world.home().write("secrets.grants.toml", &waiting);
        let mut http = self.world.tcp();
        until("the grant that wants an approval counts", || {
            let listed = self.world.json(&["grant", "list", "--json"]);
            (listed[0]["approval"] == "each-lease").then_some(())
        });
        http.send(&Ask::chat().bearer(&self.world.token()).bytes()).expect("the gateway listens");
        until("the request waits", || {
            let waiting = self.world.json(&["approve", "--json"]);
            waiting.as_array().is_some_and(|rows| !rows.is_empty()).then_some(())
        });
        self.waiting = Some(http);
        self
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // Before the world looks whether anything of it is left.
        drop(self.world.ugent(&["broker", "stop"]).run());
    }
}
