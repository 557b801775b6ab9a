//! `debug.getinfo` and `debug.getupvalue`: what rocks ask of the stack. They show the author's
//! functions; of ours, and of C functions, no more than that they are there. No function or
//! environment of ours is handed out.

use mlua::debug::{Debug, DebugSource};
use mlua::{Function, Lua, Result, Table, Value};

use super::super::place::OURS;

/// Puts `debug_getinfo` and `debug_environment` into `h`.
pub(super) fn register(lua: &Lua, h: &Table) -> Result<()> {
    h.set(
        "debug_environment",
        lua.create_function(|_, function: Function| Ok(environment(&function)))?,
    )?;
    h.set(
        "debug_getinfo",
        lua.create_function(|lua, (of, what): (Value, Option<String>)| {
            let what = what.unwrap_or_else(|| "Slnutf".to_owned());
            Ok(match of {
                Value::Integer(level) => (None, of_level(lua, level, &what)?),
                Value::Number(level) => (None, of_level(lua, level as i64, &what)?),
                Value::Function(function) => (None, Some(of_function(lua, &function, &what)?)),
                other => {
                    let told = format!(
                        "debug.getinfo needs a level or a function, got a {}",
                        other.type_name()
                    );
                    (Some(told), None)
                }
            })
        })?,
    )
}

/// The environment of an author's function, if it has one, and whether it is that of its user.
fn environment(function: &Function) -> (Option<Table>, bool) {
    let of = function.info();
    if of.what == "C" || of.short_src.as_deref() == Some(OURS) {
        return (None, false);
    }
    let main = of.line_defined == Some(1) && of.num_params == 1 && of.is_vararg;
    (function.environment(), main)
}

/// Levels count as in Lua: 0 is `getinfo` itself (a Lua function of ours, and one in Rust below).
fn of_level(lua: &Lua, level: i64, what: &str) -> Result<Option<Table>> {
    let Ok(level) = usize::try_from(level) else { return Ok(None) };
    lua.inspect_stack(level.saturating_add(1), |frame| of_frame(lua, frame, what)).transpose()
}

fn of_frame(lua: &Lua, frame: &Debug<'_>, what: &str) -> Result<Table> {
    let info = lua.create_table()?;
    let source = frame.source();
    let own = source.short_src.as_deref() == Some(OURS);
    let stack = frame.stack();
    let main = is_main(&source, stack.num_params, stack.is_vararg);
    for letter in what.chars() {
        match letter {
            'S' => describe(&info, &source, own, main)?,
            'l' => {
                let line = frame.current_line().filter(|_| !own);
                info.raw_set("currentline", line.map_or(-1, |line| line as i64))?;
            }
            'n' => {
                let names = frame.names();
                info.raw_set("name", names.name)?;
                info.raw_set("namewhat", names.name_what.unwrap_or(""))?;
            }
            'u' => {
                info.raw_set("nups", stack.num_upvalues)?;
                info.raw_set("nparams", if main { 0 } else { stack.num_params })?;
                info.raw_set("isvararg", stack.is_vararg)?;
            }
            't' => info.raw_set("istailcall", frame.is_tail_call())?,
            'f' if !own && source.what != "C" => info.raw_set("func", frame.function())?,
            _ => {}
        }
    }
    Ok(info)
}

fn of_function(lua: &Lua, function: &Function, what: &str) -> Result<Table> {
    let info = lua.create_table()?;
    let of = function.info();
    let own = of.short_src.as_deref() == Some(OURS);
    for letter in what.chars() {
        match letter {
            'S' => {
                let source = DebugSource {
                    source: of.source.as_deref().map(Into::into),
                    short_src: of.short_src.as_deref().map(Into::into),
                    line_defined: of.line_defined,
                    last_line_defined: of.last_line_defined,
                    what: of.what,
                };
                describe(&info, &source, own, false)?;
            }
            'l' => info.raw_set("currentline", -1)?,
            'n' => info.raw_set("namewhat", "")?,
            'u' => {
                info.raw_set("nups", of.num_upvalues)?;
                info.raw_set("nparams", of.num_params)?;
                info.raw_set("isvararg", of.is_vararg)?;
            }
            't' => info.raw_set("istailcall", false)?,
            'f' => info.raw_set("func", function)?,
            _ => {}
        }
    }
    Ok(info)
}

/// Whether a frame is the top level of a script or module, which is a function of its environment
/// that begins on the first line (see `program::wrapped`).
fn is_main(source: &DebugSource<'_>, params: u8, vararg: bool) -> bool {
    source.what == "main" || source.line_defined == Some(1) && params == 1 && vararg
}

fn describe(info: &Table, source: &DebugSource<'_>, own: bool, main: bool) -> Result<()> {
    if own || source.what == "C" {
        for (key, value) in [("source", "=[C]"), ("short_src", "[C]"), ("what", "C")] {
            info.raw_set(key, value)?;
        }
        info.raw_set("linedefined", -1)?;
        return info.raw_set("lastlinedefined", -1);
    }
    let line = |line: Option<usize>| line.map_or(-1, |line| line as i64);
    info.raw_set("source", source.source.as_deref().unwrap_or("=?"))?;
    info.raw_set("short_src", source.short_src.as_deref().unwrap_or("?"))?;
    info.raw_set("what", if main { "main" } else { source.what })?;
    info.raw_set("linedefined", if main { 0 } else { line(source.line_defined) })?;
    info.raw_set("lastlinedefined", if main { -1 } else { line(source.last_line_defined) })
}
