//! The extractors of `r:…` methods: what is not found is `nil` and a message that names the path,
//! the request and the beginning of the body.

use std::rc::Rc;

use mlua::{Lua, Table, Value};

use super::Host;
use super::compiled::Compiled;
use super::response::{joined, title, with};
use super::told::needs;
use crate::extract::{Group, cookie};
use crate::http::Response;
use crate::http::redact::Redactor;
use crate::lua::value::Json;

/// Characters of a body in a message.
const SHOWN: usize = 100;

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let extract = Rc::new(Extract {
        json: Json::of(lua)?,
        compiled: Compiled::of(lua),
        redactor: host.shared.redactor.clone(),
    });
    extract.register(lua, h)
}

/// A value, or why there is none: what is not found is `nil` and a message.
type Found = (Option<String>, Value, Option<String>);

/// The extractors of `r:…` methods.
struct Extract {
    json: Rc<Json>,
    compiled: Rc<Compiled>,
    redactor: Redactor,
}

impl Extract {
    fn register(self: Rc<Self>, lua: &Lua, h: &Table) -> mlua::Result<()> {
        type Method = fn(&Extract, &Lua, &Response, &Value, &Value) -> mlua::Result<Found>;
        const METHODS: [(&str, Method); 7] = [
            ("json", Extract::json),
            ("json_all", Extract::json_all),
            ("regex", Extract::regex),
            ("regex_all", Extract::regex_all),
            ("header", Extract::header),
            ("header_all", Extract::header_all),
            ("cookie", Extract::cookie),
        ];
        for (name, method) in METHODS {
            let this = self.clone();
            let call =
                move |lua: &Lua, (r, what, which): (Value, Value, Value)| match with(&r, |r| {
                    method(&this, lua, r, &what, &which)
                }) {
                    Ok(found) => found,
                    Err(message) => Ok(fault(message)),
                };
            h.raw_set(format!("response_{name}"), lua.create_function(call)?)?;
        }
        Ok(())
    }

    fn json(&self, lua: &Lua, r: &Response, path: &Value, _: &Value) -> mlua::Result<Found> {
        if path.is_nil() {
            return Ok(match self.json.decode(lua, &r.body)? {
                Ok(document) => found(document),
                Err(what) => self.missing(r, &format!("no JSON ({what})")),
            });
        }
        let path = match self.compiled.path(path) {
            Ok(path) => path,
            Err(message) => return Ok(fault(message)),
        };
        Ok(match path.first(&r.body) {
            Ok(Some(b"null")) => self.missing(r, &format!("{} is null", path.as_str())),
            Ok(Some(text)) => match self.json.decode(lua, text)? {
                Ok(value) => found(value),
                Err(what) => self.missing(r, &format!("{}: {what}", path.as_str())),
            },
            Ok(None) => self.missing(r, &format!("nothing at {}", path.as_str())),
            Err(what) => self.missing(r, &unread(r, path.as_str(), &what)),
        })
    }

    fn json_all(&self, lua: &Lua, r: &Response, path: &Value, _: &Value) -> mlua::Result<Found> {
        let path = match self.compiled.path(path) {
            Ok(path) => path,
            Err(message) => return Ok(fault(message)),
        };
        let list = lua.create_table()?;
        self.json.mark(&list)?;
        let texts = match path.all(&r.body) {
            Ok(texts) => texts,
            Err(what) => {
                let (_, _, why) = self.missing(r, &unread(r, path.as_str(), &what));
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

    fn regex(&self, lua: &Lua, r: &Response, of: &Value, group: &Value) -> mlua::Result<Found> {
        let answer = self.compiled.pattern(of).and_then(|pattern| {
            let first = grouped(group, |group| pattern.first(&r.body, group))?;
            Ok((pattern, first))
        });
        match answer {
            Ok((_, Some(text))) => Ok(found(Value::String(lua.create_string(text)?))),
            Ok((pattern, None)) => {
                Ok(self.missing(r, &format!("no match of `{}`", pattern.as_str())))
            }
            Err(message) => Ok(fault(message)),
        }
    }

    fn regex_all(&self, lua: &Lua, r: &Response, of: &Value, group: &Value) -> mlua::Result<Found> {
        let answer = self
            .compiled
            .pattern(of)
            .and_then(|pattern| grouped(group, |group| pattern.all(&r.body, group)));
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

    fn header(&self, lua: &Lua, r: &Response, name: &Value, _: &Value) -> mlua::Result<Found> {
        let Value::String(name) = name else {
            return Ok(fault(needs("r:header", "a name", name)));
        };
        let name = name.to_string_lossy();
        Ok(match joined(lua, &r.headers, &name)? {
            Some(value) => found(Value::String(value)),
            None => self.missing(r, &format!("no header `{name}`")),
        })
    }

    fn header_all(&self, lua: &Lua, r: &Response, name: &Value, _: &Value) -> mlua::Result<Found> {
        let Value::String(name) = name else {
            return Ok(fault(needs("r:header_all", "a name", name)));
        };
        let list = lua.create_table()?;
        for value in r.headers.get_all(name.to_string_lossy()) {
            list.raw_push(lua.create_string(value.as_bytes())?)?;
        }
        self.json.mark(&list)?;
        Ok(found(Value::Table(list)))
    }

    fn cookie(&self, lua: &Lua, r: &Response, name: &Value, _: &Value) -> mlua::Result<Found> {
        let Value::String(name) = name else {
            return Ok(fault(needs("r:cookie", "a name", name)));
        };
        let name = name.to_string_lossy();
        match cookie::value(&r.headers, &name) {
            Some(value) => Ok(found(Value::String(lua.create_string(value)?))),
            None => Ok(self.missing(r, &format!("no cookie `{name}` set"))),
        }
    }

    /// `nothing at $.token in the answer to POST /login (status 401): {"error":"…`
    fn missing(&self, r: &Response, what: &str) -> Found {
        let title = title(r);
        let why = match &r.error {
            Some(error) if r.status == 0 => format!(
                "{what}: {title} has no answer ({}: {})",
                error.category.as_str(),
                error.message
            ),
            _ => format!("{what} in the answer to {title} (status {}){}", r.status, self.begin(r)),
        };
        (None, Value::Nil, Some(why))
    }

    fn begin(&self, r: &Response) -> String {
        if r.body.is_empty() {
            return ", whose body is empty".into();
        }
        let start = String::from_utf8_lossy(&r.body[..r.body.len().min(8 * SHOWN)]);
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
fn unread(r: &Response, path: &str, what: &str) -> String {
    match r.body.is_empty() {
        true => format!("nothing at {path}"),
        false => format!("nothing at {path}: the {what}"),
    }
}

fn found(value: Value) -> Found {
    (None, value, None)
}

fn fault(message: String) -> Found {
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
