//! PEM files: certificates to trust, and the certificate and key that say who we are.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};

use crate::diagnostic::Diagnostic;

/// The certificates of `file`, each fit to be a root.
pub fn read_roots(file: &Path) -> Result<Vec<CertificateDer<'static>>, Diagnostic> {
    let roots = certificates(file, &read(file, "certificates")?)?;
    for root in &roots {
        RootCertStore::empty().add(root.clone()).map_err(|error| {
            let message = format!("a certificate cannot be used as a root: {error}");
            Diagnostic::new(message).at(file, None)
        })?;
    }
    Ok(roots)
}

/// The certificate of `cert` with its key, which is in `key`, or in the same file.
pub fn read_identity(
    cert: &Path,
    key: Option<&Path>,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, Diagnostic> {
    let chain = certificates(cert, &read(cert, "certificate")?)?;
    let file = key.unwrap_or(cert);
    let key = private_key(file, &read(file, "key")?)?;
    let fault = |message: String| Diagnostic::new(message).at(file, None);
    CertifiedKey::from_der(chain, key, provider).map(Arc::new).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            let hint = "give `cert` and `key` that were made for each other";
            fault(format!("this key does not belong to the certificate {}", cert.display()))
                .hint(hint)
        }
        other => fault(format!("this key cannot be used: {other}"))
            .hint("it must be an RSA or EC key in PEM (PKCS#8, PKCS#1 or SEC1)"),
    })
}

fn certificates(file: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Diagnostic> {
    let fault = |message: String| Diagnostic::new(message).at(file, None);
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| fault(format!("the certificates are no valid PEM: {error}")))?;
    if found.is_empty() {
        let hint = "it must hold at least one `-----BEGIN CERTIFICATE-----` block";
        return Err(fault("there is no certificate in this file".to_owned()).hint(hint));
    }
    Ok(found)
}

fn private_key(file: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, Diagnostic> {
    let fault = |message: String| Diagnostic::new(message).at(file, None);
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound if is_encrypted(pem) => {
            let shown = file.display();
            fault("the key in this file is encrypted".to_owned())
                .hint(format!("decrypt it first: openssl pkey -in {shown} -out plain.pem"))
        }
        pem::Error::NoItemsFound => fault("there is no private key in this file".to_owned()).hint(
            "it must hold a `-----BEGIN PRIVATE KEY-----` block, or give `key` beside `cert`",
        ),
        error => fault(format!("the key is no valid PEM: {error}")),
    })
}

fn is_encrypted(pem: &[u8]) -> bool {
    memchr::memmem::find(pem, b"ENCRYPTED").is_some()
}

fn read(file: &Path, what: &str) -> Result<Vec<u8>, Diagnostic> {
    std::fs::read(file).map_err(|error| {
        Diagnostic::new(format!("the {what} cannot be read: {error}")).at(file, None)
    })
}
