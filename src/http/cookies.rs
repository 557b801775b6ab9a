//! One user's cookies, by RFC 6265, and the public suffix list that it asks for.
//!
//! A jar that holds nothing has allocated nothing. What a browser would refuse is refused
//! silently, as there: other people's domains, whole suffixes like `co.uk`, cookies beyond 4 KiB,
//! more than 1,000 of them. `secure` cookies also go to loopback addresses over plain HTTP, as
//! browsers do.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::fmt::Write;

use cookie_store::{Cookie, CookieExpiration, CookieStore, RawCookie};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use url::Url;

/// Most bytes of a cookie's name and value together.
const MOST_BYTES: usize = 4096;
/// Most cookies of one user.
const MOST_COOKIES: usize = 1000;

/// The cookies of one user.
#[derive(Debug, Default)]
pub struct Jar(RefCell<Option<Box<Cookies>>>);

#[derive(Debug, Default)]
struct Cookies {
    store: CookieStore,
    /// What was sent last, if nothing has changed since.
    last: Option<Sent>,
}

/// What goes to every path of a host: nearly all that sites set is for the whole of them.
#[derive(Debug)]
struct Sent {
    host: String,
    secure: bool,
    header: Option<HeaderValue>,
    /// Of the cookies that do not live as long as the session.
    expirations: Vec<CookieExpiration>,
}

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
        let mut jar = self.0.borrow_mut();
        let Cookies { store, last } = jar.as_deref_mut()?;
        if let Some(last) = last.as_ref().filter(|last| last.is_for(url)) {
            return last.header.clone();
        }
        let header = written(&matching(store, url));
        *last = Sent::to_all(store, url, &header);
        header
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
        let store = &jar.as_deref()?.store;
        let found = matching(store, url).into_iter().find(|cookie| cookie.name() == name);
        found.map(|cookie| cookie.value().to_owned())
    }

    /// Names and values of all cookies that a request for `url` would carry.
    pub fn all(&self, url: &Url) -> Vec<(String, String)> {
        let jar = self.0.borrow();
        let Some(Cookies { store, .. }) = jar.as_deref() else { return Vec::new() };
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
        let Cookies { store, last } = &mut **jar.get_or_insert_default();
        *last = None;
        if store.iter_any().nth(MOST_COOKIES - 1).is_some() {
            return Err(format!("a user has at most {MOST_COOKIES} cookies"));
        }
        store.insert_raw(&cookie, url).map(drop).map_err(|error| error.to_string())
    }
}

impl Sent {
    /// `header`, which goes to `url`, if it would go to every other path of its host, too.
    fn to_all(store: &CookieStore, url: &Url, header: &Option<HeaderValue>) -> Option<Sent> {
        if !store.iter_any().all(|cookie| *cookie.path == *"/") {
            return None;
        }
        let expirations = store.iter_any().map(|cookie| &cookie.expires);
        let ahead =
            |at: &&CookieExpiration| **at != CookieExpiration::SessionEnd && !at.is_expired();
        Some(Sent {
            host: url.host_str()?.to_owned(),
            secure: url.scheme() == "https",
            header: header.clone(),
            expirations: expirations.filter(ahead).cloned().collect(),
        })
    }

    fn is_for(&self, url: &Url) -> bool {
        url.host_str() == Some(&self.host)
            && (url.scheme() == "https") == self.secure
            && !self.expirations.iter().any(CookieExpiration::is_expired)
    }
}

/// Cookies as a header; `None` if there are none.
fn written(cookies: &[&Cookie<'_>]) -> Option<HeaderValue> {
    let mut header = String::new();
    for cookie in cookies {
        let (name, value) = cookie.name_value();
        let gap = if header.is_empty() { "" } else { "; " };
        // Writing to a string cannot fail.
        let _ = write!(header, "{gap}{name}={value}");
    }
    if header.is_empty() {
        return None;
    }
    // A value that is no header value (a control character) leaves the header out.
    HeaderValue::from_maybe_shared(header.into_bytes()).ok()
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
mod tests;
