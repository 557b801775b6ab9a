//! TLS settings, made once for all users: the system's roots are loaded at the first `https`
//! URL, which takes some ten milliseconds, and not at all if there is none.

use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};

use super::identity::{read_identity, read_roots};
use super::settings::{TlsOptions, Version};
use super::trust::{Anybody, verifier};
use crate::diagnostic::Diagnostic;

/// TLS settings of a process.
#[derive(Debug)]
pub struct Tls {
    provider: Arc<CryptoProvider>,
    insecure: bool,
    roots: Vec<CertificateDer<'static>>,
    identity: Option<Arc<CertifiedKey>>,
    sni: bool,
    protocols: Vec<Vec<u8>>,
    none: OnceLock<ClientConfig>,
    made: OnceLock<Result<ClientConfig, rustls::Error>>,
}

impl Tls {
    /// Reads the files that the options name, and nothing else.
    pub fn new(options: &TlsOptions, version: Version) -> Result<Tls, Diagnostic> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let identity = match &options.cert {
            Some(cert) => Some(read_identity(cert, options.key.as_deref(), &provider)?),
            None => None,
        };
        Ok(Tls {
            provider,
            insecure: options.insecure,
            roots: options.ca.as_deref().map_or(Ok(Vec::new()), read_roots)?,
            identity,
            sni: !options.without_sni,
            protocols: protocols(version),
            none: OnceLock::new(),
            made: OnceLock::new(),
        })
    }

    /// Settings that trust nobody, for connections without TLS.
    pub fn none(&self) -> &ClientConfig {
        self.none.get_or_init(|| {
            let mut config = self
                .versions()
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
        let verifier = match self.insecure {
            true => Arc::new(Anybody(self.provider.clone())),
            false => verifier(&self.roots, &self.provider)?,
        };
        let trusting = self.versions()?.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            Some(identity) => trusting
                .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.clone()))),
            None => trusting.with_no_client_auth(),
        };
        config.enable_sni = self.sni;
        config.alpn_protocols = self.protocols.clone();
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    fn versions(&self) -> Result<WantsVerifier, rustls::Error> {
        ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
    }
}

type WantsVerifier = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

/// What is offered to the server, the best first.
fn protocols(version: Version) -> Vec<Vec<u8>> {
    let names: &[&[u8]] = match version {
        Version::Auto => &[b"h2", b"http/1.1"],
        Version::Http1 => &[b"http/1.1"],
        Version::Http2 | Version::PriorKnowledge => &[b"h2"],
    };
    names.iter().map(|name| name.to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn fault(options: &TlsOptions) -> String {
        Tls::new(options, Version::Auto).unwrap_err().message
    }

    /// A folder in which files of these texts are.
    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            Files(tempfile::tempdir().unwrap())
        }

        fn file(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        }
    }

    fn pair() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_bad_ca_is_told_before_any_load() {
        let files = Files::new();
        let told = |pem: &str| {
            let ca = Some(files.file("ca.pem", pem));
            fault(&TlsOptions { ca, ..Default::default() })
        };
        assert_eq!(told(""), "there is no certificate in this file");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(told(broken).starts_with("a certificate cannot be used as a root"));
        let options = TlsOptions { ca: Some("no/such.pem".into()), ..Default::default() };
        let told = Tls::new(&options, Version::Auto).unwrap_err().to_string();
        assert!(told.starts_with("no/such.pem: "), "{told}");
    }

    #[test]
    fn a_certificate_and_its_key_are_one_file_or_two() {
        let (files, (cert, key)) = (Files::new(), pair());
        let both = files.file("both.pem", &format!("{key}{cert}"));
        let (cert, key) = (files.file("cert.pem", &cert), files.file("key.pem", &key));
        for (cert, key) in [(cert, Some(key)), (both, None)] {
            let options = TlsOptions { cert: Some(cert), key, ..Default::default() };
            assert!(Tls::new(&options, Version::Auto).unwrap().identity.is_some());
        }
    }

    #[test]
    fn a_key_that_will_not_do_is_told_before_any_load() {
        let (files, (cert, key), (other, _)) = (Files::new(), pair(), pair());
        let encrypted =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let told = |cert: &str, key: Option<&str>| {
            let cert = Some(files.file("cert.pem", cert));
            let key = key.map(|key| files.file("key.pem", key));
            fault(&TlsOptions { cert, key, ..Default::default() })
        };
        let cases = [
            (&*other, Some(&*key), "this key does not belong to the certificate "),
            (&*cert, None, "there is no private key in this file"),
            (&*cert, Some(&*cert), "there is no private key in this file"),
            (&*key, Some(&*key), "there is no certificate in this file"),
            (&*cert, Some(encrypted), "the key in this file is encrypted"),
            (&*cert, Some(broken), "this key cannot be used: "),
        ];
        for (cert, key, message) in cases {
            let told = told(cert, key);
            assert!(told.starts_with(message), "{told}");
        }
    }
}
