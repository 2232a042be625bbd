//! The upstream: HTTP/1.1 over TLS 1.3 by hand, so that it costs less than what is measured. It
//! answers as the request's `x-bench` says, and only to who shows the key.

use std::fs;
use std::io::{BufRead, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tests::standin::authority::Identity;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::Failed;
use crate::options::Options;
use crate::streams::now;

/// `--dir DIR`: writes `ca.pem` there and says where it listens. Ends when it is killed.
pub(crate) fn run(options: &Options) -> Result<Value, Failed> {
    let mut key = String::new();
    std::io::stdin().lock().read_line(&mut key)?;
    let demanded: Rc<str> = format!("Bearer {}", key.trim_end()).into();
    let identity = Identity::new()?;
    fs::write(Path::new(options.text("dir")?).join("ca.pem"), &identity.ca_pem)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, accept(identity, demanded))
}

async fn accept(identity: Identity, demanded: Rc<str>) -> Result<Value, Failed> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(std::io::stdout(), "listening {}", listener.local_addr()?)?;
    let acceptor = TlsAcceptor::from(identity.tls);
    loop {
        let (socket, _) = listener.accept().await?;
        let (acceptor, demanded) = (acceptor.clone(), Rc::clone(&demanded));
        tokio::task::spawn_local(async move {
            // A client that goes away is what ends most of them.
            let _ = serve(socket, acceptor, &demanded).await;
        });
    }
}

async fn serve(socket: TcpStream, acceptor: TlsAcceptor, demanded: &str) -> Result<(), Failed> {
    socket.set_nodelay(true)?;
    let mut wire = acceptor.accept(socket).await?;
    let mut buffer = Vec::with_capacity(64 * 1024);
    loop {
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if wire.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let text = String::from_utf8(buffer.drain(..head).collect())?;
        let value = |wanted: &str| {
            text.lines()
                .filter_map(|line| line.split_once(": "))
                .find_map(|(name, value)| name.eq_ignore_ascii_case(wanted).then(|| value.trim()))
        };
        match value("content-length") {
            Some(length) => skip(&mut wire, &mut buffer, length.parse()?).await?,
            None if value("transfer-encoding").is_some() => {
                skip_chunks(&mut wire, &mut buffer).await?;
            }
            None => {}
        }
        if value("authorization") != Some(demanded) {
            wire.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").await?;
            wire.flush().await?;
            continue;
        }
        answer(&mut wire, value("x-bench").unwrap_or_default()).await?;
    }
}

/// Takes that many bytes of a body away.
async fn skip(wire: &mut TlsStream<TcpStream>, buffer: &mut Vec<u8>, mut left: usize) -> Result<(), Failed> {
    loop {
        let take = left.min(buffer.len());
        buffer.drain(..take);
        left -= take;
        if left == 0 {
            return Ok(());
        }
        if wire.read_buf(buffer).await? == 0 {
            return Err("broken off".into());
        }
    }
}

async fn skip_chunks(wire: &mut TlsStream<TcpStream>, buffer: &mut Vec<u8>) -> Result<(), Failed> {
    loop {
        let Some(end) = buffer.windows(2).position(|two| two == b"\r\n") else {
            if wire.read_buf(buffer).await? == 0 {
                return Err("broken off".into());
            }
            continue;
        };
        let line: Vec<u8> = buffer.drain(..end + 2).collect();
        let size = usize::from_str_radix(std::str::from_utf8(&line)?.trim_end(), 16)?;
        skip(wire, buffer, size + 2).await?;
        if size == 0 {
            return Ok(());
        }
    }
}

/// `json SIZE`, `bytes TOTAL CHUNK`, `events COUNT EVERY_US SIZE`, `hold`.
async fn answer(wire: &mut TlsStream<TcpStream>, script: &str) -> Result<(), Failed> {
    let words: Vec<_> = script.split(' ').collect();
    let number = |index: usize| words.get(index).and_then(|word| word.parse::<usize>().ok()).unwrap_or(0);
    match words.first().copied() {
        Some("bytes") => {
            begin(wire, "application/octet-stream").await?;
            let (mut left, most) = (number(1), number(2).max(1));
            let whole = chunk(&vec![b'x'; most]);
            while left > 0 {
                if left >= most {
                    wire.write_all(&whole).await?;
                } else {
                    wire.write_all(&chunk(&vec![b'x'; left])).await?;
                }
                left = left.saturating_sub(most);
                wire.flush().await?;
            }
            end(wire).await
        }
        Some("events") => {
            begin(wire, "text/event-stream").await?;
            let mut clock = tokio::time::interval(Duration::from_micros(number(2).max(1) as u64));
            for _ in 0..number(1) {
                clock.tick().await;
                event(wire, number(3)).await?;
            }
            end(wire).await
        }
        Some("hold") => {
            begin(wire, "text/event-stream").await?;
            event(wire, 200).await?;
            // Until the peer closes.
            let _ = wire.read(&mut [0; 64]).await?;
            Err("over".into())
        }
        _ => {
            let body = "x".repeat(number(1).max(2));
            let text = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                 x-request-id: req_0123456789abcdef\r\n\r\n{body}",
                body.len()
            );
            wire.write_all(text.as_bytes()).await?;
            Ok(wire.flush().await?)
        }
    }
}

async fn begin(wire: &mut TlsStream<TcpStream>, kind: &str) -> Result<(), Failed> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n");
    wire.write_all(head.as_bytes()).await?;
    Ok(wire.flush().await?)
}

async fn event(wire: &mut TlsStream<TcpStream>, size: usize) -> Result<(), Failed> {
    let text = format!("data: {} ", now());
    let text = format!("{text}{}\n\n", "x".repeat(size.saturating_sub(text.len())));
    wire.write_all(&chunk(text.as_bytes())).await?;
    Ok(wire.flush().await?)
}

async fn end(wire: &mut TlsStream<TcpStream>) -> Result<(), Failed> {
    wire.write_all(b"0\r\n\r\n").await?;
    Ok(wire.flush().await?)
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend(bytes);
    chunk.extend(b"\r\n");
    chunk
}
