//! Connections: reuse, phases, and what is counted.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::pin::pin;
use std::time::Duration;

use loadtool::http::{Category, Next, ReqwestTransport, Transport, TransportOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stage::{User, always, answer, server, server_at};

#[tokio::test]
async fn a_connection_is_opened_once_and_its_phases_are_told_once() {
    let address = always(answer("200 OK", "ok")).await;
    let (user, url) = (User::new(), format!("http://localhost:{}/", address.port()));
    let first = user.get(&url).await;
    assert_eq!(first.error, None);
    let done = user.last();
    assert_eq!((done.opened, done.connect_failed, done.reused), (1, 0, false));
    assert!(done.timings.dns > Duration::ZERO && done.timings.connect > Duration::ZERO);
    assert_eq!(done.timings.tls, Duration::ZERO);
    assert!(done.timings.blocked >= done.timings.dns + done.timings.connect);
    for _ in 0..3 {
        let again = user.get(&url).await;
        let done = user.last();
        assert_eq!((done.opened, done.connect_failed, done.reused), (0, 0, true));
        let timings = done.timings;
        let set_up = [timings.blocked, timings.dns, timings.connect, timings.tls];
        assert_eq!(set_up, [Duration::ZERO; 4]);
        assert!(timings.wait > Duration::ZERO && again.reused);
        assert!(again.duration >= timings.duration());
    }
}

#[tokio::test]
async fn an_address_needs_no_resolver_also_in_version_6() {
    let address = server_at("[::1]:0", |peer| peer.answer(|_| answer("200 OK", "six"))).await;
    let user = User::new();
    let response = user.get(format!("http://{address}/")).await;
    assert_eq!((response.body, response.peer), ("six".into(), Some(address)));
    assert_eq!(user.last().timings.dns, Duration::ZERO);
}

#[tokio::test]
async fn a_server_that_closes_after_each_answer_gets_a_new_connection_each_time() {
    let address = always(answer("200 OK\nconnection: close", "bye")).await;
    let user = User::new();
    for _ in 0..3 {
        let response = user.get(format!("http://{address}/")).await;
        assert_eq!((response.error, response.reused), (None, false));
        assert_eq!(user.last().opened, 1);
    }
}

#[tokio::test]
async fn a_body_that_ends_with_its_connection_is_whole() {
    let address = server(|mut peer| async move {
        peer.request().await.unwrap();
        peer.send("HTTP/1.0 200 OK\r\n\r\nuntil the end").await.unwrap();
    })
    .await;
    let response = User::new().get(format!("http://{address}/")).await;
    assert_eq!((response.error, response.proto), (None, "1.0"));
    assert_eq!(response.body, "until the end");
}

/// The server closes while nothing here can notice, so that the client finds out only when it
/// writes the request; what it does then, it does by itself.
#[tokio::test]
async fn a_kept_connection_that_died_is_dialled_again_and_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (closed, until_closed) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(&answer("200 OK", "ok")).unwrap();
            drop(stream);
            closed.send(()).unwrap();
        }
    });
    let user = User::new();
    for _ in 0..3 {
        let response = user.get(format!("http://{address}/")).await;
        assert_eq!((response.status, response.error), (200, None));
        assert_eq!((response.reused, user.last().opened), (false, 1));
        until_closed.recv().unwrap();
        // The end of the connection is there; the client's side must have had a turn to see it.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    server.join().unwrap();
}

#[tokio::test]
async fn what_the_server_closes_while_a_user_pauses_is_closed_here_too() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let address = server(move |mut peer| {
        let tell = tell.clone();
        async move {
            peer.request().await.unwrap();
            peer.send(answer("200 OK", "ok")).await.unwrap();
            peer.stream.shutdown().await.unwrap();
            tell.send(peer.stream.read(&mut [0; 16]).await.unwrap()).await.unwrap();
        }
    })
    .await;
    for rests in [false, true] {
        let user = User::new();
        assert_eq!(user.get(format!("http://{address}/")).await.error, None);
        let wire = user.session.wire();
        if rests {
            wire.rest();
        }
        let mut closed = pin!(told.recv());
        let pausing = poll_fn(|cx| {
            wire.tend(cx);
            closed.as_mut().poll(cx)
        });
        assert_eq!(pausing.await, Some(0), "the server sees the end; it rests: {rests}");
    }
}

#[tokio::test]
async fn a_connection_that_rested_is_the_same_afterwards() {
    let address = always(answer("200 OK", "ok")).await;
    let user = User::new();
    for n in 0..3 {
        let response = user.get(format!("http://{address}/")).await;
        assert_eq!((response.error, response.body, response.reused), (None, "ok".into(), n > 0));
        assert_eq!(user.last().opened, u8::from(n == 0));
        user.session.wire().rest();
        user.session.wire().rest();
    }
}

#[tokio::test]
async fn what_came_along_with_an_answer_unasked_ends_a_connection_that_is_to_rest() {
    let two = [answer("200 OK", "ok"), answer("200 OK", "and more")].concat();
    let address = always(two).await;
    let user = User::new();
    for _ in 0..3 {
        let response = user.get(format!("http://{address}/")).await;
        assert_eq!((response.error, response.body), (None, "ok".into()));
        user.session.wire().rest();
    }
}

/// Unasked: nobody waits for it, and what it belongs to is unknown.
#[tokio::test]
async fn a_connection_on_which_the_server_speaks_unasked_is_not_used_again() {
    let address = server(|mut peer| async move {
        peer.request().await.unwrap();
        peer.send(answer("200 OK", "ok")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let _ = peer.send(answer("408 Request Timeout", "too late")).await;
        peer.hang().await;
    })
    .await;
    let user = User::new();
    for _ in 0..2 {
        let response = user.get(format!("http://{address}/")).await;
        assert_eq!((response.status, response.error, user.last().opened), (200, None, 1));
        user.session.wire().rest();
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}

/// A server that answers once on a connection and closes it when the next request is there: as
/// one does that gives up an idle connection at that very moment. Odd ones reset it.
async fn impatient() -> std::net::SocketAddr {
    server(|mut peer| async move {
        peer.request().await.unwrap();
        peer.send(answer("200 OK", "ok")).await.unwrap();
        peer.request().await.unwrap();
        if peer.number % 2 == 1 {
            peer.reset();
        }
    })
    .await
}

#[tokio::test]
async fn what_may_be_repeated_is_sent_again_if_its_kept_connection_is_gone() {
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let (user, url) = (User::new(), format!("http://{}/", impatient().await));
        assert_eq!(user.get(&url).await.error, None);
        user.seen.borrow_mut().clear();
        let response = user.send(method.parse().unwrap(), &url, &[], "").await;
        assert_eq!((response.status, response.error, response.reused), (200, None, false));
        let seen = user.seen.borrow();
        let told = seen.iter().map(|seen| (seen.hop, seen.attempt, seen.next, seen.done.status));
        let told: Vec<_> = told.collect();
        assert_eq!(told, [(0, 0, Next::Retry, 0), (0, 1, Next::End, 200)], "{method}");
        assert_eq!(seen[0].done.error.as_ref().map(|error| error.category), Some(Category::Reset));
    }
}

#[tokio::test]
async fn what_may_not_be_repeated_fails_if_its_kept_connection_is_gone() {
    for method in ["POST", "PATCH"] {
        let (user, url) = (User::new(), format!("http://{}/", impatient().await));
        assert_eq!(user.get(&url).await.error, None);
        let response = user.send(method.parse().unwrap(), &url, &[], "").await;
        assert_eq!(response.error.map(|error| error.category), Some(Category::Reset));
        assert_eq!(user.seen.borrow().len(), 2);
    }
}

#[tokio::test]
async fn a_connection_of_its_own_is_not_tried_twice_nor_one_on_which_an_answer_began() {
    let address = server(|mut peer| async move {
        for text in ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\n\r\nhal"]
        {
            peer.request().await.unwrap();
            peer.send(text).await.unwrap();
        }
        peer.reset();
    })
    .await;
    let (user, url) = (User::new(), format!("http://{address}/"));
    assert_eq!(user.get(&url).await.error, None);
    let response = user.get(&url).await;
    assert_eq!(response.error.map(|error| error.category), Some(Category::Body));
    assert_eq!(user.seen.borrow().len(), 2);
    let closing = server(|mut peer| async move { peer.request().await.map(drop) }).await;
    let user = User::new();
    assert_eq!(user.get(format!("http://{closing}/")).await.status, 0);
    assert_eq!(user.seen.borrow().len(), 1);
}

#[tokio::test]
async fn open_connections_are_counted_for_each_worker() {
    let address = always(answer("200 OK", "ok")).await;
    let transport = ReqwestTransport::new(&TransportOptions::default()).unwrap();
    assert_eq!(transport.connections_open(), None, "there was none yet");
    let users = [User::over(&transport), User::over(&transport)];
    for user in &users {
        for _ in 0..2 {
            user.get(format!("http://{address}/")).await;
        }
    }
    assert_eq!(transport.connections_open(), Some(2));
    users[0].session.reconnect();
    assert_eq!(transport.connections_open(), Some(1));
    drop(users);
    assert_eq!(transport.connections_open(), Some(0));
    assert_eq!(transport.clone().connections_open(), None, "of another worker");
}

#[tokio::test]
async fn each_wire_has_connections_of_its_own() {
    let address = server(|peer| {
        let number = peer.number.to_string();
        peer.answer(move |_| answer("200 OK", &number))
    })
    .await;
    let (user, url) = (User::new(), format!("http://{address}/"));
    assert_eq!(user.get(&url).await.body, "0");
    assert_eq!(user.get(&url).await.body, "0");
    user.session.reconnect();
    assert_eq!(user.get(&url).await.body, "1");
}

#[tokio::test]
async fn calls_at_once_are_counted_exactly_in_sum() {
    let address = server(|peer| peer.answer(|_| answer("200 OK", "ok"))).await;
    let (user, url) = (User::new(), format!("http://{address}/"));
    for _ in 0..3 {
        let calls = (0..6).map(|_| user.get(&url));
        for response in futures_util::future::join_all(calls).await {
            assert_eq!((response.status, response.error), (200, None));
        }
    }
    let opened: u32 = user.seen.borrow().iter().map(|seen| u32::from(seen.done.opened)).sum();
    assert!((1..=6).contains(&opened), "{opened}");
}
