//! Scripts and command lines without what they call secret.
//!
//! A literal that is given to a secret name (`password = "x"`, `["X-Api-Key"] = 'x'`,
//! `"token": "x"`, `header("Authorization", "x")`) is struck out, and so are a secret's value in a
//! query, the password of a URL, what a call is to log in with, and every literal that looks like a
//! key. It errs on the side of striking out too much.

use regex::{Captures, Regex};

use super::Redactor;
use crate::secrets::STRUCK;

/// A name, what gives it a value, and the value as a literal: in double quotes (which may be escaped
/// themselves), in single ones, or in long brackets.
const GIVEN: &str = concat!(
    r#"([A-Za-z_][A-Za-z0-9_\-]*)(\\?["']?\s*\]?\s*(?:=|:|,)\s*)"#,
    r#"(\\"[^"\\\n]*\\"|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\[=*\[(?s:.*?)\]=*\])"#
);

/// How a call is given its credentials: these fields are secret whatever they hold.
const AUTH: &str = r#"\b(bearer|basic|digest)(\s*=\s*)(\{[^{}]*\}|"[^"\n]*"|'[^'\n]*')"#;

/// A literal that looks like a key: at least eight letters and digits without a blank.
const KEY: &str = r#"(["'])([A-Za-z0-9+=_.:\-]{8,})(["'])"#;

/// `?name=value`, `&name=value`, and `name=value` at the beginning of a literal.
const QUERY: &str = r#"([?&"'])([A-Za-z0-9_.\-\[\]%]+)=([^&"'\s\\]+)"#;

/// `://user:password@`.
const USER: &str = r#"(://[^/?#\s"'@:]*):([^/?#\s"'@]*)@"#;

impl Redactor {
    /// Lua source, or a word of a command line, with its secrets struck out.
    pub fn source(&self, text: &str) -> String {
        let query = |found: &Captures<'_>| match self.is_secret(&found[2]) {
            true => format!("{}{}={STRUCK}", &found[1], &found[2]),
            false => found[0].to_owned(),
        };
        let auth = |found: &Captures<'_>| format!("{}{}\"{STRUCK}\"", &found[1], &found[2]);
        let key = |found: &Captures<'_>| match found[2].bytes().any(|byte| byte.is_ascii_digit()) {
            true => format!("{}{STRUCK}{}", &found[1], &found[3]),
            false => found[0].to_owned(),
        };
        let user = |found: &Captures<'_>| format!("{}:{STRUCK}@", &found[1]);
        let text = self.given(text);
        let text = pattern(AUTH).replace_all(&text, auth);
        let text = pattern(QUERY).replace_all(&text, query);
        let text = pattern(KEY).replace_all(&text, key);
        pattern(USER).replace_all(&text, user).into_owned()
    }

    /// Values of secret names struck out; within others there may be more of them.
    fn given(&self, text: &str) -> String {
        let given = pattern(GIVEN);
        let (mut shown, mut from) = (String::with_capacity(text.len()), 0);
        while let Some(found) = given.captures_at(text, from) {
            let value = found.get(3).expect("the pattern has three groups").range();
            shown.push_str(&text[from..value.start]);
            from = value.start;
            if self.is_secret(&found[1]) {
                let quote = match &found[3] {
                    escaped if escaped.starts_with('\\') => "\\\"",
                    single if single.starts_with('\'') => "'",
                    _ => "\"",
                };
                shown.extend([quote, STRUCK, quote]);
                from = value.end;
            }
        }
        shown + &text[from..]
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("it is a pattern")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_secret_names_are_struck_out_and_others_are_left() {
        let redactor = Redactor::new(["x-own*"]);
        for (text, shown) in [
            (
                r#"headers = { Authorization = "Bearer abc" }"#,
                r#"headers = { Authorization = "***" }"#,
            ),
            (r#"["X-Own-Key"] = 'a"b\'c', n = 1"#, r#"["X-Own-Key"] = '***', n = 1"#),
            (
                r#"json = { password='x', user = "ada" }"#,
                r#"json = { password='***', user = "ada" }"#,
            ),
            (r#"body = [[{"token": "x"}]]"#, r#"body = [[{"token": "***"}]]"#),
            ("local access_token = [==[\na\n]==]", "local access_token = \"***\""),
            (
                r#"body = "{\"token\": \"x\", \"n\": 1}""#,
                r#"body = "{\"token\": \"***\", \"n\": 1}""#,
            ),
            (r#"r:header("Cookie", "a=b")"#, r#"r:header("Cookie", "***")"#),
            (r#"get "/a?x=1&token=abc&y=2""#, r#"get "/a?x=1&token=***&y=2""#),
            (r#"body = "password=abc&x=1""#, r#"body = "password=***&x=1""#),
            ("http://ada:pw@127.0.0.1:8/x", "http://ada:***@127.0.0.1:8/x"),
            (r#"auth = { basic = { 'ada', "x y" } }"#, r#"auth = { basic = "***" }"#),
            ("auth = { bearer = 'abc' }", "auth = { bearer = \"***\" }"),
            ("local v = 'DE77100110012620'", "local v = '***'"),
            (r#"get "/v1/products?page=12345678""#, r#"get "/v1/products?page=12345678""#),
            (r#"p = "p95 < 200ms""#, r#"p = "p95 < 200ms""#),
            (r#"if code == "A1" then"#, r#"if code == "A1" then"#),
            ("http://127.0.0.1:80/a@b", "http://127.0.0.1:80/a@b"),
        ] {
            assert_eq!(redactor.source(text), shown);
        }
    }
}
