//! `ugent secret` alone: how this home stands, and the next sensible step with the very command.
//! Changes nothing, asks for nothing, and shows names and numbers only.

mod state;
mod step;

use std::io::{Write, stdout};

use self::state::State;
use self::step::Step;
use crate::ending::Outcome;
use crate::hazmat::passphrase::Sources;
use crate::paint::Paint;
use crate::system::Mode;
use crate::typed;

/// Where the words of a line begin.
const COLUMN: usize = 9;

/// Looks around and says what there is to do.
pub(super) fn run(mode: Mode, sources: Sources) -> Outcome {
    let state = state::look(mode, sources)?;
    let paint = Paint::of(&stdout());
    let mut out = stdout().lock();
    for (label, text) in state.lines() {
        line(&mut out, &paint.faint(&padded(label)), &text)?;
    }
    writeln!(out)?;
    let step = Step::after(&state, mode);
    let mut commands = step.commands().into_iter();
    if let Some(first) = commands.next() {
        let typed = typed::text(mode, &first);
        line(&mut out, &paint.strong(&padded("next")), &paint.good(&typed))?;
    }
    for more in commands {
        line(&mut out, &padded(""), &paint.good(&typed::text(mode, &more)))?;
    }
    line(&mut out, &padded(""), &paint.faint(step.why()))?;
    line(&mut out, &padded(""), &paint.faint("every command: ugent secret --help"))?;
    Ok(())
}

fn padded(label: &str) -> String {
    format!("{label:COLUMN$}")
}

fn line(out: &mut impl Write, label: &str, text: &str) -> std::io::Result<()> {
    writeln!(out, "{}", format!("{label}{text}").trim_end())
}

impl State {
    fn lines(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Nothing { home } => {
                vec![
                    (
                        "",
                        "UGENT Vault keeps API keys, and lends them to programs without showing them.".into(),
                    ),
                    ("home", format!("{home}: not set up")),
                ]
            }
            Self::Here(here) => here.lines(),
        }
    }
}
