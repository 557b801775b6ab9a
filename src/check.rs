//! Conditions over a response: what each is called in the report, and what it says when it fails.
//!
//! Functions are conditions too, but they need Lua; whoever holds a Lua state counts them the same
//! way.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

use serde_json::{Number, Value};

use crate::extract::{JsonPath, Pattern, Schema, cookie};
use crate::http::{ExpectStatus, Response};

/// Longest piece of a value in a message, in characters.
const SHOWN: usize = 80;

/// One condition of `lt.check` and `lt.expect`.
#[derive(Debug, Clone)]
pub enum Condition {
    /// `status = 200`, `"2xx"` or a list.
    Status(ExpectStatus),
    /// `proto = "2"`.
    Proto(String),
    /// `header = { [name] = want }`.
    Header {
        /// In any case.
        name: String,
        /// Of one of its values.
        want: Want,
    },
    /// `cookie = { [name] = want }`: set by this response.
    Cookie {
        /// Exact.
        name: String,
        /// Of the value set last.
        want: Want,
    },
    /// `size = { min, max }`: body bytes as received.
    Size {
        /// At least.
        min: u64,
        /// At most.
        max: u64,
    },
    /// `max_ms = 500`: the whole call, in milliseconds.
    MaxMs(f64),
    /// `body_contains = "text"`.
    BodyContains(Vec<u8>),
    /// `body_matches = "regex"`.
    BodyMatches(Rc<Pattern>),
    /// `json = { [path] = want }`.
    Json {
        /// Its first match is judged.
        path: Rc<JsonPath>,
        /// What that must be.
        want: JsonWant,
    },
    /// `schema = { … }` or `"file.json"`: the body is JSON of it.
    Schema {
        /// The compiled one.
        schema: Rc<Schema>,
        /// The file as it was written; empty for a table.
        file: String,
    },
}

/// What a header or a cookie must be.
#[derive(Debug, Clone)]
pub enum Want {
    /// There (`true`).
    Present,
    /// Exactly this.
    Is(String),
    /// `lt.matches "regex"`.
    Matches(Rc<Pattern>),
}

/// What a JSON value must be.
#[derive(Debug, Clone)]
pub enum JsonWant {
    /// Present and not null (`lt.any`).
    Any,
    /// Equal by value: 1 is 1.0, members in any order. An integer of more than 64 bits equals the
    /// string of its digits, which is what scripts get of it.
    Is(Value),
}

impl Condition {
    /// Sorts into the order of evaluation; what one table of the script lists, by its key's bytes.
    pub fn sort(conditions: &mut [Condition]) {
        conditions.sort_by(|a, b| a.place().cmp(&b.place()));
    }

    /// The check's name in the report: `status is 2xx`, `json $.ok`.
    pub fn label(&self) -> String {
        match self {
            Condition::Status(status) => format!("status is {status}"),
            Condition::Proto(_) => "proto".to_owned(),
            Condition::Header { name, .. } => format!("header {name}"),
            Condition::Cookie { name, .. } => format!("cookie {name}"),
            Condition::Size { .. } => "size".to_owned(),
            Condition::MaxMs(limit) => format!("max_ms {limit}"),
            Condition::BodyContains(text) => format!("body contains {}", quoted(text)),
            Condition::BodyMatches(pattern) => {
                format!("body matches {}", quoted(pattern.as_str().as_bytes()))
            }
            Condition::Json { path, .. } => format!("json {}", path.as_str()),
            Condition::Schema { file, .. } => format!("schema {file}").trim_end().to_owned(),
        }
    }

    /// Whether it holds; if not, `expected …, got …`.
    pub fn evaluate(&self, response: &Response) -> Result<(), String> {
        match self {
            Condition::Status(want) => {
                verdict(want.accepts(response.status), want, || status(response))
            }
            Condition::Proto(want) => {
                verdict(response.proto == want, want, || shown(response.proto.as_bytes()))
            }
            Condition::Header { name, want } => {
                let values = response.headers.get_all(name.as_str());
                want.judge(values.iter().map(|value| value.as_bytes()))
            }
            Condition::Cookie { name, want } => {
                want.judge(cookie::value(&response.headers, name).into_iter())
            }
            Condition::Size { min, max } => size(*min, *max, response.size),
            Condition::MaxMs(limit) => {
                let ms = response.duration.as_secs_f64() * 1e3;
                verdict(ms <= *limit, format_args!("at most {limit} ms"), || format!("{ms:.1} ms"))
            }
            Condition::BodyContains(text) => {
                let found = contains(&response.body, text);
                verdict(found, quoted(text), || body(response))
            }
            Condition::BodyMatches(pattern) => {
                let want = format_args!("a match of {}", pattern.as_str());
                verdict(pattern.is_match(&response.body), want, || body(response))
            }
            Condition::Json { path, want } => want.judge(path, response),
            Condition::Schema { schema, .. } => schema.judge(&response.body, &|_| false),
        }
    }

    fn place(&self) -> (u8, &str) {
        match self {
            Condition::Status(_) => (0, ""),
            Condition::Proto(_) => (1, ""),
            Condition::Header { name, .. } => (2, name),
            Condition::Cookie { name, .. } => (3, name),
            Condition::Size { .. } => (4, ""),
            Condition::MaxMs(_) => (5, ""),
            Condition::BodyContains(_) => (6, ""),
            Condition::BodyMatches(_) => (7, ""),
            Condition::Json { path, .. } => (8, path.as_str()),
            Condition::Schema { file, .. } => (9, file),
        }
    }
}

impl Want {
    fn holds(&self, value: &[u8]) -> bool {
        match self {
            Want::Present => true,
            Want::Is(want) => value == want.as_bytes(),
            Want::Matches(pattern) => pattern.is_match(value),
        }
    }

    /// One of the values must do.
    fn judge<'v>(&self, mut values: impl Iterator<Item = &'v [u8]>) -> Result<(), String> {
        let Some(first) = values.next() else {
            return verdict(false, self, || "none".to_owned());
        };
        let holds = self.holds(first) || values.any(|value| self.holds(value));
        verdict(holds, self, || quoted(first))
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Want::Present => f.write_str("one"),
            Want::Is(want) => f.write_str(&quoted(want.as_bytes())),
            Want::Matches(pattern) => write!(f, "a match of {}", pattern.as_str()),
        }
    }
}

impl JsonWant {
    fn judge(&self, path: &JsonPath, response: &Response) -> Result<(), String> {
        let text = match path.first(&response.body) {
            Ok(Some(text)) => text,
            Ok(None) => return verdict(false, self, || "nothing".to_owned()),
            Err(error) => return Err(format!("expected {self}, but the {error}")),
        };
        verdict(self.holds(text), self, || shown(text))
    }

    fn holds(&self, text: &[u8]) -> bool {
        let want = match self {
            JsonWant::Any => return text != b"null",
            JsonWant::Is(want) => want,
        };
        match (serde_json::from_slice::<Value>(text), want) {
            (Ok(Value::Number(number)), Value::String(digits)) => {
                number.is_f64() && text == digits.as_bytes() && is_integer(text)
            }
            (Ok(got), want) => same(&got, want),
            (Err(_), _) => false,
        }
    }
}

impl fmt::Display for JsonWant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JsonWant::Any => f.write_str("a value that is not null"),
            JsonWant::Is(want) => f.write_str(&shown(want.to_string().as_bytes())),
        }
    }
}

/// Equality by value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn same_number(a: &Number, b: &Number) -> bool {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a == b,
        _ => a.as_f64() == b.as_f64(),
    }
}

fn is_integer(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || memchr::memmem::find(body, text).is_some()
}

fn size(min: u64, max: u64, size: u64) -> Result<(), String> {
    let got = || format!("{size} bytes");
    match max {
        u64::MAX => verdict(size >= min, format_args!("at least {min} bytes"), got),
        _ => verdict((min..=max).contains(&size), format_args!("{min} to {max} bytes"), got),
    }
}

fn status(response: &Response) -> String {
    match &response.error {
        Some(error) if response.status == 0 => {
            format!("no response ({}: {})", error.category.as_str(), error.message)
        }
        _ => response.status.to_string(),
    }
}

fn body(response: &Response) -> String {
    match response.body.as_ref() {
        b"" => "an empty body".to_owned(),
        body => quoted(body),
    }
}

fn verdict(
    holds: bool,
    expected: impl fmt::Display,
    got: impl FnOnce() -> String,
) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("expected {expected}, got {}", got())) }
}

fn quoted(text: &[u8]) -> String {
    format!("\"{}\"", shown(text))
}

/// The beginning of `text`, on one line.
fn shown(text: &[u8]) -> String {
    let start = &text[..text.len().min(SHOWN * 4)];
    let start: Cow<'_, str> = String::from_utf8_lossy(start);
    let mut shown: String =
        start.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if start.chars().count() > SHOWN || start.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::header::{CONTENT_TYPE, SET_COOKIE};
    use http::{HeaderMap, HeaderValue, Method};
    use serde_json::json;
    use url::Url;

    use super::*;
    use crate::http::{CallOptions, Category, Request, SendError, Timings};

    fn response(status: u16, text: &'static str) -> Response {
        let url = Rc::new(Url::parse("http://127.0.0.1/").unwrap());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.append(SET_COOKIE, HeaderValue::from_static("sid=abc; Path=/"));
        Response {
            status,
            proto: "1.1",
            headers,
            body: Bytes::from_static(text.as_bytes()),
            url: url.clone(),
            timings: Timings::default(),
            reused: false,
            hops: 0,
            duration: Duration::from_millis(120),
            size: text.len() as u64,
            error: None,
            expected: true,
            request: Rc::new(Request {
                method: Method::GET,
                url,
                name: "/".into(),
                headers: HeaderMap::new(),
                body: Default::default(),
                options: Rc::new(CallOptions::default()),
            }),
            peer: None,
            span: None,
        }
    }

    fn json(path: &str, want: Value) -> Condition {
        Condition::Json {
            path: Rc::new(JsonPath::compile(path).unwrap()),
            want: JsonWant::Is(want),
        }
    }

    fn any(path: &str) -> Condition {
        Condition::Json { path: Rc::new(JsonPath::compile(path).unwrap()), want: JsonWant::Any }
    }

    fn pattern(text: &str) -> Rc<Pattern> {
        Rc::new(Pattern::compile(text).unwrap())
    }

    fn header(name: &str, want: Want) -> Condition {
        Condition::Header { name: name.into(), want }
    }

    const BODY: &str =
        r#"{"ok":true,"n":1.0,"big":123456789012345678901,"list":[1,{"a":2,"b":3}],"none":null}"#;

    #[test]
    fn conditions_that_hold() {
        let response = response(201, BODY);
        for condition in [
            Condition::Status(ExpectStatus(vec![(200, 299)])),
            Condition::Proto("1.1".into()),
            header("Content-Type", Want::Present),
            header("content-type", Want::Is("application/json".into())),
            header("content-type", Want::Matches(pattern("json$"))),
            Condition::Cookie { name: "sid".into(), want: Want::Is("abc".into()) },
            Condition::Size { min: 1, max: 100 },
            Condition::MaxMs(120.0),
            Condition::BodyContains(b"\"ok\"".to_vec()),
            Condition::BodyContains(Vec::new()),
            Condition::BodyMatches(pattern(r"\d+")),
            json("$.ok", json!(true)),
            json("$.n", json!(1)),
            json("$.big", json!("123456789012345678901")),
            json("$.list", json!([1.0, { "b": 3, "a": 2 }])),
            json("$.none", json!(null)),
            any("$.list"),
        ] {
            assert_eq!(condition.evaluate(&response), Ok(()), "{}", condition.label());
        }
    }

    #[test]
    fn conditions_that_fail_show_expected_and_actual() {
        let response = response(503, BODY);
        let cookie = Condition::Cookie { name: "x".into(), want: Want::Present };
        for (condition, label, message) in [
            (
                Condition::Status(ExpectStatus(vec![(200, 200)])),
                "status is 200",
                "expected 200, got 503",
            ),
            (
                Condition::Status(ExpectStatus(vec![(200, 299), (304, 304)])),
                "status is 2xx, 304",
                "expected 2xx, 304, got 503",
            ),
            (Condition::Proto("2".into()), "proto", "expected 2, got 1.1"),
            (header("x-id", Want::Present), "header x-id", "expected one, got none"),
            (
                header("content-type", Want::Is("text/html".into())),
                "header content-type",
                r#"expected "text/html", got "application/json""#,
            ),
            (cookie, "cookie x", "expected one, got none"),
            (Condition::Size { min: 1, max: 10 }, "size", "expected 1 to 10 bytes, got 84 bytes"),
            (
                Condition::Size { min: 900, max: u64::MAX },
                "size",
                "expected at least 900 bytes, got 84 bytes",
            ),
            (Condition::MaxMs(100.0), "max_ms 100", "expected at most 100 ms, got 120.0 ms"),
            (json("$.ok", json!("true")), "json $.ok", r#"expected "true", got true"#),
            (
                json("$.list[1]", json!({ "a": 2 })),
                "json $.list[1]",
                r#"expected {"a":2}, got {"a":2,"b":3}"#,
            ),
            (any("$.none"), "json $.none", "expected a value that is not null, got null"),
            (any("$.gone"), "json $.gone", "expected a value that is not null, got nothing"),
        ] {
            assert_eq!(condition.label(), label);
            assert_eq!(condition.evaluate(&response), Err(message.to_owned()), "{label}");
        }
    }

    #[test]
    fn what_did_not_arrive_is_told() {
        let mut nothing = response(0, "");
        nothing.error = Some(SendError { category: Category::Connect, message: "refused".into() });
        let status = Condition::Status(ExpectStatus(vec![(200, 299)]));
        let says = |condition: &Condition| condition.evaluate(&nothing).unwrap_err();
        assert_eq!(says(&status), "expected 2xx, got no response (connect: refused)");
        assert_eq!(
            says(&any("$.a")),
            "expected a value that is not null, but the body is not JSON: it is empty"
        );
        assert_eq!(
            says(&Condition::BodyContains(b"x".to_vec())),
            "expected \"x\", got an empty body"
        );
    }

    #[test]
    fn long_values_are_shortened_to_one_line() {
        let text: &'static str = Box::leak("é\n".repeat(1_000).into_boxed_str());
        let message =
            Condition::BodyContains(b"x".to_vec()).evaluate(&response(200, text)).unwrap_err();
        assert!(message.chars().count() < 120, "{message}");
        assert!(!message.contains('\n') && message.contains('…'));
    }

    #[test]
    fn conditions_are_evaluated_in_a_fixed_order() {
        let mut conditions =
            vec![any("$.b"), any("$.a"), Condition::MaxMs(1.0), Condition::Proto("2".into())];
        Condition::sort(&mut conditions);
        let labels: Vec<String> = conditions.iter().map(Condition::label).collect();
        assert_eq!(labels, ["proto", "max_ms 1", "json $.a", "json $.b"]);
    }
}
