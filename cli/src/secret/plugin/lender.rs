//! A thread that asks keeperd, so that whoever looks after plugins never waits for it: values for a plugin
//! that is about to start, and which versions there are. Only of a running broker: a keeper of our own
//! would need the passphrase for as long as plugins run.

use std::collections::BTreeMap;
use std::io::{PipeReader, PipeWriter, Write, pipe};
use std::sync::mpsc::{Receiver, Sender, channel};

use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::name::{Consumer, Handle};
use unix::wash;

use crate::keeper;
use crate::secret::exec::lent::{self, Borrower, Value};
use crate::session::Session;

/// What values go into a plugin's environment for.
pub(super) const PURPOSE: &str = "plugin.env";

/// What is asked.
pub(super) enum Wish {
    /// All values of a plugin.
    Lend { plugin: usize, consumer: Consumer, handles: Vec<Handle> },
    /// Versions of these.
    Versions { handles: Vec<Handle> },
}

/// What came of it.
pub(super) enum News {
    Lent {
        plugin: usize,
        result: Result<Vec<Value>, Failure>,
    },
    /// Of those that could be found.
    Versions(BTreeMap<Handle, u32>),
}

/// Our end of the thread.
pub(super) struct Lender {
    wishes: Sender<Wish>,
    news: Receiver<News>,
    /// Has a byte for each.
    pub(super) bell: PipeReader,
}

impl Lender {
    pub(super) fn start(session: Session) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(FailureClass::Io, format!("a thread could not be had: {error}"), "ulimit -u")
        };
        let (bell, ringer) = pipe().map_err(failed)?;
        let (wishes, inbox) = channel();
        let (outbox, news) = channel();
        let thread = std::thread::Builder::new().name("lender".to_owned());
        thread.spawn(move || serve(session, &inbox, &outbox, ringer)).map_err(failed)?;
        Ok(Self { wishes, news, bell })
    }

    pub(super) fn ask(&self, wish: Wish) {
        // The thread ends only with us.
        let _ = self.wishes.send(wish);
    }

    pub(super) fn news(&self) -> Option<News> {
        self.news.try_recv().ok()
    }
}

fn serve(mut session: Session, inbox: &Receiver<Wish>, outbox: &Sender<News>, mut ringer: PipeWriter) {
    while let Ok(wish) = inbox.recv() {
        let news = match wish {
            Wish::Lend { plugin, consumer, handles } => {
                News::Lent { plugin, result: lend(&mut session, consumer, handles) }
            }
            Wish::Versions { handles } => News::Versions(versions(&session, handles)),
        };
        wash::registers();
        if outbox.send(news).is_err() || ringer.write_all(b"!").is_err() {
            return;
        }
    }
}

fn lend(session: &mut Session, consumer: Consumer, handles: Vec<Handle>) -> Result<Vec<Value>, Failure> {
    if handles.is_empty() {
        return Ok(Vec::new());
    }
    let keeper = keeper::require_broker(session)?;
    let borrower = Borrower { consumer: Some(consumer), token: None, purpose: PURPOSE };
    lent::borrow(session, keeper, borrower, handles)
}

/// Whoever cannot be asked just now is asked the next time.
fn versions(session: &Session, handles: Vec<Handle>) -> BTreeMap<Handle, u32> {
    let mut found = BTreeMap::new();
    let Ok(mut keeper) = keeper::require_broker(session) else { return found };
    for handle in handles {
        let answered = keeper.ask(&CliRequest::Inspect { handle: handle.clone() }, None);
        if let Ok(CliAnswer::Inspected(meta)) = answered.map(|answered| answered.answer)
            && let Some(current) = meta.versions.last()
        {
            found.insert(handle, current.version);
        }
    }
    found
}
