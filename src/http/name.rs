//! What the report calls a request, so that a million URLs become the few that the author means.
//!
//! The URL as it was written, placeholders kept; segments that are ids of records folded to
//! `{id}`; query and fragment dropped; the origin in front only if it is not `base_url`'s.

use std::borrow::Cow;

use url::Url;

/// The name of `written`, a path (`/cart/{id}/items?x=1`) or an absolute URL whose placeholders
/// are not yet filled. Allocates only where something is folded.
///
/// ```
/// use loadtool::http::name::template;
/// let base = url::Url::parse("http://shop.test").unwrap();
/// assert_eq!(template("/cart/{id}/items/17?page=2", Some(&base)), "/cart/{id}/items/{id}");
/// assert_eq!(template("http://shop.test/a", Some(&base)), "/a");
/// assert_eq!(template("http://pay.test/a", Some(&base)), "http://pay.test/a");
/// ```
pub fn template<'w>(written: &'w str, base: Option<&Url>) -> Cow<'w, str> {
    let end = written.find(['?', '#']).unwrap_or(written.len());
    let written = &written[..end];
    let (origin, path) = split(written);
    let path = if path.is_empty() { "/" } else { path };
    if origin.is_empty() || base.is_some_and(|base| is_origin_of(origin, base)) {
        return fold(path);
    }
    format!("{}{}", without_userinfo(origin), fold(path)).into()
}

/// `http://h:1` and `/p`; an empty origin if there is none.
fn split(written: &str) -> (&str, &str) {
    let Some((scheme, rest)) = written.split_once("://") else { return ("", written) };
    let path = rest.find('/').unwrap_or(rest.len());
    written.split_at(scheme.len() + "://".len() + path)
}

fn is_origin_of(origin: &str, base: &Url) -> bool {
    Url::parse(origin).is_ok_and(|url| url.origin() == base.origin())
}

/// A password belongs into no report.
fn without_userinfo(origin: &str) -> Cow<'_, str> {
    match (origin.split_once("://"), origin.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}").into(),
        _ => origin.into(),
    }
}

fn fold(path: &str) -> Cow<'_, str> {
    if !path.split('/').any(is_id) {
        return path.into();
    }
    let mut folded = String::with_capacity(path.len());
    for (i, segment) in path.split('/').enumerate() {
        if i > 0 {
            folded.push('/');
        }
        folded.push_str(if is_id(segment) { "{id}" } else { segment });
    }
    folded.into()
}

/// Digits, a UUID, or at least 16 hexadecimal digits.
fn is_id(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let hex = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    match bytes.len() {
        0 => false,
        36 if bytes[8] == b'-' => {
            segment.split('-').map(str::len).eq([8, 4, 4, 4, 12])
                && segment.split('-').all(|part| hex(part.as_bytes()))
        }
        16.. if hex(bytes) => true,
        _ => bytes.iter().all(u8::is_ascii_digit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_folded_and_all_else_is_kept() {
        let cases = [
            ("/", "/"),
            ("", "/"),
            ("/products?page=2", "/products"),
            ("/a#top", "/a"),
            ("/cart/{id}/items", "/cart/{id}/items"),
            ("/users/42/", "/users/{id}/"),
            ("/v2/users/42b", "/v2/users/42b"),
            ("/o/123e4567-e89b-12d3-a456-426614174000/x", "/o/{id}/x"),
            ("/o/123e4567xe89b-12d3-a456-426614174000", "/o/123e4567xe89b-12d3-a456-426614174000"),
            ("/commit/deadbeefdeadbeef", "/commit/{id}"),
            ("/commit/deadbeef", "/commit/deadbeef"),
            ("/decade/00000000000000000001", "/decade/{id}"),
        ];
        for (written, name) in cases {
            assert_eq!(template(written, None), name, "{written}");
        }
    }

    #[test]
    fn the_origin_stands_in_front_only_if_it_is_not_the_base_urls() {
        let base = Url::parse("http://shop.test/api").unwrap();
        let cases = [
            ("http://shop.test/x/1", "/x/{id}"),
            ("http://SHOP.test:80", "/"),
            ("https://shop.test/x", "https://shop.test/x"),
            ("http://shop.test:8080/x/1?y", "http://shop.test:8080/x/{id}"),
            ("http://me:secret@pay.test/x", "http://pay.test/x"),
        ];
        for (written, name) in cases {
            assert_eq!(template(written, Some(&base)), name, "{written}");
        }
        assert_eq!(template("http://shop.test/x", None), "http://shop.test/x");
    }
}
