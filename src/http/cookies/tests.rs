//! Jars by what they send.

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn jar(from: &str, cookies: &[&str]) -> Jar {
    let jar = Jar::default();
    let mut headers = HeaderMap::new();
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie.parse().unwrap());
    }
    jar.store(&url(from), &headers);
    jar
}

fn sent(jar: &Jar, to: &str) -> String {
    jar.header(&url(to)).map_or(String::new(), |value| value.to_str().unwrap().to_owned())
}

#[test]
fn cookies_go_where_domain_path_and_scheme_allow() {
    let jar = jar(
        "https://www.shop.test/account/login",
        &[
            "host=1; Path=/",
            "domain=2; Domain=.Shop.test; Path=/",
            "secure=3; Secure; Path=/",
            "path=4",
        ],
    );
    let cases = [
        ("https://www.shop.test/account/x", "path=4; domain=2; host=1; secure=3"),
        ("https://www.shop.test/accounts", "domain=2; host=1; secure=3"),
        ("http://www.shop.test/", "domain=2; host=1"),
        ("https://api.shop.test/", "domain=2"),
        ("https://shop.test/", "domain=2"),
        ("https://notshop.test/", ""),
    ];
    for (to, header) in cases {
        assert_eq!(sent(&jar, to), header, "{to}");
    }
}

#[test]
fn what_a_browser_refuses_is_refused() {
    let long = format!("long={}", "x".repeat(MOST_BYTES));
    let refused = [
        "a=1; Domain=com",
        "a=1; Domain=co.uk",
        "a=1; Domain=github.io",
        "a=1; Domain=other.test",
        "a=1; Domain=deep.me.github.io",
        "a=1; Max-Age=0",
        "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "no cookie",
        &long,
    ];
    for cookie in refused {
        assert_eq!(sent(&jar("http://me.github.io/", &[cookie]), "http://me.github.io/"), "");
    }
    let own = jar("http://github.io/", &["a=1; Domain=github.io"]);
    assert_eq!(sent(&own, "http://github.io/"), "a=1");
    assert_eq!(sent(&own, "http://me.github.io/"), "", "it became a cookie of that host alone");
}

#[test]
fn an_expired_cookie_removes_the_one_there_was() {
    let jar = jar("http://h.test/", &["a=1", "b=2"]);
    jar.set(
        &url("http://h.test/"),
        "a",
        "",
        &CookieAttributes { max_age_s: Some(0), ..CookieAttributes::default() },
    )
    .unwrap();
    assert_eq!(sent(&jar, "http://h.test/"), "b=2");
    jar.clear();
    assert!(jar.is_empty() && sent(&jar, "http://h.test/").is_empty());
}

#[test]
fn what_is_sent_again_is_what_would_be_made_anew() {
    let jar = jar("http://h.test/login", &["a=1", "b=2; Max-Age=1000"]);
    let kept = |jar: &Jar| jar.0.borrow().as_ref().is_some_and(|jar| jar.last.is_some());
    for to in ["http://h.test/x", "http://h.test/y", "http://h.test:81/", "http://h.test/x"] {
        assert_eq!((sent(&jar, to).as_str(), kept(&jar)), ("a=1; b=2", true), "{to}");
    }
    assert_eq!(sent(&jar, "http://other.test/"), "");
    assert_eq!(sent(&jar, "https://h.test/"), "a=1; b=2");
    let path = CookieAttributes { path: Some("/x".into()), secure: true, ..Default::default() };
    jar.set(&url("https://h.test/"), "c", "3", &path).unwrap();
    for (to, want) in [("x", "c=3; a=1; b=2"), ("", "a=1; b=2"), ("x/y", "c=3; a=1; b=2")] {
        assert_eq!(sent(&jar, &format!("https://h.test/{to}")), want);
        assert!(!kept(&jar), "one of them is not for every path");
    }
    assert_eq!(sent(&jar, "http://h.test/x"), "a=1; b=2");
    let over = Sent {
        host: "h.test".into(),
        secure: false,
        header: None,
        expirations: vec![CookieExpiration::from(1000), CookieExpiration::from(0)],
    };
    assert!(!over.is_for(&url("http://h.test/")), "one has expired meanwhile");
}

#[test]
fn addresses_and_single_names_are_hosts_like_others() {
    for host in ["http://127.0.0.1:8080/", "http://[::1]:8080/", "http://localhost/"] {
        assert_eq!(sent(&jar(host, &["a=1; HttpOnly"]), host), "a=1", "{host}");
    }
    let same = jar("http://localhost/", &["a=1; Domain=localhost"]);
    assert_eq!(sent(&same, "http://localhost/"), "a=1");
}

#[test]
fn scripts_read_and_set_what_is_sent() {
    let jar = Jar::default();
    let here = url("http://h.test/x/");
    assert_eq!((jar.get(&here, "a"), jar.all(&here)), (None, Vec::new()));
    let attributes = CookieAttributes { path: Some("/".into()), ..Default::default() };
    jar.set(&here, "a", "1", &attributes).unwrap();
    jar.set(&here, "b", "2", &CookieAttributes::default()).unwrap();
    assert_eq!(jar.get(&here, "a").as_deref(), Some("1"));
    assert_eq!(jar.all(&here), [("b".into(), "2".into()), ("a".into(), "1".into())]);
    assert!(jar.set(&here, "a;b", "1", &attributes).is_err());
    assert!(jar.set(&here, "a", "1\r\nx: y", &attributes).is_err());
    let elsewhere = CookieAttributes { domain: Some("other.test".into()), ..attributes };
    assert!(jar.set(&here, "a", "1", &elsewhere).is_err());
}

#[test]
fn a_server_that_sets_ever_new_cookies_fills_no_memory() {
    let jar = Jar::default();
    let here = url("http://h.test/");
    let set = |i: usize| jar.set(&here, &format!("c{i}"), "1", &CookieAttributes::default());
    assert!((0..MOST_COOKIES).all(|i| set(i).is_ok()));
    assert!(set(MOST_COOKIES).is_err());
}
