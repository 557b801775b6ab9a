//! `lt.log`: to the log, with the script's line, and not to the report.

use std::rc::Rc;

use log::Level;
use mlua::{Lua, Table};

use super::Host;
use crate::lua::place::position;

/// What the log's filters call scripts.
const TARGET: &str = "script";

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let levels = [
        ("log_debug", Level::Debug),
        ("log_info", Level::Info),
        ("log_warn", Level::Warn),
        ("log_error", Level::Error),
    ];
    for (name, level) in levels {
        let write = move |lua: &Lua, message: mlua::LuaString| {
            let message = message.to_string_lossy();
            match position(lua) {
                Some(place) => log::log!(target: TARGET, level, "{place}: {message}"),
                None => log::log!(target: TARGET, level, "{message}"),
            }
            Ok(())
        };
        let name_enabled = format!("{name}_enabled");
        let is_heard = !host.shared.is_scratch;
        let enabled = move |_: &Lua, ()| Ok(is_heard && log::log_enabled!(target: TARGET, level));
        h.raw_set(name, lua.create_function(write)?)?;
        h.raw_set(name_enabled, lua.create_function(enabled)?)?;
    }
    Ok(())
}
