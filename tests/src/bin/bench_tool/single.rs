//! One connection, one request after the other: the time until the first byte of each answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Failed;
use crate::options::Options;
use crate::response::Response;
use crate::target::Target;
use crate::usage::Measured;

/// `--ms N --pids …`.
pub(crate) fn run(options: &Options) -> Result<Value, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(ask(options))
}

async fn ask(options: &Options) -> Result<Value, Failed> {
    let (target, measured) = (Target::of(options)?, Measured::of(options)?);
    let mut wire = target.connect().await?;
    let mut buffer = vec![0; 64 * 1024];
    let mut times = Vec::new();
    let span = Duration::from_millis(options.get("ms", 500)?);
    let (started, before) = (Instant::now(), measured.cpu()?);
    while started.elapsed() < span {
        let asked = Instant::now();
        wire.write_all(target.request()).await?;
        wire.flush().await?;
        let mut response = Response::new();
        let mut first = None;
        while !response.is_over() {
            let bytes = wire.read(&mut buffer).await?;
            if bytes == 0 {
                return Err("broken off".into());
            }
            first.get_or_insert_with(|| asked.elapsed());
            response.take(buffer.get(..bytes).unwrap_or_default(), |_| {})?;
        }
        times.push(u64::try_from(first.unwrap_or_default().as_nanos())?);
    }
    let cpu = measured.cpu()? - before;
    let requests = times.len();
    // The first has a connection to make, upstream.
    let mut rest = times.split_off(1.min(requests));
    rest.sort_unstable();
    let median = rest.get(rest.len() / 2).copied().unwrap_or_default();
    Ok(json!({ "requests": requests, "cpu_ns": cpu, "p50_ns": median }))
}
