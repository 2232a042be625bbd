//! Workspaces: each has a socket of its own, private like everything the broker makes.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tests::world::World;
use tests::world::http::{Ask, Http};

/// The gateway's socket for a workspace, by the documented rule.
fn socket_of(world: &World, workspace: &Path) -> PathBuf {
    let hash = blake3::hash(workspace.canonicalize().unwrap().as_os_str().as_encoded_bytes()).to_hex();
    world.home().path().join("instances").join(&hash[..16]).join("secret-broker.sock")
}

fn second_workspace(world: &World) -> PathBuf {
    let path = world.home().around().join("second");
    std::fs::create_dir_all(path.join(".ugent/deep")).unwrap();
    path
}

#[test]
fn each_workspace_that_is_named_has_a_socket() {
    let world = World::of_one_user();
    let (first, second) = (world.home().workspace(), second_workspace(&world));
    let paths = [first.to_str().unwrap(), second.to_str().unwrap()];
    drop(
        world.ugent(&["broker", "start", "--workspace", paths[0], "--workspace", paths[1]]).run().succeeded(),
    );
    for workspace in [&first, &second] {
        let mut http = Http::unix(&socket_of(&world, workspace)).unwrap();
        assert_eq!(http.ask(&Ask::chat()).unwrap().status, 200);
    }
    drop(world.ugent(&["broker", "stop"]).run().succeeded());
}

#[test]
fn a_directory_below_a_workspace_is_of_that_workspace() {
    let world = World::of_one_user();
    let second = second_workspace(&world);
    let deep = second.join("some/where");
    std::fs::create_dir_all(&deep).unwrap();
    drop(world.ugent(&["broker", "start", "--workspace", deep.to_str().unwrap()]).run().succeeded());
    assert!(Http::unix(&socket_of(&world, &second)).is_ok());
    drop(world.ugent(&["broker", "stop"]).run().succeeded());
}

#[test]
fn everything_a_broker_makes_is_its_owners_alone() {
    let world = World::of_one_user();
    drop(world.ugent(&["broker", "start"]).run().succeeded());
    let mut sockets = 0;
    for path in world.home().snapshot().into_keys() {
        if path.starts_with(world.home().path().join("secrets"))
            || path.starts_with(world.home().path().join("instances"))
        {
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let mode = meta.permissions().mode() & 0o7777;
            if meta.file_type().is_dir() {
                assert_eq!(mode, 0o700, "{}", path.display());
            } else {
                assert_eq!(mode, 0o600, "{}", path.display());
            }
            sockets += usize::from(meta.file_type().is_socket());
        }
    }
    assert_eq!(sockets, 2, "the CLI's and the gateway's");
    drop(world.ugent(&["broker", "stop"]).run().succeeded());
}
