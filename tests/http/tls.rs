//! TLS: whom to trust, and the times of its handshake.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use loadtool::http::{Category, TlsOptions, TransportOptions};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::stage::{Peer, User, answer, line, server};

/// A server with a certificate for `localhost`, and the file of who signed it.
pub struct Secure {
    pub port: u16,
    pub cacert: PathBuf,
    _folder: tempfile::TempDir,
}

impl Secure {
    /// A server that speaks these protocols and is `serve` to whoever shook hands.
    pub async fn new<F, Done>(protocols: &[&str], serve: F) -> Secure
    where
        F: Fn(Peer<TlsStream<TcpStream>>) -> Done + Clone + Send + Sync + 'static,
        Done: Future + Send + 'static,
        Done::Output: Send,
    {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        Secure::with(&certificate, &key, &authority.pem(), protocols, serve).await
    }

    /// The same with this certificate; clients trust what is in `trusted`.
    async fn with<F, Done>(
        certificate: &Certificate,
        key: &KeyPair,
        trusted: &str,
        protocols: &[&str],
        serve: F,
    ) -> Secure
    where
        F: Fn(Peer<TlsStream<TcpStream>>) -> Done + Clone + Send + Sync + 'static,
        Done: Future + Send + 'static,
        Done::Output: Send,
    {
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
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let address = server(move |peer| {
            let (acceptor, serve) = (acceptor.clone(), serve.clone());
            async move {
                let Ok(stream) = acceptor.accept(peer.stream).await else { return };
                serve(Peer { stream, number: peer.number }).await;
            }
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let cacert = folder.path().join("ca.pem");
        std::fs::write(&cacert, trusted).unwrap();
        Secure { port: address.port(), cacert, _folder: folder }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}/", self.port)
    }
}

/// Answers with the kind of the handshake and the name that it was for; `/close` ends the
/// connection.
async fn tell(secure: Peer<TlsStream<TcpStream>>) {
    let session = secure.stream.get_ref().1;
    let kind = format!("{:?}", session.handshake_kind().unwrap());
    let name = session.server_name().unwrap_or("nobody").to_owned();
    let answers = secure.answer(move |request| match line(request) {
        "GET /close HTTP/1.1" => answer("200 OK\nconnection: close", &kind),
        "GET /name HTTP/1.1" => answer("200 OK", &name),
        _ => answer("200 OK", &kind),
    });
    // It ends when the client goes.
    let _ = answers.await;
}

async fn secure() -> Secure {
    Secure::new(&["http/1.1"], tell).await
}

pub fn trusting(cacert: PathBuf) -> User {
    User::with(&TransportOptions {
        tls: TlsOptions { ca: Some(cacert), ..Default::default() },
        ..Default::default()
    })
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
    let user = User::with(&TransportOptions {
        tls: TlsOptions { insecure: true, ..Default::default() },
        ..Default::default()
    });
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
    for _ in 0..3 {
        let again = user.get(&url).await;
        assert!(again.reused);
        assert_eq!(again.timings.tls, Duration::ZERO);
        user.session.wire().rest(); // the connection stays what it is
    }
}

#[tokio::test]
async fn each_user_resumes_sessions_of_its_own() {
    let server = secure().await;
    let user = trusting(server.cacert.clone());
    let url = format!("https://localhost:{}/close", server.port);
    assert_eq!(user.get(&url).await.body, "Full");
    assert_eq!(user.get(&url).await.body, "Resumed");
    user.session.reconnect();
    assert_eq!(user.get(&url).await.body, "Full");
}

#[tokio::test]
async fn a_user_that_leaves_says_so_and_nothing_looks_cut_off() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let server = Secure::new(&[], move |mut peer| {
        let tell = tell.clone();
        async move {
            peer.request().await.unwrap();
            peer.send(answer("200 OK", "ok")).await.unwrap();
            let end = peer.stream.read(&mut [0; 16]).await.map_err(|error| error.kind());
            tell.send(end).await.unwrap();
        }
    })
    .await;
    for rests in [false, true] {
        let user = trusting(server.cacert.clone());
        assert_eq!(user.get(server.url()).await.error, None);
        if rests {
            user.session.wire().rest();
        }
        drop(user);
        assert_eq!(told.recv().await, Some(Ok(0)), "it rests: {rests}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_tls_and_one_that_hangs_names_the_handshake() {
    let plain = server(|peer| peer.answer(|_| answer("200 OK", ""))).await;
    let silent = server(|peer| peer.hang()).await;
    let closing = server(|mut peer| async move { peer.send("").await }).await;
    let user = User::with(&TransportOptions {
        tls: TlsOptions { insecure: true, ..Default::default() },
        ..Default::default()
    })
    .patient(200);
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

#[tokio::test]
async fn the_servers_name_is_told_unless_that_is_switched_off() {
    let server = secure().await;
    let url = format!("{}name", server.url());
    assert_eq!(trusting(server.cacert.clone()).get(&url).await.body, "localhost");
    let tls =
        TlsOptions { ca: Some(server.cacert.clone()), without_sni: true, ..Default::default() };
    let user = User::with(&TransportOptions { tls, ..Default::default() });
    assert_eq!(user.get(&url).await.body, "nobody");
}

/// As `openssl req -x509` makes them: signed by itself, and an authority.
fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> (Certificate, KeyPair) {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap(), key)
}

#[tokio::test]
async fn a_certificate_that_signed_itself_is_trusted_if_it_is_the_one_that_was_given() {
    let (certificate, key) = self_signed(|_| {});
    let server = Secure::with(&certificate, &key, &certificate.pem(), &[], tell).await;
    let user = trusting(server.cacert.clone());
    let response = user.get(server.url()).await;
    assert_eq!((response.status, response.error), (200, None));
    let other_name = user.get(format!("https://127.0.0.1:{}/", server.port)).await;
    assert_eq!(other_name.error.unwrap().category, Category::Tls);

    let (look_alike, its_key) = self_signed(|_| {});
    let server = Secure::with(&look_alike, &its_key, &certificate.pem(), &[], tell).await;
    let error = trusting(server.cacert.clone()).get(server.url()).await.error.unwrap();
    assert_eq!(error.category, Category::Tls, "{}", error.message);

    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let (certificate, key) = self_signed(expired);
    let server = Secure::with(&certificate, &key, &certificate.pem(), &[], tell).await;
    let error = trusting(server.cacert.clone()).get(server.url()).await.error.unwrap();
    assert!(error.message.contains("expired"), "{}", error.message);
}
