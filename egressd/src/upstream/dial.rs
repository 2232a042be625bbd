//! A fresh connection to a provider: resolved, checked, dialled, and TLS shaken hands.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use proto::control_lane::{Proxy, Scheme, Transport};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::resolve::Resolver;
use super::transports::Place;
use super::{address, proxy};
use crate::prepare::Outside;
use crate::refusal::Cause;

/// How long an address is tried alone before the next is tried beside it (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);
const PRIVATE: Cause = Cause::UpstreamUnreachable(
    "its address is a private one; set allow_private for it in secrets.providers.toml if that is meant",
);

/// A connection to a provider.
pub(super) enum Wire {
    /// To loopback only.
    Plain(TcpStream),
    /// TLS 1.2 or 1.3.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects within the place's time for TCP, a proxy and TLS together.
pub(super) async fn dial(place: &Place, outside: &Outside, resolver: &Resolver) -> Result<Wire, Cause> {
    let transport = &place.transport;
    let deadline = Instant::now() + Duration::from_millis(u64::from(transport.connect_timeout_ms));
    let stream = match outside.proxy_for(transport) {
        Some(proxy) => through(proxy, transport, resolver, deadline).await?,
        None => straight(transport, resolver, deadline).await?,
    };
    match transport.scheme {
        Scheme::Http => Ok(Wire::Plain(stream)),
        Scheme::Https => shake_hands(place, stream, deadline).await,
    }
}

async fn straight(transport: &Transport, resolver: &Resolver, deadline: Instant) -> Result<TcpStream, Cause> {
    let Ok(found) = timeout_at(deadline, resolver.addresses(&transport.host)).await else {
        return Err(Cause::UpstreamTimeout);
    };
    if found.is_empty() {
        return Err(Cause::UpstreamUnreachable("its name has no address"));
    }
    let allowed: Vec<_> = found.into_iter().filter(|address| may_dial(*address, transport)).collect();
    if allowed.is_empty() {
        return Err(PRIVATE);
    }
    connect(&allowed, transport.port, deadline).await
}

/// A tunnel through the proxy, which looks the name up on its side: that it means an address of the
/// internet is the proxy's to see to.
async fn through(
    proxy: &Proxy,
    transport: &Transport,
    resolver: &Resolver,
    deadline: Instant,
) -> Result<TcpStream, Cause> {
    let host = &transport.host;
    let is_ours = host.is_localhost() || host.address().is_some_and(|address| !may_dial(address, transport));
    if is_ours || transport.scheme == Scheme::Http {
        return Err(PRIVATE);
    }
    let Ok(found) = timeout_at(deadline, resolver.addresses(&proxy.host)).await else {
        return Err(Cause::UpstreamTimeout);
    };
    if found.is_empty() {
        return Err(Cause::UpstreamUnreachable("the name of its upstream_proxy has no address"));
    }
    let mut stream = connect(&found, proxy.port, deadline)
        .await
        .map_err(|_| Cause::UpstreamUnreachable("the upstream_proxy takes no connections"))?;
    match timeout_at(deadline, proxy::tunnel(&mut stream, host, transport.port)).await {
        Ok(made) => made.map(|()| stream),
        Err(_) => Err(Cause::UpstreamTimeout),
    }
}

fn may_dial(address: IpAddr, transport: &Transport) -> bool {
    let is_readable_by_others = transport.scheme == Scheme::Http && !address.to_canonical().is_loopback();
    !is_readable_by_others && address::may_dial(address, transport)
}

/// Tries the addresses in their order, each a moment behind the one before; who answers first is it
/// (RFC 8305 section 5). A whole timeout is not waited for what leads nowhere.
async fn connect(addresses: &[IpAddr], port: u16, deadline: Instant) -> Result<TcpStream, Cause> {
    let mut waiting = addresses.iter();
    let mut attempts = JoinSet::new();
    let mut last = Cause::UpstreamTimeout;
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(TcpStream::connect(SocketAddr::new(*address, port)));
        } else if attempts.is_empty() {
            return Err(last);
        }
        let is_last = waiting.as_slice().is_empty();
        let until = if is_last { deadline } else { deadline.min(Instant::now() + HEAD_START) };
        match timeout_at(until, attempts.join_next()).await {
            Ok(Some(Ok(Ok(stream)))) => {
                // Small writes carry whole events; waiting to fill a segment would delay each.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Some(Ok(Err(_)) | Err(_))) => last = Cause::UpstreamUnreachable("it takes no connections"),
            Ok(None) => {}
            Err(_) if until == deadline => return Err(Cause::UpstreamTimeout),
            Err(_) => {}
        }
    }
}

async fn shake_hands(place: &Place, stream: TcpStream, deadline: Instant) -> Result<Wire, Cause> {
    let name = match place.transport.host.address() {
        Some(address) => ServerName::IpAddress(address.into()),
        None => ServerName::try_from(place.transport.host.as_str().to_owned())
            .map_err(|_| Cause::UpstreamTls("its name cannot stand in a certificate"))?,
    };
    let connector = TlsConnector::from(Arc::clone(&place.tls));
    match timeout_at(deadline, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Wire::Tls(Box::new(stream))),
        Ok(Err(error)) => Err(tls_cause(&error)),
        Err(_) => Err(Cause::UpstreamTimeout),
    }
}

fn tls_cause(error: &io::Error) -> Cause {
    let refused = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match refused {
        Some(rustls::Error::InvalidCertificate(_)) => Cause::UpstreamTls(
            "its certificate is not trusted, expired or of another name; a certificate of its own goes \
             into ca_file in secrets.providers.toml",
        ),
        Some(_) => Cause::UpstreamTls("the handshake failed"),
        None => Cause::UpstreamUnreachable("it broke off the TLS handshake"),
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, to),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, to),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, from),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, from),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, from),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, from),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::Outside;
    use crate::upstream::resolve::Names;
    use crate::upstream::transports::Transports;
    use proto::name::{Host, ProviderId};
    use std::io::Write;
    use std::net::TcpListener;

    async fn try_dial(scheme: Scheme, host: &str, port: u16, allow_private: bool) -> Result<Wire, Cause> {
        dial_with(None, scheme, host, port, allow_private).await
    }

    async fn dial_with(
        proxy: Option<Proxy>,
        scheme: Scheme,
        host: &str,
        port: u16,
        allow_private: bool,
    ) -> Result<Wire, Cause> {
        let transport = Transport {
            provider: ProviderId::parse("acme").unwrap(),
            scheme,
            host: Host::parse(host).unwrap(),
            port,
            allow_private,
            connect_timeout_ms: 200,
            idle_timeout_ms: 0,
            scrub: true,
            errors: proto::control_lane::ErrorShape::OpenAi,
            token_slots: Vec::new(),
        };
        let mut notes = Vec::new();
        let transports = Transports::open(vec![transport], Vec::new(), &mut notes).unwrap();
        let outside = Arc::new(Outside { transports, names: Names::read(&mut notes), proxy });
        let resolver = Resolver::new(Arc::clone(&outside));
        dial(outside.transports.place(0).unwrap(), &outside, &resolver).await
    }

    #[tokio::test]
    async fn plain_http_goes_to_loopback_with_leave_only() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(matches!(try_dial(Scheme::Http, "localhost", port, true).await, Ok(Wire::Plain(_))));
        for (host, allow_private) in
            [("127.0.0.1", false), ("192.0.2.1", true), ("10.0.0.1", true), ("1.1.1.1", true)]
        {
            let refused = try_dial(Scheme::Http, host, port, allow_private).await.err();
            assert!(matches!(refused, Some(Cause::UpstreamUnreachable(_))), "{host}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn behind_a_proxy_a_private_address_is_dialled_with_leave_only_and_never_through_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // Nobody is there: who is not refused before, finds that out.
        let proxy = || Some(Proxy { host: Host::parse("127.0.0.1").unwrap(), port: 1 });
        for host in ["10.0.0.1", "127.0.0.1", "169.254.169.254", "localhost", "x.localhost"] {
            let refused = dial_with(proxy(), Scheme::Https, host, port, false).await.err();
            assert_eq!(refused, Some(PRIVATE), "{host}");
        }
        assert!(matches!(
            dial_with(proxy(), Scheme::Http, "localhost", port, true).await,
            Ok(Wire::Plain(_))
        ));
        let no_proxy = Some(Cause::UpstreamUnreachable("the upstream_proxy takes no connections"));
        assert_eq!(dial_with(proxy(), Scheme::Https, "api.example", 443, false).await.err(), no_proxy);
    }

    #[tokio::test]
    async fn a_peer_that_says_nothing_or_nonsense_is_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let cause = try_dial(Scheme::Https, "127.0.0.1", port, true).await.err();
        assert_eq!(cause, Some(Cause::UpstreamTimeout));
        let odd = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = odd.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = odd.accept().unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
        });
        let cause = try_dial(Scheme::Https, "127.0.0.1", port, true).await.err();
        assert!(matches!(cause, Some(Cause::UpstreamTls(_))), "{cause:?}");
        drop(silent);
        let cause = try_dial(Scheme::Https, "127.0.0.1", 1, true).await.err();
        assert!(matches!(cause, Some(Cause::UpstreamUnreachable(_))), "{cause:?}");
    }

    #[tokio::test]
    async fn an_address_that_never_answers_does_not_hold_up_the_next() {
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = good.local_addr().unwrap().port();
        let silent = tokio::net::TcpSocket::new_v4().unwrap();
        silent.bind(SocketAddr::new([127, 0, 0, 2].into(), port)).unwrap();
        let silent = silent.listen(1).unwrap();
        let at = silent.local_addr().unwrap();
        // Whoever comes once its queue is full is not answered.
        let moment = Duration::from_millis(300);
        let mut queue = Vec::new();
        while let Ok(taken) = tokio::time::timeout(moment, TcpStream::connect(at)).await {
            queue.push(taken.unwrap());
        }
        let deadline = Instant::now() + Duration::from_secs(30);
        let begun = Instant::now();
        let made = connect(&[at.ip(), [127, 0, 0, 1].into()], port, deadline).await.unwrap();
        assert_eq!(made.peer_addr().unwrap(), good.local_addr().unwrap());
        assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
        let refused = connect(&[at.ip()], port, Instant::now() + moment).await.err();
        assert_eq!(refused, Some(Cause::UpstreamTimeout));
        drop((silent, queue));
    }
}
