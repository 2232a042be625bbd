//! Each SDK through the broker to the stand-in: what it gets, and which exception of its own it makes
//! of a revoked token and of a purpose that is not granted.

use tests::standin::WORDS;

use super::gateway::run;

/// What a script prints: the lines of the good turn, and the exception of each other.
#[track_caller]
fn check(script: &str, providers: &[&str], good: &[&str], refused: [&str; 2]) {
    let (whole, pieces) = (WORDS.concat(), WORDS.join("|"));
    let expand = |line: &&str| format!("good {}", line.replace("WHOLE", &whole).replace("PIECES", &pieces));
    let mut wanted: Vec<String> = good.iter().map(expand).collect();
    let [revoked, narrow] = refused;
    wanted.push(format!("revoked {revoked} our words on the token"));
    wanted.push(format!("narrow {narrow} our words on the grant"));
    assert_eq!(run(script, providers), wanted);
}

const OPENAI: [&str; 2] = ["AuthenticationError 401", "PermissionDeniedError 403"];

#[test]
fn openai_for_python() {
    let good = ["WHOLE", "PIECES", "[0.5, -0.25, 0.125, 1.0]", "file-standin"];
    check("use_openai.py", &["openai"], &good, OPENAI);
}

#[test]
fn openai_for_python_in_azure() {
    check("use_azure.py", &["azure-openai"], &["WHOLE"], OPENAI);
}

#[test]
fn google_for_python_with_a_resumable_upload() {
    let good = ["WHOLE", "PIECES", "7", "[0.5, -0.25]", "files/standin"];
    check("use_google.py", &["google"], &good, ["ClientError 401", "ClientError 403"]);
}

#[test]
fn anthropic_for_python() {
    check("use_anthropic.py", &["anthropic"], &["WHOLE", "WHOLE", "PIECES"], OPENAI);
}

#[test]
fn voyage_for_python() {
    let good = ["[0.5, -0.25, 0.125, 1.0]", "1"];
    check("use_voyage.py", &["voyage"], &good, ["AuthenticationError 401", "APIError 403"]);
}

#[test]
fn mistral_for_python() {
    check("use_mistral.py", &["mistral"], &["WHOLE", "PIECES"], ["SDKError 401", "SDKError 403"]);
}

#[test]
fn cohere_for_python() {
    let good = ["WHOLE", "PIECES", "[0.5, -0.25]", "1"];
    check("use_cohere.py", &["cohere"], &good, ["UnauthorizedError 401", "ForbiddenError 403"]);
}

#[test]
fn groq_for_python() {
    check("use_groq.py", &["groq"], &["WHOLE", "PIECES"], OPENAI);
}

#[test]
fn langchain_for_python() {
    let refused = ["OpenAIAuthenticationError 401", "OpenAIPermissionDeniedError 403"];
    let good = ["WHOLE", "PIECES", "[0.5, -0.25, 0.125, 1.0]"];
    check("use_langchain.py", &["openai"], &good, refused);
}

#[test]
fn litellm_for_python() {
    // It has no exception of its own for a 403 of OpenAI's.
    let refused = ["AuthenticationError 401", "APIError 403"];
    check("use_litellm.py", &["openai", "anthropic"], &["WHOLE", "WHOLE"], refused);
}

#[test]
fn the_llm_command_line_tool() {
    check("use_llm.py", &["openai"], &["0 WHOLE"], ["1", "1"]);
}

#[test]
fn openai_for_node() {
    let good = ["WHOLE", "PIECES", "[0.5,-0.25,0.125,1]", "file-standin"];
    check("use_openai.mjs", &["openai"], &good, OPENAI);
}

#[test]
fn google_for_node_with_a_resumable_upload() {
    let good = ["WHOLE", "PIECES", "files/standin"];
    check("use_google.mjs", &["google"], &good, ["ApiError 401", "ApiError 403"]);
}

#[test]
fn anthropic_for_node() {
    check("use_anthropic.mjs", &["anthropic"], &["WHOLE", "PIECES"], OPENAI);
}

#[test]
fn curl_with_the_token_in_each_of_its_places() {
    let wanted = [
        "Authorization: Bearer 200",
        "x-api-key: 200",
        "x-goog-api-key: 200",
        "api-key: 200",
        "?key= 200",
        "nothing 401",
        "revoked 401",
        "narrow 403 PERMISSION_DENIED",
        "ollama 200",
    ];
    assert_eq!(run("use_curl.sh", &["openai", "google", "ollama"]), wanted);
}
