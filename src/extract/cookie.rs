//! Cookies that a response sets, as it names them; what they mean is the jar's business.

use http::HeaderMap;
use http::header::SET_COOKIE;

/// Name and value of each `Set-Cookie`, in order; those without a name are left out.
pub fn set_by(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers.get_all(SET_COOKIE).iter().filter_map(|value| parse(value.as_bytes()))
}

/// The value of the last cookie of that name that is set.
pub fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    set_by(headers).filter(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value).last()
}

/// `name=value; attributes` (RFC 6265, 5.2): name and value, trimmed.
pub fn parse(set_cookie: &[u8]) -> Option<(&[u8], &[u8])> {
    let pair = set_cookie.split(|&byte| byte == b';').next()?;
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    let name = pair[..equals].trim_ascii();
    let value = pair[equals + 1..].trim_ascii();
    (!name.is_empty()).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_set_cookie_is_read_up_to_its_attributes() {
        for (header, want) in [
            ("sid=abc; Path=/; HttpOnly", Some(("sid", "abc"))),
            (" sid = a=b ;x", Some(("sid", "a=b"))),
            ("sid=", Some(("sid", ""))),
            ("sid", None),
            ("=x", None),
            ("", None),
            (";", None),
        ] {
            let want = want.map(|(name, value): (&str, &str)| (name.as_bytes(), value.as_bytes()));
            assert_eq!(parse(header.as_bytes()), want, "{header}");
        }
    }

    #[test]
    fn the_last_of_equal_names_counts() {
        let mut headers = HeaderMap::new();
        for cookie in ["a=1", "b=2", "a=3; Secure"] {
            headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
        assert_eq!(value(&headers, "a"), Some(&b"3"[..]));
        assert_eq!(value(&headers, "c"), None);
    }
}
