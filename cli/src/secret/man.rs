//! `man`: prints the manual pages of all commands, or writes them where a package wants them.

use std::fs;
use std::io::stdout;
use std::path::PathBuf;

use clap::Args;
use proto::failure::{Failure, FailureClass};

use crate::ending::Outcome;
use crate::manual::{self, Page};
use crate::usage::wrong;

/// Prints a manual page, or writes all of them to a directory
#[derive(Args)]
#[command(
    after_help = "Examples:\n  ugent secret man | man -l -\n  ugent secret man grant add | man -l -\n  \
                        ugent secret man --out /usr/local/share/man"
)]
pub(crate) struct Man {
    /// Of which command, as in: grant add
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    command: Vec<String>,
    /// Writes all pages below this directory, in man1 and man8
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(&self) -> Outcome {
        let pages = manual::pages();
        if let Some(out) = &self.out {
            return Ok(pages.iter().try_for_each(|page| write(page, out))?);
        }
        let words = self.command.iter().map(String::as_str);
        let name: Vec<&str> = ["ugent", "secret"].into_iter().chain(words).collect();
        let name = match self.command.as_slice() {
            [one] if one == "secret-broker" => one.clone(),
            [..] => name.join("-"),
        };
        let page = pages.iter().find(|page| page.name == name);
        let page = page.ok_or_else(|| wrong("there is no such command", "ugent secret --help"))?;
        Ok(page.write(&mut stdout().lock())?)
    }
}

fn write(page: &Page, out: &std::path::Path) -> Result<(), Failure> {
    let directory = out.join(format!("man{}", page.section));
    let path = directory.join(page.file());
    let mut text = Vec::new();
    page.write(&mut text)
        .and_then(|()| fs::create_dir_all(&directory))
        .and_then(|()| fs::write(&path, text))
        .map_err(|error| {
            let what = format!("{} could not be written: {error}", path.display());
            Failure::new(FailureClass::Io, what, "choose a directory that is yours: --out DIR")
        })
}
