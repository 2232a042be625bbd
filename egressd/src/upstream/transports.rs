//! The places egressd was started for. A lease that names any other is not followed: keeperd's
//! word alone does not open a way out, and the kernel holds the ports to the same list (INV-07).

use std::sync::Arc;

use proto::control_lane::{LogLevel, Scheme, Transport};
use proto::failure::{Failure, FailureClass};
use proto::name::ProviderId;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};

use super::trust::Trust;
use crate::keeper::Opened;

/// TLS sessions kept for resumption, of all workers together for one provider.
const SESSIONS: usize = 16;

/// One place, and how to get there.
pub(crate) struct Place {
    /// As the launcher said.
    pub(crate) transport: Transport,
    /// With this provider's trust.
    pub(crate) tls: Arc<ClientConfig>,
}

/// All of them.
pub(crate) struct Transports(Vec<Place>);

impl Transports {
    /// Loads the platform's roots and each provider's anchors.
    pub(crate) fn open(
        transports: Vec<Transport>,
        anchors: Vec<(ProviderId, Vec<u8>)>,
        notes: &mut Vec<(LogLevel, String)>,
    ) -> Result<Self, Failure> {
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let platform = Trust::platform(&crypto, roots(notes));
        let mut places = Vec::with_capacity(transports.len());
        for transport in transports {
            // A provider of two hosts is here twice.
            let own = anchors.iter().filter(|(provider, _)| *provider == transport.provider);
            let own: Vec<_> = own.map(|(_, der)| der.clone()).collect();
            let tls = client(&crypto, platform.clone(), own, &transport.provider)?;
            places.push(Place { transport, tls });
        }
        Ok(Self(places))
    }

    /// The place a lease names, if it is one of ours and may be reached in that way.
    pub(crate) fn place_of(&self, provider: &ProviderId, opened: &Opened) -> Option<(usize, &Place)> {
        self.0.iter().enumerate().find(|(_, place)| {
            let transport = &place.transport;
            transport.provider == *provider
                && transport.scheme == opened.scheme
                && transport.host == opened.host
                && transport.port == opened.port
                && (opened.scheme == Scheme::Https || transport.allow_private)
        })
    }

    /// What is known of a provider, whichever of its places is meant.
    pub(crate) fn of(&self, provider: &ProviderId) -> Option<&Transport> {
        self.0.iter().map(|place| &place.transport).find(|transport| transport.provider == *provider)
    }

    /// The ports of all places.
    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> {
        self.0.iter().map(|place| place.transport.port)
    }

    /// The place with that number.
    pub(crate) fn place(&self, number: usize) -> Option<&Place> {
        self.0.get(number)
    }
}

fn client(
    crypto: &Arc<CryptoProvider>,
    platform: Option<Arc<WebPkiServerVerifier>>,
    anchors: Vec<Vec<u8>>,
    provider: &ProviderId,
) -> Result<Arc<ClientConfig>, Failure> {
    let trust = Trust::new(crypto, platform, anchors).ok_or_else(|| {
        Failure::new(
            FailureClass::Config,
            format!("a certificate in the ca_file of provider {provider} is malformed"),
            "put PEM certificates (X.509) there",
        )
    })?;
    let config = ClientConfig::builder_with_provider(Arc::clone(crypto))
        .with_safe_default_protocol_versions()
        .map_err(|_| Failure::new(FailureClass::Bug, "the TLS library has no protocol version", ""))?;
    let mut config =
        config.dangerous().with_custom_certificate_verifier(Arc::new(trust)).with_no_client_auth();
    // HTTP/2 would carry the value in a compressed header, where a placeholder cannot be replaced.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(Arc::new(config))
}

fn roots(notes: &mut Vec<(LogLevel, String)>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let text = "this machine has no trust anchors: only providers with a ca_file can be reached \
                    (on Debian: apt install ca-certificates)";
        notes.push((LogLevel::Warn, text.to_owned()));
    }
    roots
}
