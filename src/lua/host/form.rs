//! Forms: what `r:form` gives, and the request that `http.submit` makes of it.
//!
//! In between a form is a plain table that the author changes as a person fills it in.

use mlua::{Lua, Table, Value};
use std::rc::Rc;
use url::Url;

use super::Host;
use super::extract::{Args, Extract, Found, Source, fault, found};
use super::read;
use super::told::{needs, unknown};
use crate::extract::Form;
use crate::extract::form::{Enctype, Method};
use crate::lua::value::{Json, plain};

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, _: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let request = |lua: &Lua, (form, options): (Value, Value)| {
        Ok(match request(lua, &form, &options) {
            Ok((method, url, options)) => (None, Some(method), Some(url), Some(options)),
            Err(message) => (Some(message), None, None, None),
        })
    };
    h.raw_set("form_request", lua.create_function(request)?)
}

impl Extract {
    /// `r:form(selector[, options])`; a text is followed by its URL: `(selector, url, options)`.
    pub(super) fn form(&self, lua: &Lua, s: &Source<'_>, args: &Args) -> mlua::Result<Found> {
        let (selector, options) = match s {
            Source::Response(_) => (&args[0], &args[1]),
            Source::Text(_) => (&args[0], &args[2]),
        };
        let wanted = || {
            let url = match s {
                Source::Response(r) => Some((*r.url).clone()),
                Source::Text(_) => base(&args[1])?,
            };
            let selector = match selector {
                Value::Nil => &Value::String(lua.create_string("form").map_err(|e| e.to_string())?),
                given => given,
            };
            let button = match button(options)? {
                Value::Nil => None,
                css => Some(self.compiled.css(&css)?),
            };
            Ok((self.compiled.css(selector)?, button, url))
        };
        let (css, button, url) = match wanted() {
            Ok(wanted) => wanted,
            Err(message) => return Ok(fault(message)),
        };
        let page = self.pages.of(s.body());
        let form = page.and_then(|page| page.form(&css, button.as_deref(), url.as_ref()));
        Ok(match form {
            Ok(Some(form)) => found(Value::Table(table(lua, &self.json, &form)?)),
            Ok(None) => self.missing(s, &format!("no form `{}`", css.as_str())),
            Err(why) => self.missing(s, &format!("no form `{}`: {why}", css.as_str())),
        })
    }
}

fn base(url: &Value) -> Result<Option<Url>, String> {
    let text = match url {
        Value::Nil => return Ok(None),
        url => read::text("lt.extract.form: the page's URL", url)?,
    };
    let parsed = Url::parse(&text).map_err(|error| format!("the URL `{text}`: {error}"))?;
    Ok(Some(parsed))
}

fn button(options: &Value) -> Result<Value, String> {
    let Value::Table(table) = options else {
        return match options {
            Value::Nil => Ok(Value::Nil),
            other => Err(needs("form", "options like { button = \"[name=save]\" }", other)),
        };
    };
    let mut button = Value::Nil;
    read::each(table, |key, value| match &key {
        Value::String(name) if *name.as_bytes() == *b"button" => {
            button = value;
            Ok(())
        }
        Value::String(name) => {
            Err(unknown("option of a form", &name.to_string_lossy(), ["button"]))
        }
        other => Err(needs("an option table", "names", other)),
    })?;
    Ok(button)
}

/// `{ action, method, enctype, fields }`; a name that comes more than once has a list.
fn table(lua: &Lua, json: &Json, form: &Form) -> mlua::Result<Table> {
    let fields = lua.create_table()?;
    for (name, value) in &form.fields {
        match fields.raw_get(name.as_str())? {
            Value::Table(list) => list.raw_push(value.as_str())?,
            Value::Nil => fields.raw_set(name.as_str(), value.as_str())?,
            first => {
                let second = Value::String(lua.create_string(value)?);
                let list = lua.create_sequence_from([first, second])?;
                json.mark(&list)?;
                fields.raw_set(name.as_str(), list)?;
            }
        }
    }
    let table = lua.create_table()?;
    table.raw_set("action", form.action.as_str())?;
    table.raw_set("method", form.method.as_str())?;
    table.raw_set("enctype", form.enctype.as_str())?;
    table.raw_set("fields", fields)?;
    Ok(table)
}

const USAGE: &str = "a form as r:form gives it: { action = …, method = …, fields = … }";

/// Method, URL and options of the request that sends a form.
fn request(
    lua: &Lua,
    form: &Value,
    options: &Value,
) -> Result<(&'static str, String, Table), String> {
    let Value::Table(form) = form else { return Err(needs("http.submit", USAGE, form)) };
    let form = plain(form);
    let get = |key: &str| form.raw_get::<Value>(key).unwrap_or(Value::Nil);
    let text = |key: &str| match get(key) {
        Value::Nil => Ok(String::new()),
        Value::String(text) => Ok(text.to_string_lossy()),
        other => Err(needs(&format!("http.submit: the form's {key}"), "a string", &other)),
    };
    let (action, method, enctype) = (text("action")?, text("method")?, text("enctype")?);
    let (Value::Table(fields), false) = (get("fields"), action.is_empty()) else {
        return Err(format!("http.submit needs {USAGE}"));
    };
    let method = match &*method.to_ascii_uppercase() {
        "" | "GET" => Method::Get,
        "POST" => Method::Post,
        _ => return Err(format!("a form's method is GET or POST, not `{method}`")),
    };
    let given = copied(lua, options, method)?;
    // Braces would be taken for placeholders.
    let action = action.replace('{', "%7B").replace('}', "%7D");
    let set = |key: &str, value: Value| given.raw_set(key, value).map_err(|e| e.to_string());
    match (method, Enctype::read(&enctype)) {
        (Method::Get, _) => {
            set("query", typed(lua, &fields)?)?;
            let bare = action.split(['?', '#']).next().unwrap_or("").to_owned();
            return Ok((method.as_str(), bare, given));
        }
        (Method::Post, Enctype::UrlEncoded) => set("form", typed(lua, &fields)?)?,
        (Method::Post, Enctype::Multipart) => set("multipart", parts(lua, &fields)?)?,
        (Method::Post, other) => {
            return Err(format!("a form of {} cannot be sent by http.submit", other.as_str()));
        }
    }
    Ok((method.as_str(), action, given))
}

/// The author's options, which cannot say what the form does.
fn copied(lua: &Lua, options: &Value, method: Method) -> Result<Table, String> {
    let copy = lua.create_table().map_err(|error| error.to_string())?;
    match options {
        Value::Nil => {}
        Value::Table(options) => read::each(options, |key, value| {
            copy.raw_set(key, value).map_err(|error| error.to_string())
        })?,
        other => return Err(needs("http.submit", "a table of options", other)),
    }
    for key in ["body", "form", "json", "multipart", "query"] {
        let has = copy.contains_key(key).map_err(|error| error.to_string())?;
        if has && (key != "query" || method == Method::Get) {
            return Err(format!("http.submit sends the form's fields, so `{key}` cannot be given"));
        }
    }
    Ok(copy)
}

/// The fields as a browser sends what was typed: with CRLF for each line's end.
fn typed(lua: &Lua, fields: &Table) -> Result<Value, String> {
    let typed = lua.create_table().map_err(|error| error.to_string())?;
    for (name, value) in read::pairs("the form's fields", &Value::Table(fields.clone()))? {
        let put = || {
            let values: Table = match typed.raw_get(name.as_str())? {
                Value::Table(values) => values,
                _ => lua.create_table()?,
            };
            values.raw_push(with_crlf(&value))?;
            typed.raw_set(name.as_str(), values)
        };
        put().map_err(|error: mlua::Error| error.to_string())?;
    }
    Ok(Value::Table(typed))
}

/// The fields as the parts of a `multipart`, by name; a table that is no list is a part as
/// `multipart` takes it, a file as a rule.
fn parts(lua: &Lua, fields: &Table) -> Result<Value, String> {
    let mut named = Vec::new();
    read::each(fields, |key, value| {
        let Value::String(name) = &key else {
            return Err(needs("the form's fields", "names", &key));
        };
        let name = name.to_string_lossy();
        match &value {
            Value::Table(list) if plain(list).raw_len() > 0 => {
                read::items(list)?.into_iter().for_each(|item| named.push((name.clone(), item)));
            }
            _ => named.push((name, value)),
        }
        Ok(())
    })?;
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    let parts = named.iter().map(|(name, value)| part(lua, name, value));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    lua.create_sequence_from(parts).map(Value::Table).map_err(|error| error.to_string())
}

fn part(lua: &Lua, name: &str, value: &Value) -> Result<Table, String> {
    let part = lua.create_table().map_err(|error| error.to_string())?;
    let set = |key: Value, value: Value| part.raw_set(key, value).map_err(|e| e.to_string());
    let text = |text: &str| lua.create_string(text).map(Value::String).map_err(|e| e.to_string());
    match value {
        Value::Table(own) => read::each(own, set)?,
        value => {
            let typed = with_crlf(&read::scalar("the form's fields", name, value)?);
            set(text("value")?, text(&typed)?)?;
        }
    }
    set(text("name")?, text(name)?)?;
    Ok(part)
}

fn with_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}
