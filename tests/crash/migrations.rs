//! `config migrate` is killed before each call that changes anything: the old file stands or the new one,
//! and in no moment a value is in neither the file nor the vault.

use std::fs;
use std::path::PathBuf;

use tests::world::{World, key};

/// What it talks to the keeper with, and what it makes files with.
const CALLS: [&str; 10] =
    ["sendmsg", "recvmsg", "openat", "fchown", "fchmod", "write", "fsync", "rename", "unlink", "close"];
/// More than it makes of one of these.
const MOST: u32 = 200;

struct Killed<'w> {
    world: &'w World,
    path: PathBuf,
    values: [String; 2],
    old: String,
    new: &'static str,
    /// How often it was killed before anything was stored, before the file was replaced, and after.
    times: [u32; 3],
}

#[test]
fn a_migration_that_is_killed_at_any_step_loses_no_value_and_can_be_run_again() {
    let world = World::bare_of_one_user().initialized();
    let broker = world.broker();
    let (one, other) = (key(), key());
    let mut killed = Killed {
        world: &world,
        path: world.home().workspace().join("app.toml"),
        old: format!("# ours\n[llm.instances.a]\napi_key = \"{one}\"\n[b]\ntoken = \"{other}\" # b's\n"),
        new: "# ours\n[llm.instances.a]\napi_key_ref = \"@a_api_key\"\n[b]\ntoken = \"@b_token\" # b's\n",
        values: [one, other],
        times: [0; 3],
    };
    for call in CALLS {
        let end = (1..=MOST).find(|time| killed.at(call, *time));
        assert!(end.is_some(), "it makes more than {MOST} calls of {call}");
    }
    let [before, within, after] = killed.times;
    eprintln!(
        "killed {before} times before anything was stored, {within} before the file was replaced, {after} after"
    );
    assert!(before > 5 && within > 5 && after > 2, "steps are missing");
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
    drop(broker.stop().succeeded());
}

impl Killed<'_> {
    /// Whether it got through.
    fn at(&mut self, call: &str, time: u32) -> bool {
        for handle in self.world.handles() {
            drop(self.world.ugent(&["remove", &handle, "--yes"]).run().succeeded());
        }
        fs::write(&self.path, &self.old).unwrap();
        let arguments = ["config", "migrate", self.path.to_str().unwrap(), "--yes"];
        let told = self.world.ugent(&arguments).killed_at(call, time).run();
        let (text, handles) = (fs::read_to_string(&self.path).unwrap(), self.world.handles());
        assert!(handles.is_empty() || handles == ["@a_api_key", "@b_token"], "{call} {time}: {handles:?}");
        self.nothing_beside(call);
        if told.code == Some(0) {
            assert_eq!(text, self.new, "{call} {time}");
            return true;
        }
        assert_eq!(told.signal, Some(9), "{call} {time}: {}{}", told.stdout, told.stderr);
        if text == self.new {
            assert_eq!(handles.len(), 2, "{call} {time}: the references are to what is there");
            self.times[2] += 1;
        } else {
            assert_eq!(text, self.old, "{call} {time}: one or the other");
            self.times[usize::from(!handles.is_empty())] += 1;
        }
        // It goes on from wherever it was: it compares what is there with what the old file had.
        fs::write(&self.path, &self.old).unwrap();
        drop(self.world.ugent(&arguments).run().succeeded());
        assert_eq!(fs::read_to_string(&self.path).unwrap(), self.new, "{call} {time}");
        false
    }

    /// What a kill leaves beside the file has none of the values.
    fn nothing_beside(&self, call: &str) {
        for entry in fs::read_dir(self.world.home().workspace()).unwrap().map(Result::unwrap) {
            if entry.path() == self.path || !entry.path().is_file() {
                continue;
            }
            let beside = fs::read_to_string(entry.path()).unwrap();
            assert!(self.values.iter().all(|value| !beside.contains(value)), "{call}: {:?}", entry.path());
            fs::remove_file(entry.path()).unwrap();
        }
    }
}
