//! `lt.vu`, `lt.env`, `lt.secret`, `lt.tag` and `lt.abort`: who runs, with what, called what, and
//! ending it all.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use mlua::{Lua, Table, Value};

use super::told::{needs, told, unknown};
use super::{Host, read};
use crate::lua::error::Stopped;
use crate::metrics::tags::own_tag;

const FIELDS: [&str; 8] =
    ["id", "number", "iteration", "scenario", "variant", "agent", "stopping", "vars"];

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let this = host.clone();
    let field = move |lua: &Lua, key: Value| Ok(told(field(lua, &this, &key)));
    h.raw_set("vu_field", lua.create_function(field)?)?;
    let this = host.clone();
    let abort = move |_: &Lua, message: mlua::LuaString| {
        let message = message.to_string_lossy();
        this.stop(Stopped::Run(this.shared.secrets.mask(&message).into_owned()));
        Ok(())
    };
    h.raw_set("vu_abort", lua.create_function(abort)?)?;
    let this = host.clone();
    let tag = move |_: &Lua, (name, value): (Value, Value)| Ok(tag(&this, &name, &value).err());
    h.raw_set("vu_tag", lua.create_function(tag)?)?;
    let this = host.clone();
    let secret = move |_: &Lua, name: Value| Ok(told(secret(&this, &name)));
    h.raw_set("vu_secret", lua.create_function(secret)?)?;
    let env = lua.create_table()?;
    for (name, value) in &host.shared.env {
        env.raw_set(name.as_str(), value.as_str())?;
    }
    h.raw_set("vu_env", env)
}

/// Shorter secrets are parts of ordinary words.
const SHORT: usize = 4;

/// A value of `lt.env` that is masked from now on; `None` if there is none of that name.
fn secret(host: &Host, name: &Value) -> Result<Option<String>, String> {
    let Value::String(name) = name else {
        return Err(needs("lt.secret", "the name of a variable", name));
    };
    let name = name.to_string_lossy();
    let found = host.shared.env.iter().rfind(|(known, _)| *known == name);
    let Some((_, value)) = found else { return Ok(None) };
    if host.shared.secrets.add(value) && value.chars().count() < SHORT {
        log::warn!("the secret {name} is so short that parts of other words will be masked too");
    }
    Ok(Some(value.clone()))
}

/// A tag on what the running user records until its iteration ends.
fn tag(host: &Host, name: &Value, value: &Value) -> Result<(), String> {
    let user = host.user();
    if !user.may_wait.get() {
        return Err("lt.tag belongs into a function that the run calls; tags of everything are \
                    `tags` of the definition"
            .into());
    }
    let Value::String(name) = name else { return Err(needs("lt.tag", "a name", name)) };
    let name = read::utf8("the name of a tag", name)?;
    if name.is_empty() {
        return Err("lt.tag needs a name, got an empty text".into());
    }
    if let Some(message) = own_tag(&name) {
        return Err(message);
    }
    let value = read::scalar("lt.tag", &name, value)
        .map_err(|_| needs(&format!("lt.tag: `{name}`"), "a string, number or boolean", value))?;
    let mut place = user.place.get();
    place.extra = host.recorder.borrow_mut().extend_tags(place.extra, &[(&name, &value)]);
    user.place.set(place);
    Ok(())
}

fn field(lua: &Lua, host: &Host, key: &Value) -> Result<Value, String> {
    let Value::String(name) = key else {
        return Err(needs("lt.vu", "the name of a field", key));
    };
    let user = host.user();
    Ok(match &*name.as_bytes() {
        b"id" => Value::Integer(user.id.cast_signed()),
        b"number" => Value::Integer(user.number.cast_signed()),
        b"iteration" => Value::Integer(user.iteration.get().cast_signed()),
        b"agent" => Value::Integer(user.agent.into()),
        b"stopping" => Value::Boolean(host.shared.stopping.load(Ordering::Relaxed)),
        b"scenario" => text(lua, &user.scenario)?,
        b"variant" => match &user.variant_name {
            Some(name) => text(lua, name)?,
            None => Value::Nil,
        },
        _ => return Err(unknown("field of lt.vu", &name.to_string_lossy(), FIELDS)),
    })
}

fn text(lua: &Lua, text: &str) -> Result<Value, String> {
    lua.create_string(text).map(Value::String).map_err(|error| error.to_string())
}
