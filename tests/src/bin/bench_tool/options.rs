//! `--name value` pairs, and nothing else.

use std::collections::HashMap;
use std::str::FromStr;

use crate::Failed;

/// What was asked for.
pub(crate) struct Options(HashMap<String, String>);

impl Options {
    /// Reads pairs.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failed> {
        let mut pairs = HashMap::new();
        while let Some(name) = arguments.next() {
            let name = name.strip_prefix("--").ok_or("a value without a name")?.to_owned();
            pairs.insert(name, arguments.next().ok_or("a name without a value")?);
        }
        Ok(Self(pairs))
    }

    /// That one, which must be there.
    pub(crate) fn text(&self, name: &str) -> Result<&str, Failed> {
        self.0.get(name).map(String::as_str).ok_or_else(|| format!("--{name} is missing").into())
    }

    /// That one as a number or the like, or this.
    pub(crate) fn get<T: FromStr>(&self, name: &str, or: T) -> Result<T, Failed> {
        match self.0.get(name) {
            None => Ok(or),
            Some(text) => text.parse().map_err(|_| format!("--{name} {text} is no such thing").into()),
        }
    }

    /// Whether it is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}
