//! `ugent secret` alone, from a home that is not there to a gateway in use: each time the step it names is
//! the one that is missing, and typing it goes on.

use tests::world::until::until_true;
use tests::world::{HANDLE, World};

fn tour(world: &World) -> String {
    world.ugent(&[]).run().succeeded().stdout
}

#[track_caller]
fn next(world: &World, command: &str) {
    let told = tour(world);
    assert!(told.contains(&format!("next     ugent secret {command}")), "{command} in: {told}");
}

/// Types what the tour names, as a shell would have it.
#[track_caller]
fn follow(world: &World, input: &str) {
    let told = tour(world);
    let line = told.lines().find_map(|line| line.strip_prefix("next     ugent secret ")).expect("a step");
    let words: Vec<&str> = line.split(" < ").next().unwrap_or_default().split_whitespace().collect();
    drop(world.ugent(&words).typing(input).run().succeeded());
}

#[test]
fn each_step_the_tour_names_leads_to_the_next_and_the_last_is_a_gateway_in_use() {
    let world = World::bare_of_one_user();
    next(&world, "setup");
    drop(world.ugent(&["init"]).run().succeeded());
    next(&world, "add @openai_api_key --provider openai --stdin < key.txt");
    follow(&world, world.key());
    // With the very host of the provider, which here is the stand-in's.
    next(&world, "grant add --secret @openai_api_key --consumer ugent-core --purpose llm.chat");
    follow(&world, "");
    next(&world, "broker start");
    let locked = world.locked_broker();
    next(&world, "unlock");
    follow(&world, "");
    next(&world, "audit --since 1h");
    let told = tour(&world);
    for part in ["file-vault, 1 secret (openai)", "1 in force", "unlocked, http://127.0.0.1:"] {
        assert!(told.contains(part), "{part} in: {told}");
    }
    let answer = world.ask(&tests::world::http::Ask::chat());
    assert_eq!(answer.status, 200, "what the tour granted works: {}", answer.text());
    drop(locked.stop());
}

#[test]
fn a_mistake_in_the_grants_comes_before_anything_else() {
    let world = World::of_one_user();
    world.home().write("secrets.grants.toml", "[[grants]]\nsecret_ref = 1\n");
    next(&world, "grant check");
    let broker = world.broker();
    until_true("the broker says so, too", || tour(&world).contains("refused, so everything is denied"));
    drop(broker.stop());
}

#[test]
fn a_name_with_a_typo_in_it_is_answered_with_the_one_that_is_meant() {
    let world = World::of_one_user();
    for (arguments, meant) in [
        (&["inspect", "@openai_api_kye"][..], HANDLE),
        (&["remove", "@opnai_api_key", "--yes"], HANDLE),
        (&["rollback", "@openai_api_keys"], HANDLE),
        (&["exec", "--env", "A=@openai_api_ke", "--", "true"], HANDLE),
        (&["add", "@b", "--provider", "opnai", "--stdin"], "--provider openai"),
        (&["provider", "list", "gogle"], "google"),
    ] {
        let told = world.ugent(arguments).typing("0123456789").run().ended_with(65);
        assert!(
            told.stderr.contains(&format!("hint: did you mean {meant}?")),
            "{arguments:?}: {}",
            told.stderr
        );
    }
    let far = world.ugent(&["inspect", "@nothing_like_it"]).run().ended_with(65);
    assert!(far.stderr.contains("ugent secret list"), "{}", far.stderr);
}
