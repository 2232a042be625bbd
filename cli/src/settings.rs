//! `secrets.toml`: optional, strict, read by the CLI and the launcher only.

mod audit;
mod clients;
mod consumers;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use proto::clients::ClientRules;
use proto::control_lane::{KNOWN_PEERS_MAX, KdfCost, Keep, KnownPeer, System};
use proto::failure::{Failure, FailureClass};
use proto::name::Backend;
use proto::standing::Strictness;
use serde::Deserialize;
use unix::owned::{self, Privacy};

pub(crate) use self::audit::Sink;
use crate::home::Home;
use crate::system;

/// More than any settings need; a longer file is a mistake.
const SIZE_MAX: u64 = 64 * 1024;
/// The address of the gateway unless something else is asked for.
pub(crate) const LISTEN: &str = "127.0.0.1:18443";

/// What the user has set, and our defaults for the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// From `UGENT_SECRETS_BACKEND`, else from the file.
    pub(crate) backend: Option<Backend>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) kdf: KdfCost,
    pub(crate) tokenless: bool,
    pub(crate) strictness: Strictness,
    /// Who needs no token on the gateway's socket, with `--system`.
    pub(crate) peers: Vec<KnownPeer>,
    /// What the gateway's clients may take up.
    pub(crate) clients: ClientRules,
    /// How long the journal is kept.
    pub(crate) keep: Keep,
    /// Where its records are exported to.
    pub(crate) sinks: Vec<Sink>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Written {
    backend: Option<String>,
    listen: Option<toml::Spanned<String>>,
    kdf: Option<toml::Spanned<KdfWritten>>,
    tokenless: Option<toml::Spanned<bool>>,
    confinement: Option<toml::Spanned<String>>,
    clients: Option<toml::Spanned<clients::Written>>,
    allowed_origins: Option<Vec<toml::Spanned<String>>>,
    audit: Option<audit::Written>,
    consumers: Option<toml::Spanned<BTreeMap<toml::Spanned<String>, toml::Spanned<String>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KdfWritten {
    memory_kib: u32,
    passes: u32,
}

impl Settings {
    /// What counts where nothing is set.
    pub(crate) const fn unset() -> Self {
        Self {
            backend: None,
            listen: None,
            kdf: KdfCost::DEFAULT,
            tokenless: true,
            strictness: Strictness::Required,
            peers: Vec::new(),
            clients: ClientRules::DEFAULT,
            keep: Keep { max_bytes: None, days: None },
            sinks: Vec::new(),
        }
    }

    /// Reads the file, if there is one, and the environment, which wins.
    pub(crate) fn load(home: &Home) -> Result<Self, Failure> {
        let path = home.settings();
        let text = match home.system() {
            // Root's to read. What is asked of the machine's broker does not depend on it.
            Some(_) if !system::is_root() => None,
            Some(_) | None => read(&path)?,
        };
        let mut settings = parse(&text.unwrap_or_default(), &path)?;
        if let Some(wanted) = std::env::var_os("UGENT_SECRETS_BACKEND").filter(|value| !value.is_empty()) {
            settings.backend = Some(backend(wanted.to_str().unwrap_or_default(), "UGENT_SECRETS_BACKEND")?);
        }
        settings.suit(home, &path)?;
        Ok(settings)
    }
}

impl Settings {
    /// What a keeper is told of `--system`.
    pub(crate) fn for_keeper(&self, home: &Home) -> Option<System> {
        home.system().map(|system| System { account: system.keeper, peers: self.peers.clone() })
    }

    /// Some settings say something with `--system` only, or only without.
    fn suit(&mut self, home: &Home, path: &Path) -> Result<(), Failure> {
        match (home.system(), self.backend) {
            (None, _) if self.peers.is_empty() => Ok(()),
            (None, _) => Err(Failure::new(
                FailureClass::Config,
                format!("consumers in {} is for a broker with --system", path.display()),
                "take it out: on your own socket everybody is you, and ugent-core",
            )),
            (Some(_), Some(Backend::Keychain)) => Err(Failure::new(
                FailureClass::Config,
                "the backend keychain cannot be had with --system: a keychain is a user's",
                "UGENT_SECRETS_BACKEND=file-vault",
            )),
            (Some(_), Some(Backend::FileVault) | None) => {
                self.backend = Some(Backend::FileVault);
                Ok(())
            }
        }
    }
}

/// A loopback address with a port, or nothing.
pub(crate) fn loopback(text: &str) -> Option<SocketAddr> {
    text.parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback())
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    let opened = File::options().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            owned::file(path, Privacy::NotWritableByOthers).map_err(|wrong| wrong.failure(path))?;
            return Err(unreadable(path, &error.to_string()));
        }
    };
    owned::opened(&file, Privacy::NotWritableByOthers).map_err(|wrong| wrong.failure(path))?;
    let mut text = String::new();
    match file.take(SIZE_MAX + 1).read_to_string(&mut text) {
        Ok(bytes) if bytes as u64 <= SIZE_MAX => Ok(Some(text)),
        Ok(_) => Err(unreadable(path, "it is longer than 64 KiB")),
        Err(error) => Err(unreadable(path, &error.to_string())),
    }
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::new(FailureClass::Config, format!("{} could not be read: {why}", path.display()), "")
}

fn parse(text: &str, path: &Path) -> Result<Settings, Failure> {
    let at = |offset: usize| place(text, offset);
    let wrong = |offset: usize, what: &str| {
        Failure::new(
            FailureClass::Config,
            format!("{}:{}: {what}", path.display(), at(offset)),
            format!("edit {}, or move it away: it is optional", path.display()),
        )
    };
    let written: Written = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        // The first line only: what follows could be a piece of the file.
        wrong(offset, error.message().lines().next().unwrap_or("it is not TOML"))
    })?;
    let listen = match &written.listen {
        None => None,
        Some(text) => Some(loopback(text.get_ref()).ok_or_else(|| {
            wrong(text.span().start, &format!("listen is not a loopback address with a port, as in {LISTEN}"))
        })?),
    };
    let kdf = match &written.kdf {
        None => KdfCost::DEFAULT,
        Some(cost) => {
            let KdfWritten { memory_kib, passes } = *cost.get_ref();
            let asked = KdfCost { memory_kib, passes };
            let (least, most) = (KdfCost::MIN, KdfCost::MAX);
            let rule = format!(
                "kdf must have memory_kib from {} to {} and passes from {} to {}",
                least.memory_kib, most.memory_kib, least.passes, most.passes
            );
            if !asked.is_acceptable() {
                return Err(wrong(cost.span().start, &rule));
            }
            asked
        }
    };
    let backend = match written.backend {
        None => None,
        Some(word) => Some(backend(&word, &format!("backend in {}", path.display()))?),
    };
    let strictness = match &written.confinement {
        None => Strictness::Required,
        Some(word) => Strictness::parse(word.get_ref()).map_err(|_| {
            wrong(word.span().start, "confinement is neither \"required\" nor \"best-effort\"")
        })?,
    };
    let peers = match written.consumers {
        None => Vec::new(),
        Some(table) if table.get_ref().len() > KNOWN_PEERS_MAX => {
            return Err(wrong(
                table.span().start,
                &format!("consumers has more than {KNOWN_PEERS_MAX} uids"),
            ));
        }
        Some(table) => {
            let named = table.into_inner().into_iter().map(|(uid, name)| consumers::peer(&uid, &name));
            named.collect::<Result<_, _>>().map_err(|(offset, what)| wrong(offset, what))?
        }
    };
    let tokenless = match written.tokenless {
        Some(said) if !said.get_ref() && !peers.is_empty() => {
            let what =
                "tokenless = false lets nobody in without a token, and consumers names who is: leave one out";
            return Err(wrong(said.span().start, what));
        }
        said => said.is_none_or(toml::Spanned::into_inner),
    };
    let clients = clients::rules(written.clients.as_ref(), &written.allowed_origins.unwrap_or_default())
        .map_err(|(offset, what)| wrong(offset, what))?;
    let (keep, sinks) = match written.audit {
        None => (Keep::default(), Vec::new()),
        Some(audit) => audit.settle().map_err(|(offset, what)| wrong(offset, what))?,
    };
    Ok(Settings { backend, listen, kdf, tokenless, strictness, peers, clients, keep, sinks })
}

fn backend(word: &str, place: &str) -> Result<Backend, Failure> {
    Backend::parse(word).map_err(|error| {
        Failure::new(
            FailureClass::Config,
            format!("{place} is {error}"),
            "export UGENT_SECRETS_BACKEND=file-vault",
        )
    })
}

/// `line:column` of a byte offset, both from 1.
fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{line}:{column}")
}

#[cfg(test)]
mod tests {
    use proto::name::Consumer;

    use super::*;

    fn parsed(text: &str) -> Result<Settings, Failure> {
        parse(text, Path::new("/h/secrets.toml"))
    }

    #[test]
    fn an_empty_file_is_all_defaults() {
        let settings = parsed("").unwrap();
        assert_eq!(settings.kdf, KdfCost::DEFAULT);
        assert!(settings.tokenless);
        assert_eq!(settings.strictness, Strictness::Required);
        assert_eq!((settings.backend, settings.listen), (None, None));
    }

    #[test]
    fn every_setting_is_taken() {
        let text = "backend = \"file-vault\"\nlisten = \"127.0.0.1:9000\"\ntokenless = true\n\
                    confinement = \"best-effort\"\nconsumers = { 1000 = \"my-service\" }\n\
                    kdf = { memory_kib = 8192, passes = 1 }\n\
                    clients = { connections = 10, stall_secs = 5 }\nallowed_origins = [\"http://localhost:3000\"]\n\
                    audit = { max_bytes = 16777216, keep_days = 30, sinks = [\"file:/a/b\", \"journald\"] }\n";
        let settings = parsed(text).unwrap();
        assert_eq!(settings.backend, Some(Backend::FileVault));
        assert_eq!(settings.listen, Some("127.0.0.1:9000".parse().unwrap()));
        assert_eq!(settings.kdf, KdfCost::MIN);
        assert_eq!(settings.keep, Keep { max_bytes: Some(Keep::MIN_BYTES), days: Some(30) });
        let kinds: Vec<_> = settings.sinks.iter().map(Sink::kind).collect();
        assert_eq!(kinds, ["file", "journald"]);
        assert!(settings.tokenless && !parsed("tokenless = false").unwrap().tokenless);
        assert_eq!(settings.strictness, Strictness::BestEffort);
        let consumer = Consumer::parse("my-service").unwrap();
        let clients = ClientRules {
            connections: 10,
            stall_secs: 5,
            origins: vec!["http://localhost:3000".into()],
            ..ClientRules::DEFAULT
        };
        assert_eq!(settings.clients, clients);
        assert_eq!(settings.peers, [KnownPeer { uid: 1000, consumer }]);
    }

    #[test]
    fn mistakes_name_their_place() {
        for (text, place) in [
            ("tokenless = true\nsurprise = 1\n", "/h/secrets.toml:2:1: "),
            ("tokenless = \"yes\"\n", "/h/secrets.toml:1:13: "),
            ("kdf = { memory_kib = 1, passes = 1 }\n", "/h/secrets.toml:1:7: kdf must"),
            ("\n\nlisten = \"0.0.0.0:1\"\n", "/h/secrets.toml:3:10: listen"),
            ("confinement = \"none\"\n", "/h/secrets.toml:1:15: confinement"),
            ("consumers = { root = \"x\" }\n", "/h/secrets.toml:1:15: consumers has what is no uid"),
            (
                "consumers = { 1 = \"x\", 01000 = \"x\" }\n",
                "/h/secrets.toml:1:24: consumers has what is no uid",
            ),
            ("[consumers]\n\"+1000\" = \"x\"\n", "/h/secrets.toml:2:1: consumers has what is no uid"),
            ("[consumers]\n-0 = \"x\"\n", "/h/secrets.toml:2:1: consumers has what is no uid"),
            ("[consumers]\n4294967295 = \"x\"\n", "/h/secrets.toml:2:1: consumers has what is no uid"),
            ("[consumers]\n4294967296 = \"x\"\n", "/h/secrets.toml:2:1: consumers has what is no uid"),
            ("[consumers]\n1 = \"x\"\n\"1\" = \"y\"\n", "/h/secrets.toml:3:1: duplicate key"),
            ("[consumers]\n1 = \"A name\"\n", "/h/secrets.toml:2:5: consumers has what is no name"),
            ("clients = { connections = 0 }\n", "/h/secrets.toml:1:11: clients must"),
            ("clients = { idle = 1 }\n", "/h/secrets.toml:1:13: "),
            ("allowed_origins = [\"http://a\", \"*\"]\n", "/h/secrets.toml:1:32: allowed_origins has"),
            ("consumers = 1\n", "/h/secrets.toml:1:13: "),
            (
                "tokenless = false\nconsumers = { 1000 = \"x\" }\n",
                "/h/secrets.toml:1:13: tokenless = false lets nobody in",
            ),
            ("audit = { max_bytes = 16777215 }\n", "/h/secrets.toml:1:23: audit.max_bytes"),
            ("[audit]\nkeep_days = 0\n", "/h/secrets.toml:2:13: audit.keep_days"),
            ("[audit]\nkept = 0\n", "/h/secrets.toml:2:1: "),
            ("[audit]\nsinks = [\"x\"]\n", "/h/secrets.toml:2:10: audit.sinks"),
            ("[audit]\nsinks = [\"syslog\", \"syslog\"]\n", "/h/secrets.toml:2:20: audit.sinks"),
            ("listen = \"localhost\"\n", "/h/secrets.toml:1:10: listen"),
        ] {
            let failure = parsed(text).unwrap_err();
            assert_eq!(failure.class, FailureClass::Config);
            assert!(failure.what.starts_with(place), "{} for {text}", failure.what);
        }
    }

    #[test]
    fn a_backend_that_is_none_is_not_repeated() {
        let failure = parsed("backend = \"sk-typed-in-the-wrong-place\"").unwrap_err();
        assert!(!failure.to_string().contains("sk-"));
    }

    #[test]
    fn only_loopback_addresses_will_do() {
        assert!(loopback("127.0.0.1:0").is_some());
        assert!(loopback("[::1]:8080").is_some());
        for text in ["0.0.0.0:80", "10.0.0.1:80", "127.0.0.1", "localhost:80", ""] {
            assert!(loopback(text).is_none(), "{text}");
        }
    }
}
