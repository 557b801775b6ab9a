//! One user's cookies, by RFC 6265, and the public suffix list that it asks for.
//!
//! A jar that holds nothing has allocated nothing. What a browser would refuse is refused
//! silently, as there: other people's domains, whole suffixes like `co.uk`, cookies beyond 4 KiB,
//! more than 1,000 of them. `secure` cookies also go to loopback addresses over plain HTTP, as
//! browsers do.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::fmt::Write;

use cookie_store::{Cookie, CookieStore, RawCookie};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use url::Url;

/// Most bytes of a cookie's name and value together.
const MOST_BYTES: usize = 4096;
/// Most cookies of one user.
const MOST_COOKIES: usize = 1000;

/// The cookies of one user.
#[derive(Debug, Default)]
pub struct Jar(RefCell<Option<Box<CookieStore>>>);

/// What a script may say of a cookie that it sets; `Default` is a session cookie of that host
/// and path.
#[derive(Debug, Clone, Default)]
pub struct CookieAttributes {
    /// Also for the domains below it.
    pub domain: Option<String>,
    /// Where it goes.
    pub path: Option<String>,
    /// Not over plain HTTP.
    pub secure: bool,
    /// Not for page scripts; of no effect here.
    pub http_only: bool,
    /// Seconds until it expires; 0 and below removes it.
    pub max_age_s: Option<i64>,
}

impl Jar {
    /// Whether nothing was ever put in since it was made or cleared.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_none()
    }

    /// The `cookie` header of a request for `url`; longest paths first, as RFC 6265 orders them.
    pub fn header(&self, url: &Url) -> Option<HeaderValue> {
        let jar = self.0.borrow();
        let mut header = String::new();
        for cookie in matching(jar.as_deref()?, url) {
            let (name, value) = cookie.name_value();
            let gap = if header.is_empty() { "" } else { "; " };
            // Writing to a string cannot fail.
            let _ = write!(header, "{gap}{name}={value}");
        }
        // A value that is no header value (a control character) leaves the header out.
        if header.is_empty() {
            None
        } else {
            HeaderValue::from_maybe_shared(header.into_bytes()).ok()
        }
    }

    /// Stores every `set-cookie` of an answer from `url`.
    pub fn store(&self, url: &Url, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE) {
            if let Ok(text) = std::str::from_utf8(value.as_bytes())
                && let Ok(cookie) = RawCookie::parse(text)
            {
                // As in a browser, what may not be set is not set.
                let _ = self.insert(cookie, url);
            }
        }
    }

    /// The value of the cookie `name` that a request for `url` would carry.
    pub fn get(&self, url: &Url, name: &str) -> Option<String> {
        let jar = self.0.borrow();
        let found = matching(jar.as_deref()?, url).into_iter().find(|cookie| cookie.name() == name);
        found.map(|cookie| cookie.value().to_owned())
    }

    /// Names and values of all cookies that a request for `url` would carry.
    pub fn all(&self, url: &Url) -> Vec<(String, String)> {
        let jar = self.0.borrow();
        let Some(store) = jar.as_deref() else { return Vec::new() };
        let pair = |cookie: &Cookie| (cookie.name().to_owned(), cookie.value().to_owned());
        matching(store, url).into_iter().map(pair).collect()
    }

    /// Sets a cookie as if an answer from `url` had; the message says why that cannot be.
    pub fn set(
        &self,
        url: &Url,
        name: &str,
        value: &str,
        attributes: &CookieAttributes,
    ) -> Result<(), String> {
        let path = attributes.path.as_deref().unwrap_or_default();
        let domain = attributes.domain.as_deref().unwrap_or_default();
        if name.is_empty() || name.contains(['=', ' ']) || !is_plain(name) {
            return Err(format!("`{name}` cannot be the name of a cookie"));
        }
        for (what, text) in [("value", value), ("path", path), ("domain", domain)] {
            if !is_plain(text) {
                return Err(format!(
                    "the {what} of a cookie holds no `;` and no control characters"
                ));
            }
        }
        let mut text = format!("{name}={value}");
        let mut attribute = |name: &str, value: &str| {
            if !value.is_empty() {
                let _ = write!(text, "; {name}={value}");
            }
        };
        attribute("Domain", domain);
        attribute("Path", path);
        attribute("Max-Age", &attributes.max_age_s.map(|age| age.to_string()).unwrap_or_default());
        text.push_str(if attributes.secure { "; Secure" } else { "" });
        text.push_str(if attributes.http_only { "; HttpOnly" } else { "" });
        let cookie = RawCookie::parse(text).map_err(|error| error.to_string())?;
        self.insert(cookie, url)
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.0.take();
    }

    fn insert(&self, mut cookie: RawCookie<'_>, url: &Url) -> Result<(), String> {
        if cookie.name().len() + cookie.value().len() > MOST_BYTES {
            return Err(format!("a cookie has at most {MOST_BYTES} bytes"));
        }
        let host = url.host_str().unwrap_or_default();
        match cookie.domain().map(|domain| domain.trim_start_matches('.').to_ascii_lowercase()) {
            // A host may set a cookie for itself even where it is a whole suffix.
            Some(domain) if domain == host && is_public_suffix(host) => cookie.unset_domain(),
            Some(domain) if is_public_suffix(&domain) => {
                return Err(format!("`{domain}` is a public suffix"));
            }
            _ => {}
        }
        let mut jar = self.0.borrow_mut();
        let store = jar.get_or_insert_default();
        if store.iter_any().nth(MOST_COOKIES - 1).is_some() {
            return Err(format!("a user has at most {MOST_COOKIES} cookies"));
        }
        store.insert_raw(&cookie, url).map(drop).map_err(|error| error.to_string())
    }
}

/// The cookies of a request for `url`, in the order in which they are sent.
fn matching<'s>(store: &'s CookieStore, url: &Url) -> Vec<&'s Cookie<'static>> {
    let mut cookies = store.matches(url);
    if cookies.len() > 1 {
        cookies.sort_unstable_by_key(|cookie| (Reverse(cookie.path.len()), cookie.name()));
    }
    cookies
}

fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c == ';' || c.is_control())
}

/// Whether nobody owns `domain` as a whole: `com`, `co.uk`, `github.io`.
fn is_public_suffix(domain: &str) -> bool {
    psl::suffix_str(domain) == Some(domain)
}

#[cfg(test)]
mod tests {
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
}
