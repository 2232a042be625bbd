//! A configuration that references are to be put into: which of its texts can be taken out, what each
//! means, and the same file with references in their place. All else stays as it is, to the byte.
//! What can be shown of it has stars where values stand.

#![expect(clippy::disallowed_methods, reason = "INV-02: from the file's room to slots, and to the new file")]

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::Path;

use proto::failure::{Failure, FailureClass};
use proto::hazmat::{NoSlot, Room, SecretBytes};
use proto::name::Handle;
use unix::wash;

use super::language::{Language, Stays};
use super::line::Extent;
use super::scalar::Scalar;
use super::{FILE_MAX, Finding, Section, Sort, Source, look, sorts};
use crate::hazmat::env_file::{EnvFile, Variable};
use crate::hazmat::in_place;

/// What is shown for any value, however long.
const STARS: &str = "********";
/// The key whose references have a key of their own.
const API_KEY: &[u8] = b"api_key";

/// A file.
pub(crate) struct Document {
    text: Text,
    credentials: Vec<Credential>,
    left: Vec<Left>,
}

enum Text {
    Lines(Room),
    Env(EnvFile),
}

/// A text that can be taken out.
pub(crate) struct Credential {
    /// Counted from 1.
    pub(crate) line: usize,
    /// Its key, if that is a name.
    pub(crate) key: Option<String>,
    /// The key above that.
    pub(crate) parent: Option<String>,
    /// The instance it belongs to.
    pub(crate) instance: Option<String>,
    /// What that instance says of itself.
    pub(crate) sort: Option<String>,
    /// Its key and what separates it, as they are written.
    before: String,
    /// The same for a reference.
    behind: String,
    spot: Spot,
}

enum Spot {
    Scalar { scalar: Scalar, renamed: Option<Range<usize>> },
    Variable(Variable),
}

/// One that stays.
pub(crate) struct Left {
    pub(crate) line: usize,
    pub(crate) key: Option<String>,
    pub(crate) why: Stays,
}

impl Document {
    /// Reads a file and looks through it.
    ///
    /// # Errors
    /// [`Failure`], with no text of the file.
    pub(crate) fn read(path: &Path, language: Language) -> Result<Self, Failure> {
        let read = in_place::read(path, FILE_MAX).map_err(|error| {
            let what = format!("{} could not be looked through: {error}", path.display());
            Failure::new(FailureClass::BadInput, what, "name a file that can be read")
        })?;
        let found = look(read.expose());
        let document = match language {
            Language::Env => of_env(EnvFile::read(path)?, &found),
            Language::Toml | Language::Yaml | Language::Json => of_lines(language, read, found),
        };
        wash::registers();
        Ok(document)
    }

    /// What can be taken out, in the file's order.
    pub(crate) fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    /// What looks like a credential and stays.
    pub(crate) fn left(&self) -> &[Left] {
        &self.left
    }

    /// The line as it is, with stars, and as it would be.
    pub(crate) fn shown(&self, credential: &Credential, handle: &Handle) -> [String; 2] {
        let quote = match &credential.spot {
            Spot::Scalar { scalar, .. } => scalar.quote,
            Spot::Variable(_) => "",
        };
        let Credential { before, behind, .. } = credential;
        [format!("{before}{quote}{STARS}{quote}"), format!("{behind}{quote}{handle}{quote}")]
    }

    /// What it means, in a slot of its own.
    ///
    /// # Errors
    /// [`NoSlot`] if no locked memory is left.
    pub(crate) fn value(&self, credential: &Credential) -> Result<SecretBytes, NoSlot> {
        let value = match (&self.text, &credential.spot) {
            (Text::Env(file), Spot::Variable(variable)) => file.value(variable),
            (Text::Lines(room), Spot::Scalar { scalar, .. }) => scalar.value(room.expose()),
            (Text::Env(_), Spot::Scalar { .. }) | (Text::Lines(_), Spot::Variable(_)) => Err(NoSlot),
        };
        wash::registers();
        value
    }

    /// Whether it is written with that at its begin.
    ///
    /// # Errors
    /// [`NoSlot`] if no locked memory is left.
    pub(crate) fn begins(&self, credential: &Credential, with: &str) -> Result<bool, NoSlot> {
        Ok(self.value(credential)?.expose().starts_with(with.as_bytes()))
    }

    /// Whether two of them mean the same.
    ///
    /// # Errors
    /// [`NoSlot`] if no locked memory is left.
    pub(crate) fn are_same(&self, one: &Credential, other: &Credential) -> Result<bool, NoSlot> {
        Ok(self.value(one)?.expose() == self.value(other)?.expose())
    }

    /// Writes the file anew, with those references.
    ///
    /// # Errors
    /// [`Failure`]; the file is what it was then.
    pub(crate) fn rewrite(&self, path: &Path, references: &[(&Credential, &Handle)]) -> Result<(), Failure> {
        let rewritten = match &self.text {
            Text::Env(file) => {
                let variables: Vec<(&Variable, &Handle)> = references
                    .iter()
                    .filter_map(|(credential, handle)| match &credential.spot {
                        Spot::Variable(variable) => Some((variable, *handle)),
                        Spot::Scalar { .. } => None,
                    })
                    .collect();
                file.rewrite(path, &variables)
            }
            Text::Lines(room) => replaced(room.expose(), references)
                .map_err(io::Error::other)
                .and_then(|new| in_place::replace(path, room.expose(), new.expose()))
                .map_err(|error| {
                    let what = format!("{} could not be rewritten: {error}", path.display());
                    Failure::new(FailureClass::Io, what, "run it again, or put the references in by hand")
                }),
        };
        // What was copied and compared must not be what this thread ends with.
        wash::registers();
        rewritten
    }
}

fn of_env(file: EnvFile, found: &[Finding]) -> Document {
    let mut taken = BTreeSet::new();
    let mut credentials = Vec::new();
    for variable in file.variables() {
        let line = usize::try_from(variable.line).unwrap_or(usize::MAX);
        let here = |finding: &&Finding| finding.line == line && finding.key.as_ref() == Some(&variable.name);
        let is_found = found
            .iter()
            .filter(here)
            .any(|finding| finding.spot.extent == Extent::Whole && is_plain(&finding.source));
        let text = str::from_utf8(file.text(variable)).unwrap_or_default();
        let is_named = sorts::is_key(&variable.name) && !sorts::is_empty(text) && !sorts::is_in_url(text);
        if file.is_empty(variable) || file.is_reference(variable) || !(is_found || is_named) {
            continue;
        }
        taken.insert(line);
        let written = format!("{}=", variable.name);
        credentials.push(Credential {
            line,
            key: Some(variable.name.clone()),
            parent: None,
            instance: None,
            sort: None,
            before: written.clone(),
            behind: written,
            spot: Spot::Variable(variable.clone()),
        });
    }
    let left = found.iter().filter(|finding| is_plain(&finding.source) && !taken.contains(&finding.line));
    let left = left.map(|finding| stays(finding, Stays::Part)).collect();
    Document { text: Text::Env(file), credentials, left }
}

fn of_lines(language: Language, room: Room, found: Vec<Finding>) -> Document {
    let whole = room.expose();
    let is_reference = |finding: &&Finding| match &finding.source {
        Source::Reference(_) | Source::BadReference => {
            finding.key.as_deref().is_some_and(|key| key.ends_with("api_key_ref"))
        }
        Source::Variable | Source::Plain(_) => false,
    };
    let referenced: BTreeSet<usize> =
        found.iter().filter(is_reference).map(|finding| finding.spot.group).collect();
    let (mut credentials, mut left) = (Vec::new(), Vec::new());
    for finding in found.into_iter().filter(|finding| is_plain(&finding.source)) {
        match credential(language, whole, &referenced, &finding) {
            Ok(credential) => credentials.push(credential),
            Err(why) => left.push(stays(&finding, why)),
        }
    }
    Document { text: Text::Lines(room), credentials, left }
}

fn credential(
    language: Language,
    whole: &[u8],
    referenced: &BTreeSet<usize>,
    finding: &Finding,
) -> Result<Credential, Stays> {
    match finding.spot.extent {
        Extent::Whole => {}
        Extent::Part => return Err(Stays::Part),
        Extent::Comment => return Err(Stays::Comment),
    }
    let key = finding.spot.key.clone().ok_or(Stays::NoKey)?;
    let scalar = Scalar::of(language, whole, finding.spot.text.clone())?;
    let between = whole.get(key.end..scalar.written.start).unwrap_or_default();
    let is_next = between.iter().all(|byte| b"\"' \t=:".contains(byte));
    let name = whole.get(key).unwrap_or_default();
    let is_api_key =
        is_next && name.strip_suffix(API_KEY).is_some_and(|head| head.is_empty() || head.ends_with(b"."));
    if is_api_key && referenced.contains(&finding.spot.group) {
        return Err(Stays::Referenced);
    }
    let between = if is_next { str::from_utf8(between).unwrap_or(" ") } else { " … " };
    let open = if between.starts_with(['"', '\'']) { between.get(..1).unwrap_or_default() } else { "" };
    let shown = finding.key.as_deref().unwrap_or("…");
    let renamed = is_api_key.then(|| finding.spot.key.clone().map(|key| key.end..key.end)).flatten();
    let suffix = if renamed.is_some() { "_ref" } else { "" };
    Ok(Credential {
        line: finding.line,
        key: finding.key.clone(),
        parent: finding.spot.parent.clone(),
        instance: match &finding.section {
            Section::Instance(name) => Some(name.clone()),
            Section::Plugin(_) | Section::Other => None,
        },
        sort: finding.spot.sort.clone(),
        before: format!("{open}{shown}{between}"),
        behind: format!("{open}{shown}{suffix}{between}"),
        spot: Spot::Scalar { scalar, renamed },
    })
}

fn replaced(old: &[u8], references: &[(&Credential, &Handle)]) -> Result<Room, NoSlot> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for (credential, handle) in references {
        if let Spot::Scalar { scalar, renamed } = &credential.spot {
            edits.extend(renamed.clone().map(|place| (place, "_ref".to_owned())));
            edits.push((scalar.written.clone(), format!("{0}{handle}{0}", scalar.quote)));
        }
    }
    edits.sort_by_key(|(range, _)| range.start);
    let added: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let removed: usize = edits.iter().map(|(range, _)| range.len()).sum();
    let mut new = Room::zeroed((old.len() + added).saturating_sub(removed))?;
    let (mut rest, mut from) = (new.expose_mut().iter_mut(), 0);
    let mut put = |bytes: &[u8]| bytes.iter().zip(rest.by_ref()).for_each(|(byte, place)| *place = *byte);
    for (range, text) in &edits {
        put(old.get(from..range.start).unwrap_or_default());
        put(text.as_bytes());
        from = range.end;
    }
    put(old.get(from..).unwrap_or_default());
    Ok(new)
}

fn is_plain(source: &Source) -> bool {
    match source {
        Source::Plain(
            Sort::Key | Sort::Prefix | Sort::Url | Sort::Argument | Sort::PrivateKey | Sort::Header,
        ) => true,
        Source::Reference(_) | Source::BadReference | Source::Variable => false,
    }
}

fn stays(finding: &Finding, why: Stays) -> Left {
    let why = if finding.spot.extent == Extent::Comment { Stays::Comment } else { why };
    Left { line: finding.line, key: finding.key.clone(), why }
}
