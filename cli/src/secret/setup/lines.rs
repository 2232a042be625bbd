//! What a program needs to use the gateway, in its own language: an SDK is told where the gateway is,
//! and reads its token from a file. No value and no token is shown.

use std::io::{self, Write};
use std::path::Path;

use proto::standing::LauncherStanding;

use super::questions::Wanted;

/// What a program is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sdk {
    Python,
    Node,
    Curl,
    Variables,
}

impl Sdk {
    pub(super) const ALL: [Self; 4] = [Self::Python, Self::Node, Self::Curl, Self::Variables];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Node => "JavaScript (Node)",
            Self::Curl => "curl, or any other HTTP client",
            Self::Variables => "a program that reads its base URL and key from environment variables",
        }
    }
}

/// Prints them.
pub(super) fn print(
    out: &mut impl Write,
    wanted: &Wanted,
    launcher: &LauncherStanding,
    token: &Path,
) -> io::Result<()> {
    let Some(address) = &launcher.tcp else {
        return writeln!(out, "\nthe gateway has no port: {}", launcher.sockets.join(", "));
    };
    let provider = wanted.provider.as_str();
    let base = format!("http://{address}/proxy/{provider}{}", base(wanted));
    let token = token.display().to_string();
    writeln!(out, "\nput this into your program:\n")?;
    for line in lines(wanted.sdk, provider, &base, &token) {
        writeln!(out, "  {line}")?;
    }
    writeln!(out, "\nwho used what: ugent secret audit --since 1h      what comes next: ugent secret")
}

/// What an SDK of OpenAI's kind has in its base URL; others add it themselves.
fn base(wanted: &Wanted) -> &str {
    let paths = wanted.routes.iter().filter_map(|view| view.route.as_ref()).map(|route| route.path.as_str());
    let mut bases = paths.filter_map(|path| path.strip_suffix("/chat/completions"));
    match wanted.provider.as_str() {
        "voyage" | "jina" => "/v1",
        "mistral" | "cohere" | "groq" | "anthropic" => "",
        _ => bases.next().unwrap_or_default(),
    }
}

fn lines(sdk: Sdk, provider: &str, base: &str, token: &str) -> Vec<String> {
    match sdk {
        Sdk::Python => {
            let key = format!("open(\"{token}\").read().strip()");
            match provider {
                "anthropic" => vec![
                    "import anthropic".into(),
                    format!("client = anthropic.Anthropic(base_url=\"{base}\", api_key={key})"),
                ],
                "google" => vec![
                    "from google import genai".into(),
                    format!(
                        "client = genai.Client(api_key={key}, http_options={{\"base_url\": \"{base}\"}})"
                    ),
                ],
                "mistral" => vec![
                    "from mistralai.client import Mistral".into(),
                    format!("client = Mistral(api_key={key}, server_url=\"{base}\")"),
                ],
                "cohere" => vec![
                    "import cohere".into(),
                    format!("client = cohere.ClientV2(api_key={key}, base_url=\"{base}\")"),
                ],
                "voyage" => vec![
                    "import voyageai".into(),
                    format!("client = voyageai.Client(api_key={key}, base_url=\"{base}\")"),
                ],
                "groq" => {
                    vec![
                        "from groq import Groq".into(),
                        format!("client = Groq(base_url=\"{base}\", api_key={key})"),
                    ]
                }
                _ => vec![
                    "from openai import OpenAI".into(),
                    format!("client = OpenAI(base_url=\"{base}\", api_key={key})"),
                ],
            }
        }
        Sdk::Node => {
            let key = format!("readFileSync(\"{token}\", \"utf8\").trim()");
            let (module, class, field) = match provider {
                "anthropic" => ("Anthropic from \"@anthropic-ai/sdk\"", "Anthropic", "baseURL"),
                "google" => ("{ GoogleGenAI } from \"@google/genai\"", "GoogleGenAI", ""),
                _ => ("OpenAI from \"openai\"", "OpenAI", "baseURL"),
            };
            let options = match field {
                "" => format!("{{ apiKey: {key}, httpOptions: {{ baseUrl: \"{base}\" }} }}"),
                _ => format!("{{ {field}: \"{base}\", apiKey: {key} }}"),
            };
            vec![
                format!("import {module}; import {{ readFileSync }} from \"node:fs\";"),
                format!("const client = new {class}({options});"),
            ]
        }
        Sdk::Curl => vec![
            format!("base={base}"),
            format!("curl -H \"Authorization: Bearer $(cat {token})\" \"$base/…\""),
        ],
        Sdk::Variables => {
            let name = provider.to_uppercase().replace('-', "_");
            vec![
                format!("export {name}_BASE_URL={base}"),
                format!("export {name}_API_KEY=\"$(cat {token})\""),
            ]
        }
    }
}
