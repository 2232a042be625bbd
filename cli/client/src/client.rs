//! Asking the running broker for a value: a loan of one, taken and given back on a lane of its own. The
//! lease is over when this returns; the value is the program's.

use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::NoSlot;
use proto::loan::{Borrow, NotLent};
use proto::name::{Consumer, Delivery, Handle, Purpose};

use crate::hazmat::Value;
use crate::lane::{Lane, LaneError};

/// Longest wait for an answer: a value may have to be read and a record synced.
const ANSWER: Duration = Duration::from_secs(30);

/// A broker, and who asks it.
pub struct Client {
    home: PathBuf,
    consumer: Option<Consumer>,
    token: Option<Value>,
}

impl Client {
    /// The broker of that UGENT_HOME, as the consumer that stands for this user (`ugent-core`).
    #[must_use]
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into(), consumer: None, token: None }
    }

    /// The broker of `UGENT_HOME`, or of `~/.ugent`.
    ///
    /// # Errors
    /// [`Failure`] if there is neither `UGENT_HOME` nor `HOME`.
    pub fn from_environment() -> Result<Self, Failure> {
        let given = |name| std::env::var_os(name).filter(|text| !text.is_empty()).map(PathBuf::from);
        match (given("UGENT_HOME"), given("HOME")) {
            (Some(home), _) => Ok(Self::new(home)),
            (None, Some(home)) => Ok(Self::new(home.join(".ugent"))),
            (None, None) => {
                let what = "neither UGENT_HOME nor HOME is set, so nobody knows where the broker is";
                Err(Failure::new(FailureClass::Config, what, "export UGENT_HOME=…"))
            }
        }
    }

    /// As the consumer that this token was issued to.
    #[must_use]
    pub fn with_token(self, token: Value) -> Self {
        Self { token: Some(token), ..self }
    }

    /// As this consumer: with a token whom it speaks for, else `cli` or a `plugin:`.
    #[must_use]
    pub fn with_consumer(self, consumer: Consumer) -> Self {
        Self { consumer: Some(consumer), ..self }
    }

    /// The value of that secret, for that purpose, under a `native` lease.
    ///
    /// # Errors
    /// [`Failure`]: no broker, no grant, or what else stands in the way.
    pub fn lend(&self, handle: &Handle, purpose: &Purpose) -> Result<Value, Failure> {
        let mut lane = self.connect()?;
        let borrow = CliRequest::Borrow(Borrow {
            consumer: self.consumer.clone(),
            purpose: purpose.clone(),
            delivery: Delivery::Native,
            secrets: vec![handle.clone()],
        });
        let token = self.token.as_ref().map(|token| Value::copied(token.expose())).transpose();
        let token = token.map_err(no_room)?.map(Value::into_slot);
        lane.send(&borrow, token).map_err(|error| broke(&error))?;
        let (answer, _) = lane.receive::<CliAnswer>().map_err(|error| broke(&error))?;
        if let CliAnswer::Failed(failure) = answer {
            return Err(failure);
        }
        if let CliAnswer::NotLent { consumer, refused } = answer {
            return Err(self.refused(consumer.as_ref(), &refused, purpose));
        }
        let CliAnswer::Lent { .. } = answer else { return Err(unexpected()) };
        let take = CliRequest::Take { secret: handle.clone() };
        lane.send(&take, None).map_err(|error| broke(&error))?;
        let (answer, value) = lane.receive::<CliAnswer>().map_err(|error| broke(&error))?;
        if let CliAnswer::Failed(failure) = answer {
            return Err(failure);
        }
        if let CliAnswer::NotLent { consumer, refused } = answer {
            return Err(self.refused(consumer.as_ref(), &refused, purpose));
        }
        // The end of the lane gives it back.
        match (answer, value) {
            (CliAnswer::Taken { .. }, Some(value)) => Ok(Value::of(value)),
            (_, _) => Err(unexpected()),
        }
    }

    fn connect(&self) -> Result<Lane, Failure> {
        let secrets = self.home.join("secrets");
        let path = secrets.join("keeperd.sock");
        let unusable = |what: String, hint: &str| Failure::new(FailureClass::Unreachable, what, hint);
        let shown = path.display();
        let no_broker = || unusable(format!("no broker is running at {shown}"), "ugent secret broker start");
        // Whoever else can write there could listen there, and would be shown the token.
        match secrets.symlink_metadata() {
            Ok(found) if found.is_dir() && found.permissions().mode() & 0o077 == 0 => {}
            Ok(_) => {
                let what = format!("{} is a link, or others may look into it", secrets.display());
                return Err(Failure::new(FailureClass::Config, what, "ugent secret doctor"));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(no_broker()),
            Err(error) => {
                return Err(unusable(format!("{}: {error}", secrets.display()), "ugent secret doctor"));
            }
        }
        match path.symlink_metadata() {
            Ok(found) if found.file_type().is_socket() => {}
            Ok(_) => return Err(unusable(format!("{shown} is no socket"), "ugent secret doctor")),
            Err(_) => return Err(no_broker()),
        }
        let socket = match UnixStream::connect(&path) {
            Ok(socket) => socket,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                return Err(no_broker());
            }
            Err(error) => return Err(unusable(format!("{shown}: {error}"), "ugent secret broker status")),
        };
        let limited =
            socket.set_read_timeout(Some(ANSWER)).and_then(|()| socket.set_write_timeout(Some(ANSWER)));
        limited.map_err(|error| broke(&LaneError::Io(error)))?;
        Lane::greet(socket).map_err(|error| broke(&error))
    }

    fn refused(&self, consumer: Option<&Consumer>, refused: &[NotLent], purpose: &Purpose) -> Failure {
        let Some(NotLent { secret, reason }) = refused.first() else { return unexpected() };
        let Some(consumer) = consumer else {
            let what = format!("the broker does not know who asks ({reason})");
            return Failure::new(
                FailureClass::Refused,
                what,
                "ugent secret token issue --consumer C --out FILE",
            );
        };
        let what = format!("{consumer} may not have it for {purpose} by native ({reason})");
        let hint = format!(
            "ugent secret grant explain --consumer {consumer} --secret {secret} --purpose {purpose} --delivery native"
        );
        Failure::new(FailureClass::Refused, what, hint)
    }
}

pub(crate) fn no_room(error: NoSlot) -> Failure {
    Failure::new(
        FailureClass::TryAgain,
        error.to_string(),
        "raise the limit of locked memory: ulimit -l 8192",
    )
}

fn broke(error: &LaneError) -> Failure {
    let (class, hint) = match error {
        LaneError::Stranger => {
            (FailureClass::Bug, "build the program with the sources of the broker's version")
        }
        LaneError::NoSlot => return no_room(NoSlot),
        LaneError::Io(_) => (FailureClass::Unreachable, "ugent secret broker status"),
    };
    Failure::new(class, format!("the lane to the broker broke: {error}"), hint)
}

fn unexpected() -> Failure {
    Failure::new(FailureClass::Bug, "the broker answered something else than was asked", "")
}
