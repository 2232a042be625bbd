//! A client that shows every byte it gets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::broker::Broker;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(10));

/// One connection.
pub(crate) struct Client<S = TcpStream> {
    stream: S,
    got: String,
}

impl Client {
    /// To the loopback port.
    pub(crate) fn tcp(broker: &Broker) -> Self {
        Self::at(broker.port)
    }

    /// To that port.
    pub(crate) fn at(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(PATIENCE).unwrap();
        Self { stream, got: String::new() }
    }
}

impl Client<UnixStream> {
    /// To the Unix socket.
    pub(crate) fn unix(broker: &Broker) -> Self {
        let stream = UnixStream::connect(&broker.socket).unwrap();
        stream.set_read_timeout(PATIENCE).unwrap();
        Self { stream, got: String::new() }
    }
}

/// A stream with two halves.
pub(crate) trait Halves {
    fn finish(&self);
    fn take_no_longer_than(&self, time: Duration);
}

impl Halves for TcpStream {
    fn take_no_longer_than(&self, time: Duration) {
        self.set_write_timeout(Some(time)).unwrap();
    }

    fn finish(&self) {
        self.shutdown(std::net::Shutdown::Write).unwrap();
    }
}

impl<S: Read + Write> Client<S> {
    /// Sends those bytes.
    pub(crate) fn send(&mut self, text: &str) -> &mut Self {
        self.stream.write_all(text.as_bytes()).unwrap();
        self
    }

    /// Sends it again and again, until the other side takes no more for a while.
    pub(crate) fn flood(&mut self, text: &str)
    where
        S: Halves,
    {
        self.stream.take_no_longer_than(Duration::from_millis(200));
        while self.stream.write_all(text.as_bytes()).is_ok() {}
    }

    /// Sends a request with the good token and no body.
    pub(crate) fn get(&mut self, path: &str) -> &mut Self {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n\r\n"))
    }

    /// Reads until what came contains that, and takes all that came.
    pub(crate) fn until(&mut self, end: &str) -> String {
        while !self.got.contains(end) {
            assert!(self.read_some(), "the connection ended; got {:?}", self.got);
        }
        std::mem::take(&mut self.got)
    }

    /// Reads a response with a content-length.
    pub(crate) fn response(&mut self) -> String {
        let mut text = self.until("\r\n\r\n");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        let whole = text.find("\r\n\r\n").unwrap() + 4 + length;
        while text.len() < whole {
            assert!(self.read_some(), "the connection ended; got {text:?}");
            text.push_str(&std::mem::take(&mut self.got));
        }
        text
    }

    /// Sends nothing more.
    pub(crate) fn finish(&mut self)
    where
        S: Halves,
    {
        self.stream.finish();
    }

    /// Whether the connection ends without another byte.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.got.is_empty() && !self.read_some()
    }

    fn read_some(&mut self) -> bool {
        let mut room = [0; 4096];
        let got = self.stream.read(&mut room).expect("the gateway answers in time");
        self.got.push_str(std::str::from_utf8(&room[..got]).unwrap());
        got > 0
    }
}
