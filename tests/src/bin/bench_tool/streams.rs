//! Many streams at once: what each event costs and how late it comes, and what a stream that only
//! waits keeps in memory.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;

use crate::Failed;
use crate::options::Options;
use crate::response::Response;
use crate::target::{Target, Wire};
use crate::usage::Measured;

/// How long a stream may say nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// Nanoseconds of the wall clock, which sender and reader share.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// `--connections N --pids …`: reads all events of all streams to their end.
pub(crate) fn run(options: &Options) -> Result<Value, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let (target, measured) = (Target::of(options)?, Measured::of(options)?);
        let delays = Rc::new(RefCell::new(Vec::new()));
        let connections = options.get("connections", 20)?;
        let mut wires = Vec::new();
        for _ in 0..connections {
            wires.push(target.connect().await?);
        }
        let before = measured.cpu()?;
        let mut tasks = Vec::new();
        // Not all at once: real streams have nothing to do with each other.
        let apart = Duration::from_micros(options.get("apart-us", 400)?);
        for wire in wires {
            let read = read_events(wire, target.clone(), Rc::clone(&delays));
            tasks.push(tokio::task::spawn_local(read));
            tokio::time::sleep(apart).await;
        }
        for task in tasks {
            task.await??;
        }
        let cpu = measured.cpu()? - before;
        let mut delays = delays.take();
        delays.sort_unstable();
        let at = |share: usize| delays.get(delays.len() * share / 1000).copied().unwrap_or_default();
        Ok(json!({ "events": delays.len(), "cpu_ns": cpu, "p50_ns": at(500), "p99_ns": at(990) }))
    })
}

/// `--connections N`: opens them, says so, and closes them when stdin does.
pub(crate) fn hold(options: &Options) -> Result<Value, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let target = Target::of(options)?;
        let connections: usize = options.get("connections", 1000)?;
        let mut held = Vec::new();
        for _ in 0..connections {
            let mut wire = target.connect().await?;
            let mut buffer = [0; 4096];
            wire.write_all(target.request()).await?;
            let mut response = Response::new();
            while response.body == 0 {
                let bytes = tokio::time::timeout(SILENCE, wire.read(&mut buffer)).await??;
                if bytes == 0 {
                    return Err(format!("broken off, with {} open", held.len()).into());
                }
                response.take(buffer.get(..bytes).unwrap_or_default(), |_| {})?;
            }
            held.push(wire);
        }
        writeln!(std::io::stdout(), "held {}", held.len())?;
        let _ = std::io::stdin().read(&mut [0])?;
        Ok(json!({ "held": held.len() }))
    })
}

async fn read_events(
    mut wire: Box<dyn Wire>,
    target: Target,
    delays: Rc<RefCell<Vec<u64>>>,
) -> Result<(), Failed> {
    let mut buffer = vec![0; 16 * 1024];
    let mut line = Vec::new();
    let mut response = Response::new();
    wire.write_all(target.request()).await?;
    wire.flush().await?;
    while !response.is_over() {
        let bytes = tokio::time::timeout(SILENCE, wire.read(&mut buffer)).await??;
        if bytes == 0 {
            return Err("broken off".into());
        }
        let came = now();
        response.take(buffer.get(..bytes).unwrap_or_default(), |body| {
            for byte in body {
                if *byte != b'\n' {
                    line.push(*byte);
                    continue;
                }
                if let Some(sent) = sent_at(&line) {
                    delays.borrow_mut().push(came.saturating_sub(sent));
                }
                line.clear();
            }
        })?;
    }
    Ok(())
}

/// When an event says that it was sent: `data: NANOSECONDS …`.
fn sent_at(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line.strip_prefix(b"data: ")?).ok()?;
    text.split(' ').next()?.parse().ok()
}
