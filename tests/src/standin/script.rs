//! What a request wants to happen to it, said by one header so that any client, an SDK too, can
//! say it through the gateway: `x-standin: hold gate=a`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::{HeaderMap, StatusCode};
use tokio::sync::Semaphore;

use super::echo::Form;

/// The header a script stands in.
pub const SCRIPT_HEADER: &str = "x-standin";

/// What happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Course {
    /// A normal answer.
    #[default]
    Plain,
    /// `hold`: after the first piece the answer waits at the gate.
    Hold,
    /// `late`: even the head waits at the gate.
    Late,
    /// `reset`: after the first piece the connection breaks off.
    Reset,
    /// `stale`: the connection breaks off instead of an answer, unless the request is its first.
    Stale,
    /// `drop`: the connection breaks off instead of an answer.
    Drop,
    /// `echo`, and all that [`Form`] names: the key, or a part of it, comes back.
    Echo,
    /// `flood`: `pieces` pieces of 16 KiB, as fast as they are taken.
    Flood,
    /// `early`: the answer begins when the head was read, before the body.
    Early,
    /// `status=N`: an error of that status in OpenAI's shape.
    Status(StatusCode),
}

/// A whole script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) course: Course,
    /// How the key comes back, if it does.
    pub(super) form: Form,
    /// `gate=NAME`.
    pub(super) gate: String,
    /// `pieces=N`: how many events a stream has before its end; its own words if it is not given.
    pub(super) pieces: Option<usize>,
    /// `pad=N`: so many bytes stand before what comes back.
    pub(super) pad: usize,
    /// `gap=MS`: the time between two pieces.
    pub(super) gap: Duration,
    /// `stamped`: before each event of a stream stands a comment, when it was let go: microseconds since
    /// 1970.
    pub(super) is_stamped: bool,
}

impl Script {
    /// Reads the script of a request. Words that are not known change nothing.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = headers.get(SCRIPT_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut script = Self {
            course: Course::Plain,
            form: Form::Headers,
            gate: String::new(),
            pieces: None,
            pad: 0,
            gap: Duration::ZERO,
            is_stamped: false,
        };
        for word in text.split_ascii_whitespace() {
            match word.split_once('=') {
                None if word == "stamped" => script.is_stamped = true,
                None => {
                    if let Some(form) = form(word) {
                        (script.course, script.form) = (Course::Echo, form);
                    }
                    script.course = course(word).unwrap_or(script.course);
                }
                Some(("gate", name)) => name.clone_into(&mut script.gate),
                Some(("pad", number)) => script.pad = number.parse().unwrap_or_default(),
                Some(("pieces", number)) => script.pieces = number.parse().ok(),
                Some(("gap", ms)) => script.gap = Duration::from_millis(ms.parse().unwrap_or_default()),
                Some(("status", code)) => {
                    if let Ok(status) = StatusCode::from_bytes(code.as_bytes()) {
                        script.course = Course::Status(status);
                    }
                }
                Some(_) => {}
            }
        }
        script
    }
}

/// Gates by name: each opening lets one request through.
#[derive(Default)]
pub(super) struct Gates(Mutex<HashMap<String, Arc<Semaphore>>>);

impl Gates {
    pub(super) fn open(&self, name: &str) {
        self.gate(name).add_permits(1);
    }

    pub(super) async fn pass(&self, name: &str) {
        if let Ok(permit) = self.gate(name).acquire().await {
            permit.forget();
        }
    }

    fn gate(&self, name: &str) -> Arc<Semaphore> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(0))))
    }
}

fn course(word: &str) -> Option<Course> {
    Some(match word {
        "plain" => Course::Plain,
        "hold" => Course::Hold,
        "late" => Course::Late,
        "reset" => Course::Reset,
        "stale" => Course::Stale,
        "drop" => Course::Drop,
        "flood" => Course::Flood,
        "early" => Course::Early,
        _ => return None,
    })
}

fn form(word: &str) -> Option<Form> {
    Some(match word {
        "echo" => Form::Headers,
        "echo-event" => Form::Event,
        "echo-split" => Form::Split,
        "echo-gzip" => Form::Gzip,
        "echo-tail" => Form::Tail,
        "echo-start" => Form::Start,
        "echo-masked" => Form::Masked,
        "echo-switch" => Form::Switch,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_from_its_header() {
        let mut headers = HeaderMap::new();
        headers.insert(SCRIPT_HEADER, "hold gate=a pieces=7 gap=5 what".parse().unwrap());
        let script = Script::of(&headers);
        assert_eq!(script.course, Course::Hold);
        assert_eq!((script.gate.as_str(), script.pieces), ("a", Some(7)));
        assert_eq!(script.gap, Duration::from_millis(5));
        headers.insert(SCRIPT_HEADER, "status=429".parse().unwrap());
        assert_eq!(Script::of(&headers).course, Course::Status(StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(Script::of(&HeaderMap::new()).course, Course::Plain);
    }
}
