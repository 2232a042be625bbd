//! How a home stands: asked of the running broker, else of a keeper of our own without a passphrase.

use std::collections::BTreeSet;

use proto::cli_lane::{CliAnswer, CliRequest};
use proto::control_lane::LogLevel;
use proto::failure::Failure;
use proto::meta::SecretMeta;
use proto::policy::{GrantView, RouteView};
use proto::standing::{GrantsStanding, KeeperStanding, LauncherStanding, Phase};

use crate::hazmat::passphrase::Sources;
use crate::home::{Found, Home};
use crate::keeper::{self, Purpose, unexpected};
use crate::log_filter::LogFilter;
use crate::secret::{grant, list, provider};
use crate::session::Session;
use crate::settings::Settings;
use crate::system::Mode;

/// What there is.
pub(super) enum State {
    /// Nobody has run `init` here.
    Nothing {
        /// Where that is.
        home: String,
    },
    /// A home that was set up.
    Here(Box<Here>),
}

/// A home that was set up.
pub(super) struct Here {
    pub(super) home: String,
    pub(super) token: Option<String>,
    /// None if no broker runs.
    pub(super) launcher: Option<LauncherStanding>,
    pub(super) keeper: KeeperStanding,
    pub(super) secrets: Vec<SecretMeta>,
    pub(super) grants: Vec<GrantView>,
    pub(super) routes: Vec<RouteView>,
}

/// Looks.
pub(super) fn look(mode: Mode, sources: Sources) -> Result<State, Failure> {
    let home = Home::locate(mode)?;
    let shown = home.text();
    match home.check()? {
        Found::Nothing => return Ok(State::Nothing { home: shown }),
        Found::Secrets => {}
    }
    let settings = Settings::load(&home)?;
    let log = LogFilter::from_environment(LogLevel::Warn);
    let session = Session { home, settings, passphrase: sources, log };
    let mut keeper = keeper::reach(&session, Purpose::Use)?;
    let CliAnswer::Status { launcher, keeper: standing } = keeper.ask(&CliRequest::Status, None)?.answer
    else {
        return Err(unexpected());
    };
    if standing.backend.is_none() {
        return Ok(State::Nothing { home: shown });
    }
    let secrets = list::all(&mut keeper)?;
    let grants = match &standing.grants {
        GrantsStanding::Loaded(_) => grant::all(&mut keeper)?,
        GrantsStanding::Missing | GrantsStanding::Refused(_) => Vec::new(),
    };
    let routes = provider::list::all(&mut keeper)?;
    keeper.end()?;
    let token = session.home.token().map(|path| path.display().to_string());
    Ok(State::Here(Box::new(Here {
        home: shown,
        token,
        launcher,
        keeper: standing,
        secrets,
        grants,
        routes,
    })))
}

impl Here {
    /// For people, a label and a text each.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines =
            vec![("home", self.home.clone()), ("vault", self.vault()), ("grants", self.granted())];
        if let Some(why) = &self.keeper.providers_refused {
            lines.push(("routes", format!("the providers file is refused, the built-in ones go on: {why}")));
        }
        if let Some(why) = &self.keeper.journal_broken {
            lines.push(("journal", format!("nothing can be recorded, so nothing is released: {why}")));
        }
        lines.push(("broker", self.broker()));
        if let (Some(_), Some(token)) = (&self.launcher, &self.token) {
            lines.push(("token", token.clone()));
        }
        lines
    }

    fn vault(&self) -> String {
        let backend = self.keeper.backend.map_or("no backend", |backend| backend.as_str());
        let providers: BTreeSet<&str> = self.secrets.iter().map(|secret| secret.provider.as_str()).collect();
        let of = providers.into_iter().collect::<Vec<_>>().join(", ");
        match self.secrets.len() {
            0 => format!("{backend}, empty"),
            1 => format!("{backend}, 1 secret ({of})"),
            many => format!("{backend}, {many} secrets ({of})"),
        }
    }

    fn granted(&self) -> String {
        match &self.keeper.grants {
            GrantsStanding::Loaded(1) => "1 in force".to_owned(),
            GrantsStanding::Loaded(many) => format!("{many} in force"),
            GrantsStanding::Missing => "no file, so everything is denied".to_owned(),
            GrantsStanding::Refused(why) => format!("refused, so everything is denied: {why}"),
        }
    }

    fn broker(&self) -> String {
        let Some(launcher) = &self.launcher else { return "not running".to_owned() };
        let phase = match launcher.phase {
            Phase::Starting => "starting",
            Phase::Serving => "running",
            Phase::Ending => "ending",
        };
        let locked = if self.keeper.locked { "locked" } else { "unlocked" };
        let url = launcher.tcp.as_ref().map_or_else(String::new, |address| format!(", http://{address}"));
        format!("{phase} (pid {}), {locked}{url}", launcher.pid)
    }
}
