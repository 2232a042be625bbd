//! What these tests share: a world whose grants are for programs of the user, and calls of `exec`.

use tests::world::{Call, HANDLE, Pages, World};

/// A grant of that secret.
pub(crate) fn grant(handle: &str, consumer: &str, purpose: &str, delivery: &str) -> String {
    format!(
        "[[grants]]\nsecret_ref = \"{handle}\"\nconsumer = \"{consumer}\"\npurposes = [\"{purpose}\"]\n\
         delivery = [\"{delivery}\"]\n\n"
    )
}

/// A world with a key that `cli` may have in an environment.
pub(crate) fn ready() -> World {
    ready_on(Pages::OfTheKernel)
}

pub(crate) fn ready_on(pages: Pages) -> World {
    let world = World::bare_of_one_user().on(pages).initialized();
    world.add(HANDLE, world.key());
    world.home().write("secrets.grants.toml", &grant(HANDLE, "cli", "process.env", "env_inject"));
    world
}

/// `ugent secret exec OPTIONS -- COMMAND`.
pub(crate) fn exec(world: &World, options: &[&str], command: &[&str]) -> Call {
    world.ugent(&[&["exec"], options, &["--"], command].concat())
}

/// The same, with the world's key as `KEY`.
pub(crate) fn with_key(world: &World, options: &[&str], command: &[&str]) -> Call {
    exec(world, &[&["--env", &format!("KEY={HANDLE}")], options].concat(), command)
}
