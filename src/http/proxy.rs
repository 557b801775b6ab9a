//! A proxy as it is given: a URL, whose credentials are shown nowhere.

use std::fmt;

use url::Url;

use super::settings::Misfit;

/// Schemes of proxies, with the port that each has by default.
const SCHEMES: [(&str, u16); 3] = [("http", 80), ("socks5", 1080), ("socks5h", 1080)];

/// A proxy: `http` (plain requests are passed on, TLS goes through CONNECT), `socks5` (names are
/// resolved here) or `socks5h` (there).
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Url);

impl Proxy {
    /// Reads a URL such as `http://user:password@127.0.0.1:3128`.
    pub fn parse(text: &str) -> Result<Proxy, Misfit> {
        let example = || "write for example http://127.0.0.1:3128 or socks5://127.0.0.1:1080";
        let fault = |what: &str| Err((format!("{what}: {}", masked(text)), example().to_owned()));
        if !text.contains("://") {
            return fault("a proxy needs a scheme");
        }
        let Ok(url) = Url::parse(text) else { return fault("a proxy must be a URL") };
        if !SCHEMES.iter().any(|(scheme, _)| *scheme == url.scheme()) {
            return fault("a proxy is http, socks5 or socks5h");
        }
        if url.host_str().is_none_or(str::is_empty) {
            return fault("a proxy needs a host");
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return fault("a proxy has no path");
        }
        Ok(Proxy(url))
    }

    /// With its credentials, for the client.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// `host:port`, for messages.
    pub fn peer(&self) -> String {
        let scheme = |(scheme, _): &&(&str, u16)| *scheme == self.0.scheme();
        let default = SCHEMES.iter().find(scheme).map_or(0, |(_, port)| *port);
        let port = self.0.port().unwrap_or(default);
        format!("{}:{port}", self.0.host_str().unwrap_or_default())
    }
}

/// Without its credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.peer())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that may hold URLs, with the credentials in them struck out.
pub fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(['/', '"', '\'', '?', '#', ' ', ']']).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(at) => {
                shown.push_str("***");
                &after[at..]
            }
            None => after,
        };
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_shown_nowhere() {
        let proxy = Proxy::parse("http://ada:s3cret@127.0.0.1").unwrap();
        assert_eq!(format!("{proxy} {proxy:?}"), "http://127.0.0.1:80 http://127.0.0.1:80");
        assert_eq!(Proxy::parse("socks5h://[::1]").unwrap().to_string(), "socks5h://[::1]:1080");
        let cases = [
            (
                "a = \"http://a:b@h/x\", b = 'socks5://c@d'",
                "a = \"http://***@h/x\", b = 'socks5://***@d'",
            ),
            ("http://h/a@b", "http://h/a@b"),
            ("ftp://a:b@c@h", "ftp://***@h"),
            ("none", "none"),
        ];
        for (text, shown) in cases {
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn what_is_no_proxy_is_told() {
        let cases = [
            ("127.0.0.1:3128", "a proxy needs a scheme: 127.0.0.1:3128"),
            ("ftp://a:b@h", "a proxy is http, socks5 or socks5h: ftp://***@h"),
            ("https://h", "a proxy is http, socks5 or socks5h: https://h"),
            ("http://", "a proxy must be a URL: http://"),
            ("socks5:///x", "a proxy needs a host: socks5:///x"),
            ("http://h/x", "a proxy has no path: http://h/x"),
            ("http://a:b@h:port", "a proxy must be a URL: http://***@h:port"),
        ];
        for (text, message) in cases {
            assert_eq!(Proxy::parse(text).unwrap_err().0, message);
        }
    }
}
