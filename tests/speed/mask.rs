//! What the mask of `exec` lets through in a second.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use tests::world::{Binaries, HANDLE, Layout, Running, World, letters};

/// Of output.
const MEGABYTES: u32 = 100;
/// The fastest of these counts: whatever else the machine does makes none faster.
const ROUNDS: u32 = 5;
/// Megabytes a second.
const LEAST: f64 = 200.0;

/// How long it takes to pass on a file.
fn taken(world: &World, file: &str) -> Duration {
    let call = world.ugent(&["exec", "--env", &format!("KEY={HANDLE}"), "--", "cat", file]);
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{} > /dev/null", call.shell_line())])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("UGENT_HOME", world.home().path())
        .current_dir(world.home().workspace());
    let started = Instant::now();
    drop(Running::start(command, Vec::new()).outcome().succeeded());
    started.elapsed()
}

#[test]
fn a_hundred_megabytes_pass_the_mask_at_two_hundred_a_second() {
    let world = World::with(Binaries::of_release(), Layout::OneUser).initialized().granted();
    let grant = format!(
        "[[grants]]\nsecret_ref = \"{HANDLE}\"\nconsumer = \"cli\"\npurposes = [\"process.env\"]\n\
         delivery = [\"env_inject\"]\n"
    );
    world.home().write("secrets.grants.toml", &grant);
    let broker = world.broker();
    let line = format!("{} {}\n", letters(70), letters(29));
    let text = line.repeat((MEGABYTES * 1_000_000) as usize / line.len());
    fs::write(world.home().workspace().join("large"), &text).unwrap();
    fs::write(world.home().workspace().join("small"), "x\n").unwrap();
    let fastest = |file| (0..ROUNDS).map(|_| taken(&world, file)).min().unwrap();
    let (large, small) = (fastest("large"), fastest("small"));
    let speed = f64::from(MEGABYTES) / large.saturating_sub(small).as_secs_f64();
    println!("{speed:.0} MB/s ({large:?} for {MEGABYTES} MB, {small:?} for none)");
    assert!(speed >= LEAST, "{speed:.0} MB/s");
    drop(broker.stop().succeeded());
}
