//! A token in a URL, where some SDKs put it: URLs are what logs are made of, so it must be in none.

use serde_json::json;
use tests::world::World;
use tests::world::http::Ask;

#[test]
fn a_token_in_a_query_is_in_no_log_journal_file_or_request_to_a_provider() {
    let world = World::ready();
    let (good, idle) = (world.issued("ugent-core"), world.issued("nobody-granted"));
    let broker = world.broker();
    let chat = "/proxy/openai/v1/chat/completions";
    let body = json!({ "model": "m", "messages": [] });
    let wrong = format!("ugent_{}", "x".repeat(43));
    let mut answers = Vec::new();
    for (target, status) in [
        (format!("{chat}?key={good}"), 200),
        (format!("{chat}?a=b&key={good}&c=d"), 200),
        (format!("{chat}?k%65y={good}"), 200),
        (format!("{chat}?key={idle}"), 403),
        (format!("{chat}?key={wrong}"), 401),
        (format!("{chat}?api_key={good}"), 401),
        (format!("/proxy/openai/v1/nothing?key={good}"), 404),
        (format!("/proxy/nobody/v1/chat?key={good}"), 404),
        (format!("/nowhere?key={good}"), 404),
        (format!("/proxy/openai/v1/../x?key={good}"), 400),
        (format!("/readyz?key={good}"), 405),
        (format!("{chat}?key={good}&key={wrong}"), 200),
    ] {
        let answer = world.tcp().ask(&Ask::post(&target, &body)).unwrap();
        let shown = target.replace(&good, "GOOD").replace(&idle, "IDLE");
        assert_eq!(answer.status, status, "{shown}: {}", answer.text());
        answers.push(answer);
    }
    // A second credential beside it stays here too.
    let both = Ask::post(&format!("{chat}?access_token={idle}"), &body).bearer(&good);
    answers.push(world.tcp().ask(&both).unwrap());
    let journal = world.ugent(&["audit", "--json"]).run().succeeded().stdout;
    let said = broker.stop().succeeded();
    assert!(said.stderr.contains("status=200"), "requests are logged: {}", said.stderr);
    assert!(journal.contains("invalid_token") && journal.contains("lease.used"), "and recorded: {journal}");
    for token in [&good, &idle, &wrong] {
        let is_in = |text: &str| text.contains(token.as_str());
        assert!(!is_in(&said.stderr) && !is_in(&said.stdout), "the log has it");
        assert!(!is_in(&journal), "the journal has it");
        assert!(answers.iter().all(|answer| !is_in(&answer.text())), "an answer repeats it");
        for (path, (_, content)) in world.home().everything() {
            let is_there = content.windows(token.len()).any(|window| window == token.as_bytes());
            assert!(!is_there, "{} has it", path.display());
        }
        for seen in world.standin().log().all() {
            let all = seen.headers.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned());
            assert!(!all.chain([seen.query.clone()]).any(|text| is_in(&text)), "the provider was told it");
        }
    }
}
