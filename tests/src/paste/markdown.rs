//! Blocks of code in a document, and how each is to be tried: a comment in the line above its fence,
//! which a reader of the page does not see.
//!
//! `<!-- paste: ready -->` pastes a block of `sh` on a ground at that stage; `<!-- paste: goes on -->`
//! on the ground of the block before; `, exit 77` after either says how it ends. `<!-- grants -->`,
//! `<!-- providers -->` and `<!-- settings -->` have the file judged that a block of TOML is. `<!-- sdk: openai -->` runs
//! a block in an SDK's language against the stand-in as that provider.

use super::Stage;

/// How a block is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// Pasted, and ends with that code.
    Paste {
        /// On a ground of its own at that stage; none: on that of the block before.
        on: Option<Stage>,
        /// How it ends.
        code: i32,
    },
    /// Judged as a grants file.
    Grants,
    /// Judged as a providers file.
    Providers,
    /// Judged as a settings file.
    Settings,
    /// Judged as a plugins file.
    Plugins,
    /// Run by an SDK, against that provider.
    Sdk(String),
    /// No mark: somebody has to say why.
    Unmarked,
}

/// A block of code.
#[derive(Clone, Debug)]
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    /// The language it says it is in.
    pub language: String,
    /// What stands in it.
    pub text: String,
    /// How it is tried.
    pub how: How,
}

/// The blocks of a document, in order.
///
/// # Panics
/// If a mark cannot be read, or a fence is not closed.
#[must_use]
pub fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut mark = How::Unmarked;
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let line = line.trim_start();
        if let Some(marked) = line.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->")) {
            mark = read(marked.trim()).unwrap_or_else(|| panic!("line {}: {line} is no mark", number + 1));
            continue;
        }
        if let Some(language) = line.strip_prefix("```") {
            let mut inside = Vec::new();
            loop {
                let (_, line) = lines.next().unwrap_or_else(|| panic!("line {}: no end", number + 1));
                if line.trim() == "```" {
                    break;
                }
                inside.push(line);
            }
            let how = std::mem::replace(&mut mark, How::Unmarked);
            found.push(Block {
                line: number + 1,
                language: language.to_owned(),
                text: inside.join("\n"),
                how,
            });
        }
        mark = How::Unmarked;
    }
    found
}

fn read(mark: &str) -> Option<How> {
    match mark {
        "grants" => return Some(How::Grants),
        "providers" => return Some(How::Providers),
        "settings" => return Some(How::Settings),
        "plugins" => return Some(How::Plugins),
        _ => {}
    }
    if let Some(provider) = mark.strip_prefix("sdk: ") {
        return Some(How::Sdk(provider.to_owned()));
    }
    let rest = mark.strip_prefix("paste: ")?;
    let (stage, code) = match rest.split_once(", exit ") {
        Some((stage, code)) => (stage, code.parse().ok()?),
        None => (rest, 0),
    };
    let on = match stage {
        "goes on" => None,
        "fresh" => Some(Stage::Fresh),
        "vault" => Some(Stage::Vault),
        "ready" => Some(Stage::Ready),
        "serving" => Some(Stage::Serving),
        "waiting" => Some(Stage::Waiting),
        _ => return None,
    };
    Some(How::Paste { on, code })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_for_the_block_below_it_alone() {
        let text = "a\n<!-- paste: ready, exit 77 -->\n```sh\nx\ny\n```\n```sh\nz\n```\n<!-- grants -->\n```toml\n```\n";
        let found = blocks(text);
        let how: Vec<_> = found.iter().map(|block| block.how.clone()).collect();
        assert_eq!(how, [How::Paste { on: Some(Stage::Ready), code: 77 }, How::Unmarked, How::Grants]);
        assert_eq!((found[0].line, found[0].text.as_str()), (3, "x\ny"));
    }
}
