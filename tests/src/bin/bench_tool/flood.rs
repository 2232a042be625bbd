//! As many requests as the other side takes: a fixed number of connections, each of which asks again
//! as soon as it is answered. For throughput and for CPU a request; latencies of such a load would
//! leave out whatever made everybody wait, so none are taken.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;

use crate::Failed;
use crate::options::Options;
use crate::response::Response;
use crate::target::Target;
use crate::usage::Measured;

struct Shared {
    requests: Cell<u64>,
    bytes: Cell<u64>,
    is_over: Cell<bool>,
}

/// `--connections N --ms N --warm-ms N --pids …`.
pub(crate) fn run(options: &Options) -> Result<Value, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, flood(options))
}

async fn flood(options: &Options) -> Result<Value, Failed> {
    let (target, measured) = (Target::of(options)?, Measured::of(options)?);
    let shared = Rc::new(Shared { requests: Cell::new(0), bytes: Cell::new(0), is_over: Cell::new(false) });
    let mut tasks = Vec::new();
    for _ in 0..options.get("connections", 32)? {
        tasks.push(tokio::task::spawn_local(ask_again_and_again(target.clone(), Rc::clone(&shared))));
    }
    tokio::time::sleep(Duration::from_millis(options.get("warm-ms", 200)?)).await;
    let (before, asked, moved) = (measured.cpu()?, shared.requests.get(), shared.bytes.get());
    let started = Instant::now();
    tokio::time::sleep(Duration::from_millis(options.get("ms", 1000)?)).await;
    let (cpu, requests) = (measured.cpu()? - before, shared.requests.get() - asked);
    let (bytes, taken) = (shared.bytes.get() - moved, started.elapsed());
    shared.is_over.set(true);
    for task in tasks {
        task.await??;
    }
    if requests == 0 {
        return Err("not a single answer".into());
    }
    Ok(json!({
        "requests": requests, "bytes": bytes, "cpu_ns": cpu, "wall_ns": nanos(taken),
    }))
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

async fn ask_again_and_again(target: Target, shared: Rc<Shared>) -> Result<(), Failed> {
    let mut wire = target.connect().await?;
    let mut buffer = vec![0; 64 * 1024];
    while !shared.is_over.get() {
        wire.write_all(target.request()).await?;
        wire.flush().await?;
        let mut response = Response::new();
        while !response.is_over() {
            let bytes = wire.read(&mut buffer).await?;
            if bytes == 0 {
                return Err("broken off".into());
            }
            response.take(buffer.get(..bytes).unwrap_or_default(), |_| {})?;
            shared.bytes.set(shared.bytes.get() + bytes as u64);
        }
        shared.requests.set(shared.requests.get() + 1);
    }
    Ok(())
}
