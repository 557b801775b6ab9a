//! The extractors, as methods of responses and as functions of `lt.extract` over any text: what is
//! not found is `nil` and a message that names the path, the request and the beginning of the body.
//!
//! This file has those of JSON, patterns and heads; `markup.rs` those of HTML and XML.

use std::rc::Rc;

use mlua::{Lua, Table, Value};

use super::Host;
use super::compiled::Compiled;
use super::markup::Pages;
use super::response::{joined, title, with};
use super::told::{needs, unknown};
use crate::extract::{Group, cookie};
use crate::http::Response;
use crate::http::redact::Redactor;
use crate::lua::value::Json;

/// Characters of a body in a message.
const SHOWN: usize = 100;

/// Puts the raw functions into `h`: `response_NAME(r, …)` and `extract_NAME(text, …)`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let extract = Rc::new(Extract {
        json: Json::of(lua)?,
        compiled: Compiled::of(lua),
        pages: Pages::default(),
        redactor: host.shared.redactor.clone(),
    });
    for (name, method) in METHODS {
        extract.clone().method(lua, h, name, method)?;
        if !HEADS.contains(&name) {
            extract.clone().function(lua, h, name, method)?;
        }
    }
    let unknown = |_: &Lua, (given, known): (mlua::LuaString, Vec<String>)| {
        let known = known.iter().map(String::as_str);
        Ok(unknown("key of an extractor", &given.to_string_lossy(), known))
    };
    h.raw_set("extract_unknown", lua.create_function(unknown)?)
}

/// A value, or why there is none: what is not found is `nil` and a message.
pub(super) type Found = (Option<String>, Value, Option<String>);

/// What the author gave besides what is extracted from.
pub(super) type Args = [Value; 3];

type Method = fn(&Extract, &Lua, &Source<'_>, &Args) -> mlua::Result<Found>;

const METHODS: [(&str, Method); 12] = [
    ("json", Extract::json),
    ("json_all", Extract::json_all),
    ("regex", Extract::regex),
    ("regex_all", Extract::regex_all),
    ("css", Extract::css),
    ("css_all", Extract::css_all),
    ("xpath", Extract::xpath),
    ("xpath_all", Extract::xpath_all),
    ("form", Extract::form),
    ("header", Extract::header),
    ("header_all", Extract::header_all),
    ("cookie", Extract::cookie),
];

/// Those that only a response has.
const HEADS: [&str; 3] = ["header", "header_all", "cookie"];

/// What is extracted from.
pub(super) enum Source<'a> {
    /// A response's body, or its head.
    Response(&'a Response),
    /// A text that came from elsewhere.
    Text(&'a [u8]),
}

impl Source<'_> {
    /// Decoded.
    pub(super) fn body(&self) -> &[u8] {
        match self {
            Source::Response(r) => &r.body,
            Source::Text(text) => text,
        }
    }
}

/// The extractors of one worker.
pub(super) struct Extract {
    pub(super) json: Rc<Json>,
    pub(super) compiled: Rc<Compiled>,
    pub(super) pages: Pages,
    redactor: Redactor,
}

impl Extract {
    fn method(self: Rc<Self>, lua: &Lua, h: &Table, name: &str, of: Method) -> mlua::Result<()> {
        let call = move |lua: &Lua, (r, a, b, c): (Value, Value, Value, Value)| {
            let found = with(&r, |r| of(&self, lua, &Source::Response(r), &[a, b, c]));
            found.unwrap_or_else(|message| Ok(fault(message)))
        };
        h.raw_set(format!("response_{name}"), lua.create_function(call)?)
    }

    fn function(self: Rc<Self>, lua: &Lua, h: &Table, name: &str, of: Method) -> mlua::Result<()> {
        let called = format!("lt.extract.{name}");
        let call = move |lua: &Lua, (text, a, b, c): (Value, Value, Value, Value)| match &text {
            Value::String(text) => of(&self, lua, &Source::Text(&text.as_bytes()), &[a, b, c]),
            other => Ok(fault(needs(&called, "a text to extract from", other))),
        };
        h.raw_set(format!("extract_{name}"), lua.create_function(call)?)
    }

    fn json(&self, lua: &Lua, s: &Source<'_>, [path, ..]: &Args) -> mlua::Result<Found> {
        if path.is_nil() {
            return Ok(match self.json.decode(lua, s.body())? {
                Ok(document) => found(document),
                Err(what) => self.missing(s, &format!("no JSON ({what})")),
            });
        }
        let path = match self.compiled.path(path) {
            Ok(path) => path,
            Err(message) => return Ok(fault(message)),
        };
        Ok(match path.first(s.body()) {
            Ok(Some(b"null")) => self.missing(s, &format!("{} is null", path.as_str())),
            Ok(Some(text)) => match self.json.decode(lua, text)? {
                Ok(value) => found(value),
                Err(what) => self.missing(s, &format!("{}: {what}", path.as_str())),
            },
            Ok(None) => self.missing(s, &format!("nothing at {}", path.as_str())),
            Err(what) => self.missing(s, &unread(s, path.as_str(), &what)),
        })
    }

    fn json_all(&self, lua: &Lua, s: &Source<'_>, [path, ..]: &Args) -> mlua::Result<Found> {
        let path = match self.compiled.path(path) {
            Ok(path) => path,
            Err(message) => return Ok(fault(message)),
        };
        let list = lua.create_table()?;
        self.json.mark(&list)?;
        let texts = match path.all(s.body()) {
            Ok(texts) => texts,
            Err(what) => {
                let (_, _, why) = self.missing(s, &unread(s, path.as_str(), &what));
                return Ok((None, Value::Table(list), why));
            }
        };
        for text in texts {
            if let Ok(value) = self.json.decode(lua, text)? {
                list.raw_push(value)?;
            }
        }
        Ok(found(Value::Table(list)))
    }

    fn regex(&self, lua: &Lua, s: &Source<'_>, [of, group, _]: &Args) -> mlua::Result<Found> {
        let answer = self.compiled.pattern(of).and_then(|pattern| {
            let first = grouped(group, |group| pattern.first(s.body(), group))?;
            Ok((pattern, first))
        });
        match answer {
            Ok((_, Some(text))) => Ok(found(Value::String(lua.create_string(text)?))),
            Ok((pattern, None)) => {
                Ok(self.missing(s, &format!("no match of `{}`", pattern.as_str())))
            }
            Err(message) => Ok(fault(message)),
        }
    }

    fn regex_all(&self, lua: &Lua, s: &Source<'_>, [of, group, _]: &Args) -> mlua::Result<Found> {
        let answer = self
            .compiled
            .pattern(of)
            .and_then(|pattern| grouped(group, |group| pattern.all(s.body(), group)));
        match answer {
            Ok(texts) => {
                let texts = texts.into_iter().map(|text| lua.create_string(text));
                let list = lua.create_sequence_from(texts.collect::<mlua::Result<Vec<_>>>()?)?;
                self.json.mark(&list)?;
                Ok(found(Value::Table(list)))
            }
            Err(message) => Ok(fault(message)),
        }
    }

    fn header(&self, lua: &Lua, s: &Source<'_>, [name, ..]: &Args) -> mlua::Result<Found> {
        let (r, name) = match head("r:header", s, name) {
            Ok(head) => head,
            Err(message) => return Ok(fault(message)),
        };
        Ok(match joined(lua, &r.headers, &name)? {
            Some(value) => found(Value::String(value)),
            None => self.missing(s, &format!("no header `{name}`")),
        })
    }

    fn header_all(&self, lua: &Lua, s: &Source<'_>, [name, ..]: &Args) -> mlua::Result<Found> {
        let (r, name) = match head("r:header_all", s, name) {
            Ok(head) => head,
            Err(message) => return Ok(fault(message)),
        };
        let list = lua.create_table()?;
        for value in r.headers.get_all(name) {
            list.raw_push(lua.create_string(value.as_bytes())?)?;
        }
        self.json.mark(&list)?;
        Ok(found(Value::Table(list)))
    }

    fn cookie(&self, lua: &Lua, s: &Source<'_>, [name, ..]: &Args) -> mlua::Result<Found> {
        let (r, name) = match head("r:cookie", s, name) {
            Ok(head) => head,
            Err(message) => return Ok(fault(message)),
        };
        match cookie::value(&r.headers, &name) {
            Some(value) => Ok(found(Value::String(lua.create_string(value)?))),
            None => Ok(self.missing(s, &format!("no cookie `{name}` set"))),
        }
    }

    /// `nothing at $.token in the answer to POST /login (status 401): {"error":"…`
    pub(super) fn missing(&self, s: &Source<'_>, what: &str) -> Found {
        let why = match s {
            Source::Text(text) => format!("{what} in the text{}", self.begin("which", text)),
            Source::Response(r) => {
                let title = title(r);
                match &r.error {
                    Some(error) if r.status == 0 => {
                        let (category, message) = (error.category.as_str(), &error.message);
                        format!("{what}: {title} has no answer ({category}: {message})")
                    }
                    _ => {
                        let begin = self.begin("whose body", &r.body);
                        format!("{what} in the answer to {title} (status {}){begin}", r.status)
                    }
                }
            }
        };
        (None, Value::Nil, Some(why))
    }

    fn begin(&self, called: &str, body: &[u8]) -> String {
        if body.is_empty() {
            return format!(", {called} is empty");
        }
        let start = String::from_utf8_lossy(&body[..body.len().min(8 * SHOWN)]);
        let start = self.redactor.json(&start);
        let mut shown: String =
            start.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
        if start.chars().count() > SHOWN {
            shown.push('…');
        }
        format!(": {shown}")
    }
}

/// A body that is empty is said to be so, or that there is none; else `what` is wrong with it.
fn unread(s: &Source<'_>, path: &str, what: &str) -> String {
    match s.body().is_empty() {
        true => format!("nothing at {path}"),
        false => format!("nothing at {path}: the {what}"),
    }
}

/// A response and the name of something in its head.
fn head<'a>(
    called: &str,
    source: &Source<'a>,
    name: &Value,
) -> Result<(&'a Response, String), String> {
    match (source, name) {
        (Source::Response(r), Value::String(name)) => Ok((r, name.to_string_lossy())),
        (Source::Text(_), _) => Err(format!("{called}: a text has no head")),
        (_, name) => Err(needs(called, "a name", name)),
    }
}

pub(super) fn found(value: Value) -> Found {
    (None, value, None)
}

pub(super) fn fault(message: String) -> Found {
    (Some(message), Value::Nil, None)
}

/// A group is asked for by number or name, or not at all.
fn grouped<R>(
    group: &Value,
    of: impl FnOnce(Option<Group<'_>>) -> Result<R, String>,
) -> Result<R, String> {
    match group {
        Value::Nil => of(None),
        Value::Integer(number) => {
            let number = usize::try_from(*number)
                .map_err(|_| format!("a group's number is from 0, not {number}"))?;
            of(Some(Group::Number(number)))
        }
        Value::String(name) => of(Some(Group::Name(&name.to_string_lossy()))),
        other => Err(needs("r:regex", "a group's number or name", other)),
    }
}
