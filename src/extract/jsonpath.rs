//! RFC 9535 JSONPath over bytes.
//!
//! A simple path (`$.items[3].id`, `$['a b'][-1]`, `$.items[*].id`) is followed by one pass over
//! the bytes that builds nothing; every other one is `jsonpath-rust`'s, over a document. Both
//! give the same results: the whole document must be JSON, and of equal keys the last counts.

use std::collections::VecDeque;

use jiter::Peek;
use jsonpath_rust::parser::errors::JsonPathError;
use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;

use super::budget::shallow;
use super::document;
use super::json::{Invalid, Scanner, not_json};

/// Longest path that is walked; each step may take a stack frame.
const MAX_STEPS: usize = 64;

/// A compiled path.
#[derive(Debug, Clone)]
pub struct JsonPath {
    text: String,
    query: JpQuery,
    simple: Option<Vec<Step>>,
}

/// A step of a simple path.
#[derive(Debug, Clone)]
enum Step {
    Name(String),
    Index(u64),
    /// From the end; 1 is the last.
    Back(u64),
    /// All values of an array.
    Each,
}

impl JsonPath {
    /// Compiles a path. The error names the place: ``unexpected `]` at column 5 of `$.a[]` ``.
    pub fn compile(path: &str) -> Result<JsonPath, String> {
        shallow("the JSONPath", path)?;
        let query = parse_json_path(path).map_err(|error| explain(path, &error))?;
        let simple = simple_steps(&query);
        Ok(JsonPath { text: path.to_owned(), query, simple })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The JSON text of the first match. The error: `body is not JSON: …`.
    pub fn first<'b>(&self, body: &'b [u8]) -> Result<Option<&'b [u8]>, String> {
        Ok(self.all(body)?.into_iter().next())
    }

    /// The JSON texts of all matches, in the document's order.
    pub fn all<'b>(&self, body: &'b [u8]) -> Result<Vec<&'b [u8]>, String> {
        match self.simple.as_ref().map(|steps| walk_document(body, steps)) {
            Some(Ok(found)) => Ok(found),
            Some(Err(Halt::Invalid)) => Err(not_json(body)),
            Some(Err(Halt::NeedsDocument)) | None => self.query_document(body),
        }
    }

    fn query_document<'b>(&self, body: &'b [u8]) -> Result<Vec<&'b [u8]>, String> {
        let root = document::read(body).map_err(|Invalid| not_json(body))?;
        let found = js_path_process(&self.query, &root).map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|reference| reference.val.text.as_bytes()).collect())
    }
}

/// Why a walk ended early.
enum Halt {
    Invalid,
    /// An object met `[*]`: equal keys would have to be remembered.
    NeedsDocument,
}

impl From<Invalid> for Halt {
    fn from(_: Invalid) -> Self {
        Halt::Invalid
    }
}

fn walk_document<'b>(body: &'b [u8], steps: &[Step]) -> Result<Vec<&'b [u8]>, Halt> {
    let mut scanner = Scanner::new(body)?;
    let mut found = Vec::new();
    let peek = scanner.peek()?;
    walk(&mut scanner, peek, steps, &mut found)?;
    scanner.finish()?;
    Ok(found)
}

/// Over the whole value at `peek`, adding what `steps` lead to.
fn walk<'b>(
    scanner: &mut Scanner<'b>,
    peek: Peek,
    steps: &[Step],
    found: &mut Vec<&'b [u8]>,
) -> Result<(), Halt> {
    let Some((step, rest)) = steps.split_first() else {
        let start = scanner.position();
        scanner.skip()?;
        found.push(scanner.since(start).as_bytes());
        return Ok(());
    };
    match (step, peek) {
        (Step::Name(name), Peek::Object) => walk_object(scanner, name, rest, found),
        (Step::Index(index), Peek::Array) => walk_array(scanner, Some(*index), rest, found),
        (Step::Each, Peek::Array) => walk_array(scanner, None, rest, found),
        (Step::Back(back), Peek::Array) => walk_back(scanner, *back, rest, found),
        (Step::Each, Peek::Object) => Err(Halt::NeedsDocument),
        _ => Ok(scanner.skip()?),
    }
}

fn walk_object<'b>(
    scanner: &mut Scanner<'b>,
    name: &str,
    rest: &[Step],
    found: &mut Vec<&'b [u8]>,
) -> Result<(), Halt> {
    let before = found.len();
    let mut key = scanner.enter_object(|key| key == name)?;
    while let Some(is_named) = key {
        let peek = scanner.peek()?;
        if is_named {
            found.truncate(before);
            walk(scanner, peek, rest, found)?;
        } else {
            scanner.skip()?;
        }
        key = scanner.next_key(|key| key == name)?;
    }
    Ok(())
}

/// Follows the value at `index`, or every one.
fn walk_array<'b>(
    scanner: &mut Scanner<'b>,
    index: Option<u64>,
    rest: &[Step],
    found: &mut Vec<&'b [u8]>,
) -> Result<(), Halt> {
    let mut at = 0;
    let mut next = scanner.enter_array()?;
    while let Some(peek) = next {
        if index.is_none_or(|index| index == at) {
            walk(scanner, peek, rest, found)?;
        } else {
            scanner.skip()?;
        }
        at += 1;
        next = scanner.next_value()?;
    }
    Ok(())
}

/// Follows the value `back` from the end, known once the end has been seen.
fn walk_back<'b>(
    scanner: &mut Scanner<'b>,
    back: u64,
    rest: &[Step],
    found: &mut Vec<&'b [u8]>,
) -> Result<(), Halt> {
    let mut last = VecDeque::new();
    let mut next = scanner.enter_array()?;
    while next.is_some() {
        if last.len() as u64 == back {
            last.pop_front();
        }
        last.push_back(scanner.position());
        scanner.skip()?;
        next = scanner.next_value()?;
    }
    match last.front() {
        Some(&start) if last.len() as u64 == back => {
            let mut again = scanner.at(start);
            let peek = again.peek()?;
            walk(&mut again, peek, rest, found)
        }
        _ => Ok(()),
    }
}

fn simple_steps(query: &JpQuery) -> Option<Vec<Step>> {
    let step = |segment: &Segment| match segment {
        Segment::Selector(Selector::Name(name)) => Some(Step::Name(name.clone())),
        Segment::Selector(Selector::Index(at)) if *at >= 0 => Some(Step::Index(at.unsigned_abs())),
        Segment::Selector(Selector::Index(at)) => Some(Step::Back(at.unsigned_abs())),
        Segment::Selector(Selector::Wildcard) => Some(Step::Each),
        _ => None,
    };
    if query.segments.len() > MAX_STEPS {
        return None;
    }
    query.segments.iter().map(step).collect()
}

fn explain(path: &str, error: &JsonPathError) -> String {
    if !path.starts_with('$') {
        let tail = path.trim_start_matches(['.', '@']);
        let joint = if tail.starts_with('[') || tail.is_empty() { "" } else { "." };
        return format!("a JSONPath begins with `$`: did you mean `${joint}{tail}`?");
    }
    let JsonPathError::PestError(error) = error else {
        return format!("`{path}` is not a JSONPath: {error}");
    };
    let at = match error.location {
        pest::error::InputLocation::Pos(at) | pest::error::InputLocation::Span((at, _)) => at,
    };
    let column = path[..at].chars().count() + 1;
    match path[at..].chars().next() {
        Some(found) => format!("unexpected `{found}` at column {column} of `{path}`"),
        None => format!("`{path}` ends too early, at column {column}"),
    }
}

#[cfg(test)]
mod tests {
    use jsonpath_rust::JsonPath as _;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn texts(path: &str, body: &str) -> Vec<String> {
        let found = JsonPath::compile(path).unwrap().all(body.as_bytes()).unwrap();
        found.into_iter().map(|text| String::from_utf8(text.to_vec()).unwrap()).collect()
    }

    #[test]
    fn values_keep_the_text_that_the_server_sent() {
        let body =
            r#"{"items":[{"id": 1.50 },{"id":123456789012345678901234567890}], "s":"\u00e9"}"#;
        assert_eq!(texts("$.items[1].id", body), ["123456789012345678901234567890"]);
        assert_eq!(texts("$.items[*].id", body), ["1.50", "123456789012345678901234567890"]);
        assert_eq!(texts("$..id", body), ["1.50", "123456789012345678901234567890"]);
        assert_eq!(texts("$.items[?@.id > 2].id", body), ["123456789012345678901234567890"]);
        assert_eq!(texts("$['s']", body), [r#""\u00e9""#]);
        assert_eq!(texts("$.items[0]", body), [r#"{"id": 1.50 }"#]);
        assert_eq!(texts("$", " [1, 2] "), ["[1, 2]"]);
        assert_eq!(texts("$.none", body), Vec::<String>::new());
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        let body = r#"{"a":{"b":1,"b":2},"a":{"b":3,"\u0062":4},"c":1,"c":{}}"#;
        for (path, want) in
            [("$.a.b", vec!["4"]), ("$.c.d", vec![]), ("$.*", vec![r#"{"b":3,"\u0062":4}"#, "{}"])]
        {
            assert_eq!(texts(path, body), want, "{path}");
        }
        assert_eq!(texts("$.a[*]", r#"{"a":[1,2,3],"a":[4]}"#), ["4"]);
    }

    #[test]
    fn a_wrong_path_is_told_with_its_place() {
        for (path, want) in [
            ("$.a[]", "unexpected `]` at column 5 of `$.a[]`"),
            ("$.a[", "`$.a[` ends too early, at column 5"),
            ("token", "a JSONPath begins with `$`: did you mean `$.token`?"),
            ("[0].a", "a JSONPath begins with `$`: did you mean `$[0].a`?"),
            ("", "a JSONPath begins with `$`: did you mean `$`?"),
            ("$.é.-", "unexpected `-` at column 5 of `$.é.-`"),
        ] {
            assert_eq!(JsonPath::compile(path).unwrap_err(), want);
        }
        for (open, close) in [("(", ")"), ("@[?", "]"), ("count(", ")")] {
            let path = format!("$[?{}@.a{}]", open.repeat(10_000), close.repeat(10_000));
            assert!(JsonPath::compile(&path).unwrap_err().contains("nests deeper than 32 levels"));
        }
    }

    #[test]
    fn hostile_bodies_end_in_an_error() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        let html = "<html>";
        for path in ["$.a", "$[0][-1]", "$..a", "$[*]"] {
            let path = JsonPath::compile(path).unwrap();
            assert!(path.all(deep.as_bytes()).unwrap_err().contains("recursion limit"));
            assert!(path.all(html.as_bytes()).unwrap_err().starts_with("body is not JSON: "));
            assert!(path.all(b"\"\xff\"").unwrap_err().starts_with("body is not JSON: "));
            assert_eq!(path.first(b"").unwrap_err(), "body is not JSON: it is empty");
        }
        let long = format!("$.{}", vec!["a"; 5_000].join("."));
        assert_eq!(texts(&long, r#"{"a":{"a":1}}"#), Vec::<String>::new());
    }

    #[test]
    fn ten_megabytes_end_in_values() {
        let item = |id| format!(r#"{{"id":{id},"name":"n{id}","tags":["a","b"]}},"#);
        let items: String = (0..200_000).map(item).collect();
        let body = format!(r#"{{"items":[{items}{{"id":-1}}]}}"#);
        assert!(body.len() > 8_000_000);
        for (path, count) in [
            ("$.items[-1].id", 1),
            ("$.items[*].id", 200_001),
            ("$.items[?@.id < 1].id", 2),
            ("$..id", 200_001),
        ] {
            let found = JsonPath::compile(path).unwrap().all(body.as_bytes()).unwrap();
            assert_eq!(found.len(), count, "{path}");
        }
        let keys: String = (0..200_000).map(|id| format!(r#""k{id}":{id},"#)).collect();
        let body = format!(r#"{{{keys}"k7":8}}"#);
        assert_eq!(texts("$.*", &body).len(), 200_000);
        assert_eq!(texts("$['k7','k8']", &body), ["8", "8"]);
    }

    fn names() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["a", "b", "é", "a b", "\"", "\\", "'", "", "\u{1F600}", "\n"])
            .prop_map(str::to_owned)
    }

    fn documents() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            any::<i64>().prop_map(|n| n.to_string()),
            (-1e9..1e9).prop_map(|n: f64| json!(n).to_string()),
            names().prop_map(|s| json!(s).to_string()),
            Just(r#""\u00e9\ud83d\ude00\/""#.to_owned()),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            let member =
                (names(), any::<bool>(), inner.clone()).prop_map(|(key, escaped, value)| {
                    let key = if escaped { escape(&key) } else { json!(key).to_string() };
                    format!("{key} :{value}")
                });
            prop_oneof![
                prop::collection::vec(inner, 0..6).prop_map(|v| format!("[ {}]", v.join(" ,"))),
                prop::collection::vec(member, 0..6).prop_map(|v| format!("{{{} }}", v.join(","))),
            ]
        })
    }

    fn escape(key: &str) -> String {
        let units: String = key.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        format!("\"{units}\"")
    }

    fn paths() -> impl Strategy<Value = String> {
        let step = prop_oneof![
            4 => names().prop_map(|name| format!("[{}]", json!(name))),
            2 => (-4i64..4).prop_map(|at| format!("[{at}]")),
            1 => Just("[*]".to_owned()),
            1 => prop::sample::select(vec![".a", ".b", ".é", "..a", "[0:2]", "[?@.a]", "['a',0]"])
                .prop_map(str::to_owned),
        ];
        prop::collection::vec(step, 0..5).prop_map(|steps| format!("${}", steps.concat()))
    }

    proptest! {
        #[test]
        fn every_path_gives_what_jsonpath_rust_gives(body in documents(), path in paths()) {
            let value: Value = serde_json::from_str(&body).unwrap();
            let want: Vec<Value> = value.query(&path).unwrap().into_iter().cloned().collect();
            let compiled = JsonPath::compile(&path).unwrap();
            let got: Vec<Value> = compiled.all(body.as_bytes()).unwrap().into_iter()
                .map(|text| serde_json::from_slice(text).unwrap()).collect();
            prop_assert_eq!(got, want, "{} of {}", path, body);
        }

        #[test]
        fn a_broken_document_is_the_error_that_serde_json_gives(
            body in documents(), path in paths(), at in any::<prop::sample::Index>(), byte: u8,
        ) {
            let mut broken = body.into_bytes();
            let at = at.index(broken.len());
            broken[at] = byte;
            let got = JsonPath::compile(&path).unwrap().all(&broken);
            match serde_json::from_slice::<Value>(&broken) {
                Ok(value) => prop_assert_eq!(got.unwrap().len(), value.query(&path).unwrap().len()),
                Err(_) if broken.iter().all(u8::is_ascii_whitespace) => prop_assert!(got.is_err()),
                Err(error) => prop_assert_eq!(got.unwrap_err(), format!("body is not JSON: {error}")),
            }
        }
    }
}
