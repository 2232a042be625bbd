//! What differs in words between the layouts: commands in hints, and settings.

use crate::world::{Layout, World};

impl World {
    /// The command line that does this here, as in `broker start`.
    #[must_use]
    pub fn command_line(&self, verb: &str) -> String {
        match self.layout() {
            Layout::OneUser => format!("ugent secret {verb}"),
            Layout::System => format!("ugent secret --system {verb}"),
        }
    }

    /// As [`World::settings`], where nobody is anybody without a token.
    #[must_use]
    pub fn settings_without_consumers(&self) -> String {
        let settings = self.settings();
        settings
            .lines()
            .filter(|line| !line.starts_with("consumers"))
            .map(|line| format!("{line}\n"))
            .collect()
    }
}
