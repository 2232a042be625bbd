//! `token list`: the tokens there are, without themselves.

use std::io::{BufWriter, Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::Failure;
use proto::meta::TokenMeta;
use serde::Serialize;

use crate::clock::seconds;
use crate::ending::Outcome;
use crate::keeper::{self, Purpose};
use crate::render::{self, Form, JsonOption, or_dash};
use crate::session::Session;

/// Names of the fields: JSON keys, and columns.
const FIELDS: [&str; 6] = ["id", "consumer", "use", "created", "expires", "last_used"];

/// Lists tokens, oldest first, without showing them
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret token list --json")]
pub(crate) struct List {
    #[command(flatten)]
    json: JsonOption,
}

/// What is shown of a token.
#[derive(Serialize)]
struct TokenView {
    id: String,
    consumer: String,
    r#use: &'static str,
    created: String,
    expires: Option<String>,
    last_used: Option<String>,
}

impl From<&TokenMeta> for TokenView {
    fn from(meta: &TokenMeta) -> Self {
        Self {
            id: meta.id.to_string(),
            consumer: meta.consumer.to_string(),
            r#use: meta.used_as.as_str(),
            created: seconds(meta.created),
            expires: meta.expires.map(seconds),
            last_used: meta.last_used.map(seconds),
        }
    }
}

impl TokenView {
    fn cells(self) -> [String; 6] {
        [
            self.id,
            self.consumer,
            self.r#use.to_owned(),
            self.created,
            or_dash(self.expires),
            or_dash(self.last_used),
        ]
    }
}

impl List {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let mut tokens = all(session)?;
        tokens.sort_by_key(|token| token.created);
        let views = tokens.iter().map(TokenView::from);
        let mut out = BufWriter::new(stdout().lock());
        match self.json.form() {
            Form::Json => render::json(&mut out, &views.collect::<Vec<_>>())?,
            form @ (Form::Table | Form::Plain) => {
                let header = FIELDS.map(str::to_ascii_uppercase);
                let rows: Vec<_> = views.map(TokenView::cells).collect();
                render::rows(&mut out, form, header.each_ref().map(String::as_str), &rows)?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

fn all(session: &Session) -> Result<Vec<TokenMeta>, Failure> {
    let mut keeper = keeper::reach(session, Purpose::Use)?;
    let mut found: Vec<TokenMeta> = Vec::new();
    loop {
        let after = found.last().map(|token| token.id.clone());
        let CliAnswer::TokenListed { tokens, more } =
            keeper.ask(&CliRequest::TokenList { after }, None)?.answer
        else {
            return Err(keeper::unexpected());
        };
        // A page of nothing that promises more would never end.
        let ends = !more || tokens.is_empty();
        found.extend(tokens);
        if ends {
            keeper.end()?;
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::meta::{Timestamp, TokenUse};
    use proto::name::{Consumer, TokenId};

    #[test]
    fn json_has_the_documented_keys_in_their_order() {
        let meta = TokenMeta {
            id: TokenId::parse("0123abcd").unwrap(),
            consumer: Consumer::parse("ci").unwrap(),
            created: Timestamp(0),
            expires: Some(Timestamp(1500)),
            last_used: None,
            used_as: TokenUse::Issued,
        };
        assert_eq!(
            serde_json::to_string(&TokenView::from(&meta)).unwrap(),
            "{\"id\":\"0123abcd\",\"consumer\":\"ci\",\"use\":\"issued\",\
             \"created\":\"1970-01-01T00:00:00Z\",\"expires\":\"1970-01-01T00:00:01Z\",\"last_used\":null}"
        );
        let json = serde_json::to_value(TokenView::from(&meta)).unwrap();
        assert!(FIELDS.iter().all(|field| json.get(field).is_some()));
    }
}
