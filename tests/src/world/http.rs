//! A raw HTTP/1.1 client: what goes over the wire is what the test wrote, and what comes back is
//! read as it comes, line by line if need be.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

pub use super::ask::{Answer, Ask};
use super::until::DEADLINE;

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Read for Socket {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(to),
            Self::Unix(socket) => socket.read(to),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How the body on the wire ends.
enum Framing {
    Length(u64),
    /// Bytes left of the chunk that is being read.
    Chunked(u64),
    UntilClose,
    Over,
}

/// A connection to the gateway.
pub struct Http {
    socket: BufReader<Socket>,
    framing: Framing,
}

impl Http {
    /// To the loopback port.
    ///
    /// # Errors
    /// The connection is refused.
    pub fn tcp(port: u16) -> io::Result<Self> {
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_write_timeout(Some(DEADLINE))?;
        socket.set_nodelay(true)?;
        Ok(Self { socket: BufReader::new(Socket::Tcp(socket)), framing: Framing::Over })
    }

    /// To a Unix socket.
    ///
    /// # Errors
    /// The connection is refused.
    pub fn unix(path: &Path) -> io::Result<Self> {
        let socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_write_timeout(Some(DEADLINE))?;
        Ok(Self { socket: BufReader::new(Socket::Unix(socket)), framing: Framing::Over })
    }

    /// How long a read may take from now on.
    ///
    /// # Errors
    /// The socket does not take it.
    pub fn patience(&self, time: Duration) -> io::Result<()> {
        match self.socket.get_ref() {
            Socket::Tcp(socket) => socket.set_read_timeout(Some(time)),
            Socket::Unix(socket) => socket.set_read_timeout(Some(time)),
        }
    }

    /// Writes these bytes.
    ///
    /// # Errors
    /// The peer is gone, or reads nothing for too long.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.get_mut().write_all(bytes)
    }

    /// Says that nothing more will be written.
    ///
    /// # Errors
    /// The peer is gone.
    pub fn finish(&self) -> io::Result<()> {
        match self.socket.get_ref() {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Write),
            Socket::Unix(socket) => socket.shutdown(Shutdown::Write),
        }
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Errors
    /// The connection breaks off, or what comes is not HTTP.
    pub fn ask(&mut self, ask: &Ask) -> io::Result<Answer> {
        self.send(&ask.bytes())?;
        let mut answer = self.head()?;
        answer.body = self.rest()?;
        Ok(answer)
    }

    /// Reads the head of an answer.
    ///
    /// # Errors
    /// As [`Http::ask`].
    pub fn head(&mut self) -> io::Result<Answer> {
        let first = self.head_line()?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| broken("no status line"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.head_line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| broken("no colon in a header"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let answer = Answer { status, headers, body: Vec::new() };
        self.framing = match (answer.header("transfer-encoding"), answer.header("content-length")) {
            (Some(_), _) => Framing::Chunked(0),
            (None, Some(length)) => Framing::Length(length.parse().map_err(|_| broken("no length"))?),
            (None, None) if status < 200 || status == 204 || status == 304 => Framing::Over,
            (None, None) => Framing::UntilClose,
        };
        Ok(answer)
    }

    /// Reads the next line of the body as it comes, `None` at its end.
    ///
    /// # Errors
    /// The body is cut off.
    pub fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                Some(b'\n') => break,
                Some(byte) => line.push(byte),
                None if line.is_empty() => return Ok(None),
                None => break,
            }
        }
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }

    /// Reads the next `data:` of an event stream, `None` at its end.
    ///
    /// # Errors
    /// The body is cut off.
    pub fn event(&mut self) -> io::Result<Option<String>> {
        while let Some(line) = self.line()? {
            if let Some(data) = line.strip_prefix("data: ") {
                return Ok(Some(data.to_owned()));
            }
        }
        Ok(None)
    }

    /// Reads what is left of the body.
    ///
    /// # Errors
    /// The body is cut off.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(byte) = self.byte()? {
            body.push(byte);
        }
        Ok(body)
    }

    /// Reads that many bytes behind a head, whatever they are.
    ///
    /// # Errors
    /// The connection ends before.
    pub fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.socket.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether the peer closes the connection.
    #[must_use]
    pub fn is_closed(&mut self) -> bool {
        matches!(self.socket.read(&mut [0]), Ok(0) | Err(_))
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        match &mut self.framing {
            Framing::Over => return Ok(None),
            Framing::UntilClose => {
                let mut byte = [0];
                let read = self.socket.read(&mut byte)?;
                return Ok((read > 0).then(|| u8::from_be_bytes(byte)));
            }
            Framing::Length(0) => {
                self.framing = Framing::Over;
                return Ok(None);
            }
            Framing::Length(left) => *left -= 1,
            Framing::Chunked(0) => {
                let length = self.head_line()?;
                let length = u64::from_str_radix(&length, 16).map_err(|_| broken("no chunk length"))?;
                if length == 0 {
                    while !self.head_line()?.is_empty() {}
                    self.framing = Framing::Over;
                    return Ok(None);
                }
                self.framing = Framing::Chunked(length);
                return self.byte();
            }
            Framing::Chunked(left) => *left -= 1,
        }
        let mut byte = [0];
        self.socket.read_exact(&mut byte)?;
        if matches!(self.framing, Framing::Chunked(0)) && !self.head_line()?.is_empty() {
            return Err(broken("no line end after a chunk"));
        }
        Ok(Some(u8::from_be_bytes(byte)))
    }

    fn head_line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.socket.read_until(b'\n', &mut line)?;
        let text = line.strip_suffix(b"\r\n").ok_or_else(|| broken("the connection ended within a line"))?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
