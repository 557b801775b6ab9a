//! `string.find`, `match`, `gmatch` and `gsub` with bounded work.
//!
//! Short subjects go to Lua's own functions (`limit.rs` says how short is short enough), the rest
//! through these host functions to a matcher of our own. What each gives begins with a message to
//! raise, or `nil`.

mod limit;
mod matcher;
mod search;

use std::rc::Rc;

use mlua::{Integer, Lua, LuaString, Result, Table, Value};

use self::search::{Call, Wanted, find, next, replace};
use super::super::host::Host;

/// Puts `pattern_limit`, `pattern_find`, `pattern_match`, `pattern_next` and `pattern_replace`
/// into `h`.
pub(super) fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> Result<()> {
    h.set(
        "pattern_limit",
        lua.create_function(|_, (pattern, anchors): (LuaString, bool)| {
            Ok(limit::longest_subject(&pattern.as_bytes(), anchors))
        })?,
    )?;
    let clock = Ticking(host.clone());
    h.set(
        "pattern_find",
        lua.create_function(
            move |lua, (s, p, init, plain): (LuaString, LuaString, Option<Integer>, Value)| {
                let plain = !matches!(plain, Value::Nil | Value::Boolean(false));
                find(&clock.of(lua)?, &s.as_bytes(), &p.as_bytes(), init, Wanted::Range { plain })
            },
        )?,
    )?;
    let clock = Ticking(host.clone());
    h.set(
        "pattern_match",
        lua.create_function(move |lua, (s, p, init): (LuaString, LuaString, Option<Integer>)| {
            find(&clock.of(lua)?, &s.as_bytes(), &p.as_bytes(), init, Wanted::Captures)
        })?,
    )?;
    let clock = Ticking(host.clone());
    h.set(
        "pattern_next",
        lua.create_function(move |lua, (s, p, from, last, anchored, one): Next| {
            let wanted = if one { Wanted::First } else { Wanted::Captures };
            next(&clock.of(lua)?, &s.as_bytes(), &p.as_bytes(), from, last, anchored, wanted)
        })?,
    )?;
    let clock = Ticking(host.clone());
    h.set(
        "pattern_replace",
        lua.create_function(
            move |lua, (s, p, new, most): (LuaString, LuaString, LuaString, Option<Integer>)| {
                let (s, p, new) = (s.as_bytes(), p.as_bytes(), new.as_bytes());
                Ok(match replace(&clock.of(lua)?, &s, &p, &new, most)? {
                    Ok((text, count)) => (None, Some(lua.create_string(&text)?), Some(count)),
                    Err(fault) => (Some(fault.to_string()), None, None),
                })
            },
        )?,
    )
}

/// The clock of a worker's scripts.
struct Ticking(Rc<Host>);

impl Ticking {
    /// For one call, if there is time left for it.
    fn of<'l>(&'l self, lua: &'l Lua) -> Result<Call<'l>> {
        let call = Call { lua, host: &self.0 };
        call.tick().map(|()| call)
    }
}

/// Arguments of `pattern_next`: subject, pattern, offset to begin at, end of the last match,
/// whether it must begin there, whether one value is enough.
type Next = (LuaString, LuaString, usize, Option<usize>, bool, bool);

#[cfg(test)]
mod tests;
