//! Questions on the terminal whose answers are no secret, and may be seen.

use std::fs::File;
use std::io::{Read, Write};

use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;

use super::ended;
use crate::hazmat::input::InputError;
use crate::hazmat::prompt;
use crate::paint::Paint;

/// How often one question is asked.
const TRIES: usize = 5;
/// A terminal in line mode gives no longer line.
const LINE_MAX: usize = 4096;

/// The terminal.
pub(super) struct Teller {
    shown: File,
    typed: File,
    paint: Paint,
    asked: usize,
}

impl Teller {
    /// None where there is none.
    pub(super) fn open() -> Option<Self> {
        let shown = prompt::terminal()?;
        let typed = shown.try_clone().ok()?;
        let paint = Paint::of(&shown);
        Some(Self { shown, typed, paint, asked: 0 })
    }

    /// Words that ask for nothing.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.shown, "{text}").map_err(|error| broke(&error))
    }

    /// The head of the next of five questions.
    pub(super) fn next(&mut self, text: &str) -> Result<(), Failure> {
        self.asked += 1;
        let head = self.paint.strong(&format!("{} of 5", self.asked));
        self.say(&format!("\n{head}  {text}"))
    }

    /// Asks until `read` makes something of the answer; Enter alone is the default.
    pub(super) fn ask<T>(
        &mut self,
        what: &str,
        default: &str,
        mut read: impl FnMut(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        for _ in 0..TRIES {
            let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
            let line = self.line(&format!("        {what}{shown}: "))?;
            let answer = if line.is_empty() { default } else { &line };
            match read(answer) {
                Ok(found) => return Ok(found),
                Err(why) => self.say(&format!("        {why}"))?,
            }
        }
        Err(ended())
    }

    /// A value, which is not shown; none for Enter alone.
    pub(super) fn secret(&mut self, what: &str) -> Result<Option<SecretBytes>, Failure> {
        match prompt::ask(&mut self.shown, &self.typed, &format!("        {what}: ")) {
            Ok(value) => Ok(Some(value)),
            Err(InputError::Empty) => Ok(None),
            Err(error) => {
                let hint = "ugent secret add @NAME --provider P --stdin < FILE";
                Err(Failure::new(FailureClass::BadInput, format!("the key {error}"), hint))
            }
        }
    }

    fn line(&mut self, question: &str) -> Result<String, Failure> {
        write!(self.shown, "{question}").and_then(|()| self.shown.flush()).map_err(|error| broke(&error))?;
        let mut bytes = [0; LINE_MAX];
        // One read of a terminal in line mode is one line.
        let read = self.typed.read(&mut bytes).map_err(|error| broke(&error))?;
        if read == 0 {
            return Err(ended());
        }
        let line = String::from_utf8_lossy(bytes.get(..read).unwrap_or_default()).into_owned();
        Ok(line.trim().to_owned())
    }
}

fn broke(error: &std::io::Error) -> Failure {
    Failure::new(FailureClass::Io, format!("the terminal could not be used: {error}"), "")
}
