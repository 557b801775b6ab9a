//! The Lua state of one worker: what scripts can reach, and that nothing they do can hang it,
//! exhaust it or touch another user.
//!
//! Scripts run in environments of their own over shared, read-only libraries, which `*.lua` in
//! this folder make of Lua's; the state's globals are empty. All chunks of ours have the name
//! [`OURS`], so that a message that carries a position of ours can be given the author's. They
//! must not be stripped, and upvalues that hold C functions are named like them, since Lua prints
//! those names. What must hold is told where it is made to hold: time in `clock.rs`, loops inside C
//! functions in `strings.lua` and `tables.lua`, errors in `kernel.lua`, memory here.

pub mod clock;

mod inspect;
mod pattern;
pub(super) mod system;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

use mlua::chunk::ChunkMode;
use mlua::state::{GcIncParams, GcMode};
use mlua::{Function, IntoLuaMulti, LightUserData, Lua, LuaOptions, Result, StdLib, Table, Value};

use super::fault;
use super::host::{Host, MODULES, told, witness};
use super::place::OURS;
use super::require;

/// `script_memory_limit`: Lua's heap of one worker, in bytes.
pub const MEMORY_LIMIT: usize = 256 << 20;

/// The marks of the yield protocol: a coroutine yields `OP` when it left an operation; it is
/// resumed with `FAIL` if the operation failed or is Lua's to finish, with `STRAY` if it yielded
/// anything else. One that yields `FULL` caught an error while memory is full, and ends.
pub(super) fn mark(mark: Mark) -> LightUserData {
    LightUserData(std::ptr::without_provenance_mut(mark as usize))
}

/// See [`mark`].
#[derive(Clone, Copy)]
pub(super) enum Mark {
    Op = 1,
    Fail,
    Stray,
    Full,
}

/// Our own Lua, in the order in which it is run; each gets the kernel.
const PARTS: [&str; 6] = [
    include_str!("base.lua"),
    include_str!("strings.lua"),
    include_str!("tables.lua"),
    include_str!("system.lua"),
    include_str!("coroutines.lua"),
    include_str!("modules.lua"),
];

/// Puts all of our own Lua into a bare state and gives its kernel (see `kernel.lua`). Modules are
/// sought in `roots`.
pub(super) fn furnish(lua: &Lua, host: &Rc<Host>, roots: &[PathBuf]) -> Result<Table> {
    let (raw, h) = (lua.globals(), &lua.create_table()?);
    lua.set_globals(lua.create_table()?)?;
    fault::register(lua, host, h)?;
    pattern::register(lua, host, h)?;
    system::register(lua, host, &roots[0], h)?;
    inspect::register(lua, h)?;
    require::register(lua, host, roots, h)?;
    clock::register(lua, host, h)?;
    h.raw_set("unknown_field", lua.create_function(unknown_field)?)?;
    h.raw_set("described", lua.create_function(|_, value: Value| Ok(told::described(&value)))?)?;
    let marks = [Mark::Op, Mark::Fail, Mark::Stray, Mark::Full].map(mark);
    let kernel: Table =
        run(lua, &raw, include_str!("kernel.lua"), (&raw, h, mlua::Variadic::from_iter(marks)))?;
    for part in PARTS {
        run::<()>(lua, &raw, part, &kernel)?;
    }
    let lt = lua.create_table()?;
    for module in MODULES {
        (module.register)(lua, host, h)?;
        witness::watch(lua, host, h, module.name)?;
        run::<()>(lua, &raw, module.sugar, (&lt, h, &kernel))?;
    }
    freeze_modules(&kernel, &lt)?;
    clock::install(lua, host)?;
    lua.set_memory_limit(host.memory_limit())?;
    pace(lua);
    Ok(kernel)
}

/// Garbage that may gather in a small heap before the collector begins. A collection marks all
/// that lives: with the usual tenth, a small heap would be marked every few hundred requests.
const SPARE: usize = 1 << 20;

/// Bytes, as a power of two, after which the collector takes a step. Its work is in proportion, and
/// nobody else runs meanwhile: with the usual 8 KiB a step took two to three milliseconds, and
/// arrivals at 10,000/s were that late.
const STEP: std::ffi::c_int = 10;

/// Sets the collector's pace for a heap of today's size: it begins after `SPARE` bytes of garbage
/// or, in a large heap, after a tenth. To be called again as the heap grows.
pub(super) fn pace(lua: &Lua) {
    let percent = 100 + 100 * SPARE / lua.used_memory().max(1);
    let pause = u16::try_from(percent.clamp(110, 1_000)).unwrap_or(110);
    let pace = GcIncParams::default().pause(pause.into()).step_multiplier(400).step_size(STEP);
    lua.gc_set_mode(GcMode::Incremental(pace));
}

/// A bare state; what of its libraries scripts get is the kernel's business.
pub(super) fn bare() -> Result<Lua> {
    let libs = StdLib::TABLE
        | StdLib::STRING
        | StdLib::UTF8
        | StdLib::MATH
        | StdLib::COROUTINE
        | StdLib::OS;
    Lua::new_with(libs, LuaOptions::new())
}

fn run<R: mlua::FromLuaMulti>(
    lua: &Lua,
    raw: &Table,
    source: &str,
    args: impl IntoLuaMulti,
) -> Result<R> {
    lua.load(source)
        .set_name(format!("={OURS}"))
        .set_mode(ChunkMode::Text)
        .set_environment(raw.clone())
        .call(args)
}

/// Makes `lt` and each plain table in it read-only; a field that they do not have raises, except
/// of `lt.env`, whose fields are the user's.
fn freeze_modules(kernel: &Table, lt: &Table) -> Result<()> {
    let readonly: Function = kernel.get("readonly")?;
    let module: Function = kernel.get("module")?;
    for pair in lt.clone().pairs::<String, Value>() {
        if let (name, Value::Table(table)) = pair?
            && table.metatable().is_none()
        {
            let frozen: Table = match name.as_str() {
                "env" => readonly.call(table)?,
                name => module.call((format!("lt.{name}"), table))?,
            };
            lt.raw_set(name, frozen)?;
        }
    }
    kernel.raw_set("modules", lt)?;
    kernel.raw_set("lt", module.call::<Table>(("lt", lt))?)
}

/// ``unknown field of lt `htp`; did you mean `http`?``
fn unknown_field(_: &Lua, (what, key, table): (String, Value, Table)) -> Result<String> {
    let keys = table.pairs::<String, Value>().flatten().map(|(key, _)| key);
    let keys: Vec<String> = keys.collect::<BTreeSet<_>>().into_iter().collect();
    let Value::String(key) = key else { return Ok(format!("the fields of {what} have names")) };
    let known = keys.iter().map(String::as_str);
    Ok(told::unknown(&format!("field of {what}"), &key.to_string_lossy(), known))
}
