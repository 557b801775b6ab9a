//! `lt.http.cookies`: the running user's jar.

use std::rc::Rc;

use mlua::{Lua, Table, Value};
use url::Url;

use super::told::{Told, needs, told, unknown};
use super::url::absolute;
use super::{Host, read};
use crate::http::CookieAttributes;

const ATTRIBUTES: [&str; 5] = ["domain", "path", "max_age", "secure", "http_only"];

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let this = host.clone();
    let get = move |_: &Lua, (url, name): (Value, Value)| Ok(get(&this, &url, &name));
    h.raw_set("cookies_get", lua.create_function(get)?)?;
    let this = host.clone();
    let all = move |lua: &Lua, url: Value| -> mlua::Result<Told<Table>> {
        match target(&this, &url) {
            Ok(url) => {
                let cookies = this.user().session.cookies.all(&url);
                Ok((None, Some(lua.create_table_from(cookies)?)))
            }
            Err(message) => Ok((Some(message), None)),
        }
    };
    h.raw_set("cookies_all", lua.create_function(all)?)?;
    let this = host.clone();
    let set = move |_: &Lua, (url, name, value, attributes): (Value, Value, Value, Value)| {
        Ok(set(&this, &url, &name, &value, &attributes).err())
    };
    h.raw_set("cookies_set", lua.create_function(set)?)?;
    let this = host.clone();
    let clear = move |_: &Lua, ()| {
        this.user().session.clear();
        Ok(())
    };
    h.raw_set("cookies_clear", lua.create_function(clear)?)
}

fn get(host: &Host, url: &Value, name: &Value) -> Told<String> {
    let asked = target(host, url).and_then(|url| Ok((url, text("name", name)?)));
    match asked {
        Ok((url, name)) => (None, host.user().session.cookies.get(&url, &name)),
        Err(message) => told(Err(message)),
    }
}

fn set(
    host: &Host,
    url: &Value,
    name: &Value,
    value: &Value,
    attributes: &Value,
) -> Result<(), String> {
    let (url, name, value) = (target(host, url)?, text("name", name)?, text("value", value)?);
    let attributes = attributes_of(attributes)?;
    host.user().session.cookies.set(&url, &name, &value, &attributes)
}

/// The URL that a cookie belongs to.
fn target(host: &Host, url: &Value) -> Result<Url, String> {
    absolute(&text("URL", url)?, host.user().base_url.as_deref())
}

fn attributes_of(attributes: &Value) -> Result<CookieAttributes, String> {
    let mut set = CookieAttributes::default();
    let table = match attributes {
        Value::Nil => return Ok(set),
        Value::Table(table) => table,
        other => return Err(needs("a cookie", "a table of attributes", other)),
    };
    read::each(table, |name, value| {
        let name = text("attribute", &name)?;
        match (name.as_str(), &value) {
            ("domain", value) => set.domain = Some(text("domain", value)?),
            ("path", value) => set.path = Some(text("path", value)?),
            ("secure", Value::Boolean(flag)) => set.secure = *flag,
            ("http_only", Value::Boolean(flag)) => set.http_only = *flag,
            ("max_age", Value::Integer(seconds)) => set.max_age_s = Some(*seconds),
            ("secure" | "http_only", other) => return Err(needs(&name, "true or false", other)),
            ("max_age", other) => return Err(needs("max_age", "whole seconds", other)),
            (other, _) => return Err(unknown("attribute of a cookie", other, ATTRIBUTES)),
        }
        Ok(())
    })?;
    Ok(set)
}

fn text(what: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.to_string_lossy()),
        Value::Integer(integer) => Ok(integer.to_string()),
        other => Err(needs(&format!("a cookie's {what}"), "a string", other)),
    }
}
