//! Who is asked, and the bytes of the one request it is asked with.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::Failed;
use crate::options::Options;

/// A gateway, or the upstream itself.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    request: Arc<[u8]>,
}

/// A connection, over TLS or not.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

impl Target {
    /// `--to ADDRESS --token TOKEN --script SCRIPT`, and with `--ca FILE` over TLS, without a gateway.
    pub(crate) fn of(options: &Options) -> Result<Self, Failed> {
        let tls = if options.has("ca") { Some(trusting(options.text("ca")?)?) } else { None };
        let path = if tls.is_some() { "" } else { "/proxy/openai" };
        let (token, script) = (options.text("token")?, options.text("script")?);
        let body = "x".repeat(options.get("body", 256)?);
        let request = format!(
            "POST {path}/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench/1\r\n\
             Accept: application/json\r\nAccept-Encoding: identity\r\nAuthorization: Bearer {token}\r\n\
             x-bench: {script}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let request = request.into_bytes().into();
        Ok(Self { address: options.text("to")?.parse()?, tls, request })
    }

    /// Head and body.
    pub(crate) fn request(&self) -> &[u8] {
        &self.request
    }

    /// A connection for an event loop.
    pub(crate) async fn connect(&self) -> Result<Box<dyn Wire>, Failed> {
        let socket = tokio::net::TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Box::new(socket),
            Some(tls) => {
                let name = ServerName::try_from("localhost")?;
                Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, socket).await?)
            }
        })
    }
}

fn trusting(path: &str) -> Result<Arc<ClientConfig>, Failed> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&fs::read(path)?)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
