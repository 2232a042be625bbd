//! So many requests a second, each at its own time, whatever becomes of the others. A latency counts
//! from the time a request was due, so that one that had to wait for its turn is not made prettier
//! (no coordinated omission).
//!
//! A thread a connection: their sleeps are exact to some microseconds, those of an event loop to a
//! millisecond.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Failed;
use crate::options::Options;
use crate::response::Response;
use crate::target::Target;
use crate::usage::Measured;

/// What each connection does.
#[derive(Clone, Copy)]
struct Pace {
    start: Instant,
    /// Between two requests of one connection.
    every: Duration,
    /// Of this one's first.
    offset: Duration,
    count: u32,
}

/// `--rate N --ms N --warm-ms N --connections N --pids …`.
pub(crate) fn run(options: &Options) -> Result<Value, Failed> {
    let (target, measured) = (Target::of(options)?, Measured::of(options)?);
    let rate: u32 = options.get("rate", 500)?;
    let connections: u32 = options.get("connections", 16)?;
    let warm = Duration::from_millis(options.get("warm-ms", 200)?);
    let span = Duration::from_millis(options.get("ms", 1000)?);
    let gap = Duration::from_secs(1) / rate.max(1);
    let every = gap * connections;
    let warm_count = u32::try_from(warm.as_nanos() / every.as_nanos().max(1))?;
    let count = u32::try_from((warm + span).as_nanos() / every.as_nanos().max(1))?;
    let start = Instant::now() + Duration::from_millis(50);
    let mut threads = Vec::new();
    for index in 0..connections {
        let (target, pace) = (target.clone(), Pace { start, every, offset: gap * index, count });
        threads.push(std::thread::spawn(move || ask_on_time(&target, pace)));
    }
    let measure_from = start + every * warm_count;
    wait_until(measure_from);
    let before = measured.cpu()?;
    wait_until(start + every * count);
    let cpu = measured.cpu()? - before;
    let mut latencies = Vec::new();
    for thread in threads {
        let all = thread.join().map_err(|_| "a connection's thread is gone")??;
        latencies.extend(all.into_iter().skip(warm_count as usize));
    }
    latencies.sort_unstable();
    let at = |share: usize| latencies.get(latencies.len() * share / 1000).copied().unwrap_or_default();
    Ok(json!({
        "requests": latencies.len(), "cpu_ns": cpu,
        "p50_ns": at(500), "p90_ns": at(900), "p99_ns": at(990),
        "max_ns": latencies.last().copied().unwrap_or_default(),
    }))
}

fn ask_on_time(target: &Target, pace: Pace) -> Result<Vec<u64>, Failed> {
    let mut wire = TcpStream::connect(target.address)?;
    wire.set_nodelay(true)?;
    wire.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut buffer = vec![0; 64 * 1024];
    let mut latencies = Vec::with_capacity(pace.count as usize);
    for number in 0..pace.count {
        let due = pace.start + pace.offset + pace.every * number;
        wait_until(due);
        wire.write_all(target.request())?;
        let mut response = Response::new();
        while !response.is_over() {
            let bytes = wire.read(&mut buffer)?;
            if bytes == 0 {
                return Err("broken off".into());
            }
            response.take(buffer.get(..bytes).unwrap_or_default(), |_| {})?;
        }
        latencies.push(u64::try_from(due.elapsed().as_nanos())?);
    }
    Ok(latencies)
}

#[expect(clippy::disallowed_methods, reason = "the time is what is waited for")]
fn wait_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        std::thread::sleep(left);
    }
}
