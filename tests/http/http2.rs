//! HTTP/2: how it is agreed on, streams side by side on one connection, and their ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::{Method, Request};
use loadtool::http::{Category, TlsOptions, TransportOptions, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use crate::stage::{Peer, User, always, answer, server};
use crate::tls::Secure;

type Stream = (Request<RecvStream>, SendResponse<Bytes>);

/// Serves HTTP/2 on one connection: answers 200 with the path, or does what the path says.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(peer: Peer<S>, at_once: u32) {
    let mut builder = Builder::new();
    let Ok(mut connection) = builder.max_concurrent_streams(at_once).handshake(peer.stream).await
    else {
        return;
    };
    while let Some(Ok((request, mut response))) = connection.accept().await {
        match request.uri().path() {
            "/refused" => response.send_reset(Reason::REFUSED_STREAM),
            "/cancel" => response.send_reset(Reason::CANCEL),
            "/calm" => connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM),
            "/last" => {
                connection.graceful_shutdown();
                tokio::spawn(respond((request, response)));
            }
            _ => drop(tokio::spawn(respond((request, response)))),
        }
    }
}

async fn respond((request, mut response): Stream) {
    let path = request.uri().path().to_owned();
    let mut body = request.into_body();
    let mut size = 0;
    while let Some(Ok(chunk)) = body.data().await {
        size += chunk.len();
        let _ = body.flow_control().release_capacity(chunk.len());
    }
    if path == "/slow" {
        sleep(Duration::from_millis(150)).await;
    }
    let Ok(mut stream) = response.send_response(http::Response::new(()), false) else { return };
    if path == "/half" {
        let _ = stream.send_data("half".into(), false);
        sleep(Duration::from_millis(50)).await;
        return stream.send_reset(Reason::INTERNAL_ERROR);
    }
    let _ = stream.send_data(format!("{path} {size}").into(), true);
}

/// The port of a server of HTTP/2 without TLS, and how many requests came to it.
async fn plain(at_once: u32) -> String {
    let address = server(move |peer| serve(peer, at_once)).await;
    format!("http://{address}")
}

fn of(version: Version) -> User {
    User::with(&TransportOptions { version, ..Default::default() })
}

async fn secure(protocols: &[&str]) -> Secure {
    Secure::new(protocols, |peer| async move {
        match peer.stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => serve(peer, 100).await,
            _ => drop(peer.answer(|_| answer("200 OK", "one")).await),
        }
    })
    .await
}

fn trusting(server: &Secure, version: Version) -> User {
    let tls = TlsOptions { ca: Some(server.cacert.clone()), ..Default::default() };
    User::with(&TransportOptions { version, tls, ..Default::default() })
}

#[tokio::test]
async fn over_tls_the_version_is_agreed_on() {
    let cases: [(&[&str], Version, &str); 9] = [
        (&["h2", "http/1.1"], Version::Auto, "2"),
        (&["http/1.1"], Version::Auto, "1.1"),
        (&[], Version::Auto, "1.1"),
        (&["h2", "http/1.1"], Version::Http1, "1.1"),
        (&["h2", "http/1.1"], Version::Http2, "2"),
        (&["h2"], Version::PriorKnowledge, "2"),
        (&["http/1.1"], Version::Http2, "tls"),
        (&["h2"], Version::Http1, "tls"),
        (&[], Version::Http2, "protocol"), // it does not say what it speaks, and it is not 2
    ];
    for (protocols, version, expected) in cases {
        let server = secure(protocols).await;
        let response = trusting(&server, version).get(server.url()).await;
        let told = response.error.as_ref().map_or(response.proto, |error| error.category.as_str());
        assert_eq!(told, expected, "{protocols:?} {version:?}: {:?}", response.error);
    }
}

#[tokio::test]
async fn a_connection_is_opened_once_and_used_again() {
    let (url, user) = (plain(100).await, of(Version::PriorKnowledge));
    for k in 0..4 {
        let response = user.get(format!("{url}/{k}")).await;
        assert_eq!((response.proto, response.error), ("2", None));
        assert_eq!(response.body, format!("/{k} 0"));
        assert_eq!((response.reused, user.last().opened), (k > 0, u8::from(k == 0)));
    }
}

#[tokio::test]
async fn bodies_of_any_size_go_along() {
    let (url, user) = (plain(100).await, of(Version::PriorKnowledge));
    let sizes = [0, 1, 64 << 10, 300_000];
    let calls = sizes.map(|size| user.send(Method::POST, format!("{url}/"), &[], "x".repeat(size)));
    for (size, response) in sizes.iter().zip(join_all(calls).await) {
        assert_eq!((response.error, &*response.body), (None, format!("/ {size}").as_bytes()));
    }
}

#[tokio::test]
async fn streams_share_a_connection_that_one_of_them_opens() {
    let server = secure(&["h2"]).await;
    let user = trusting(&server, Version::Http2);
    let responses = join_all((0..5).map(|_| user.get(server.url()))).await;
    for response in &responses {
        assert_eq!((response.proto, &response.error), ("2", &None));
        // Those that opened nothing waited for the handshake too, and it is in no service time.
        assert!(response.timings.blocked > Duration::ZERO, "{:?}", response.timings);
        assert!(response.duration >= response.timings.blocked + response.timings.duration());
    }
    let opened: u32 = user.seen.borrow().iter().map(|seen| u32::from(seen.done.opened)).sum();
    assert_eq!(opened, 1);
    assert_eq!(responses.iter().filter(|response| !response.reused).count(), 1);
    assert_eq!(responses.iter().filter(|r| r.timings.tls > Duration::ZERO).count(), 1);
}

#[tokio::test]
async fn a_stream_that_waits_for_its_turn_is_blocked() {
    let (url, user) = (plain(1).await, of(Version::PriorKnowledge));
    assert_eq!(user.get(&url).await.error, None); // the server's settings are known now
    let responses = join_all((0..4).map(|_| user.get(format!("{url}/slow")))).await;
    let mut blocked: Vec<Duration> = responses.iter().map(|r| r.timings.blocked).collect();
    blocked.sort();
    // One is on the wire and one in the connection's hands; the others wait 150 ms and more.
    assert!(blocked[2] > Duration::from_millis(100), "{blocked:?}");
    assert!(blocked[3] > Duration::from_millis(250), "{blocked:?}");
    assert!(responses.iter().all(|response| response.reused && response.error.is_none()));
}

#[tokio::test]
async fn calls_at_once_under_auto_end_on_one_connection() {
    let server = secure(&["h2", "http/1.1"]).await;
    let user = trusting(&server, Version::Auto);
    for _ in 0..3 {
        for response in join_all((0..6).map(|_| user.get(server.url()))).await {
            assert_eq!((response.proto, response.error), ("2", None));
        }
    }
    let opened: u32 = user.seen.borrow().iter().map(|seen| u32::from(seen.done.opened)).sum();
    assert!((1..=6).contains(&opened), "{opened}");
}

#[tokio::test]
async fn streams_and_connections_that_the_server_ends_are_reset_and_not_tried_again() {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let address = server(move |peer| {
        count.fetch_add(1, Relaxed);
        serve(peer, 100)
    })
    .await;
    let user = of(Version::PriorKnowledge);
    for (path, category, words, connections) in [
        ("refused", Category::Reset, "refused", 1),
        ("cancel", Category::Reset, "no longer needed", 1),
        ("half", Category::Body, "4 bytes arrived", 1),
        ("calm", Category::Reset, "connection lost", 1),
        ("refused", Category::Reset, "refused", 2),
    ] {
        let response = user.get(format!("http://{address}/{path}")).await;
        let error = response.error.expect(path);
        assert_eq!(error.category, category, "{path}: {}", error.message);
        assert!(error.message.contains(words), "{path}: {}", error.message);
        assert_eq!(seen.load(Relaxed), connections, "{path}");
    }
}

#[tokio::test]
async fn a_connection_that_the_server_retires_is_replaced_without_an_error() {
    let (url, user) = (plain(100).await, of(Version::PriorKnowledge));
    for _ in 0..3 {
        let response = user.get(format!("{url}/last")).await;
        assert_eq!((response.error, response.reused), (None, false));
        sleep(Duration::from_millis(50)).await; // the connection's end must have had its turn
    }
}

#[tokio::test]
async fn a_server_of_version_1_is_told_apart_from_a_lost_connection() {
    let address = always("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await;
    let error = of(Version::PriorKnowledge).get(format!("http://{address}/")).await.error.unwrap();
    assert_eq!(error.category, Category::Protocol, "{}", error.message);
}

#[tokio::test]
async fn version_2_over_plain_http_says_what_to_write() {
    let error = of(Version::Http2).get("http://127.0.0.1:1/").await.error.unwrap();
    assert_eq!(error.category, Category::Protocol);
    assert!(error.message.contains("version = \"h2c\""), "{}", error.message);
}
