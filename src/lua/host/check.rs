//! `lt.check` and `lt.expect`: conditions as Lua wrote them, compiled once per worker, counted
//! each time.
//!
//! A raw `judge_KIND(r, want[, name[, how]])` gives a message for the author's mistake, then what
//! to say if the condition does not hold. One that holds costs no text.

mod quick;

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{Lua, Table, Value};

use super::Host;
use super::compiled::{Compiled, Kept};
use super::read::expect_status;
use super::response;
use super::told::{needs, unknown};
use super::witness::Event;
use crate::check::{Condition, JsonWant, Want};
use crate::extract::Schema;
use crate::http::Response;
use crate::lua::value::{Json, plain};
use crate::metrics::NameId;

/// A condition and its interned label.
struct Known {
    condition: Condition,
    label: NameId,
}

/// What a condition is made of.
struct Parts<'a> {
    json: &'a Json,
    compiled: &'a Compiled,
    want: &'a Value,
    /// Header, cookie or path.
    name: &'a Value,
    /// `"matches"`, `"any"` or nil.
    how: &'a Value,
}

/// The kind of schema conditions in the keys of known ones.
const SCHEMA: u8 = 255;

type Make = fn(&Parts<'_>) -> Result<Condition, String>;

const KINDS: [(&str, Make); 9] = [
    ("status", |p| Ok(Condition::Status(expect_status("status", p.want)?))),
    ("proto", |p| Ok(Condition::Proto(p.text("proto")?))),
    ("header", |p| Ok(Condition::Header { name: p.name()?, want: p.wanted("header")? })),
    ("cookie", |p| Ok(Condition::Cookie { name: p.name()?, want: p.wanted("cookie")? })),
    ("size", size),
    ("max_ms", |p| Ok(Condition::MaxMs(p.number("max_ms")?))),
    ("body_contains", |p| Ok(Condition::BodyContains(p.bytes("body_contains")?))),
    ("body_matches", |p| Ok(Condition::BodyMatches(p.compiled.pattern(p.want)?))),
    ("json", |p| Ok(Condition::Json { path: p.compiled.path(p.name)?, want: p.json_want()? })),
];

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let judge = Rc::new(Judge {
        host: host.clone(),
        json: Json::of(lua)?,
        compiled: Compiled::of(lua),
        known: Kept::default(),
        key: RefCell::default(),
        held: RefCell::default(),
    });
    quick::register(lua, &judge, h)?;
    for (index, (name, make)) in (0..).zip(KINDS) {
        let judge = judge.clone();
        let call = move |_: &Lua, (r, want, name, how): (Value, Value, Value, Value)| {
            Ok(answered(judge.judge(index, make, &r, &want, &name, &how)))
        };
        h.raw_set(format!("judge_{name}"), lua.create_function(call)?)?;
    }
    let of_schema = judge.clone();
    let call = move |lua: &Lua, (r, want): (Value, Value)| {
        Ok(answered(of_schema.schema(lua, &want).and_then(|known| of_schema.count(&known, &r))))
    };
    h.raw_set("judge_schema", lua.create_function(call)?)?;
    let compiled = Compiled::of(lua);
    let pattern = move |_: &Lua, pattern: Value| Ok(compiled.pattern(&pattern).err());
    h.raw_set("check_pattern", lua.create_function(pattern)?)?;
    let unknown = |_: &Lua, label: mlua::LuaString| {
        let known = KINDS.iter().map(|(name, _)| *name).chain(["schema"]);
        Ok(unknown("condition", &label.to_string_lossy(), known)
            + " (a label of your own needs a function or a boolean)")
    };
    h.raw_set("check_unknown", lua.create_function(unknown)?)?;
    let host = host.clone();
    let record = move |_: &Lua, (label, failure): (mlua::LuaString, Option<String>)| {
        let (label, place) = (label.to_string_lossy(), host.user().place.get());
        let mut recorder = host.recorder.borrow_mut();
        let id = recorder.intern(&label);
        recorder.check(&place, id, failure.is_none());
        drop(recorder);
        host.tell(|| Event::Check { label, failure });
        Ok(())
    };
    h.raw_set("check_record", lua.create_function(record)?)
}

/// The outer error is the author's mistake, the inner one a failure.
type Judged = Result<Result<(), String>, String>;

fn answered(judged: Judged) -> (Option<String>, Option<String>) {
    match judged {
        Ok(Ok(())) => (None, None),
        Ok(Err(failure)) => (None, Some(failure)),
        Err(fault) => (Some(fault), None),
    }
}

struct Judge {
    host: Rc<Host>,
    json: Rc<Json>,
    compiled: Rc<Compiled>,
    known: Kept<Known>,
    /// The last key, for its memory.
    key: RefCell<Vec<u8>>,
    /// Labels of the last quick check, likewise.
    held: RefCell<Vec<NameId>>,
}

impl Judge {
    /// Counts one condition.
    fn judge(
        &self,
        kind: u8,
        make: Make,
        r: &Value,
        want: &Value,
        name: &Value,
        how: &Value,
    ) -> Judged {
        self.count(&*self.condition(kind, make, [want, name, how])?, r)
    }

    /// A condition of a wanted value, a name and how to compare.
    fn condition(&self, kind: u8, make: Make, parts: [&Value; 3]) -> Result<Rc<Known>, String> {
        let compile = || {
            let [want, name, how] = parts;
            let parts = Parts { json: &self.json, compiled: &self.compiled, want, name, how };
            make(&parts).map(|condition| self.known(condition))
        };
        let mut key = self.key.borrow_mut();
        match write_key(kind, parts, &mut key) {
            true => self.known.of(&key, compile),
            false => Ok(Rc::new(compile()?)),
        }
    }

    fn known(&self, condition: Condition) -> Known {
        let label = self.host.recorder.borrow_mut().intern(&condition.label());
        Known { condition, label }
    }

    fn count(&self, known: &Known, r: &Value) -> Judged {
        let verdict = response::with(r, |r| {
            known.condition.evaluate(r).map_err(|failure| self.shown(&known.condition, r, failure))
        })?;
        let place = self.host.user().place.get();
        self.host.recorder.borrow_mut().check(&place, known.label, verdict.is_ok());
        self.host.tell(|| Event::Check {
            label: known.condition.label(),
            failure: verdict.as_ref().err().cloned(),
        });
        Ok(verdict.map_err(|failure| format!("{}: {failure}", known.condition.label())))
    }

    /// A schema, compiled at its first use: a file goes by its path, a table by the JSON that it is.
    fn schema(&self, lua: &Lua, want: &Value) -> Result<Rc<Known>, String> {
        let (file, mut text) = match want {
            Value::String(file) => (file.to_string_lossy(), Vec::new()),
            Value::Table(_) => {
                let mut text = Vec::new();
                self.json.encode(want, &mut text).map_err(|what| format!("schema: {what}"))?;
                (String::new(), text)
            }
            other => return Err(needs("schema", "a JSON Schema or the name of its file", other)),
        };
        let path = self.host.beside_caller(lua, &file);
        let mut key = vec![SCHEMA];
        key.extend(if file.is_empty() { &text } else { path.as_os_str().as_encoded_bytes() });
        self.known.of(&key, || {
            let called = format!("schema {file}").trim_end().to_owned();
            if !file.is_empty() {
                text = std::fs::read(&path)
                    .map_err(|error| format!("schema: cannot read {}: {error}", path.display()))?;
            }
            let schema = serde_json::from_slice(&text)
                .map_err(|error| format!("{called} is not JSON: {error}"))?;
            let schema = Schema::compile(&schema)
                .map_err(|what| format!("{called} is no JSON Schema: {what}"))?;
            Ok(self.known(Condition::Schema { schema: Rc::new(schema), file: file.clone() }))
        })
    }
}

impl Judge {
    /// A failure's message without secrets in it.
    fn shown(&self, condition: &Condition, r: &Response, failure: String) -> String {
        let redactor = &self.host.shared.redactor;
        let secret = match condition {
            Condition::BodyContains(_) | Condition::BodyMatches(_) => {
                return condition.evaluate(&redactor.shown(r)).err().unwrap_or(failure);
            }
            Condition::Cookie { want: Want::Present, .. } => false,
            Condition::Cookie { .. } => true,
            Condition::Header { name, .. } => redactor.is_secret(name),
            Condition::Json { path, .. } => redactor.is_secret(last_name(path.as_str())),
            Condition::Schema { schema, .. } => {
                let judged = schema.judge(&r.body, &|name| redactor.is_secret(name));
                return judged.err().unwrap_or(failure);
            }
            _ => false,
        };
        match secret {
            false => failure,
            true if failure.ends_with("got nothing") || failure.ends_with("got none") => {
                "expected a secret value, got none".into()
            }
            true => "the value is not the expected one (secret, so not shown)".into(),
        }
    }
}

/// `password` of `$.user.password` and of `$.user['password']`.
fn last_name(path: &str) -> &str {
    let end = path.trim_end_matches([']', '\'', '"']);
    end.rsplit(['.', '[', '\'', '"']).next().unwrap_or(end)
}

/// Writes a text that is the same for the same condition; `false` if there is none.
fn write_key(kind: u8, parts: [&Value; 3], key: &mut Vec<u8>) -> bool {
    key.clear();
    key.push(kind);
    for part in parts {
        match part {
            Value::Nil => key.push(0),
            Value::Boolean(flag) => key.extend([1, u8::from(*flag)]),
            Value::Integer(integer) => {
                key.push(2);
                key.extend(integer.to_le_bytes());
            }
            Value::Number(number) => {
                key.push(3);
                key.extend(number.to_le_bytes());
            }
            Value::String(text) => {
                let text = text.as_bytes();
                key.push(4);
                key.extend(text.len().to_le_bytes());
                key.extend_from_slice(&text);
            }
            _ => return false,
        }
    }
    true
}

impl Parts<'_> {
    fn bytes(&self, what: &str) -> Result<Vec<u8>, String> {
        match self.want {
            Value::String(text) => Ok(text.as_bytes().to_vec()),
            other => Err(needs(what, "a string", other)),
        }
    }

    fn text(&self, what: &str) -> Result<String, String> {
        String::from_utf8(self.bytes(what)?).map_err(|_| format!("{what} is not UTF-8"))
    }

    fn number(&self, what: &str) -> Result<f64, String> {
        match self.want {
            Value::Integer(integer) => Ok(*integer as f64),
            Value::Number(number) => Ok(*number),
            other => Err(needs(what, "a number", other)),
        }
    }

    fn name(&self) -> Result<String, String> {
        match self.name {
            Value::String(name) => Ok(name.to_string_lossy()),
            other => Err(needs("header and cookie", "names as keys", other)),
        }
    }

    fn wanted(&self, what: &str) -> Result<Want, String> {
        match self.want {
            Value::Boolean(true) => Ok(Want::Present),
            Value::String(_) if self.how.is_string() => {
                Ok(Want::Matches(self.compiled.pattern(self.want)?))
            }
            Value::String(_) => Ok(Want::Is(self.text(what)?)),
            Value::Integer(integer) => Ok(Want::Is(integer.to_string())),
            other => {
                let name = self.name()?;
                Err(needs(&format!("{what}.{name}"), "a string, true or lt.matches \"…\"", other))
            }
        }
    }

    fn json_want(&self) -> Result<JsonWant, String> {
        if self.how.is_string() {
            return Ok(JsonWant::Any);
        }
        let mut text = Vec::new();
        self.json.encode(self.want, &mut text).map_err(|what| format!("json: {what}"))?;
        let want = serde_json::from_slice(&text).expect("what was encoded is JSON");
        Ok(JsonWant::Is(want))
    }
}

/// `{ min, max }` in bytes, by place or by name; either may be missing.
fn size(parts: &Parts<'_>) -> Result<Condition, String> {
    const USAGE: &str = "{ min, max } in bytes";
    let Value::Table(table) = parts.want else { return Err(needs("size", USAGE, parts.want)) };
    let table = plain(table);
    let limit = |index: i64, name: &str, default: u64| {
        let value = match table.raw_get(index).unwrap_or(Value::Nil) {
            Value::Nil => table.raw_get(name).unwrap_or(Value::Nil),
            value => value,
        };
        match value {
            Value::Nil => Ok(default),
            Value::Integer(bytes) if bytes >= 0 => Ok(bytes.cast_unsigned()),
            other => Err(needs("size", USAGE, &other)),
        }
    };
    Ok(Condition::Size { min: limit(1, "min", 0)?, max: limit(2, "max", u64::MAX)? })
}
