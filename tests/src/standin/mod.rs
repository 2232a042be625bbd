//! A provider that stands in for a real one: HTTP/1.1 over TLS with an authority of its own, and
//! answers in OpenAI's shapes to whoever shows the one key it accepts; and, below a path of its own
//! each, in other providers' shapes to whoever shows that key where that provider wants it.
//!
//! It keeps that key in plain memory and remembers whole requests, which is what it is for; so it
//! must never be given a real key.

mod answer;
pub mod authority;
mod echo;
mod openai;
mod other;
mod pieces;
mod realtime;
mod script;
mod seen;
mod serve;
mod socket;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use tokio::sync::watch;

pub use authority::NAME;
pub use openai::WORDS;
pub use script::SCRIPT_HEADER;
pub use seen::{Ended, Log, Seen};

/// A running stand-in. Ends when dropped.
pub struct StandIn {
    address: SocketAddr,
    ca_pem: String,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// What the connections of a stand-in share.
struct Shared {
    key: RwLock<String>,
    log: Arc<Log>,
    gates: script::Gates,
}

impl StandIn {
    /// Starts one on that address; port 0 chooses a free one.
    ///
    /// # Errors
    /// The address cannot be bound, or no certificate can be made.
    pub fn start(address: SocketAddr, key: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let identity = authority::Identity::new().map_err(io::Error::other)?;
        let shared = Arc::new(Shared {
            key: RwLock::new(key.to_owned()),
            log: Arc::default(),
            gates: script::Gates::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (tls, for_thread) = (identity.tls, Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("standin".to_owned()).spawn(move || {
            // Its only error is a listener the runtime does not take; clients then find it dead.
            let _ = runtime.block_on(serve::serve(listener, tls, for_thread, stopped));
        })?;
        Ok(Self { address, ca_pem: identity.ca_pem, shared, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// The authority to trust, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// What it was asked.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.shared.log
    }

    /// From now on only this key is accepted.
    pub fn accept_only(&self, key: &str) {
        key.clone_into(&mut self.shared.key.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Lets one request go on that waits at this gate, now or later.
    pub fn open_gate(&self, gate: &str) {
        self.shared.gates.open(gate);
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
