//! `lt.vu`, `lt.env` and `lt.abort`: who runs, with what, and ending it all.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use mlua::{Lua, Table, Value};

use super::Host;
use super::told::{needs, told, unknown};
use crate::lua::error::Stopped;

const FIELDS: [&str; 7] = ["id", "number", "iteration", "scenario", "agent", "stopping", "vars"];

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let this = host.clone();
    let field = move |lua: &Lua, key: Value| Ok(told(field(lua, &this, &key)));
    h.raw_set("vu_field", lua.create_function(field)?)?;
    let this = host.clone();
    let abort = move |_: &Lua, message: mlua::LuaString| {
        this.stop(Stopped::Run(message.to_string_lossy()));
        Ok(())
    };
    h.raw_set("vu_abort", lua.create_function(abort)?)?;
    let env = lua.create_table()?;
    for (name, value) in &host.shared.env {
        env.raw_set(name.as_str(), value.as_str())?;
    }
    h.raw_set("vu_env", env)
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
        b"scenario" => {
            let name = lua.create_string(&*user.scenario).map_err(|error| error.to_string())?;
            Value::String(name)
        }
        _ => return Err(unknown("field of lt.vu", &name.to_string_lossy(), FIELDS)),
    })
}
