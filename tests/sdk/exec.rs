//! Programs of other languages that need a value themselves: it is in their environment, and stars are
//! in what they write of it.

use tests::world::{HANDLE, World};

use super::gateway::program;

#[test]
fn node_and_python_have_the_value_and_show_stars() {
    let world = World::with_vault();
    world.add(HANDLE, world.key());
    let grant = format!(
        "[[grants]]\nsecret_ref = \"{HANDLE}\"\nconsumer = \"cli\"\npurposes = [\"process.env\"]\n\
         delivery = [\"env_inject\"]\n"
    );
    world.home().write("secrets.grants.toml", &grant.replace('@', ""));
    let length = world.key().len();
    for (name, script) in [
        ("node", "console.log(process.env.KEY.length, process.env.KEY)"),
        ("python", "import os; print(len(os.environ['KEY']), os.environ['KEY'])"),
    ] {
        let option = if name == "node" { "-e" } else { "-c" };
        let program = program(name).display().to_string();
        let env = format!("KEY={HANDLE}");
        let told = world.ugent(&["exec", "--env", &env, "--", &program, option, script]).run().succeeded();
        assert_eq!(told.stdout, format!("{length} {}\n", "*".repeat(length)), "{name}");
    }
}
