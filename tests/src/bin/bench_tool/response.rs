//! Reads one response at a time out of the bytes of a connection, as they come.

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    /// So many bytes of the body, or of a chunk, are to come.
    Fixed(u64),
    Chunk(u64),
    /// A line of a chunk's frame: its size, or the end of one, or of all.
    Size,
    AfterChunk,
    Trailer,
    Over,
}

/// A response, read piece by piece.
pub(crate) struct Response {
    stage: Stage,
    line: Vec<u8>,
    /// Bytes of the body so far.
    pub(crate) body: u64,
}

impl Response {
    /// One that has not begun.
    pub(crate) const fn new() -> Self {
        Self { stage: Stage::Head, line: Vec::new(), body: 0 }
    }

    /// Whether the next byte would be of another response.
    pub(crate) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Takes bytes, gives those of the body on, and says what is no good about them.
    pub(crate) fn take(&mut self, mut bytes: &[u8], mut on: impl FnMut(&[u8])) -> Result<(), String> {
        while let Some(first) = bytes.first().copied() {
            match &mut self.stage {
                Stage::Over => return Err("more than one response".to_owned()),
                Stage::Fixed(left) | Stage::Chunk(left) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    let (body, rest) = bytes.split_at(take);
                    on(body);
                    bytes = rest;
                    self.body += take as u64;
                    *left -= take as u64;
                    self.stage = match self.stage {
                        Stage::Fixed(0) => Stage::Over,
                        Stage::Chunk(0) => Stage::AfterChunk,
                        other @ (Stage::Head
                        | Stage::Fixed(_)
                        | Stage::Chunk(_)
                        | Stage::Size
                        | Stage::AfterChunk
                        | Stage::Trailer
                        | Stage::Over) => other,
                    };
                }
                Stage::Head | Stage::Size | Stage::AfterChunk | Stage::Trailer => {
                    self.line.push(first);
                    bytes = bytes.get(1..).unwrap_or_default();
                    self.look()?;
                }
            }
        }
        Ok(())
    }

    /// Goes on if what was gathered is whole.
    fn look(&mut self) -> Result<(), String> {
        let end: &[u8] = if self.stage == Stage::Head { b"\r\n\r\n" } else { b"\r\n" };
        if !self.line.ends_with(end) {
            return Ok(());
        }
        let line = String::from_utf8(std::mem::take(&mut self.line)).map_err(|error| error.to_string())?;
        self.stage = match self.stage {
            Stage::Head => after_head(&line)?,
            Stage::Size => match u64::from_str_radix(line.trim_end(), 16) {
                Ok(0) => Stage::Trailer,
                Ok(size) => Stage::Chunk(size),
                Err(error) => return Err(format!("no chunk size: {error}")),
            },
            Stage::AfterChunk => Stage::Size,
            Stage::Trailer => Stage::Over,
            other @ (Stage::Fixed(_) | Stage::Chunk(_) | Stage::Over) => other,
        };
        Ok(())
    }
}

fn after_head(head: &str) -> Result<Stage, String> {
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        return Err(format!("answered {status}"));
    }
    let value = |wanted: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find_map(|(name, value)| name.eq_ignore_ascii_case(wanted).then(|| value.trim()))
    };
    match value("content-length") {
        Some("0") => Ok(Stage::Over),
        Some(length) => length.parse().map(Stage::Fixed).map_err(|_| "no length".to_owned()),
        None if value("transfer-encoding").is_some() => Ok(Stage::Size),
        None => Err("neither length nor chunks".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_in_single_bytes_is_read_as_in_one_piece() {
        let texts = [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        ];
        for text in texts {
            let (mut response, mut body) = (Response::new(), Vec::<u8>::new());
            for byte in text.as_bytes() {
                assert!(!response.is_over());
                response.take(&[*byte], |bytes| body.extend(bytes)).unwrap();
            }
            assert!(response.is_over() && body == b"hello" && response.body == 5);
        }
    }

    #[test]
    fn a_refusal_is_an_error() {
        assert!(Response::new().take(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n", |_| {}).is_err());
    }
}
