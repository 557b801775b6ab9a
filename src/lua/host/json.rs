//! `lt.json`: encode, decode, null and array, by the rules of [`value`](crate::lua::value).

use std::rc::Rc;

use mlua::{Lua, LuaString, Table, Value};

use super::Host;
use super::told::{needs, told};
use crate::lua::value::Json;

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, _: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let json = Json::of(lua)?;
    let of = json.clone();
    h.raw_set("json_encode", lua.create_function(move |lua, value| encode(&of, lua, &value))?)?;
    let of = json.clone();
    h.raw_set("json_decode", lua.create_function(move |lua, text| decode(&of, lua, &text))?)?;
    h.raw_set("json_array", lua.create_function(move |lua, list| array(&json, lua, &list))?)?;
    h.raw_set("json_null", Json::NULL)
}

type Answer<T> = mlua::Result<(Option<String>, Option<T>)>;

fn encode(json: &Json, lua: &Lua, value: &Value) -> Answer<LuaString> {
    let mut out = Vec::new();
    match json.encode(value, &mut out) {
        Ok(()) => Ok((None, Some(lua.create_string(&out)?))),
        Err(what) => Ok((Some(format!("lt.json.encode: {what}")), None)),
    }
}

/// Text that is not JSON is no mistake of the author's: nil and a message.
fn decode(
    json: &Json,
    lua: &Lua,
    text: &Value,
) -> mlua::Result<(Option<String>, Option<Value>, Option<String>)> {
    let Value::String(text) = text else {
        return Ok((Some(needs("lt.json.decode", "a string", text)), None, None));
    };
    Ok(match json.decode(lua, &text.as_bytes())? {
        Ok(value) => (None, Some(value), None),
        Err(what) => (None, None, Some(format!("not JSON: {what}"))),
    })
}

fn array(json: &Json, lua: &Lua, list: &Value) -> Answer<Table> {
    let list = match list {
        Value::Nil => lua.create_table()?,
        Value::Table(list) => list.clone(),
        other => return Ok(told(Err(needs("lt.json.array", "a list", other)))),
    };
    if list.metatable().is_some_and(|_| !json.is_array(&list)) {
        return Ok(told(Err("lt.json.array: the list has a metatable of its own".into())));
    }
    json.mark(&list)?;
    Ok((None, Some(list)))
}
