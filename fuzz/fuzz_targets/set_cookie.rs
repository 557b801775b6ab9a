//! Any header a server may send as `Set-Cookie` is read, stored and sent without a panic.
#![no_main]

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use loadtool::extract::cookie;
use loadtool::http::Jar;
use url::Url;

fuzz_target!(|headers: Vec<&[u8]>| {
    let mut map = HeaderMap::new();
    for header in headers {
        if let Ok(value) = HeaderValue::from_bytes(header) {
            map.append(SET_COOKIE, value);
        }
    }
    for (name, _) in cookie::set_by(&map) {
        assert!(!name.is_empty());
        if let Ok(name) = std::str::from_utf8(name) {
            assert!(cookie::value(&map, name).is_some());
        }
    }
    let url = Url::parse("https://www.shop.co.uk/a/b").expect("a URL");
    let jar = Jar::default();
    jar.store(&url, &map);
    assert_eq!(jar.header(&url).is_none(), jar.all(&url).is_empty());
});
