//! Several commands at once, with and without a broker: each is done, none spoils another.

use tests::world::{World, key};

#[test]
fn two_commands_at_once_without_a_broker_are_both_done() {
    let world = World::with_vault();
    for turn in 0..5 {
        let calls = ["a", "b"].map(|name| {
            let handle = format!("@{name}{turn}");
            world.ugent(&["add", &handle, "--stdin"]).typing(key()).start()
        });
        for mut call in calls {
            let _ = call.outcome().succeeded();
        }
    }
    assert_eq!(world.handles().len(), 10);
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
}

#[test]
fn many_commands_at_once_with_a_broker_are_all_done() {
    let world = World::with_vault();
    let _broker = world.broker();
    let calls: Vec<_> = (0..8)
        .map(|number| world.ugent(&["add", &format!("@s{number}"), "--stdin"]).typing(key()).start())
        .collect();
    for mut call in calls {
        let _ = call.outcome().succeeded();
    }
    assert_eq!(world.handles().len(), 8);
}

#[test]
fn a_command_while_the_broker_starts_is_done_by_one_or_the_other() {
    let world = World::ready();
    let mut starting = world.ugent(&["broker", "start"]).start();
    let mut adding = world.ugent(&["add", "@meanwhile", "--stdin"]).typing(key()).start();
    let _ = adding.outcome().succeeded();
    let _ = starting.outcome().succeeded();
    assert_eq!(world.handles(), ["@meanwhile", "@openai_api_key"]);
    drop(world.ugent(&["broker", "stop"]).run().succeeded());
}

#[test]
fn a_secret_that_is_added_by_a_command_can_be_used_at_once() {
    let world = World::with_vault();
    let _broker = world.broker();
    let world_grant = world.grant();
    world.home().write("secrets.grants.toml", &world_grant);
    world.add(tests::world::HANDLE, world.key());
    tests::world::until::until_true("the grant is in force", || {
        world.ask(&tests::world::http::Ask::chat()).status == 200
    });
}
