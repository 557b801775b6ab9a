//! Bodies: codings, limits, and answers that have none.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;
use loadtool::http::Category;

use crate::stage::{User, always, answer, header, server};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn encodings_are_accepted_and_undone_unless_told_not_to() {
    let address = server(|peer| {
        peer.answer(|request| match header(request, "accept-encoding") {
            "" => answer("200 OK", "plain"),
            accepted => {
                assert_eq!(accepted, "gzip, br, zstd, deflate");
                answer("200 OK\ncontent-encoding: gzip", gzip(b"packed"))
            }
        })
    })
    .await;
    let url = format!("http://{address}/");
    let response = User::new().get(&url).await;
    assert_eq!((&response.body[..], response.size), (&b"packed"[..], gzip(b"packed").len() as u64));
    let response = User::new().set(|options| options.compression = false).get(&url).await;
    assert_eq!(&response.body[..], b"plain");
    let response = User::new().set(|options| options.discard_body = true).get(&url).await;
    assert_eq!((&response.body[..], response.error), (&b""[..], None));
    assert_eq!(response.size, gzip(b"packed").len() as u64);
}

#[tokio::test]
async fn bad_gzip_is_body() {
    let address = always(answer("200 OK\ncontent-encoding: gzip", "no gzip at all")).await;
    let response = User::new().get(format!("http://{address}/")).await;
    assert_eq!(response.error.unwrap().category, Category::Body);
    assert_eq!((response.status, response.size), (200, 14));
}

#[tokio::test]
async fn a_gigabyte_in_a_megabyte_of_gzip_is_cut_off_at_the_limit_and_never_held() {
    let bomb = gzip(&vec![0; 16 << 20]).repeat(64);
    assert!(bomb.len() < 2 << 20, "{}", bomb.len());
    let address = always(answer("200 OK\ncontent-encoding: gzip", bomb)).await;
    let before = most_memory();
    let user = User::new().set(|options| options.body_limit = 16 << 20);
    let response = user.get(format!("http://{address}/")).await;
    assert_eq!(response.error.unwrap().category, Category::BodyTooLarge);
    assert_eq!(response.body.len(), 16 << 20);
    let grown = most_memory() - before;
    assert!(grown < 100 << 20, "{grown} bytes");
}

/// Most bytes that this process ever held; 0 where the system does not say.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10
}

#[tokio::test]
async fn answers_without_a_body_are_whole_and_keep_their_connection() {
    let address = server(|peer| {
        peer.answer(|request| match request.split(' ').nth(1).unwrap() {
            "/head" => b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1000\r\n\r\n"
                .to_vec(),
            "/204" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            "/304" => b"HTTP/1.1 304 Not Modified\r\ncontent-length: 77\r\n\r\n".to_vec(),
            "/100" => [
                &b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n"[..],
                &answer("200 OK", "after"),
            ]
            .concat(),
            _ => answer("200 OK", ""),
        })
    })
    .await;
    let user = User::new();
    let cases = [
        (Method::HEAD, "/head", 200, ""),
        (Method::GET, "/204", 204, ""),
        (Method::GET, "/304", 304, ""),
        (Method::GET, "/100", 200, "after"),
        (Method::GET, "/empty", 200, ""),
    ];
    for (i, (method, path, status, body)) in cases.into_iter().enumerate() {
        let response = user.send(method, format!("http://{address}{path}"), &[], "").await;
        assert_eq!((response.status, response.error), (status, None), "{path}");
        assert_eq!(&response.body[..], body.as_bytes(), "{path}");
        assert_eq!(response.reused, i > 0, "{path}");
    }
}

#[tokio::test]
async fn a_body_is_sent_as_it_is_with_its_length_and_none_for_get() {
    let address = server(|peer| {
        peer.answer(|request| {
            let body = request.split("\r\n\r\n").nth(1).unwrap().len();
            answer("200 OK", format!("{}/{body}", header(request, "content-length")))
        })
    })
    .await;
    let (user, url) = (User::new(), format!("http://{address}/"));
    let large = "x".repeat(300_000);
    let cases = [
        (Method::GET, "", "/0"),
        (Method::DELETE, "", "/0"),
        (Method::POST, "", "0/0"),
        (Method::PUT, "four", "4/4"),
        (Method::POST, large.as_str(), "300000/300000"),
    ];
    for (method, body, expected) in cases {
        let response = user.send(method.clone(), &url, &[], body.to_owned()).await;
        assert_eq!(String::from_utf8_lossy(&response.body), expected, "{method}");
    }
    let wrong = [("content-length", "7")];
    let response = user.send(Method::PUT, &url, &wrong, "four").await;
    assert_eq!((response.body, response.error), ("4/4".into(), None));
    user.send(Method::POST, &url, &[], large).await;
    assert!(user.last().timings.send.as_nanos() > 0, "a large body takes a time to send");
}

#[tokio::test]
async fn what_is_counted_is_what_went_over_the_wire() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let read = Arc::new(AtomicUsize::new(0));
    let answered = answer("404 Not Found\nx-a: b", "nothing here");
    let (count, text) = (read.clone(), answered.clone());
    let address = server(move |peer| {
        let (count, text) = (count.clone(), text.clone());
        peer.answer(move |request| {
            count.store(request.len(), Ordering::Relaxed);
            text.clone()
        })
    })
    .await;
    let user = User::new();
    for (method, body, headers) in [
        (Method::GET, "", &[][..]),
        (Method::POST, "a body", &[("content-type", "text/plain"), ("user-agent", "me")][..]),
        (Method::POST, "", &[("accept", "text/html"), ("x-own", "")][..]),
    ] {
        user.send(method, format!("http://{address}/p?q#f"), headers, body).await;
        let done = user.last();
        assert_eq!(done.bytes_sent as usize, read.load(Ordering::Relaxed));
        assert_eq!(done.bytes_received as usize, answered.len());
    }
}
