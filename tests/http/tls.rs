//! TLS: whom to trust, and the times of its handshake.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use loadtool::http::{Category, Transport, TransportOptions};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use crate::stage::{Peer, User, answer, line, server};

/// A server with a certificate for `localhost`, and the file of who signed it. It answers with
/// the kind of the handshake, and `/close` ends the connection.
struct Secure {
    port: u16,
    cacert: PathBuf,
    _folder: tempfile::TempDir,
}

async fn secure() -> Secure {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let address = server(move |peer| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(peer.stream).await else { return };
            let kind = format!("{:?}", stream.get_ref().1.handshake_kind().unwrap());
            let secure = Peer { stream, number: peer.number };
            let answers = secure.answer(move |request| match line(request) {
                "GET /close HTTP/1.1" => answer("200 OK\nconnection: close", &kind),
                _ => answer("200 OK", &kind),
            });
            // It ends when the client goes.
            let _ = answers.await;
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let cacert = folder.path().join("ca.pem");
    std::fs::write(&cacert, authority.pem()).unwrap();
    Secure { port: address.port(), cacert, _folder: folder }
}

fn trusting(cacert: PathBuf) -> User {
    User::with(&TransportOptions { cacert: Some(cacert), ..Default::default() })
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_tls() {
    let server = secure().await;
    let user = User::new();
    let response = user.get(format!("https://localhost:{}/", server.port)).await;
    let error = response.error.unwrap();
    assert_eq!(error.category, Category::Tls, "{}", error.message);
    let starts = format!("the TLS handshake with localhost:{} failed: ", server.port);
    assert!(error.message.starts_with(&starts), "{}", error.message);
    assert_eq!((user.last().opened, user.last().connect_failed), (0, 1));
    assert!(user.last().timings.tls > Duration::ZERO);
}

#[tokio::test]
async fn cacert_vouches_for_it_under_its_own_names_alone() {
    let server = secure().await;
    let user = trusting(server.cacert.clone());
    let response = user.get(format!("https://localhost:{}/", server.port)).await;
    assert_eq!((response.status, response.error, response.proto), (200, None, "1.1"));
    let response = user.get(format!("https://127.0.0.1:{}/", server.port)).await;
    let error = response.error.unwrap();
    assert_eq!(error.category, Category::Tls, "{}", error.message);
}

#[tokio::test]
async fn insecure_takes_any() {
    let server = secure().await;
    let user = User::with(&TransportOptions { insecure: true, ..Default::default() });
    let response = user.get(format!("https://localhost:{}/", server.port)).await;
    assert_eq!((response.status, response.error), (200, None));
}

#[tokio::test]
async fn the_handshake_is_timed_apart_and_happens_once() {
    let server = secure().await;
    let user = trusting(server.cacert.clone());
    let url = format!("https://localhost:{}/", server.port);
    assert_eq!(user.get(&url).await.body, "Full");
    let timings = user.last().timings;
    assert!(timings.dns > Duration::ZERO && timings.connect > Duration::ZERO, "{timings:?}");
    assert!(timings.tls > Duration::ZERO, "{timings:?}");
    assert!(timings.blocked >= timings.dns + timings.connect + timings.tls, "{timings:?}");
    let again = user.get(&url).await;
    assert!(again.reused);
    assert_eq!(again.timings.tls, Duration::ZERO);
}

#[tokio::test]
async fn each_user_resumes_sessions_of_its_own() {
    let server = secure().await;
    let user = trusting(server.cacert.clone());
    let url = format!("https://localhost:{}/close", server.port);
    assert_eq!(user.get(&url).await.body, "Full");
    assert_eq!(user.get(&url).await.body, "Resumed");
    user.session.reconnect(user.transport.open());
    assert_eq!(user.get(&url).await.body, "Full");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_tls_and_one_that_hangs_names_the_handshake() {
    let plain = server(|peer| peer.answer(|_| answer("200 OK", ""))).await;
    let silent = server(|peer| peer.hang()).await;
    let closing = server(|mut peer| async move { peer.send("").await }).await;
    let user = User::with(&TransportOptions { insecure: true, ..Default::default() }).patient(200);
    for (address, category) in [
        (plain, Category::Timeout), // it waits for the end of a request that never ends
        (silent, Category::Timeout),
        (closing, Category::Tls),
    ] {
        let error = user.get(format!("https://{address}/")).await.error.unwrap();
        assert_eq!(error.category, category, "{}", error.message);
        assert!(
            error.message.contains(&format!("TLS handshake with {address}")),
            "{}",
            error.message
        );
    }
}

#[tokio::test]
async fn a_cacert_vouches_for_nobody_else() {
    let (one, other) = (secure().await, secure().await);
    let response =
        trusting(other.cacert.clone()).get(format!("https://localhost:{}/", one.port)).await;
    assert_eq!(response.error.unwrap().category, Category::Tls);
}
