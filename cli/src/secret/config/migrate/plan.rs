//! Which credential goes under which name: shown before anything is done. Names, lines and stars; it has
//! no field a value would fit in.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use proto::failure::{Failure, FailureClass};
use proto::name::{Handle, Kind, ProviderId};

use crate::ending;
use crate::hazmat::config::{Credential, Document};
use crate::secret::import::guess;
use crate::usage::wrong;

/// The longest name that is made up.
const NAME_MAX: usize = 60;

/// Whether the vault has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    New,
    There,
}

/// One value, and where it stands.
pub(super) struct Move<'a> {
    /// All that mean the same.
    pub(super) credentials: Vec<&'a Credential>,
    pub(super) handle: Handle,
    pub(super) provider: ProviderId,
    pub(super) kind: Kind,
    pub(super) known: Known,
}

impl Move<'_> {
    pub(super) fn first_line(&self) -> usize {
        self.credentials.first().map_or(0, |credential| credential.line)
    }
}

/// All of them.
pub(super) struct Plan<'a> {
    pub(super) moves: Vec<Move<'a>>,
    excepted: Vec<usize>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(
        document: &'a Document,
        except: &[usize],
        names: &BTreeMap<usize, Handle>,
    ) -> Result<Self, Failure> {
        let lines: BTreeSet<usize> = document.credentials().iter().map(|found| found.line).collect();
        if let Some(line) = except.iter().chain(names.keys()).find(|line| !lines.contains(line)) {
            let what = format!("line {line} has nothing that could be migrated");
            return Err(wrong(what, "ugent secret config check FILE   (shows the lines)"));
        }
        let mut plan = Self { moves: Vec::new(), excepted: except.to_vec() };
        for credential in document.credentials() {
            if !except.contains(&credential.line) {
                plan.take(document, credential, names)?;
            }
        }
        Ok(plan)
    }

    fn take(
        &mut self,
        document: &'a Document,
        credential: &'a Credential,
        names: &BTreeMap<usize, Handle>,
    ) -> Result<(), Failure> {
        let chosen = names.get(&credential.line);
        for found in &mut self.moves {
            let Some(first) = found.credentials.first() else { continue };
            let is_same = document.are_same(first, credential).map_err(ending::no_slot)?;
            match (is_same, chosen) {
                // One value has one name, unless somebody has chosen another.
                (true, None) => {
                    found.credentials.push(credential);
                    return Ok(());
                }
                (true, Some(name)) if *name == found.handle => {
                    found.credentials.push(credential);
                    return Ok(());
                }
                (false, Some(name)) if *name == found.handle => {
                    let what = format!("{name} is given to two values; nothing was changed");
                    return Err(Failure::new(FailureClass::BadInput, what, "give each a name of its own"));
                }
                (true | false, Some(_) | None) => {}
            }
        }
        let mut begins = |with: &str| document.begins(credential, with).unwrap_or(false);
        let name = name(credential);
        let by_sort = credential.sort.as_deref().and_then(guess::known);
        let provider = by_sort.or_else(|| guess::by_name(&name)).or_else(|| guess::by_value(&mut begins));
        let provider =
            ProviderId::parse(provider.unwrap_or("generic")).map_err(super::super::super::bad_name)?;
        let handle = match chosen {
            Some(handle) => handle.clone(),
            None => self.free(&name, credential.line)?,
        };
        let kind = guess::kind(&name);
        let credentials = vec![credential];
        self.moves.push(Move { credentials, handle, provider, kind, known: Known::New });
        Ok(())
    }

    /// That name, or one with a number behind it, if another value of this file has it.
    fn free(&self, name: &str, line: usize) -> Result<Handle, Failure> {
        let is_free = |handle: &Handle| self.moves.iter().all(|found| found.handle != *handle);
        let numbered = (2..1000).map(|number| format!("@{name}_{number}"));
        let mut tries = [format!("@{name}")].into_iter().chain(numbered);
        let found = tries.find_map(|text| Handle::parse(&text).ok().filter(is_free));
        found.ok_or_else(|| {
            let what = format!("no name was found for line {line}; nothing was changed");
            Failure::new(FailureClass::BadInput, what, format!("give it one: --as {line}=@NAME"))
        })
    }

    /// Learns which names the vault has.
    pub(super) fn look_up(&mut self, there: &[Handle]) {
        for found in &mut self.moves {
            found.known = if there.contains(&found.handle) { Known::There } else { Known::New };
        }
    }

    /// Shows what is to change, and what is not.
    pub(super) fn show(&self, document: &Document, to: &mut impl Write) -> io::Result<()> {
        for found in &self.moves {
            let Move { handle, provider, kind, .. } = found;
            for credential in &found.credentials {
                let [old, new] = document.shown(credential, handle);
                writeln!(to, "{:>5} - {old}", credential.line)?;
                writeln!(to, "      + {new}")?;
            }
            match found.known {
                Known::New => writeln!(to, "        {handle}: new, provider {provider}, kind {kind}")?,
                Known::There => writeln!(to, "        {handle}: there already; used if it has this value")?,
            }
        }
        for line in &self.excepted {
            writeln!(to, "{line:>5}   left: --except")?;
        }
        for left in document.left() {
            let key = left.key.as_deref().map(|key| format!("{key}: ")).unwrap_or_default();
            writeln!(to, "{:>5}   left: {key}{}", left.line, left.why)?;
        }
        Ok(())
    }
}

/// What `--as` says.
pub(super) fn names(given: &[String]) -> Result<BTreeMap<usize, Handle>, Failure> {
    let mut names = BTreeMap::new();
    for text in given {
        let (line, name) = text
            .split_once('=')
            .and_then(|(line, name)| Some((line.parse().ok()?, name)))
            .ok_or_else(|| wrong("--as takes a line and a name", "as in: --as 7=@billing_key"))?;
        let handle = crate::secret::handle(name)?;
        if names.insert(line, handle).is_some() {
            return Err(wrong(format!("--as names line {line} twice"), "name each line once"));
        }
    }
    Ok(names)
}

/// A name by the keys a value stands under: `openai` and `api_key` make `openai_api_key`.
fn name(credential: &Credential) -> String {
    let Some(key) = &credential.key else { return format!("line_{}", credential.line) };
    let own = snake(key);
    let above = credential.instance.as_deref().or(credential.parent.as_deref()).map(snake);
    // What is named for an environment says by itself whose it is.
    let is_of_its_own = !key.chars().any(|c| c.is_ascii_lowercase()) && key.contains('_');
    let whole = match above {
        Some(above) if !is_of_its_own && !above.is_empty() && !own.starts_with(&format!("{above}_")) => {
            format!("{above}_{own}")
        }
        Some(_) | None => own,
    };
    let short: String = whole.chars().take(NAME_MAX).collect();
    if short.is_empty() { format!("line_{}", credential.line) } else { short }
}

/// Lower case, with `_` between words.
fn snake(text: &str) -> String {
    let mut snake = String::new();
    let mut before = '_';
    for c in text.chars() {
        let is_word = c.is_ascii_alphanumeric();
        if is_word && c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            snake.push('_');
        }
        if is_word {
            snake.push(c.to_ascii_lowercase());
        } else if !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        before = c;
    }
    snake.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        for (text, made) in [
            ("apiKey", "api_key"),
            ("OPENAI_API_KEY", "openai_api_key"),
            ("client-secret", "client_secret"),
            ("spring.datasource.password", "spring_datasource_password"),
            ("__x__", "x"),
            ("APIKey2Go", "apikey2_go"),
        ] {
            assert_eq!(snake(text), made);
        }
    }
}
