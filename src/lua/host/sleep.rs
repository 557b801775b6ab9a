//! `lt.sleep`: waiting that is part of what is timed. Also the smallest example of a module.

use std::rc::Rc;
use std::time::Duration;

use mlua::{Lua, MultiValue, Table};

use super::Host;

pub(super) fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let host = host.clone();
    h.set(
        "sleep",
        lua.create_function(move |_, seconds: f64| {
            let Ok(duration) = Duration::try_from_secs_f64(seconds) else {
                return Ok(Some("sleep takes a number of seconds, not below 0"));
            };
            Ok(host.wait(async move {
                tokio::time::sleep(duration).await;
                Ok(MultiValue::new())
            }))
        })?,
    )
}
