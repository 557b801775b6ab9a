//! Bytes of requests and answers as HTTP/1.1 writes them. The connection cannot be watched
//! through the client, so heads are weighed from their parts; TLS, chunk framing and header
//! compression are not in it.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::{Position, Url};

/// `: ` and the end of the line.
const AROUND_HEADER: usize = 4;
/// ` HTTP/1.1`, the end of the line, and the one that ends the head.
const AROUND_REQUEST: usize = " ".len() + " HTTP/1.1\r\n".len() + "\r\n".len();
/// `HTTP/1.1 200 `, the end of the line, and the one that ends the head.
const AROUND_RESPONSE: usize = "HTTP/1.1 200 \r\n".len() + "\r\n".len();

/// Bytes of a request's head, `host` and `content-length` (of a body of `body` bytes) included.
pub fn request_head(method: &Method, url: &Url, headers: &HeaderMap, body: u64) -> u64 {
    let target = url[Position::BeforePath..Position::AfterQuery].len();
    let mut bytes = method.as_str().len() + target + AROUND_REQUEST;
    if !headers.contains_key(http::header::HOST) {
        bytes += header("host", url[Position::BeforeHost..Position::AfterPort].len());
    }
    if body > 0 {
        bytes += header("content-length", digits(body));
    }
    (bytes + headers.iter().map(|(name, value)| header(name.as_str(), value.len())).sum::<usize>())
        as u64
}

/// Bytes of a header's line.
pub fn header(name: &str, value: usize) -> usize {
    name.len() + value + AROUND_HEADER
}

/// Copies the values of an answer's headers out of the read buffer that they are slices of, into
/// one of their own; bytes of the whole head.
pub fn take_response_head(status: StatusCode, headers: &mut HeaderMap) -> u64 {
    let reason = status.canonical_reason().map_or(0, str::len);
    let (mut names, mut values) = (0, 0);
    for (name, value) in headers.iter() {
        names += header(name.as_str(), 0);
        values += value.len();
    }
    let mut copy = BytesMut::with_capacity(values);
    headers.values().for_each(|value| copy.extend_from_slice(value.as_bytes()));
    let mut copy = copy.freeze();
    headers.values_mut().for_each(|value| *value = own(value, &mut copy));
    (AROUND_RESPONSE + reason + names + values) as u64
}

/// `value` as the next slice of `copy`.
fn own(value: &HeaderValue, copy: &mut Bytes) -> HeaderValue {
    let slice = copy.split_to(value.len());
    let mut own =
        HeaderValue::from_maybe_shared(slice).expect("a copy of a header value is one itself");
    own.set_sensitive(value.is_sensitive());
    own
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_weigh_what_they_have_as_text() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-a", "22".parse().unwrap());
        let url = Url::parse("http://h.test:8080/p?q=1#f").unwrap();
        let text = "POST /p?q=1 HTTP/1.1\r\nhost: h.test:8080\r\ncontent-length: 10\r\nx-a: 1\r\n\
                    x-a: 22\r\n\r\n";
        assert_eq!(request_head(&Method::POST, &url, &headers, 10), text.len() as u64);

        let text = "HTTP/1.1 404 Not Found\r\nx-a: 1\r\nx-a: 22\r\n\r\n";
        let mut copy = headers.clone();
        assert_eq!(take_response_head(StatusCode::NOT_FOUND, &mut copy), text.len() as u64);
        assert_eq!(copy, headers);
    }
}
