//! Servers that do wrong: each its category, what arrived stays, and the next call works.

use std::time::Duration;

use loadtool::http::{Category, Next, Response};
use tokio::net::TcpListener;

use crate::stage::{User, always, answer, server};

fn failed(response: &Response) -> (Category, &str) {
    let error = response.error.as_ref().expect("it fails");
    assert!(!response.expected);
    (error.category, &error.message)
}

#[tokio::test]
async fn a_refused_connection_is_connect() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let user = User::new();
    let response = user.get(format!("http://{free}/")).await;
    let message = format!("cannot connect to {free}: connection refused");
    assert_eq!(failed(&response), (Category::Connect, message.as_str()));
    assert_eq!((response.status, response.timings.duration()), (0, Duration::ZERO));
    let done = user.last();
    assert_eq!((done.opened, done.connect_failed, done.reused), (0, 1, false));
    assert_eq!((done.bytes_sent, done.bytes_received), (0, 0));
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_dns() {
    let user = User::new();
    for _ in 0..2 {
        let response = user.get("http://no-such-name.invalid/").await;
        let (category, message) = failed(&response);
        assert_eq!(category, Category::Dns, "{message}");
        assert!(message.starts_with("cannot resolve no-such-name.invalid:80: "), "{message}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_timeout_naming_phase_and_peer() {
    let address = server(|peer| peer.hang()).await;
    let user = User::new().patient(30);
    let response = user.get(format!("http://{address}/")).await;
    let message = format!("timeout after 30ms while waiting for the response head from {address}");
    assert_eq!(failed(&response), (Category::Timeout, message.as_str()));
    assert!(response.duration >= Duration::from_millis(30));
    let done = user.last();
    assert_eq!((done.opened, done.connect_failed), (1, 0));
    assert!(done.timings.wait >= Duration::from_millis(20), "{:?}", done.timings);
    assert!(done.bytes_sent > 0);
}

#[tokio::test]
async fn a_connection_that_is_never_accepted_is_timeout_by_connect_timeout() {
    // A full backlog: the kernel drops what comes beyond it.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let dial =
        || tokio::time::timeout(Duration::from_millis(50), tokio::net::TcpStream::connect(address));
    let mut taken = Vec::new();
    while let Ok(stream) = dial().await {
        taken.push(stream);
    }
    let user = User::new().set(|options| options.connect_timeout = Duration::from_millis(40));
    let response = user.get(format!("http://{address}/")).await;
    let message = format!("timeout after 40ms while connecting to {address}");
    assert_eq!(failed(&response), (Category::Timeout, message.as_str()));
    assert_eq!(user.last().connect_failed, 1);

    let user = User::new().patient(40);
    let response = user.get(format!("http://{address}/")).await;
    assert_eq!(failed(&response), (Category::Timeout, message.as_str()));
    assert_eq!(user.last().connect_failed, 1, "one that was given up counts too");
}

#[tokio::test]
async fn a_connection_that_ends_before_the_head_is_reset() {
    let closing = server(|mut peer| async move { peer.request().await }).await;
    let resetting = server(|mut peer| async move {
        let _ = peer.request().await;
        peer.reset();
    })
    .await;
    let half_a_head = server(|mut peer| async move {
        peer.request().await?;
        peer.send("HTTP/1.1 200 OK\r\nx-a: ").await
    })
    .await;
    for address in [closing, resetting, half_a_head] {
        let response = User::new().get(format!("http://{address}/")).await;
        let (category, message) = failed(&response);
        assert_eq!(category, Category::Reset, "{message}");
        assert!(message.contains(&format!("from {address}")), "{message}");
    }
}

#[tokio::test]
async fn garbage_is_protocol() {
    let garbage: [&[u8]; 5] = [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"\x16\x03\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\r\n\r\n",
    ];
    for bytes in garbage {
        let address = always(bytes).await;
        let response = User::new().patient(5000).get(format!("http://{address}/")).await;
        let (category, message) = failed(&response);
        assert_eq!(category, Category::Protocol, "{}: {message}", String::from_utf8_lossy(bytes));
        assert!(message.contains(&address.to_string()), "{message}");
    }
}

#[tokio::test]
async fn a_truncated_body_is_body_and_what_arrived_stays() {
    let truncated = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nhalf of it\r\n";
    let bad_chunk = format!("{chunked}no length\r\n");
    for (text, close) in [(truncated, true), (chunked, true), (bad_chunk.as_str(), false)] {
        let text = text.to_owned();
        let address = server(move |mut peer| {
            let text = text.clone();
            async move {
                peer.request().await.unwrap();
                peer.send(text).await.unwrap();
                if !close {
                    peer.hang().await;
                }
            }
        })
        .await;
        let response = User::new().patient(5000).get(format!("http://{address}/")).await;
        let (category, message) = failed(&response);
        assert_eq!(category, Category::Body, "{message}");
        assert!(message.contains("(10 bytes arrived)"), "{message}");
        assert_eq!((response.status, &response.body[..]), (200, &b"half of it"[..]));
        assert_eq!(response.size, 10);
    }
}

#[tokio::test]
async fn a_dripping_body_ends_at_the_timeout_and_what_arrived_stays() {
    let address = server(|mut peer| async move {
        peer.request().await.unwrap();
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await.unwrap();
        while peer.send("x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let user = User::new().patient(60);
    let response = user.get(format!("http://{address}/")).await;
    let (category, message) = failed(&response);
    assert_eq!(category, Category::Timeout);
    assert!(message.starts_with("timeout after 60ms while reading the body from"), "{message}");
    assert!(!response.body.is_empty() && response.body.iter().all(|&byte| byte == b'x'));
    assert_eq!(response.size as usize, response.body.len());
    assert!(user.last().timings.receive > Duration::ZERO);
}

#[tokio::test]
async fn endless_chunks_end_at_the_limit_or_if_discarded_at_the_timeout() {
    let address = server(|mut peer| async move {
        peer.request().await.unwrap();
        peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        while peer.send(&chunk).await.is_ok() {}
    })
    .await;
    let url = format!("http://{address}/");
    let user = User::new().set(|options| options.body_limit = 100_000);
    let response = user.get(&url).await;
    let (category, message) = failed(&response);
    assert_eq!(category, Category::BodyTooLarge, "{message}");
    assert_eq!((response.status, response.body.len()), (200, 100_000));

    let user = User::new().patient(50).set(|options| {
        (options.discard_body, options.body_limit) = (true, 100);
    });
    let response = user.get(&url).await;
    assert_eq!(failed(&response).0, Category::Timeout);
    assert!(response.body.is_empty() && response.size > 100, "{}", response.size);
}

#[tokio::test]
async fn redirects_for_ever_are_redirect() {
    let address = always(answer("302 Found\nlocation: /again", "")).await;
    let user = User::new().set(|options| options.redirects = 3);
    let response = user.get(format!("http://{address}/")).await;
    let message = "more than 3 redirects; the next would go to /again";
    assert_eq!(failed(&response), (Category::Redirect, message));
    assert_eq!((response.status, response.hops), (302, 3));
    let seen = user.seen.borrow();
    let told: Vec<_> = seen.iter().map(|seen| (seen.hop, seen.next == Next::Redirect)).collect();
    assert_eq!(told, [(0, true), (1, true), (2, true), (3, false)]);
}

#[tokio::test]
async fn a_user_that_met_a_failure_goes_on() {
    let address = server(|mut peer| async move {
        peer.request().await.unwrap();
        if peer.number == 0 {
            return peer.reset();
        }
        peer.send(answer("200 OK", "ok")).await.unwrap();
    })
    .await;
    let (user, url) = (User::new(), format!("http://{address}/"));
    assert_eq!(failed(&user.get(&url).await).0, Category::Reset);
    let response = user.get(&url).await;
    assert_eq!((response.status, response.error, &response.body[..]), (200, None, &b"ok"[..]));
}
