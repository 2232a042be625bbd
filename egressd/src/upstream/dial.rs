//! A fresh connection to a provider: resolved, checked, dialled, and TLS shaken hands.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use proto::control_lane::{Scheme, Transport};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address;
use super::resolve::Resolver;
use super::transports::Place;
use crate::refusal::Cause;

/// A connection to a provider.
pub(super) enum Wire {
    /// To loopback only.
    Plain(TcpStream),
    /// TLS 1.2 or 1.3.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects within the place's time for TCP and TLS together.
pub(super) async fn dial(place: &Place, resolver: &Resolver) -> Result<Wire, Cause> {
    let transport = &place.transport;
    let deadline = Instant::now() + Duration::from_millis(u64::from(transport.connect_timeout_ms));
    let Ok(found) = timeout_at(deadline, resolver.addresses(&transport.host)).await else {
        return Err(Cause::UpstreamTimeout);
    };
    if found.is_empty() {
        return Err(Cause::UpstreamUnreachable("its name has no address"));
    }
    let allowed: Vec<_> = found.into_iter().filter(|address| may_dial(*address, transport)).collect();
    if allowed.is_empty() {
        return Err(Cause::UpstreamUnreachable(
            "its address is a private one; set allow_private for it in secrets.providers.toml if that is meant",
        ));
    }
    let stream = connect(&allowed, transport.port, deadline).await?;
    // Small writes carry whole events; waiting to fill a segment would delay each.
    let _ = stream.set_nodelay(true);
    match transport.scheme {
        Scheme::Http => Ok(Wire::Plain(stream)),
        Scheme::Https => shake_hands(place, stream, deadline).await,
    }
}

fn may_dial(address: IpAddr, transport: &Transport) -> bool {
    let is_readable_by_others = transport.scheme == Scheme::Http && !address.to_canonical().is_loopback();
    !is_readable_by_others && address::may_dial(address, transport)
}

/// Tries one address after the other; each gets its share of the time that is left.
async fn connect(addresses: &[IpAddr], port: u16, deadline: Instant) -> Result<TcpStream, Cause> {
    let mut last = Cause::UpstreamTimeout;
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let until = Instant::now() + left / share;
        match timeout_at(until, TcpStream::connect(SocketAddr::new(*address, port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(_)) => last = Cause::UpstreamUnreachable("it takes no connections"),
            Err(_) => last = Cause::UpstreamTimeout,
        }
    }
    Err(last)
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
        let outside = Arc::new(Outside { transports, names: Names::read(&mut notes) });
        let resolver = Resolver::new(Arc::clone(&outside));
        dial(outside.transports.place(0).unwrap(), &resolver).await
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
}
