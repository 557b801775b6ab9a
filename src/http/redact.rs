//! What an error's exemplar shows: request and response with their secrets struck out.
//!
//! Names decide (measurement.md, section 5): headers and the fields of JSON, forms and queries
//! that are called like a secret lose their value; values that are secret whatever they are called
//! are masked in the whole text where it is recorded ([`crate::secrets`]). Bodies are cut to their first 4 KiB before
//! they are read, so a scanner that needs no whole document goes over them; a value that the cut
//! went through is struck out to its end.

mod source;

use std::borrow::Cow;
use std::fmt::Write;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use url::Url;

use super::{Request, Response};
use crate::secrets::STRUCK;

/// Bytes of a body that are shown.
const SHOWN: usize = 4096;
/// Names that are always secret, in lower case; `*` stands for anything.
const SECRET: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "password",
    "*token*",
    "client_secret",
    "code",
];

/// Knows which names are secret: the usual ones and those of `--redact`.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    own: Vec<String>,
}

impl Redactor {
    /// The usual names and `own`: header or field names in any case, with `*` for anything.
    pub fn new<S: AsRef<str>>(own: impl IntoIterator<Item = S>) -> Self {
        Redactor { own: own.into_iter().map(|name| name.as_ref().to_lowercase()).collect() }
    }

    /// Request and response as a person reads them: heads, and the first 4 KiB of bodies.
    pub fn exemplar(&self, request: &Request, response: &Response) -> String {
        let mut text = format!("{} {}\n", request.method, self.url(&request.url));
        self.head(&request.options.headers, &mut text);
        self.head(&request.headers, &mut text);
        if let Some(span) = response.span {
            let _ = writeln!(text, "traceparent: {span}");
        }
        match request.body.bytes() {
            Some(body) => self.body(&request.headers, body, &mut text),
            None => drop(writeln!(text, "\n({} bytes in parts)", request.body.size())),
        }
        if response.status != 0 {
            if response.hops > 0 {
                let _ =
                    write!(text, "\n({} redirects, to {})", response.hops, self.url(&response.url));
            }
            let _ = writeln!(text, "\nHTTP/{} {}", response.proto, response.status);
            self.head(&response.headers, &mut text);
            self.body(&response.headers, &response.body, &mut text);
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// Whether a header or field of that name holds a secret.
    pub fn is_secret(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let own = self.own.iter().map(String::as_str);
        SECRET.iter().copied().chain(own).any(|pattern| matches(pattern, &name))
    }

    fn head(&self, headers: &HeaderMap, out: &mut String) {
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            let _ = writeln!(out, "{name}: {}", self.header(name.as_str(), &value));
        }
    }

    /// A header's value as it may be shown.
    pub fn header<'v>(&self, name: &str, value: &'v str) -> Cow<'v, str> {
        match name {
            secret if self.is_secret(secret) => STRUCK.into(),
            "location" | "referer" | "refresh" => self.query_of(value),
            _ => value.into(),
        }
    }

    /// Adds a body as it may be shown, its first 4 KiB, after an empty line.
    pub fn body(&self, headers: &HeaderMap, body: &[u8], out: &mut String) {
        if body.is_empty() {
            return;
        }
        let cut = &body[..body.len().min(SHOWN)];
        let text = String::from_utf8_lossy(cut);
        let kind = headers.get(http::header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
        let shown = if kind.starts_with(b"application/x-www-form-urlencoded") {
            self.form(&text)
        } else {
            self.json(&text)
        };
        let _ = write!(out, "\n{shown}");
        if body.len() > SHOWN {
            let _ = write!(out, "… ({} bytes in all)", body.len());
        }
        out.push('\n');
    }

    /// A URL as it may be shown.
    pub fn url(&self, url: &Url) -> String {
        let mut url = url.clone();
        if url.password().is_some() {
            // Fails only for URLs that cannot have a password.
            let _ = url.set_password(Some(STRUCK));
        }
        self.query_of(url.as_str()).into_owned()
    }

    /// A URL or part of one, with the secrets of its query struck out.
    fn query_of<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match text.split_once('?') {
            Some((before, query)) => format!("{before}?{}", self.form(query)).into(),
            None => text.into(),
        }
    }

    /// `a=b&c=d`.
    fn form(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for (i, pair) in text.split('&').enumerate() {
            if i > 0 {
                out.push('&');
            }
            match pair.split_once('=') {
                Some((name, _))
                    if self.is_secret(&percent_decode_str(name).decode_utf8_lossy()) =>
                {
                    let _ = write!(out, "{name}={STRUCK}");
                }
                _ => out.push_str(pair),
            }
        }
        out
    }

    /// A response whose body is shown only so far, without its secrets.
    pub fn shown(&self, response: &Response) -> Response {
        let cut = &response.body[..response.body.len().min(SHOWN)];
        let body = self.json(&String::from_utf8_lossy(cut)).into();
        Response { body, ..response.clone() }
    }

    /// Text with JSON in it: wherever a string is followed by a colon it is a key.
    pub fn json(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(quote) = rest.find('"') {
            let (before, string) = rest.split_at(quote);
            let string_end = string_end(string);
            let (string, after) = string.split_at(string_end);
            out.push_str(before);
            rest = after;
            let spaced = after.trim_start();
            let Some(value) = spaced.strip_prefix(':') else {
                out.push_str(&self.quoted(string));
                continue;
            };
            out.push_str(string);
            let value = value.trim_start();
            out.push_str(&after[..after.len() - value.len()]);
            rest = value;
            if self.is_secret_key(string) {
                let _ = write!(out, "\"{STRUCK}\"");
                rest = &value[value_end(value)..];
            }
        }
        out.push_str(rest);
        out
    }

    /// A JSON string (with its quotes) that may hold JSON, a form or a URL itself, as logs and echoes do.
    fn quoted<'t>(&self, string: &'t str) -> Cow<'t, str> {
        if !string.contains("\\\"") && !string.contains('=') {
            return string.into();
        }
        let whole = || serde_json::from_str::<String>(string);
        let Ok(inner) = whole().or_else(|_| serde_json::from_str(&format!("{string}\""))) else {
            return string.into();
        };
        let struck = match () {
            () if inner.contains('"') => self.json(&inner),
            () if inner.contains('?') => self.query_of(&inner).into_owned(),
            () => self.form(&inner),
        };
        match struck == inner {
            true => string.into(),
            false => serde_json::Value::from(struck).to_string().into(),
        }
    }

    /// Whether the JSON string (with its quotes) names a secret; escapes are undone.
    fn is_secret_key(&self, quoted: &str) -> bool {
        match serde_json::from_str::<String>(quoted) {
            Ok(name) => self.is_secret(&name),
            Err(_) => self.is_secret(quoted.trim_matches('"')),
        }
    }
}

/// Whether `name` fits `pattern`, in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return name.ends_with(part);
        }
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// Length of the JSON string that `text` begins with, quotes included; all of it if it is cut.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of the JSON value that `text` begins with, brackets and all.
fn value_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += string_end(&text[at..]);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 && matches!(bytes[at - 1], b'}' | b']') {
            return at;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{CallOptions, Timings};
    use crate::metrics::{Span, SpanId, TraceId};
    use bytes::Bytes;
    use http::Method;
    use std::rc::Rc;
    use std::time::Duration;

    fn struck(text: &str) -> String {
        Redactor::new(["x-Mine", "iban*"]).json(text)
    }

    #[test]
    fn fields_that_are_called_like_a_secret_lose_their_value() {
        let cases = [
            (r#"{"password":"a\"b","x":1}"#, r#"{"password":"***","x":1}"#),
            (r#"{"access_token" : {"a":["}"]} ,"x":1}"#, r#"{"access_token" : "***" ,"x":1}"#),
            (r#"[{"CODE":12},{"codes":12}]"#, r#"[{"CODE":"***"},{"codes":12}]"#),
            (r#"{"iban_of":null}"#, r#"{"iban_of":"***"}"#),
            (r#"{"\u0070assword":1}"#, r#"{"\u0070assword":"***"}"#),
            (r#"{"a":"password","b":"x"}"#, r#"{"a":"password","b":"x"}"#),
            ("no JSON at all", "no JSON at all"),
            (r#"{"body":"{\"password\":\"x\"}"}"#, r#"{"body":"{\"password\":\"***\"}"}"#),
            (r#"{"body":"{\"password\":\"x"#, r#"{"body":"{\"password\":\"***\"""#),
        ];
        for (text, expected) in cases {
            assert_eq!(struck(text), expected);
        }
    }

    #[test]
    fn a_secret_that_the_cut_went_through_is_struck_out_to_its_end() {
        assert_eq!(struck(r#"{"a":1,"password":"abcd"#), r#"{"a":1,"password":"***""#);
        assert_eq!(struck(r#"{"my_token":{"a":[1,2"#), r#"{"my_token":"***""#);
    }

    #[test]
    fn a_form_within_json_is_read_as_one() {
        let echo = r#"{"body":"user=a&x-mine=b","link":"http://h/?iban=c&d=e","sum":"1+1=2"}"#;
        let expected =
            r#"{"body":"user=a&x-mine=***","link":"http://h/?iban=***&d=e","sum":"1+1=2"}"#;
        assert_eq!(struck(echo), expected);
    }

    #[test]
    fn forms_and_queries_are_read_by_their_decoded_names() {
        let redactor = Redactor::default();
        assert_eq!(redactor.form("user=a&p%61ssword=b&x"), "user=a&p%61ssword=***&x");
        let url = Url::parse("http://me:pw@h/p?code=1&page=2").unwrap();
        assert_eq!(redactor.url(&url), "http://me:***@h/p?code=***&page=2");
    }

    #[test]
    fn an_exemplar_shows_heads_and_bodies_without_secrets() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer abc".parse().unwrap());
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        let url = Rc::new(Url::parse("http://h/login?token=1").unwrap());
        let request = Rc::new(Request {
            method: Method::POST,
            url: url.clone(),
            name: "/login".into(),
            headers,
            body: Bytes::from_static(b"user=a&password=b").into(),
            options: Rc::new(CallOptions::default()),
        });
        let mut headers = HeaderMap::new();
        headers.insert("set-cookie", "sid=1".parse().unwrap());
        let span = Span { trace: TraceId([1; 16]), id: SpanId([2; 8]) };
        let response = Response {
            status: 401,
            proto: "1.1",
            headers,
            body: Bytes::from(format!("{{\"token\":1,\"a\":\"{}\"}}", "x".repeat(5000))),
            url,
            timings: Timings::default(),
            reused: false,
            hops: 0,
            duration: Duration::ZERO,
            size: 0,
            error: None,
            expected: false,
            request: request.clone(),
            peer: None,
            span: Some(span),
        };
        let text = Redactor::default().exemplar(&request, &response);
        assert!(text.starts_with(
            "POST http://h/login?token=***\nauthorization: ***\n\
             content-type: application/x-www-form-urlencoded\n\
             traceparent: 00-01010101010101010101010101010101-0202020202020202-01\n\nuser=a&password=***\n\n\
             HTTP/1.1 401\nset-cookie: ***\n\n{\"token\":\"***\",\"a\":\"xxx"
        ));
        assert!(text.ends_with("… (5018 bytes in all)"), "{}", &text[text.len() - 40..]);
    }
}
