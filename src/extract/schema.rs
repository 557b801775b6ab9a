//! JSON Schema: whether a document is of it, and where it is not.
//!
//! Nothing is fetched: a `$ref` must lead into the schema itself, or to a draft's meta-schema.

use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::json::not_json;

/// Errors that a message tells.
const TOLD: usize = 3;
/// Characters of a value in a message.
const SHOWN: usize = 40;

/// A compiled schema.
#[derive(Debug, Clone)]
pub struct Schema(Validator);

impl Schema {
    /// Compiles a schema; its `$schema` says of which draft it is, else it is of 2020-12. The error
    /// names the place in it and the rule.
    pub fn compile(schema: &Value) -> Result<Schema, String> {
        if !schema.is_object() && !schema.is_boolean() {
            return Err(format!("a schema is an object, not {}", brief(schema)));
        }
        let validator = jsonschema::options().offline().build(schema);
        validator.map(Schema).map_err(|error| told(&error, &|_| false))
    }

    /// Whether `body` is JSON of this schema; if not, the first errors: where, what was expected,
    /// what came. Values whose name `is_secret` are not shown.
    pub fn judge(&self, body: &[u8], is_secret: &dyn Fn(&str) -> bool) -> Result<(), String> {
        let document = serde_json::from_slice(body)
            .map_err(|_| format!("expected JSON of the schema, but the {}", not_json(body)))?;
        if self.0.is_valid(&document) {
            return Ok(());
        }
        let mut errors = self.0.iter_errors(&document);
        let mut first: Vec<String> =
            errors.by_ref().take(TOLD).map(|error| told(&error, is_secret)).collect();
        if errors.next().is_some() {
            first.push("and more".into());
        }
        Err(first.join("; "))
    }
}

/// `at $.items[0].age: "x" is not of type "integer"`.
fn told(error: &ValidationError<'_>, is_secret: &dyn Fn(&str) -> bool) -> String {
    let segments: Vec<String> = error
        .instance_path()
        .as_str()
        .split('/')
        .skip(1)
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
        .collect();
    let got = match segments.iter().any(|name| is_secret(name)) {
        true => "a secret value".to_owned(),
        false => brief(error.instance()),
    };
    let what = error.masked_with(got.as_str()).to_string();
    let got = if what.contains(&got) { String::new() } else { format!(", got {got}") };
    format!("at {}: {what}{got}", path(&segments))
}

/// `$.items[0]['a b']`.
fn path(segments: &[String]) -> String {
    let mut path = "$".to_owned();
    for segment in segments {
        let plain = segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        path += &match segment {
            index if !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("[{index}]")
            }
            name if plain && !name.is_empty() => format!(".{name}"),
            name => format!("['{}']", name.replace('\'', "\\'")),
        };
    }
    path
}

/// A value in a few words.
fn brief(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.chars().count() > SHOWN => {
            format!("\"{}…\"", text.chars().take(SHOWN).collect::<String>())
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(schema: &Value, body: &str) -> Result<(), String> {
        Schema::compile(schema).unwrap().judge(body.as_bytes(), &|name| name == "password")
    }

    fn user() -> Value {
        json!({
            "type": "object",
            "required": ["id", "name"],
            "additionalProperties": false,
            "properties": {
                "id": { "type": "integer", "minimum": 1 },
                "name": { "$ref": "#/$defs/name" },
                "password": { "type": "integer" },
                "kind": { "enum": ["a", "b"] },
                "is": { "const": 1 },
                "tags": { "type": "array", "items": { "type": "string" }, "maxItems": 2 },
            },
            "$defs": { "name": { "type": "string", "maxLength": 5, "pattern": "^[a-z ]*$" } },
        })
    }

    #[test]
    fn what_is_of_the_schema_holds() {
        assert_eq!(judged(&user(), r#"{"id":1,"name":"ada","tags":["x"]}"#), Ok(()));
        assert_eq!(judged(&user(), r#"{"id":1.0,"name":"a b"}"#), Ok(()));
        assert_eq!(judged(&json!(true), "7"), Ok(()));
    }

    #[test]
    fn failures_name_the_place_the_rule_and_the_value() {
        for (body, want) in [
            (r#"{"id":"x","name":"a"}"#, r#"at $.id: "x" is not of type "integer""#),
            (r#"{"id":0,"name":"a"}"#, "at $.id: 0 is less than the minimum of 1"),
            (r#"{"id":1}"#, r#"at $: "name" is a required property, got an object"#),
            (r#"{"id":1,"name":"toolong"}"#, r#"at $.name: "toolong" is longer than 5 characters"#),
            (r#"{"id":1,"name":"A"}"#, r#"at $.name: "A" does not match "^[a-z ]*$""#),
            (r#"{"id":1,"name":"a","is":2}"#, "at $.is: 1 was expected, got 2"),
            (r#"{"id":1,"name":"a","kind":"c"}"#, r#"at $.kind: "c" is not one of "a" or "b""#),
            (r#"{"id":1,"name":"a","tags":[1]}"#, r#"at $.tags[0]: 1 is not of type "string""#),
            (
                r#"{"id":1,"name":"a","password":"pw"}"#,
                r#"at $.password: a secret value is not of type "integer""#,
            ),
            ("[]", r#"at $: a list of 0 is not of type "object""#),
            (
                "{",
                "expected JSON of the schema, but the body is not JSON: EOF while parsing an object at line 1 column 1",
            ),
            ("", "expected JSON of the schema, but the body is not JSON: it is empty"),
        ] {
            assert_eq!(judged(&user(), body).unwrap_err(), want, "{body}");
        }
        let several = judged(&user(), r#"{"id":0,"name":7,"x y":1,"tags":[1,2,3]}"#).unwrap_err();
        assert!(several.ends_with("; and more"), "{several}");
        let nested = json!({ "properties": { "a b": { "items": { "type": "null" } } } });
        assert_eq!(
            judged(&nested, r#"{"a b":[1]}"#).unwrap_err(),
            r#"at $['a b'][0]: 1 is not of type "null""#
        );
    }

    #[test]
    fn what_is_no_schema_is_told_with_its_place() {
        for (schema, want) in [
            (json!("x"), "a schema is an object, not \"x\""),
            (json!({ "type": "strin" }), "at $.type: "),
            (json!({ "properties": { "a": 1 } }), "at $.properties.a: "),
            (json!({ "pattern": "(" }), "at $.pattern: "),
            (json!({ "$ref": "#/nowhere" }), "nowhere"),
            (
                json!({ "$ref": "https://example.test/schema.json" }),
                "https://example.test/schema.json",
            ),
            (json!({ "$ref": "file:///etc/passwd" }), "file:///etc/passwd"),
        ] {
            let why = Schema::compile(&schema).unwrap_err();
            assert!(why.contains(want), "{schema}: {why}");
        }
    }

    #[test]
    fn hostile_schemas_and_documents_end() {
        for schema in [
            json!({ "$ref": "#" }),
            json!({ "allOf": [{ "$ref": "#" }] }),
            json!({ "anyOf": [{ "$ref": "#" }, { "type": "null" }] }),
            json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" }),
        ] {
            let small = std::thread::Builder::new().stack_size(2 << 20);
            let judged =
                small.spawn(move || Schema::compile(&schema).map(|it| it.judge(b"7", &|_| false)));
            assert!(judged.unwrap().join().is_ok());
        }
        let list = json!({ "items": { "$ref": "#" } });
        let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
        assert_eq!(judged(&list, &deep), Ok(()));
        assert!(judged(&list, &"[".repeat(1_000_000)).unwrap_err().contains("recursion limit"));
        let evil = json!({ "pattern": "^(a+)+$" });
        assert!(judged(&evil, &format!("\"{}!\"", "a".repeat(100_000))).is_err());
        let unique = json!({ "uniqueItems": true });
        let many: Vec<String> = (0..200_000).map(|n| format!("{{\"a\":{n}}}")).collect();
        assert_eq!(judged(&unique, &format!("[{}]", many.join(","))), Ok(()));
    }
}
