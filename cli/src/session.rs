//! What every command of `ugent secret` works with: where home is, what is set, how to unlock.

use proto::control_lane::LogLevel;
use proto::failure::Failure;

use crate::hazmat::passphrase::Sources;
use crate::home::Home;
use crate::log_filter::LogFilter;
use crate::settings::Settings;
use crate::system::Mode;

/// One run of a command.
pub(crate) struct Session {
    pub(crate) home: Home,
    pub(crate) settings: Settings,
    pub(crate) passphrase: Sources,
    pub(crate) log: LogFilter,
}

impl Session {
    /// Reads settings from home and environment.
    pub(crate) fn open(mode: Mode, passphrase: Sources) -> Result<Self, Failure> {
        let home = Home::locate(mode)?;
        // Before its files are believed: whoever may write to the home could have put them there.
        home.check()?;
        let settings = Settings::load(&home)?;
        // A command's own keeper has nothing to say but warnings.
        Ok(Self { home, settings, passphrase, log: LogFilter::from_environment(LogLevel::Warn) })
    }
}
