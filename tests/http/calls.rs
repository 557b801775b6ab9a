//! Calls: redirects, cookies, credentials, what counts as expected.

use http::Method;
use loadtool::http::{CookieAttributes, ExpectStatus};
use url::Url;

use crate::stage::{User, always, answer, header, line, server};

/// Answers with the request itself, but redirects `/STATUS/to/PATH`.
async fn echo() -> std::net::SocketAddr {
    server(|peer| {
        peer.answer(|request| {
            let path = line(request).split(' ').nth(1).unwrap();
            match path.strip_prefix('/').and_then(|path| path.split_once("/to/")) {
                Some((status, target)) => answer(&format!("{status} Go\nlocation: /{target}"), "x"),
                None => answer("200 OK", request),
            }
        })
    })
    .await
}

fn text(body: &[u8]) -> &str {
    std::str::from_utf8(body).unwrap()
}

#[tokio::test]
async fn redirects_are_followed_hop_by_hop_with_the_method_that_each_asks_for() {
    let address = echo().await;
    let cases = [
        (Method::POST, "/302/to/end", "GET /end HTTP/1.1", ""),
        (Method::PUT, "/303/to/end", "GET /end HTTP/1.1", ""),
        (Method::POST, "/307/to/end", "POST /end HTTP/1.1", "body"),
        (Method::PUT, "/308/to/301/to/end", "PUT /end HTTP/1.1", "body"),
        (Method::POST, "/307/to/302/to/308/to/end", "GET /end HTTP/1.1", ""),
    ];
    for (method, path, expected, body) in cases {
        let user = User::new();
        let headers = [("content-type", "text/plain"), ("x-mine", "1")];
        let response = user.send(method, format!("http://{address}{path}"), &headers, "body").await;
        let got = text(&response.body);
        assert_eq!((line(got), got.split("\r\n\r\n").nth(1).unwrap()), (expected, body), "{path}");
        assert_eq!(header(got, "content-type").is_empty(), body.is_empty(), "{path}");
        assert_eq!(header(got, "x-mine"), "1");
        assert_eq!(response.hops as usize, path.matches("/to/").count());
        assert_eq!((response.url.path(), response.expected), ("/end", true));
        let seen = user.seen.borrow();
        assert_eq!(seen.len(), response.hops as usize + 1);
        assert_eq!(seen.last().unwrap().method.as_str(), expected.split(' ').next().unwrap());
        assert!(seen[1..].iter().all(|seen| seen.done.reused), "all on one connection");
    }
}

#[tokio::test]
async fn redirects_that_are_not_wanted_or_lead_out_of_http_are_the_answer() {
    let address = echo().await;
    let user = User::new().set(|options| options.redirects = 0);
    let response = user.get(format!("http://{address}/302/to/end")).await;
    assert_eq!((response.status, response.error, response.expected), (302, None, true));
    let address = always(answer("302 Found\nlocation: myapp://open?code=1", "")).await;
    let response = User::new().get(format!("http://{address}/")).await;
    assert_eq!((response.status, response.hops, response.error), (302, 0, None));
}

#[tokio::test]
async fn credentials_do_not_cross_origins() {
    let other = echo().await;
    let away = always(answer(&format!("307 Go\nlocation: http://{other}/end"), "")).await;
    let headers = [("authorization", "Bearer secret"), ("cookie", "own=1"), ("x-mine", "1")];
    let user = User::new();
    let response = user.send(Method::GET, format!("http://{away}/"), &headers, "").await;
    let got = text(&response.body);
    assert_eq!((header(got, "authorization"), header(got, "cookie")), ("", ""));
    assert_eq!((header(got, "x-mine"), header(got, "host")), ("1", other.to_string().as_str()));
    let response = user.send(Method::GET, format!("http://{other}/302/to/a"), &headers, "").await;
    assert_eq!(header(text(&response.body), "authorization"), "Bearer secret");
}

#[tokio::test]
async fn credentials_of_a_url_become_a_header() {
    let address = echo().await;
    let response = User::new().get(format!("http://me:p%40ss@{address}/")).await;
    assert_eq!(header(text(&response.body), "authorization"), "Basic bWU6cEBzcw==");
}

#[tokio::test]
async fn cookies_of_every_hop_are_kept_and_sent_on_the_next() {
    let address = server(|peer| {
        peer.answer(|request| match line(request) {
            "POST /login HTTP/1.1" => {
                answer("303 See Other\nset-cookie: sid=1; Path=/; HttpOnly\nlocation: /home/", "")
            }
            "GET /home/ HTTP/1.1" => {
                answer("200 OK\nset-cookie: deep=2", header(request, "cookie"))
            }
            _ => answer("200 OK", header(request, "cookie")),
        })
    })
    .await;
    let user = User::new();
    let url = |path: &str| format!("http://{address}{path}");
    let response = user.send(Method::POST, url("/login"), &[], "me").await;
    assert_eq!((&response.body[..], response.status), (&b"sid=1"[..], 200));
    assert_eq!(user.get(url("/home/x")).await.body, "deep=2; sid=1");
    assert_eq!(user.get(url("/other")).await.body, "sid=1");
    let own = [("cookie", "own=0")];
    assert_eq!(user.send(Method::GET, url("/other"), &own, "").await.body, "own=0; sid=1");

    let home = Url::parse(&url("/home/")).unwrap();
    assert_eq!(user.session.cookies.get(&home, "deep").as_deref(), Some("2"));
    user.session.cookies.set(&home, "deep", "3", &CookieAttributes::default()).unwrap();
    assert_eq!(user.get(url("/home/x")).await.body, "deep=3; sid=1");
    user.session.clear();
    assert_eq!(user.get(url("/home/x")).await.body, "");
}

#[tokio::test]
async fn default_headers_give_way_to_those_of_the_call() {
    let address = echo().await;
    let user = User::new().set(|options| {
        options.headers.insert("x-a", "default".parse().unwrap());
        options.headers.insert("x-b", "default".parse().unwrap());
    });
    let response =
        user.send(Method::GET, format!("http://{address}/"), &[("x-a", "own")], "").await;
    let got = text(&response.body);
    assert_eq!((header(got, "x-a"), header(got, "x-b")), ("own", "default"));
    assert_eq!(got.matches("x-a").count(), 1);
    assert_eq!(header(got, "user-agent"), concat!("loadtool/", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn what_is_expected_is_what_the_author_says() {
    let address = always(answer("404 Not Found\nx-a: 1\nx-A: 2", "gone")).await;
    let url = format!("http://{address}/");
    let response = User::new().get(&url).await;
    assert_eq!((response.status, response.expected, response.error), (404, false, None));
    assert_eq!((&response.body[..], response.proto), (&b"gone"[..], "1.1"));
    assert_eq!(response.headers.get_all("x-a").iter().count(), 2);
    assert_eq!(response.peer, Some(address));
    let wants = ExpectStatus::parse("404").unwrap();
    assert!(User::new().set(|options| options.expect_status = wants).get(&url).await.expected);
}
