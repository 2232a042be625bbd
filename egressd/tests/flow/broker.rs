//! Plays launcher and keeperd to a real egressd.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proto::clients::ClientRules;
use proto::control_lane::{
    ControlOrder, ControlReport, ErrorShape, ListenerKind, LogLevel, Scheme, StartEgress, Transport,
};
use proto::failure::Failure;
use proto::hello::LaneKind;
use proto::journal::Outcome;
use proto::lease_lane::{Ending, Inject, LeaseAnswer, LeaseRequest};
use proto::meta::{LeaseId, RecordSeq};
use proto::name::{Host, ProviderId};
use proto::refusal::Refusal;
use proto::standing::{Layer, Strictness};
use unix::lane::{Descriptors, Lane};

use crate::hazmat;
use crate::provider::Provider;

/// The value of the ask with that number.
pub(crate) fn value(seq: u64) -> String {
    format!("sk-real-value-of-the-ask-number-{seq:04}")
}

/// A message from egressd, with the token that came with it.
pub(crate) type Asked = (LeaseRequest, Option<String>);

/// A running egressd.
pub(crate) struct Broker {
    /// Of the loopback port.
    pub(crate) port: u16,
    /// The Unix socket.
    pub(crate) socket: PathBuf,
    child: Child,
    control: Lane,
    asked: Receiver<Asked>,
    keeper: Sender<()>,
    logs: Vec<String>,
    _dir: Dir,
}

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn transport(id: &str, provider: &Provider) -> Transport {
    Transport {
        provider: ProviderId::parse(id).unwrap(),
        scheme: Scheme::Https,
        host: Host::parse("localhost").unwrap(),
        port: provider.port,
        allow_private: id != "private",
        connect_timeout_ms: 5000,
        idle_timeout_ms: if id == "impatient" { 100 } else { 0 },
        scrub: id != "unscrubbed",
        errors: if id == "google" { ErrorShape::Google } else { ErrorShape::OpenAi },
        token_slots: Vec::new(),
    }
}

impl Broker {
    /// Starts an egressd that reaches that provider under several ids.
    pub(crate) fn start(provider: &Provider) -> Self {
        Self::start_with(provider, 1)
    }

    /// As [`Broker::start`], with that many workers.
    pub(crate) fn start_with(provider: &Provider, lanes: u16) -> Self {
        let egressd = Command::new(env!("CARGO_BIN_EXE_egressd"));
        Self::start_as(egressd, provider, lanes, ClientRules::DEFAULT)
    }

    /// As [`Broker::start`], with those rules for its clients.
    pub(crate) fn start_ruled(provider: &Provider, rules: ClientRules) -> Self {
        Self::start_as(Command::new(env!("CARGO_BIN_EXE_egressd")), provider, 1, rules)
    }

    /// As [`Broker::start`], with locked memory for its lanes and some short values only.
    pub(crate) fn start_short_of_memory(provider: &Provider) -> Self {
        let mut command = Command::new("sh");
        // The limit does not bind a process with CAP_IPC_LOCK, as root's has.
        let limited = r#"ulimit -l 160; drop=; [ "$(id -u)" != 0 ] || drop="setpriv --bounding-set -ipc_lock"; exec $drop "$0""#;
        command.args(["-c", limited, env!("CARGO_BIN_EXE_egressd")]);
        Self::start_as(command, provider, 1, ClientRules::DEFAULT)
    }

    fn start_as(mut command: Command, provider: &Provider, lanes: u16, rules: ClientRules) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("egressd-flow-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let socket = dir.join("gateway.sock");
        let (ours, theirs) = UnixStream::pair().unwrap();
        let child = command.env_clear().stdin(Stdio::from(OwnedFd::from(theirs))).spawn().unwrap();
        let mut control = Lane::new(ours, Descriptors::Refused).unwrap();
        control.greet(LaneKind::Control, soon()).unwrap();
        let ids = ["openai", "google", "private", "untrusted", "impatient", "unscrubbed"];
        for id in ids {
            control.push(&ControlOrder::Transport(transport(id, provider)), None).unwrap();
        }
        for id in ["openai", "google", "impatient", "unscrubbed"] {
            let order = ControlOrder::Anchor {
                provider: ProviderId::parse(id).unwrap(),
                der: provider.anchor.clone(),
            };
            control.push(&order, None).unwrap();
        }
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        let unix = UnixListener::bind(&socket).unwrap();
        let (near, far): (Vec<_>, Vec<_>) = (0..lanes).map(|_| UnixStream::pair().unwrap()).unzip();
        let start = StartEgress {
            generation: 1,
            lanes,
            listeners: vec![ListenerKind::Tcp, ListenerKind::Unix],
            transports: 10,
            strictness: Strictness::Required,
            account: None,
            clients: rules,
            proxy: None,
            log: LogLevel::Info,
        };
        let fds = far.into_iter().map(OwnedFd::from).chain([tcp.into(), unix.into()]).collect();
        control.send(&ControlOrder::StartEgress(start), None, fds, soon()).unwrap();
        let (tell, asked) = channel();
        let (keeper, stop) = channel();
        let (at, stop) = (provider.port, Arc::new(Mutex::new(stop)));
        for lane in near {
            let (tell, stop) = (tell.clone(), Arc::clone(&stop));
            std::thread::spawn(move || keep(lane, at, &tell, &stop));
        }
        let mut broker =
            Self { port, socket, child, control, asked, keeper, logs: Vec::new(), _dir: Dir(dir) };
        let ControlReport::Confined(confinement) = broker.report() else {
            panic!("egressd did not say what confines it");
        };
        assert!(confinement.layers.contains(&Layer::Filter), "{confinement:?}");
        assert_eq!(broker.report(), ControlReport::Ready { locked: false });
        broker
    }

    /// The next report that is no log line.
    pub(crate) fn report(&mut self) -> ControlReport {
        loop {
            let report = self.control.wait_for::<ControlReport>(soon()).unwrap().message;
            let ControlReport::Log { text, .. } = report else { return report };
            self.logs.push(text);
        }
    }

    /// What keeperd is asked next.
    pub(crate) fn asked(&self) -> Asked {
        self.asked.recv_timeout(Duration::from_secs(10)).expect("keeperd is asked something")
    }

    /// The next Close: seq, outcome, status, bytes in and out.
    pub(crate) fn closed(&self) -> (u64, Outcome, Option<u16>, u64, u64) {
        loop {
            let (message, _) = self.asked();
            if let LeaseRequest::Close { seq, outcome, status, bytes_in, bytes_out, .. } = message {
                return (seq, outcome, status, bytes_in, bytes_out);
            }
        }
    }

    /// Whether the next Close says that the value came back, and the outcome.
    pub(crate) fn echoed(&self) -> (bool, Outcome) {
        loop {
            if let (LeaseRequest::Close { echoed, outcome, .. }, _) = self.asked() {
                return (echoed, outcome);
            }
        }
    }

    /// Whether keeperd was asked nothing more.
    pub(crate) fn is_unasked(&self) -> bool {
        self.asked.try_recv().is_err()
    }

    /// Gives an order.
    pub(crate) fn order(&mut self, order: &ControlOrder) {
        self.control.send(order, None, Vec::new(), soon()).unwrap();
    }

    /// Closes keeperd's end of the lease lane.
    pub(crate) fn lose_keeper(&self) {
        self.keeper.send(()).unwrap();
    }

    /// The last report's failure, and the exit code.
    pub(crate) fn ended(mut self) -> (Option<Failure>, i32, Vec<String>) {
        let report = self.report();
        let ControlReport::Stopped { failure } = report else { panic!("expected Stopped, got {report:?}") };
        (failure, self.child.wait().unwrap().code().unwrap(), std::mem::take(&mut self.logs))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers asks as the path says; a token must be "good", or absent on the Unix socket.
fn keep(lane: UnixStream, port: u16, tell: &Sender<Asked>, stop: &Mutex<Receiver<()>>) {
    lane.set_nonblocking(true).unwrap();
    let mut lane = Lane::new(lane, Descriptors::Refused).unwrap();
    lane.greet(LaneKind::Lease, soon()).unwrap();
    lane.send(&LeaseAnswer::State { locked: false }, None, Vec::new(), soon()).unwrap();
    loop {
        let wait = Instant::now() + Duration::from_millis(20);
        let parcel = match lane.wait_for::<LeaseRequest>(wait) {
            Ok(parcel) => parcel,
            Err(unix::lane::LaneError::Deadline) if stop.lock().unwrap().try_recv().is_err() => continue,
            Err(_) => return,
        };
        if let LeaseRequest::Probe { seq } = parcel.message {
            lane.send(&LeaseAnswer::Probed { seq }, None, Vec::new(), soon()).unwrap();
            continue;
        }
        let token = parcel.value.as_ref().map(hazmat::text);
        if let LeaseRequest::Open { seq, path, caller, .. } = &parcel.message {
            let (answer, value) = judge(*seq, path, token.as_deref(), *caller, port);
            if let Some(answer) = answer {
                if path == "/v1/revoked" {
                    // Behind each other in one write: nothing of the request runs in between.
                    let cut = |lease| LeaseAnswer::Cut { lease: LeaseId(lease) };
                    lane.push(&cut(8), None).unwrap();
                    lane.push(&answer, value).unwrap();
                    lane.send(&cut(9), None, Vec::new(), soon()).unwrap();
                } else {
                    lane.send(&answer, value, Vec::new(), soon()).unwrap();
                }
            }
        }
        let _ = tell.send((parcel.message, token));
    }
}

fn judge(
    seq: u64,
    path: &str,
    token: Option<&str>,
    caller: proto::lease_lane::Caller,
    port: u16,
) -> (Option<LeaseAnswer>, Option<proto::hazmat::SecretBytes>) {
    let refuse = |refusal| {
        (Some(LeaseAnswer::Refused { seq, refusal, record: Some(RecordSeq(7)), retry_secs: None }), None)
    };
    let is_known = match (token, caller) {
        (Some(token), _) => token == "good",
        (None, proto::lease_lane::Caller::Unix { .. }) => true,
        (None, proto::lease_lane::Caller::Tcp) => false,
    };
    if !is_known {
        return refuse(Refusal::InvalidToken);
    }
    match path {
        "/v1/denied" => refuse(Refusal::NotGranted),
        "/v1/never" => (None, None),
        _ => {
            let opened = LeaseAnswer::Opened {
                seq,
                lease: LeaseId(9),
                scheme: Scheme::Https,
                host: Host::parse("localhost").unwrap(),
                port: if path == "/v1/elsewhere" { port ^ 1 } else { port },
                path: format!("/base{path}"),
                inject: match path {
                    query if query.starts_with("/v1/query") => Inject::Query { name: "token".into() },
                    _ => Inject::Header { name: "authorization".into(), prefix: "Bearer ".into() },
                },
                ending: Ending::Soon,
                ttl_ms: 1000,
            };
            let value = if path == "/v1/huge" { "x".repeat(60 * 1024) } else { value(seq) };
            (Some(opened), Some(hazmat::slot(value.as_bytes())))
        }
    }
}
