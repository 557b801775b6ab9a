//! The option table of a call: what a request is made of, and how it is sent.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use mlua::{Function, LuaString, Table, Value};
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::told::{HINT, needs, unknown};
use super::{encode, multipart, read};
use crate::http::{CallOptions, Payload};
use crate::lua::value::{Json, plain};

/// Every option, for "did you mean".
const KNOWN: [&str; 18] = [
    "auth",
    "body",
    "body_limit",
    "compression",
    "connect_timeout",
    "discard_body",
    "expect_status",
    "form",
    "headers",
    "json",
    "multipart",
    "name",
    "path",
    "query",
    "redirects",
    "retry",
    "tags",
    "timeout",
];

/// Options of connections, which no single call has.
const CONNECTION: [&str; 6] = ["dns", "local_addresses", "proxy", "resolve", "tls", "version"];

/// What an option table is read with.
pub struct Setting<'a> {
    /// What the options change.
    pub defaults: &'a Rc<CallOptions>,
    pub json: &'a Json,
    /// Where files are sought.
    pub folder: &'a Path,
    /// The user's own choices.
    pub rng: &'a RefCell<Xoshiro256PlusPlus>,
}

/// What one call was told.
#[derive(Debug)]
pub struct Given {
    /// For `{name}` in the URL.
    pub path: Vec<(String, String)>,
    /// To append to the URL, encoded; empty if there is none.
    pub query: String,
    /// The author's, content-type and authorization included.
    pub headers: HeaderMap,
    /// Empty if there is none.
    pub body: Payload,
    /// For the report.
    pub name: Option<String>,
    /// On its samples.
    pub tags: Vec<(String, String)>,
    /// The defaults, or a changed copy of them.
    pub options: Rc<CallOptions>,
    /// Decides whether the answer is expected.
    pub judge: Option<Function>,
    body_of: Option<&'static str>,
    /// The content-type that names the boundary.
    multipart: Option<HeaderValue>,
}

impl Given {
    /// Reads an option table; the error is the message for the author.
    pub fn read(table: &Table, setting: &Setting<'_>) -> Result<Given, String> {
        let mut given = Given {
            path: Vec::new(),
            query: String::new(),
            headers: HeaderMap::new(),
            body: Payload::default(),
            name: None,
            tags: Vec::new(),
            options: setting.defaults.clone(),
            judge: None,
            body_of: None,
            multipart: None,
        };
        read::each(table, |key, value| match &key {
            Value::String(name) => given.option(&name.to_string_lossy(), &value, setting),
            other => Err(needs("an option table", "names", other)),
        })?;
        if let Some(kind) = given.multipart.take()
            && given.headers.insert(CONTENT_TYPE, kind).is_some()
        {
            return Err("multipart sets the content-type, which names the boundary between the \
                        parts: leave it out of headers"
                .into());
        }
        Ok(given)
    }

    fn option(&mut self, name: &str, value: &Value, setting: &Setting<'_>) -> Result<(), String> {
        match name {
            "json" => self.json(value, setting.json),
            "multipart" => self.multipart(value, setting),
            "form" => self.form(value),
            "body" => self.raw_body(value),
            "headers" => self.all_headers(value),
            "query" => read::pairs("query", value).map(|pairs| self.query = encode::form(&pairs)),
            "path" => read::pairs("path", value).map(|pairs| self.path = pairs),
            "tags" => read::tags(value).map(|pairs| self.tags = pairs),
            "name" => read::text("name", value).map(|name| self.name = Some(name)),
            "auth" => self.auth(value),
            "expect_status" => self.expect_status(value),
            _ => self.sending(name, value),
        }
    }

    /// The options that do not make the request itself.
    fn sending(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let options = Rc::make_mut(&mut self.options);
        match name {
            "timeout" => options.timeout = read::duration(name, value)?,
            "connect_timeout" => options.connect_timeout = read::duration(name, value)?,
            "redirects" => {
                options.redirects = u8::try_from(read::count(name, value)?)
                    .map_err(|_| "redirects: at most 255 can be followed".to_owned())?;
            }
            "body_limit" => options.body_limit = read::bytes(name, value)?,
            "discard_body" => options.discard_body = read::flag(name, value)?,
            "compression" => options.compression = read::flag(name, value)?,
            "retry" => options.retry = read::retry(name, value)?,
            _ if CONNECTION.contains(&name) => {
                return Err(format!(
                    "`{name}` belongs to connections, which requests share{HINT}put it into \
                     `http = {{ … }}` of the definition or of a scenario"
                ));
            }
            "user_agent" => {
                return Err(format!(
                    "`user_agent` belongs into `http = {{ … }}` of the definition or of a \
                     scenario{HINT}for one request write headers = {{ [\"user-agent\"] = … }}"
                ));
            }
            _ => return Err(unknown("option", name, KNOWN)),
        }
        Ok(())
    }

    fn expect_status(&mut self, value: &Value) -> Result<(), String> {
        let options = Rc::make_mut(&mut self.options);
        options.judged = value.is_function();
        match value {
            Value::Function(judge) => self.judge = Some(judge.clone()),
            value => options.expect_status = read::expect_status("expect_status", value)?,
        }
        Ok(())
    }

    fn json(&mut self, value: &Value, json: &Json) -> Result<(), String> {
        let mut out = Vec::with_capacity(64);
        json.encode(value, &mut out).map_err(|what| format!("json: {what}"))?;
        self.body("json", Bytes::from(out).into(), Some("application/json"))
    }

    fn form(&mut self, value: &Value) -> Result<(), String> {
        let body = encode::form(&read::pairs("form", value)?);
        self.body("form", Bytes::from(body).into(), Some("application/x-www-form-urlencoded"))
    }

    fn raw_body(&mut self, value: &Value) -> Result<(), String> {
        let Value::String(body) = value else {
            return Err(
                needs("body", "a string", value) + "; tables are sent with json = … or form = …"
            );
        };
        let body = Bytes::copy_from_slice(&body.as_bytes());
        self.body("body", body.into(), None)
    }

    fn multipart(&mut self, value: &Value, setting: &Setting<'_>) -> Result<(), String> {
        let boundary = format!("loadtool-{:032x}", setting.rng.borrow_mut().random::<u128>());
        let pieces = multipart::read(value, &boundary, setting.folder)?;
        let kind = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"))
            .expect("hexadecimal digits can stand in a header");
        self.multipart = Some(kind);
        self.body("multipart", pieces.into(), None)
    }

    fn body(
        &mut self,
        of: &'static str,
        body: Payload,
        content_type: Option<&'static str>,
    ) -> Result<(), String> {
        if let Some(other) = self.body_of.replace(of) {
            let (a, b) = if other < of { (other, of) } else { (of, other) };
            return Err(format!("a request has one body, but both `{a}` and `{b}` are given"));
        }
        self.body = body;
        if let Some(kind) = content_type {
            // The author's own content-type wins, whichever option came first.
            self.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
        }
        Ok(())
    }

    fn all_headers(&mut self, value: &Value) -> Result<(), String> {
        let Value::Table(table) = value else {
            return Err(needs("headers", "a table of name = value", value));
        };
        read::each(table, |key, value| {
            let Value::String(name) = &key else {
                return Err(needs("headers", "names as keys", &key));
            };
            let (name, shown) = (header_name(name)?, name.to_string_lossy());
            self.headers.remove(&name);
            match &value {
                Value::Table(list) => read::each(list, |_, value| {
                    self.headers.append(&name, header_value(&shown, &value)?);
                    Ok(())
                }),
                value => {
                    self.headers.insert(name, header_value(&shown, value)?);
                    Ok(())
                }
            }
        })
    }

    fn auth(&mut self, value: &Value) -> Result<(), String> {
        const USAGE: &str = "{ basic = { user, password } } or { bearer = token }";
        let Value::Table(table) = value else { return Err(needs("auth", USAGE, value)) };
        let table = plain(table);
        let get = |key: &str| table.raw_get::<Value>(key).unwrap_or(Value::Nil);
        let header = match (get("basic"), get("bearer")) {
            (Value::Table(pair), Value::Nil) => {
                let pair = plain(&pair);
                let part =
                    |index| read::text("auth.basic", &pair.raw_get(index).unwrap_or(Value::Nil));
                let plain = format!("{}:{}", part(1)?, part(2)?);
                format!("Basic {}", STANDARD.encode(plain))
            }
            (Value::Nil, token @ Value::String(_)) => {
                format!("Bearer {}", read::text("auth.bearer", &token)?)
            }
            _ => return Err(format!("auth needs {USAGE}")),
        };
        let mut header = HeaderValue::try_from(header)
            .map_err(|_| "auth: the text cannot stand in a header".to_owned())?;
        header.set_sensitive(true);
        // A header that was written out wins, whichever option came first.
        self.headers.entry(AUTHORIZATION).or_insert(header);
        Ok(())
    }
}

fn header_name(name: &LuaString) -> Result<HeaderName, String> {
    HeaderName::from_bytes(&name.as_bytes())
        .map_err(|_| format!("`{}` is no header name", name.to_string_lossy()))
}

fn header_value(name: &str, value: &Value) -> Result<HeaderValue, String> {
    let refused = |_| format!("headers.{name}: the text cannot stand in a header");
    match value {
        Value::String(text) => HeaderValue::from_bytes(&text.as_bytes()).map_err(refused),
        value => HeaderValue::try_from(read::scalar("headers", name, value)?).map_err(refused),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::ExpectStatus;
    use mlua::Lua;
    use rand::SeedableRng;

    fn read(source: &str, defaults: &Rc<CallOptions>) -> Result<Given, String> {
        let lua = Lua::new();
        let json = Json::of(&lua).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), "text").unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        let rng = &RefCell::new(Xoshiro256PlusPlus::seed_from_u64(1));
        let setting = Setting { defaults, json: &json, folder: folder.path(), rng };
        Given::read(&lua.load(source).eval().unwrap(), &setting)
    }

    fn given(source: &str) -> Result<Given, String> {
        read(source, &Rc::default())
    }

    fn body(given: &Given) -> &[u8] {
        given.body.bytes().unwrap()
    }

    #[test]
    fn a_form_in_parts_knows_its_size_and_names_its_boundary() {
        let given =
            given("{ multipart = { { name = 'a', value = 7 }, { name = 'f', file = 'a.txt' } } }");
        let given = given.unwrap();
        let kind = given.headers[CONTENT_TYPE].to_str().unwrap();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n7\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\
             Content-Type: application/octet-stream\r\n\r\ntext\r\n--{boundary}--\r\n"
        );
        assert_eq!(given.body.size(), expected.len() as u64);
        assert!(given.body.bytes().is_none());
    }

    #[test]
    fn bodies_bring_their_content_type_unless_the_author_does() {
        let json = given("{ json = { a = 10 / 2 } }").unwrap();
        assert_eq!(
            (body(&json), &json.headers[CONTENT_TYPE]),
            (&b"{\"a\":5}"[..], &"application/json".parse().unwrap())
        );
        let form = given("{ form = { b = { 1, 2 }, a = 'x y' } }").unwrap();
        assert_eq!(body(&form), b"a=x+y&b=1&b=2");
        let own = given("{ json = {}, headers = { ['Content-Type'] = 'a/b' } }").unwrap();
        assert_eq!(own.headers[CONTENT_TYPE], "a/b");
        assert!(given("{ body = 'x' }").unwrap().headers.is_empty());
    }

    #[test]
    fn headers_may_have_several_values() {
        let given = given("{ headers = { Accept = { 'a', 'b' }, ['x-n'] = 7 } }").unwrap();
        assert_eq!(given.headers.get_all("accept").iter().count(), 2);
        assert_eq!(given.headers["x-n"], "7");
    }

    #[test]
    fn auth_becomes_a_header() {
        let given = |source| given(source).unwrap().headers[AUTHORIZATION].clone();
        assert_eq!(given("{ auth = { basic = { 'u', 'p' } } }"), "Basic dTpw");
        assert_eq!(given("{ auth = { bearer = 't' } }"), "Bearer t");
    }

    #[test]
    fn the_defaults_are_shared_until_an_option_changes_them() {
        let defaults = Rc::default();
        let read = |source: &str| read(source, &defaults).unwrap().options;
        assert!(Rc::ptr_eq(&defaults, &read("{ query = { a = 1 } }")));
        assert_eq!(read("{ timeout = 2.5 }").timeout, Duration::from_millis(2500));
        assert_eq!(read("{ timeout = '250ms' }").timeout, Duration::from_millis(250));
        assert_eq!(read("{ body_limit = '1KiB' }").body_limit, 1024);
        let expected = ExpectStatus(vec![(200, 299), (404, 404)]);
        assert_eq!(read("{ expect_status = { '2xx', 404 } }").expect_status, expected);
    }

    #[test]
    fn mistakes_are_told() {
        let cases = [
            ("{ jsno = {} }", "unknown option `jsno`; did you mean `json`?"),
            (
                "{ json = {}, form = {} }",
                "a request has one body, but both `form` and `json` are given",
            ),
            (
                "{ timeout = 5000 }",
                "timeout = 5000 is more than 600 seconds; for milliseconds write \"5000ms\"",
            ),
            ("{ timeout = -1 }", "timeout = -1 is not a length of time"),
            ("{ json = { f = print } }", "json: a function has no JSON (at f)"),
            (
                "{ body = {} }",
                "body needs a string, got a table; tables are sent with json = … or form = …",
            ),
            ("{ query = { a = {{}} } }", "query.a needs a string, number or boolean, got a table"),
            ("{ headers = { ['a b'] = '' } }", "`a b` is no header name"),
            ("{ headers = { a = 'x\\ny' } }", "headers.a: the text cannot stand in a header"),
            (
                "{ auth = 'x' }",
                "auth needs { basic = { user, password } } or { bearer = token }, got \"x\"",
            ),
            ("{ retry = { tims = 1 } }", "unknown field `retry.tims`; did you mean `times`?"),
            (
                "{ retry = { times = -1 } }",
                "retry.times must be a whole number up to 100, not -1; hint: the default is 2: three tries in all",
            ),
            (
                "{ retry = { backoff = 700 } }",
                "retry.backoff = 700 is more than 10m; hint: for milliseconds write \"700ms\"",
            ),
            (
                "{ retry = 3 }",
                "retry must be a table or false, not 3; hint: write { times = 2, on = { \"connect\", 503 }, backoff = \"100ms\" }",
            ),
            (
                "{ retry = { on = { 'connect', print } } }",
                "retry.on cannot be a function; hint: write statuses like 503 or \"5xx\", and dns, connect, tls, timeout, reset, protocol, body",
            ),
            (
                "{ multipart = {} }",
                "multipart needs a list of { name = …, value = … } or { name = …, file = … }, but the list is empty",
            ),
            (
                "{ multipart = { { name = 'a', value = 1 }, 7 } }",
                "multipart, part 2: it needs to be a table like { name = …, value = … }, got 7",
            ),
            ("{ multipart = { { value = 1 } } }", "multipart, part 1: it needs a name"),
            ("{ multipart = { { name = 'a' } } }", "multipart, part 1: it needs a value or a file"),
            (
                "{ multipart = { { name = 'a', value = 1, file = 'a.txt' } } }",
                "multipart, part 1: it has both a value and a file",
            ),
            (
                "{ multipart = { { name = 'a', vlaue = 1 } } }",
                "multipart, part 1: unknown field of a part `vlaue`; did you mean `value`?",
            ),
            (
                "{ multipart = { { name = 'a', value = {} } } }",
                "multipart, part 1: value needs a string, number or boolean, got a table",
            ),
            (
                "{ multipart = { { name = 'a', file = 'none.png' } } }",
                "multipart, part 1: cannot read none.png: No such file or directory (os error 2)",
            ),
            (
                "{ multipart = { { name = 'a', file = 'sub' } } }",
                "multipart, part 1: sub is not a file",
            ),
            (
                "{ multipart = { { name = 'a', file = '/etc/passwd' } } }",
                "multipart, part 1: /etc/passwd: files outside the script's folder are closed",
            ),
            (
                "{ multipart = { { name = 'a', value = '', content_type = 'a\\nb: c' } } }",
                "multipart, part 1: content_type: the text cannot stand in a header",
            ),
            (
                "{ multipart = { { name = 'a', value = '' } }, headers = { ['Content-Type'] = 'x' } }",
                "multipart sets the content-type, which names the boundary between the parts: leave it out of headers",
            ),
            (
                "{ multipart = { { name = 'a', value = '' } }, json = {} }",
                "a request has one body, but both `json` and `multipart` are given",
            ),
            ("{ redirects = -1 }", "redirects needs a whole number from 0, got -1"),
            ("{ discard_body = 1 }", "discard_body needs true or false, got 1"),
            (
                "{ expect_status = '6xx' }",
                "expect_status needs a status like 200 or a class like \"2xx\", or a list of them, got \"6xx\"",
            ),
            (
                "{ proxy = 'http://127.0.0.1:3128' }",
                "`proxy` belongs to connections, which requests share; hint: put it into \
                 `http = { … }` of the definition or of a scenario",
            ),
            (
                "{ user_agent = 'mine' }",
                "`user_agent` belongs into `http = { … }` of the definition or of a scenario; \
                 hint: for one request write headers = { [\"user-agent\"] = … }",
            ),
            ("{ 'GET' }", "an option table needs names, got 1"),
        ];
        for (source, message) in cases {
            assert_eq!(given(source).unwrap_err(), message, "{source}");
        }
    }
}
