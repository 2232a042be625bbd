//! Where in a configuration a line stands: below which keys, by tables of TOML and by indents of the
//! others. Keys that may be values are left out; a file on one line has no places.

use super::line::is_shown;

/// The keys above a line.
#[derive(Default)]
pub(super) struct Place {
    /// Of the table's header.
    table: Vec<String>,
    /// Of lines that are less indented.
    above: Vec<Above>,
    number: usize,
}

struct Above {
    indent: usize,
    key: String,
    number: usize,
}

impl Place {
    /// Takes the next line, and says how many keys stand above it.
    pub(super) fn enter(&mut self, line: &str) {
        let text = line.trim_start();
        if text.trim_end().is_empty() || text.starts_with(['#', ';']) || text.starts_with("//") {
            return;
        }
        if let Some(table) = header(text.trim_end()) {
            self.number += 1;
            self.above.clear();
            self.table = table;
            return;
        }
        let element = text.strip_prefix("- ").unwrap_or(text);
        let (outer, indent) = (line.len() - text.len(), line.len() - element.len());
        while self.above.last().is_some_and(|last| last.indent >= outer) {
            self.above.pop();
        }
        if let Some(key) = opened(element.trim_end()) {
            self.number += 1;
            let key = if is_shown(key) { key.to_owned() } else { String::new() };
            self.above.push(Above { indent, key, number: self.number });
        }
    }

    /// The key right above, if it is a name.
    pub(super) fn parent(&self) -> Option<&str> {
        self.keys().next_back().filter(|key| !key.is_empty())
    }

    /// The name of an instance whose keys stand here.
    pub(super) fn instance(&self) -> Option<&str> {
        let mut keys = self.keys().rev();
        let name = keys.next().filter(|key| !key.is_empty())?;
        (keys.next() == Some("instances") && keys.next() == Some("llm")).then_some(name)
    }

    /// Which group of keys this is: the same for all of one group, and for no other.
    pub(super) fn number(&self) -> usize {
        match self.above.last() {
            Some(above) => above.number,
            // Tables are counted with the rest, so that the last one has the highest number.
            None => usize::MAX - self.number,
        }
    }

    fn keys(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.table.iter().map(String::as_str).chain(self.above.iter().map(|above| above.key.as_str()))
    }
}

/// The keys of a table's header.
fn header(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix('[')?;
    let (name, _) = inner.strip_prefix('[').unwrap_or(inner).split_once(']')?;
    let keys: Vec<&str> = name.split('.').map(|key| key.trim().trim_matches(['"', '\''])).collect();
    let is_name = |key: &&str| {
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    let shown = |key: &str| if is_shown(key) { key.to_owned() } else { String::new() };
    keys.iter().all(is_name).then(|| keys.into_iter().map(shown).collect())
}

/// The key of a line that has nothing but a key and what opens its contents.
fn opened(line: &str) -> Option<&str> {
    let before = line.strip_suffix(['{', '[']).map_or(line, str::trim_end);
    let key = before.strip_suffix(':').or_else(|| {
        // A list or table of TOML that goes on in the next line.
        if before.len() == line.len() { None } else { before.strip_suffix('=') }
    })?;
    Some(key.trim().trim_matches(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> (Option<String>, Option<String>) {
        let mut place = Place::default();
        text.lines().for_each(|line| place.enter(line));
        (place.parent().map(str::to_owned), place.instance().map(str::to_owned))
    }

    #[test]
    fn keys_above_a_line_are_found_in_every_language() {
        for (text, parent, instance) in [
            ("[llm.instances.openai]\napi_key = 1", "openai", Some("openai")),
            ("[llm.instances.\"openai\"]\nx = [\n  1", "x", None),
            ("llm:\n  instances:\n    openai:\n      api_key: 1", "openai", Some("openai")),
            ("llm:\n  instances:\n    openai:\n      a: 1\n    b:\n      c: 2", "b", Some("b")),
            ("{\n  \"llm\": {\n    \"instances\": {\n      \"x\": {\n        \"api_key\": 1", "x", Some("x")),
            ("{\n  \"a\": {\n    \"b\": 1\n  },\n  \"c\": {\n    \"d\": 1", "c", None),
            ("services:\n- name: x\n  environment:\n    - A=1", "environment", None),
        ] {
            assert_eq!(at(text), (Some(parent.to_owned()), instance.map(str::to_owned)), "{text}");
        }
        assert_eq!(at("a: 1\nb: 2"), (None, None));
        assert_eq!(at("sk-0123456789012345678901234:\n  b: 2"), (None, None));
    }
}
