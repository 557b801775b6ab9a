//! Where a redirect leads, and what of the request goes along.
//!
//! | status | method becomes | body |
//! | --- | --- | --- |
//! | 301, 302 | GET, if it was POST | dropped with the method, else sent again |
//! | 303 | GET, unless it was HEAD | dropped |
//! | 307, 308 | the same | sent again |

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION,
    CONTENT_TYPE, COOKIE, HOST, LOCATION, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
};
use http::{HeaderMap, Method};
use url::Url;

/// What an answer says about going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirect {
    /// It is the call's answer: no redirect, or one to something that is not HTTP.
    None,
    /// The next hop.
    To {
        /// Where to.
        url: Box<Url>,
        /// Its method.
        method: Method,
        /// Whether the body goes along.
        with_body: bool,
    },
    /// Its target cannot be read.
    Broken(String),
}

/// What the answer `status` with `headers` to a `method` request for `url` says.
pub fn redirect(status: u16, headers: &HeaderMap, method: &Method, url: &Url) -> Redirect {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Redirect::None;
    }
    let Some(location) = headers.get(LOCATION) else { return Redirect::None };
    let location = String::from_utf8_lossy(location.as_bytes());
    match url.join(&location) {
        Ok(target) if !matches!(target.scheme(), "http" | "https") => Redirect::None,
        Ok(target) => {
            let to_get = match status {
                301 | 302 => method == Method::POST,
                303 => method != Method::HEAD,
                _ => false,
            };
            let method = if to_get { Method::GET } else { method.clone() };
            Redirect::To { url: Box::new(target), method, with_body: !to_get }
        }
        Err(error) => Redirect::Broken(format!("cannot follow the location `{location}`: {error}")),
    }
}

/// Takes from the author's headers what must not go to the next hop: what described a body that
/// is dropped, and what was meant for one origin alone.
pub fn strip(headers: &mut HeaderMap, from: &Url, to: &Url, with_body: bool) {
    if !with_body {
        for name in [
            CONTENT_TYPE,
            CONTENT_LENGTH,
            CONTENT_ENCODING,
            CONTENT_LANGUAGE,
            CONTENT_LOCATION,
            TRANSFER_ENCODING,
        ] {
            headers.remove(name);
        }
    }
    if from.origin() != to.origin() {
        for name in [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST] {
            headers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(status: u16, method: &Method, location: &str) -> Redirect {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, location.parse().unwrap());
        redirect(status, &headers, method, &Url::parse("http://h/a/b").unwrap())
    }

    #[test]
    fn methods_change_as_documented() {
        let cases = [
            (301, Method::POST, Method::GET, false),
            (302, Method::POST, Method::GET, false),
            (302, Method::PUT, Method::PUT, true),
            (303, Method::PUT, Method::GET, false),
            (303, Method::HEAD, Method::HEAD, true),
            (307, Method::POST, Method::POST, true),
            (308, Method::DELETE, Method::DELETE, true),
        ];
        for (status, method, becomes, body) in cases {
            let Redirect::To { url, method, with_body } = to(status, &method, "../c") else {
                panic!("{status} is followed");
            };
            assert_eq!((url.as_str(), method, with_body), ("http://h/c", becomes, body));
        }
    }

    #[test]
    fn what_cannot_be_followed_is_an_answer_or_an_error() {
        assert_eq!(to(302, &Method::GET, "myapp://callback"), Redirect::None);
        assert_eq!(to(304, &Method::GET, "/x"), Redirect::None);
        assert!(matches!(to(302, &Method::GET, "http://[::1"), Redirect::Broken(_)));
        let url = Url::parse("http://h/").unwrap();
        assert_eq!(redirect(302, &HeaderMap::new(), &Method::GET, &url), Redirect::None);
    }

    #[test]
    fn credentials_stay_with_their_origin_and_descriptions_with_their_body() {
        let url = |text| Url::parse(text).unwrap();
        let mut headers = HeaderMap::new();
        for name in ["authorization", "cookie", "content-type", "x-mine"] {
            headers.insert(name, "v".parse().unwrap());
        }
        let mut same = headers.clone();
        strip(&mut same, &url("http://h/a"), &url("http://h:80/b"), true);
        assert_eq!(same, headers);
        strip(&mut headers, &url("http://h/a"), &url("https://h/a"), false);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-mine"]);
    }
}
