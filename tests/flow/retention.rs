//! Old segments of a real broker's journal: they go with a record of it, what is left is whole, and an export
//! that missed them says so.

use std::fs;
use std::path::{Path, PathBuf};

use proto::journal::{Event, HEADER_LEN, RawRecord, Record, encode_body};
use proto::meta::{RecordSeq, Timestamp};
use proto::name::{Consumer, Host};
use serde_json::Value;
use tests::world::until::until_true;
use tests::world::{HANDLE, Layout, World};

/// At which a keeper begins another segment.
const SEGMENT: usize = 4 * 1024 * 1024;
/// The least that can be set.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

fn segments(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.home().path().join("secrets/audit")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "journal"));
    paths.sort();
    paths
}

/// As a keeper that is locked chains it: that takes no key.
fn plain_link(before: &[u8; 32], body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in [b"ugent journal, plain", &before[..], &[0], body] {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// Fills a segment with refusals of a locked keeper, so that the next record begins another.
fn fill(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let (mut rest, mut seq, mut link) = (&bytes[HEADER_LEN..], 0, [0; 32]);
    while let Some(raw) = RawRecord::take(&mut rest).unwrap() {
        (seq, link) = (raw.record().unwrap().seq.0, *raw.link);
    }
    bytes.truncate(bytes.len() - rest.len());
    let thin = Record::of(Event::LeaseUsed, Timestamp(1_700_000_000_000));
    let mut fat = Record::of(Event::LeaseDenied, Timestamp(1_700_000_000_000));
    fat.consumer = Some(Consumer::ugent_core());
    fat.host = Host::parse(&format!("{}example", "a-label-of-a-name.".repeat(12))).ok();
    // The thin ones fill what is too short for a fat one, and is then for any.
    for mut record in [fat, thin] {
        loop {
            record.seq = RecordSeq(seq + 1);
            let body = encode_body(&record).unwrap();
            if bytes.len() + 4 + body.len() + link.len() > SEGMENT {
                break;
            }
            link = plain_link(&link, &body);
            bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
            bytes.extend(body);
            bytes.extend(link);
            seq += 1;
        }
    }
    fs::write(path, bytes).unwrap();
}

fn set(world: &World, audit: &str) {
    world.home().write("secrets.toml", &format!("{}audit = {{ {audit} }}\n", world.settings()));
}

/// The newest seq there is in a file of JSON Lines, and how many there are.
fn handed_on(path: &Path) -> (u64, usize) {
    let text = fs::read_to_string(path).unwrap_or_default();
    let last = text.lines().next_back().and_then(|line| serde_json::from_str::<Value>(line).ok());
    (last.and_then(|record| record["seq"].as_u64()).unwrap_or_default(), text.lines().count())
}

fn newest(world: &World) -> u64 {
    world.audit(&["--limit", "1"])[0]["seq"].as_u64().unwrap()
}

#[test]
fn segments_beyond_the_limit_go_with_a_record_of_it_and_an_export_that_missed_them_says_so() {
    let world = World::ready();
    let dir = world.home().around().join("sinks");
    fs::create_dir(&dir).unwrap();
    if world.layout() == Layout::System {
        let (user, group) = tests::world::layout::user("ugent-keeper");
        std::os::unix::fs::chown(&dir, Some(user.as_raw()), Some(group.as_raw())).unwrap();
    }
    let sink = dir.join("audit.jsonl");
    let sinks = format!("sinks = [\"file:{}\"]", sink.display());
    set(&world, &sinks);
    let broker = world.broker();
    until_true("the export has all there is", || handed_on(&sink).0 == newest(&world));
    let _ = broker.stop().succeeded();
    let (had, _) = handed_on(&sink);

    for _ in 0..5 {
        fill(segments(&world).last().unwrap());
        // The next segment begins with a record that has a key.
        world.rotate(HANDLE, world.key());
    }
    let before = segments(&world);
    assert_eq!(before.len(), 6);
    set(&world, &format!("max_bytes = {MAX_BYTES}"));
    let broker = world.broker();
    until_true("the oldest segment is gone", || !before[0].exists());
    let _ = broker.stop().succeeded();
    let bytes: u64 = segments(&world).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= MAX_BYTES, "{bytes} bytes are left");
    let cuts = world.events("journal.cut");
    assert_eq!(cuts.len(), 1);
    let first = world.audit(&[])[0]["seq"].as_u64().unwrap();
    assert_eq!(cuts[0]["count"], first - 1, "the record says up to where");
    let told = world.ugent(&["audit", "--verify", "--json"]).run().succeeded().stdout;
    let verdict: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&verdict["verdict"], &verdict["cut"]), (&"whole".into(), &(first - 1).into()));

    set(&world, &format!("max_bytes = {MAX_BYTES}, {sinks}"));
    let broker = world.broker();
    until_true("the export goes on with what is left", || handed_on(&sink).0 >= newest(&world));
    let told = broker.stop().succeeded().stderr;
    let missed = format!("{} records were cut off before they could be handed on", first - 1 - had);
    assert_eq!(told.matches("before they could be handed on").count(), 1, "{told}");
    assert!(told.contains(&missed), "{missed}: {told}");
}
