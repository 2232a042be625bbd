//! The providers that are there without a providers file: tables of what may be called, what for,
//! and where a credential goes. Data only; a route that stands in no table is refused.
//!
//! Administration (users, keys, billing, permissions) is never in them: what a program may do with a
//! model is granted, what it could do to the account is not.

mod anthropic;
mod azure;
mod cohere;
mod compatible;
mod google;
mod jina;
mod mistral;
mod ollama;
mod openai;
mod voyage;

use proto::control_lane::ErrorShape;

/// A provider's row.
pub(super) struct BuiltIn {
    pub(super) id: &'static str,
    pub(super) site: Site,
    pub(super) credential: Credential,
    /// How its own errors look.
    pub(super) errors: ErrorShape,
    pub(super) groups: &'static [Group],
}

/// Where its requests go.
pub(super) enum Site {
    /// To one public host.
    Host(&'static str),
    /// To one public host, or to another for a value that begins with `al-`.
    HostByKey { usual: &'static str, marked: &'static str },
    /// Each user's is another: nowhere, until the providers file says `base_url`.
    OfItsUser,
    /// To a port of this machine, once the providers file says `allow_private = true`.
    ThisMachine { port: u16 },
}

/// Where its credential goes.
pub(super) enum Credential {
    /// `authorization: Bearer VALUE`.
    Bearer,
    /// Into that header, alone.
    Header(&'static str),
    /// It takes none.
    None,
}

/// Routes under the same first segments.
pub(super) struct Group {
    /// Each of them stands before each path; `""` for none.
    pub(super) bases: &'static [&'static str],
    pub(super) rows: &'static [Row],
}

/// Methods, parted by spaces; path pattern; purpose.
pub(super) type Row = (&'static str, &'static str, &'static str);

/// In the order they are listed.
pub(super) const ALL: &[&BuiltIn] = &[
    &openai::OPENAI,
    &google::GOOGLE,
    &jina::JINA,
    &voyage::VOYAGE,
    &anthropic::ANTHROPIC,
    &mistral::MISTRAL,
    &cohere::COHERE,
    &compatible::GROQ,
    &compatible::OPENROUTER,
    &compatible::DEEPSEEK,
    &compatible::DASHSCOPE,
    &azure::AZURE_OPENAI,
    &compatible::TOGETHER,
    &compatible::XAI,
    &compatible::FIREWORKS,
    &compatible::PERPLEXITY,
    &ollama::OLLAMA,
];

impl Group {
    /// Method, path pattern and purpose of each route.
    pub(super) fn routes(&self) -> impl Iterator<Item = (&'static str, String, &'static str)> {
        self.bases.iter().flat_map(|base| {
            self.rows.iter().flat_map(move |(methods, path, purpose)| {
                methods.split(' ').map(move |method| (method, format!("{base}{path}"), *purpose))
            })
        })
    }
}
