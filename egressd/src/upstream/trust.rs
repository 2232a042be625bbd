//! Whom to believe to be a provider: the platform's roots and, for this provider only, the anchors
//! its configuration names.
//!
//! There is no way to accept everybody. An anchor that is the server's own certificate is accepted
//! for what it is, if name and time fit: a certificate authority that signs nothing.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::validity::Validity;

/// Judges certificates for one provider.
#[derive(Debug)]
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    platform: Option<Arc<WebPkiServerVerifier>>,
    anchors: Option<Arc<WebPkiServerVerifier>>,
    pinned: Vec<(CertificateDer<'static>, Validity)>,
}

impl Trust {
    /// The platform's verifier, shared by all providers; none if there are no roots.
    pub(super) fn platform(
        provider: &Arc<CryptoProvider>,
        roots: RootCertStore,
    ) -> Option<Arc<WebPkiServerVerifier>> {
        verifier(provider, roots)
    }

    /// For a provider with those anchors; `None` if one of them is no certificate.
    pub(super) fn new(
        provider: &Arc<CryptoProvider>,
        platform: Option<Arc<WebPkiServerVerifier>>,
        anchors: Vec<Vec<u8>>,
    ) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        let mut pinned = Vec::with_capacity(anchors.len());
        for der in anchors {
            let der = CertificateDer::from(der);
            let validity = Validity::of(&der)?;
            // One that cannot be an authority may still be a server's own.
            let _ = roots.add(der.clone());
            pinned.push((der, validity));
        }
        let anchors = verifier(provider, roots);
        Some(Self { provider: Arc::clone(provider), platform, anchors, pinned })
    }

    fn is_pinned(
        &self,
        leaf: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<bool, Error> {
        let Some((_, validity)) = self.pinned.iter().find(|(pinned, _)| pinned == leaf) else {
            return Ok(false);
        };
        if !validity.holds_at(now.as_secs()) {
            return Err(Error::InvalidCertificate(CertificateError::Expired));
        }
        verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
        Ok(true)
    }
}

fn verifier(provider: &Arc<CryptoProvider>, roots: RootCertStore) -> Option<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().ok()
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.is_pinned(leaf, name, now)? {
            return Ok(ServerCertVerified::assertion());
        }
        let mut refused = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        for judge in [&self.anchors, &self.platform].into_iter().flatten() {
            match judge.verify_server_cert(leaf, intermediates, name, ocsp, now) {
                Ok(verified) => return Ok(verified),
                // Of two errors, the one of the judge that knows the issuer says more.
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    fn check(trust: &Trust, leaf: &[u8], name: &str, now: u64) -> Result<(), Error> {
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        trust.verify_server_cert(&CertificateDer::from(leaf.to_vec()), &[], &name, &[], now).map(drop)
    }

    fn trust(anchors: Vec<Vec<u8>>) -> Trust {
        Trust::new(&Arc::new(rustls::crypto::aws_lc_rs::default_provider()), None, anchors).unwrap()
    }

    fn params(is_ca: IsCa) -> CertificateParams {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        params.is_ca = is_ca;
        params
    }

    const NOW: u64 = 1_780_000_000;
    const LONG_AFTER: u64 = 2_300_000_000;

    #[test]
    fn a_servers_own_certificate_is_accepted_for_its_name_and_time_only() {
        for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
            let own = params(is_ca).self_signed(&KeyPair::generate().unwrap()).unwrap();
            let trusted = trust(vec![own.der().to_vec()]);
            check(&trusted, own.der(), "localhost", NOW).unwrap();
            check(&trusted, own.der(), "other.example", NOW).unwrap_err();
            check(&trusted, own.der(), "localhost", LONG_AFTER).unwrap_err();
            check(&trusted, own.der(), "localhost", 1).unwrap_err();
            check(&trust(vec![]), own.der(), "localhost", NOW).unwrap_err();
        }
    }

    #[test]
    fn an_anchor_vouches_for_what_it_signed_and_for_nothing_else() {
        let authority_key = KeyPair::generate().unwrap();
        let authority = params(IsCa::Ca(BasicConstraints::Unconstrained));
        let anchor = authority.self_signed(&authority_key).unwrap().der().to_vec();
        let issuer = Issuer::new(authority, authority_key);
        let signed = params(IsCa::NoCa).signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        let stranger = params(IsCa::NoCa).self_signed(&KeyPair::generate().unwrap()).unwrap();
        let trusted = trust(vec![anchor]);
        check(&trusted, signed.der(), "localhost", NOW).unwrap();
        check(&trusted, signed.der(), "other.example", NOW).unwrap_err();
        check(&trusted, signed.der(), "localhost", LONG_AFTER).unwrap_err();
        check(&trusted, stranger.der(), "localhost", NOW).unwrap_err();
    }

    #[test]
    fn what_is_no_certificate_is_no_anchor() {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        for der in [vec![], vec![0x30, 0x00], b"-----BEGIN".to_vec()] {
            assert!(Trust::new(&provider, None, vec![der]).is_none());
        }
    }
}
