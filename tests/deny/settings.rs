//! Settings that say what cannot be meant: refused with their place, before anything runs.

use tests::world::World;

#[test]
fn a_uid_that_is_written_in_a_way_of_its_own_is_refused_with_its_place() {
    let world = World::ready();
    for (consumers, place) in [
        ("{ 01000 = \"x\" }", "2:15: consumers"),
        ("{ 1000 = \"x\", \"+1000\" = \"y\" }", "2:27: consumers"),
        ("{ 1000 = \"x\", \"1000\" = \"y\" }", "2:27: duplicate key"),
        ("{ 4294967295 = \"x\" }", "2:15: consumers"),
        ("{ 1000 = \"No Name\" }", "2:22: consumers"),
    ] {
        world.home().write("secrets.toml", &format!("backend = \"file-vault\"\nconsumers = {consumers}\n"));
        let place = format!("secrets.toml:{place}");
        world.ugent(&["list"]).run().refused(78, &[&place]);
        world.launcher().run().refused(78, &[&place]);
    }
}

#[test]
fn consumers_that_tokenless_false_would_make_void_are_refused_with_their_place() {
    let world = World::ready();
    let written = "tokenless = false\nconsumers = { 1000 = \"x\" }\n";
    world.home().write("secrets.toml", written);
    for told in [world.ugent(&["list"]).run(), world.launcher().run()] {
        told.refused(78, &["secrets.toml:1:13: ", "tokenless = false", "consumers"]);
    }
}
