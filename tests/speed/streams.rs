//! A thousand streams at once: what each event is late for having come through the gateway.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::Full;
use hyper::Request;
use hyper::body::{Body, Bytes, Incoming};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tests::standin::SCRIPT_HEADER;
use tests::world::files::as_many_as_may_be;
use tests::world::{Binaries, Layout, World};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// At once through the gateway.
const STREAMS: usize = 1000;
/// At the same time straight to the provider, so that whatever the machine does falls on both.
const DIRECT: usize = 100;
/// Each has so many, one a second.
const EVENTS: usize = 60;
/// How much later than any direct one an event may be.
const LATE_MAX: Duration = Duration::from_millis(50);

/// How late each event of a stream was.
type Late = Vec<Duration>;

/// Asks for a stream on that connection, and reads it to its end.
async fn stream<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    socket: S,
    target: &str,
    credential: &str,
) -> Late {
    let (mut to, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.unwrap();
    // It ends with the stream.
    tokio::spawn(connection);
    let request = Request::post(target)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {credential}"))
        .header(SCRIPT_HEADER, format!("stamped pieces={EVENTS} gap=1000"))
        .body(Full::new(Bytes::from_static(br#"{"model":"m","stream":true,"messages":[]}"#)))
        .unwrap();
    let response = to.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    read(response.into_body()).await
}

async fn read(mut body: Incoming) -> Late {
    let (mut text, mut late) = (String::new(), Vec::new());
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let arrived = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        text.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            let stamp = event.lines().next().and_then(|line| line.strip_prefix(": ")).unwrap();
            late.push(arrived.saturating_sub(Duration::from_micros(stamp.parse().unwrap())));
            if event.contains("[DONE]") {
                assert!(text.is_empty(), "nothing comes behind the end");
                return late;
            }
        }
    }
    panic!("the stream ended before its end, after {} events", late.len());
}

async fn through(port: u16, token: Arc<str>) -> Late {
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream(socket, "/proxy/openai/v1/chat/completions", &token).await
}

async fn straight(port: u16, tls: TlsConnector, key: Arc<str>) -> Late {
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let socket = tls.connect(name, socket).await.unwrap();
    stream(socket, "/v1/chat/completions", &key).await
}

fn connector(world: &World) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(world.standin().ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Both kinds at once; each stream has come whole.
async fn all(world: &World) -> (Vec<Duration>, Vec<Duration>) {
    let (token, key) = (Arc::from(world.token()), Arc::from(world.key()));
    let (mut ours, mut direct) = (JoinSet::new(), JoinSet::new());
    let tls = connector(world);
    for number in 0..STREAMS {
        ours.spawn(through(world.port(), Arc::clone(&token)));
        if number % (STREAMS / DIRECT) == 0 {
            direct.spawn(straight(world.standin().port(), tls.clone(), Arc::clone(&key)));
        }
        // Spread over a second, as their events will be.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut lates = (Vec::new(), Vec::new());
    for (streams, lates) in [(&mut ours, &mut lates.0), (&mut direct, &mut lates.1)] {
        while let Some(stream) = streams.join_next().await {
            let late = stream.unwrap();
            // The words, what ends them, and the end.
            assert_eq!(late.len(), EVENTS + 2, "none is lost");
            lates.extend(late);
        }
        lates.sort();
    }
    lates
}

fn shown(lates: &[Duration]) -> String {
    let last = lates.len() - 1;
    let (half, most) = (lates[last / 2], lates[last - last / 1000]);
    format!("half within {half:?}, 99.9 % within {most:?}, all within {:?}", lates[last])
}

#[test]
fn of_a_thousand_streams_no_event_is_lost_or_late() {
    as_many_as_may_be();
    let world = World::with(Binaries::of_release(), Layout::of_this_run()).initialized().granted();
    let _broker = world.broker();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (ours, direct) = runtime.block_on(all(&world));
    println!("through the gateway: {}\nstraight: {}", shown(&ours), shown(&direct));
    let (latest, bound) = (ours.last().unwrap(), *direct.last().unwrap() + LATE_MAX);
    assert!(*latest <= bound, "{}; straight: {}", shown(&ours), shown(&direct));
}
