//! Errors while they are Lua values.
//!
//! An error of ours is a *fault*: a table `{ category, message, step, file, line }` whose metatable
//! gives it a text. The author's own errors, strings and tables, stay what they are. mlua's own (a
//! wrong argument of a host function) are made into faults by the message handlers of `pcall` and
//! of the outermost call. The latter leaves a [`Failure`] with the host.

use std::rc::Rc;

use mlua::{Error, Lua, Table, Value};

use super::error::Failure;
use super::host::Host;
use super::place::{Position, position, traceback};
use super::sandbox::clock::Dying;
use crate::metrics::errors;

/// What Lua's own `not enough memory` is told as.
pub(super) const NO_MEMORY: &str = "not enough memory (script_memory_limit)";

/// Where an error that a step passes on arose, and which error that is.
#[derive(Debug)]
pub struct Kept {
    error: usize,
    at: Raised,
}

/// Where an error was raised; known only while the message handler runs.
#[derive(Debug)]
struct Raised {
    place: Option<Position>,
    traceback: String,
    step: String,
}

impl Raised {
    fn now(lua: &Lua, host: &Host) -> Raised {
        Raised { place: position(lua), traceback: traceback(lua), step: step(host) }
    }
}

/// The category of a failure, so that samples need not carry texts.
pub(super) fn category(name: &str) -> &'static str {
    errors::category(name).unwrap_or("script")
}

/// Puts what `sandbox/kernel.lua` needs for errors into `h`; `faults` is the metatable of faults.
pub(super) fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let faults = lua.create_table()?;
    h.set("faults", &faults)?;
    h.set("where", lua.create_function(|lua, ()| Ok(prefix(lua)))?)?;
    let (this, metatable) = (host.clone(), faults.clone());
    h.set(
        "fault",
        lua.create_function(move |lua, (category, message): (String, Value)| {
            fault(lua, &this, &metatable, &category, &text(&message))
        })?,
    )?;
    let (this, metatable) = (host.clone(), faults.clone());
    h.set(
        "translate",
        lua.create_function(move |lua, error: Value| translate(lua, &this, &metatable, error))?,
    )?;
    let this = host.clone();
    h.set(
        "keep",
        lua.create_function(move |lua, error: Value| {
            let error = error.to_pointer() as usize;
            let mut kept = this.kept.borrow_mut();
            if kept.as_ref().is_none_or(|kept| kept.error != error) {
                *kept = Some(Kept { error, at: Raised::now(lua, &this) });
            }
            Ok(())
        })?,
    )?;
    let (this, metatable) = (host.clone(), faults.clone());
    h.set(
        "uncaught",
        lua.create_function(move |lua, error: Value| {
            let failure = failure(lua, &this, &metatable, &error);
            *this.failure.borrow_mut() = Some(failure);
            Ok(())
        })?,
    )?;
    let (this, metatable) = (host.clone(), faults);
    h.set(
        "lost",
        lua.create_function(move |lua, error: Value| {
            let none = this.failure.borrow().is_none();
            if none {
                let failure = failure(lua, &this, &metatable, &error);
                *this.failure.borrow_mut() = Some(failure);
            }
            Ok(())
        })?,
    )?;
    let this = host.clone();
    h.set("dying", lua.create_function(move |_, ()| Ok(this.clock.dying()))?)?;
    let this = host.clone();
    h.set("tick", lua.create_function(move |lua, ()| this.clock.check(lua))?)
}

fn prefix(lua: &Lua) -> String {
    position(lua).map_or(String::new(), |place| format!("{place}: "))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string_lossy(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        other => format!("an error without a message (it is a {} value)", other.type_name()),
    }
}

/// A fault at the place where the author's Lua is now.
fn fault(
    lua: &Lua,
    host: &Host,
    metatable: &Table,
    category: &str,
    message: &str,
) -> mlua::Result<Table> {
    let fault = lua.create_table_with_capacity(0, 5)?;
    fault.raw_set("category", category)?;
    fault.raw_set("message", message)?;
    fault.raw_set("step", step(host))?;
    if let Some(place) = position(lua) {
        fault.raw_set("file", place.chunk)?;
        fault.raw_set("line", place.line)?;
    }
    fault.set_metatable(Some(metatable.clone()))?;
    Ok(fault)
}

/// Path of the running user's innermost step.
pub(super) fn step(host: &Host) -> String {
    let step = host.user().place.get().step;
    host.recorder.borrow().text(step).to_string()
}

/// What an error of mlua's becomes; any other value stays itself.
fn translate(lua: &Lua, host: &Host, metatable: &Table, value: Value) -> mlua::Result<Value> {
    let Value::Error(error) = &value else { return Ok(value) };
    if error.downcast_ref::<Dying>().is_some() {
        return Ok(value);
    }
    let (category, message) = describe(error);
    Ok(Value::Table(fault(lua, host, metatable, category, &message)?))
}

/// Category and text of an error of mlua's, without Rust's names in it.
pub(super) fn describe(error: &Error) -> (&'static str, String) {
    match error {
        Error::CallbackError { cause, .. } => describe(cause),
        Error::WithContext { cause, .. } => describe(cause),
        Error::BadArgument { to, pos, name, cause } => {
            let name = name.as_ref().map_or(format!("#{pos}"), |name| format!("`{name}`"));
            let to = to.as_ref().map_or(String::new(), |to| format!(" to '{to}'"));
            ("script", format!("bad argument {name}{to} ({})", describe(cause).1))
        }
        Error::FromLuaConversionError { from, to, message } => {
            let to = match to.as_str() {
                "String" | "&str" | "LuaString" | "string" => "a string",
                "f64" | "f32" => "a number",
                "bool" | "boolean" => "a boolean",
                "Table" | "table" => "a table",
                "Function" | "function" => "a function",
                integer if integer.starts_with(['i', 'u']) => "an integer",
                _ => message.as_deref().unwrap_or("another type"),
            };
            ("script", format!("{to} expected, got {from}"))
        }
        Error::MemoryError(_) => ("resource", NO_MEMORY.into()),
        Error::RuntimeError(message) => ("script", message.clone()),
        other => ("script", other.to_string()),
    }
}

/// What the running coroutine's uncaught error comes to.
fn failure(lua: &Lua, host: &Host, metatable: &Table, error: &Value) -> Failure {
    let this = error.to_pointer() as usize;
    let kept = host.kept.take().filter(|kept| kept.error == this);
    let at = kept.map_or_else(|| Raised::now(lua, host), |kept| kept.at);
    let told = told(metatable, error);
    let sources = host.sources.borrow();
    let (place, message) = match (told.place, sources.position(&told.message)) {
        (None, Some(place)) => (Some(place), told.message),
        (place, _) => {
            let place = place.or(at.place);
            let prefix = place.as_ref().map_or(String::new(), |place| format!("{place}: "));
            (place, prefix + &told.message)
        }
    };
    let (category, step) = (told.category, told.step.unwrap_or(at.step));
    let message = host.shared.secrets.mask(&message).into_owned();
    let failure =
        Failure { category, message, step, traceback: at.traceback, ..Failure::default() };
    failure.found_at(&sources, place.as_ref())
}

/// What an error says of itself.
struct Told {
    category: &'static str,
    message: String,
    place: Option<Position>,
    step: Option<String>,
}

fn told(metatable: &Table, error: &Value) -> Told {
    let mut told = Told { category: "script", message: String::new(), place: None, step: None };
    match error {
        Value::Table(fault) if fault.metatable().as_ref() == Some(metatable) => {
            let get = |key: &str| fault.raw_get::<Option<String>>(key).ok().flatten();
            let line = fault.raw_get::<Option<u32>>("line").ok().flatten();
            told.category = category(&get("category").unwrap_or_default());
            told.message = get("message").unwrap_or_default();
            told.place = get("file").zip(line).map(|(chunk, line)| Position { chunk, line });
            told.step = get("step");
        }
        Value::Table(table) => {
            let message = table.raw_get::<Value>("message").unwrap_or(Value::Nil);
            told.message = text(if message.is_string() { &message } else { error });
        }
        Value::Error(error) => (told.category, told.message) = describe(error),
        other => told.message = text(other),
    }
    if told.message == "not enough memory" {
        told.category = "resource";
        NO_MEMORY.clone_into(&mut told.message);
    }
    told
}
