//! The stand-in provider as a program, for the quickstart. Not shipped.
//!
//! The key it accepts comes by stdin, never by an argument: others can read those.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use tests::standin::StandIn;

const USAGE: &str =
    "usage: standin-provider --listen 127.0.0.1:PORT --dir DIR  (the key it accepts on stdin)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, address, dir, path] = arguments.as_slice() else { return fail(USAGE, 64) };
    let (Ok(address), "--listen", "--dir") = (address.parse(), listen.as_str(), dir.as_str()) else {
        return fail(USAGE, 64);
    };
    match run(address, &PathBuf::from(path)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("error: the stand-in provider cannot go on: {error}"), 74),
    }
}

fn run(address: SocketAddr, dir: &std::path::Path) -> std::io::Result<()> {
    let mut key = String::new();
    std::io::stdin().lock().read_line(&mut key)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let kind = tokio::signal::unix::SignalKind::terminate();
        let mut terminate = tokio::signal::unix::signal(kind)?;
        let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
        let standin = StandIn::start(address, key.trim_end())?;
        std::fs::write(dir.join("ca.pem"), standin.ca_pem())?;
        writeln!(std::io::stdout(), "listening https://localhost:{}", standin.port())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}

fn fail(text: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(code)
}
