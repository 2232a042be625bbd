//! A provider behind TLS that does what the path says, and tells what it saw.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What the provider saw.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A connection.
    Connected,
    /// A whole request head.
    Head(String),
    /// A piece of a body.
    Piece(String),
    /// A line behind a body.
    Trailer(String),
    /// The connection's end while it was answering.
    Gone,
}

/// The provider.
pub(crate) struct Provider {
    /// Where it listens.
    pub(crate) port: u16,
    /// Its own certificate.
    pub(crate) anchor: Vec<u8>,
    seen: Mutex<Receiver<Seen>>,
    go: Sender<()>,
}

/// What it talks over.
pub(crate) type Stream = BufReader<StreamOwned<ServerConnection, TcpStream>>;

impl Provider {
    pub(crate) fn start() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let own = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
        let anchor = own.der().to_vec();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(anchor.clone())], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, seen) = channel();
        let (go, wait) = channel();
        let wait = Arc::new(Mutex::new(wait));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, tell, wait) = (Arc::clone(&config), tell.clone(), Arc::clone(&wait));
                std::thread::spawn(move || serve(stream.unwrap(), config, &tell, &wait));
            }
        });
        Self { port, anchor, seen: Mutex::new(seen), go }
    }

    /// What it sees next.
    pub(crate) fn next(&self) -> Seen {
        self.seen.lock().unwrap().recv_timeout(Duration::from_secs(10)).expect("the provider sees something")
    }

    /// The next head.
    pub(crate) fn head(&self) -> String {
        loop {
            match self.next() {
                Seen::Head(head) => return head,
                Seen::Connected | Seen::Piece(_) | Seen::Trailer(_) | Seen::Gone => {}
            }
        }
    }

    /// How many connections it has seen that nobody asked about.
    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().try_iter().filter(|seen| *seen == Seen::Connected).count()
    }

    /// Lets it go on where it waits.
    pub(crate) fn go(&self) {
        self.go.send(()).unwrap();
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, tell: &Sender<Seen>, wait: &Mutex<Receiver<()>>) {
    let _ = tell.send(Seen::Connected);
    let connection = ServerConnection::new(config).unwrap();
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut served = 0;
    while let Some(head) = read_head(&mut stream) {
        served += 1;
        assert_eq!(stream.get_ref().conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let _ = tell.send(Seen::Head(head.clone()));
        if !answer(&mut stream, &path, &head, served, tell, wait) {
            let _ = stream.get_ref().sock.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn answer(
    stream: &mut Stream,
    path: &str,
    head: &str,
    served: usize,
    tell: &Sender<Seen>,
    wait: &Mutex<Receiver<()>>,
) -> bool {
    let pause = || wait.lock().unwrap().recv_timeout(Duration::from_secs(10)).unwrap();
    let path = path.split('?').next().unwrap_or_default();
    if path.ends_with("/flaky") && served > 1 {
        return false;
    }
    if path.ends_with("/stream") || path.ends_with("/hang") || path.ends_with("/cut") {
        send(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        );
        chunk(stream, "data: one\n\n");
        if path.ends_with("/cut") {
            return false;
        }
        if path.ends_with("/hang") {
            let end = stream.read(&mut [0; 64]);
            assert!(matches!(end, Ok(0) | Err(_)));
            let _ = tell.send(Seen::Gone);
            return false;
        }
        pause();
        chunk(stream, "data: two\n\n");
        send(stream, "0\r\n\r\n");
        return true;
    }
    if let Some((_, how)) = path.split_once("/echoed-") {
        return crate::echoes::answer(stream, how, head, pause);
    }
    if path.ends_with("/trailers") {
        send(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n");
        chunk(stream, "body");
        send(stream, "0\r\nx-sum: 7\r\n\r\n");
        return true;
    }
    if path.ends_with("/socket") {
        return crate::sockets::answer(stream, head, tell);
    }
    if path.ends_with("/upload") {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim(), 16).unwrap();
            if length == 0 {
                read_trailers(stream, tell);
                break;
            }
            let mut piece = vec![0; length + 2];
            stream.read_exact(&mut piece).unwrap();
            piece.truncate(length);
            let _ = tell.send(Seen::Piece(String::from_utf8(piece).unwrap()));
        }
        send(stream, "HTTP/1.1 204 No Content\r\n\r\n");
        return true;
    }
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    send(
        stream,
        &format!(
            "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: {}\r\nkeep-alive: timeout=5\r\n\
             x-request-id: r1\r\n\r\n{body}",
            body.len()
        ),
    );
    true
}

fn read_head(stream: &mut Stream) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

fn read_trailers(stream: &mut Stream, tell: &Sender<Seen>) {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if line == "\r\n" {
            return;
        }
        let _ = tell.send(Seen::Trailer(line.trim_end().into()));
    }
}

pub(crate) fn chunk(stream: &mut Stream, text: &str) {
    send(stream, &format!("{:x}\r\n{text}\r\n", text.len()));
}

pub(crate) fn send(stream: &mut Stream, text: &str) {
    stream.get_mut().write_all(text.as_bytes()).unwrap();
    stream.get_mut().flush().unwrap();
}
