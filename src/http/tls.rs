//! TLS settings, made once for all users: the system's roots are loaded at the first `https`
//! URL, which takes some ten milliseconds, and not at all if there is none.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::TransportOptions;
use crate::diagnostic::Diagnostic;

/// TLS settings of a process.
#[derive(Debug)]
pub struct Tls {
    insecure: bool,
    extra_roots: Vec<CertificateDer<'static>>,
    none: OnceLock<ClientConfig>,
    made: OnceLock<Result<ClientConfig, rustls::Error>>,
}

impl Tls {
    /// Reads `cacert`, if there is one, and nothing else.
    pub fn new(options: &TransportOptions) -> Result<Tls, Diagnostic> {
        let extra_roots = options.cacert.as_deref().map_or(Ok(Vec::new()), read_roots)?;
        let insecure = options.insecure;
        Ok(Tls { insecure, extra_roots, none: OnceLock::new(), made: OnceLock::new() })
    }

    /// Settings that trust nobody, for connections without TLS.
    pub fn none(&self) -> &ClientConfig {
        self.none.get_or_init(|| {
            let provider = Arc::new(aws_lc_rs::default_provider());
            let mut config = versions(&provider)
                .expect("the provider has ciphers for the default versions")
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth();
            config.resumption = Resumption::disabled();
            config
        })
    }

    /// Settings for `https`, without a store of sessions, which each user has of its own.
    pub fn config(&self) -> Result<&ClientConfig, &rustls::Error> {
        self.made.get_or_init(|| self.make()).as_ref()
    }

    fn make(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = if self.insecure {
            Arc::new(NoVerification(provider.clone()))
        } else {
            Arc::new(Verifier::new_with_extra_roots(self.extra_roots.clone(), provider.clone())?)
        };
        let mut config = versions(&provider)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

type WantsVerifier = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

fn versions(provider: &Arc<CryptoProvider>) -> Result<WantsVerifier, rustls::Error> {
    ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()
}

fn read_roots(file: &Path) -> Result<Vec<CertificateDer<'static>>, Diagnostic> {
    let fault = |message: String| Diagnostic::new(message).at(file, None);
    let pem = std::fs::read(file)
        .map_err(|error| fault(format!("the certificates cannot be read: {error}")))?;
    let roots: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| fault(format!("the certificates are no valid PEM: {error}")))?;
    for root in &roots {
        RootCertStore::empty()
            .add(root.clone())
            .map_err(|error| fault(format!("a certificate cannot be used as a root: {error}")))?;
    }
    if roots.is_empty() {
        let hint = "it must hold at least one `-----BEGIN CERTIFICATE-----` block";
        return Err(fault("there is no certificate in this file".to_owned()).hint(hint));
    }
    Ok(roots)
}

/// `--insecure`: any certificate will do; the handshake itself must still be right.
#[derive(Debug)]
struct NoVerification(Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(pem: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let cacert = folder.path().join("ca.pem");
        std::fs::write(&cacert, pem).unwrap();
        let options = TransportOptions { cacert: Some(cacert), ..Default::default() };
        Tls::new(&options).unwrap_err().message
    }

    #[test]
    fn a_bad_cacert_is_told_before_any_load() {
        assert_eq!(fault(""), "there is no certificate in this file");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(fault(broken).starts_with("a certificate cannot be used as a root"));
        let options = TransportOptions { cacert: Some("no/such.pem".into()), ..Default::default() };
        assert!(Tls::new(&options).unwrap_err().to_string().starts_with("no/such.pem: "));
    }
}
