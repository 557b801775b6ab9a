//! Errors of scripts: where they arose, how `pcall` sees them, and what a failed iteration tells.
//!
//! Inside Lua an error of ours is a *fault*: a table `{ category, message, step, file, line }`
//! whose metatable gives it a text. The author's own errors, strings and tables, stay what they
//! are. mlua's own (a wrong argument of a host function) are made into faults by the message
//! handlers of `pcall` and of the outermost call. The latter leaves a [`Failure`] with the host.

use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use mlua::{Error, Lua, Table, Value};

use super::host::Host;
use super::host::told::{DID_YOU_MEAN, HINT};
use super::sandbox::clock::Dying;
use crate::diagnostic::Diagnostic;

/// Chunk name of our own Lua: positions in it are never the author's.
pub(super) const OURS: &str = "\u{1}";

/// How one of a user's functions ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// It returned.
    Completed,
    /// By an error.
    Failed(Failure),
    /// It was told to stop; no error.
    Stopped(Stopped),
}

/// What else ends with an iteration that was told to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// Its user.
    Vu,
    /// Its scenario: nothing more of it starts, the other users finish.
    Scenario,
    /// The run, and why.
    Run(String),
}

/// Why a function of a script failed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Failure {
    /// `script`, `assertion`, `extract`, `resource`, ….
    pub category: &'static str,
    /// What failed, with `file:line: ` before it if that is known.
    pub message: String,
    /// Path of the step; empty outside steps.
    pub step: String,
    /// The script or module, as the user can find it.
    pub file: Option<PathBuf>,
    /// From 1.
    pub line: Option<u32>,
    /// That line's text.
    pub source: Option<String>,
    /// The author's frames, innermost first, one on each line; empty if unknown.
    pub traceback: String,
}

impl Failure {
    /// A failure of the tool rather than of the script's text.
    pub(super) fn resource(message: impl Into<String>) -> Failure {
        Failure { category: "resource", message: message.into(), ..Failure::default() }
    }

    /// One that arose at `place`.
    pub(super) fn at(
        host: &Host,
        place: Option<Position>,
        category: &'static str,
        message: &str,
    ) -> Failure {
        let mut failure = Failure { category, step: step(host), ..Failure::default() };
        failure.message = match &place {
            Some(place) => format!("{place}: {message}"),
            None => message.to_owned(),
        };
        failure.find(&host.sources.borrow(), place);
        failure
    }

    /// Adds what the source says of its place.
    fn find(&mut self, sources: &Sources, place: Option<Position>) {
        let Some(place) = place.or_else(|| sources.position(&self.message)) else { return };
        self.file = sources.path(&place.chunk).map(Path::to_owned);
        self.source = sources.line(&place.chunk, place.line).map(str::to_owned);
        self.line = Some(place.line);
    }

    /// The message with the source line and the traceback.
    pub fn illustrated(&self) -> String {
        let mut text = self.message.clone();
        if let (Some(line), Some(source)) = (self.line, &self.source) {
            text += &format!("\n{line:>6} | {}", source.trim_end());
        }
        if !self.traceback.is_empty() {
            text += "\ntraceback:\n  ";
            text += &self.traceback.replace('\n', "\n  ");
        }
        text
    }

    /// As a mistake in the script, for what fails before the run.
    pub fn diagnostic(&self) -> Diagnostic {
        let prefix_end = self.line.and_then(|line| {
            let mark = format!(":{line}: ");
            self.message.find(&mark).map(|start| start + mark.len())
        });
        let message = &self.message[prefix_end.unwrap_or(0)..];
        let (message, hint) = match message.split_once(HINT) {
            Some((message, hint)) => (message, Some(hint.to_owned())),
            None => match message.split_once(DID_YOU_MEAN) {
                Some((message, meant)) => (message, Some(format!("did you mean {meant}"))),
                None => (message, hint(message)),
            },
        };
        Diagnostic {
            message: message.to_owned(),
            file: self.file.clone(),
            line: self.line,
            source: self.source.clone(),
            hint,
        }
    }
}

/// What to do about a message of Lua's that leaves a newcomer alone.
fn hint(message: &str) -> Option<String> {
    let (deed, rest) = message.strip_prefix("attempt to ")?.split_once(" a nil value")?;
    let name = rest.split('\'').nth(1);
    Some(match (deed, name) {
        ("call", Some(name)) => {
            format!("there is no function `{name}` here: look at its spelling, or define it above")
        }
        (_, Some(name)) => {
            format!("`{name}` is nil here: look at its spelling, or give it a value")
        }
        (_, None) => "something is nil here: look at the names in this line".to_owned(),
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Where an error that a step passes on arose, and which error that is.
#[derive(Debug)]
pub struct Kept {
    error: usize,
    traceback: String,
    step: String,
}

/// A place in the author's Lua.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Short name of the chunk.
    pub chunk: String,
    /// From 1.
    pub line: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.chunk, self.line)
    }
}

/// Deepest stack frame that is looked at.
const MAX_FRAMES: usize = 30;

/// The innermost frame that is the author's. A microsecond or two; for the error path only.
pub(super) fn position(lua: &Lua) -> Option<Position> {
    frames(lua, |place, _| ControlFlow::Break(place)).break_value()
}

/// Walks over the author's frames, innermost first.
fn frames<B>(
    lua: &Lua,
    mut visit: impl FnMut(Position, Option<&str>) -> ControlFlow<B>,
) -> ControlFlow<B> {
    for level in 0..MAX_FRAMES {
        let step = lua.inspect_stack(level, |frame| {
            let line = frame.current_line().and_then(|line| u32::try_from(line).ok());
            let chunk = frame.source().short_src.map(|name| name.into_owned());
            match (line, chunk) {
                (Some(line), Some(chunk)) if chunk != OURS => {
                    let name = frame.names().name.map(|name| name.into_owned());
                    visit(Position { chunk, line }, name.as_deref())
                }
                _ => ControlFlow::Continue(()),
            }
        });
        match step {
            None => break,
            Some(ControlFlow::Continue(())) => {}
            Some(stop) => return stop,
        }
    }
    ControlFlow::Continue(())
}

/// The author's frames, innermost first, one on each line.
pub(super) fn traceback(lua: &Lua) -> String {
    let mut text = String::new();
    let _ = frames::<()>(lua, |place, name| {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&place.to_string());
        if let Some(name) = name {
            text.push_str(" in ");
            text.push_str(name);
        }
        ControlFlow::Continue(())
    });
    text
}

/// Text of the Lua files that were loaded, by the short name that messages use.
#[derive(Debug, Default)]
pub struct Sources(HashMap<String, (PathBuf, Rc<str>)>);

impl Sources {
    /// Remembers a file under its chunk name.
    pub(super) fn add(&mut self, chunk: &str, path: &Path, text: &[u8]) {
        let text = String::from_utf8_lossy(text).into();
        self.0.insert(chunk.to_owned(), (path.to_owned(), text));
    }

    /// The file of a chunk.
    pub fn path(&self, chunk: &str) -> Option<&Path> {
        self.0.get(chunk).map(|(path, _)| path.as_path())
    }

    /// The text of one of its lines.
    pub fn line(&self, chunk: &str, line: u32) -> Option<&str> {
        let (_, text) = self.0.get(chunk)?;
        text.lines().nth(line.checked_sub(1)? as usize)
    }

    /// The position at the beginning of a message of Lua's.
    fn position(&self, message: &str) -> Option<Position> {
        self.0.keys().find_map(|chunk| {
            let rest = message.strip_prefix(chunk.as_str())?.strip_prefix(':')?;
            let (line, _) = rest.split_once(": ")?;
            Some(Position { chunk: chunk.clone(), line: line.parse().ok()? })
        })
    }
}

/// The chunk name that Lua shows in messages: the end of a long one.
pub(super) fn short_name(name: &str) -> String {
    const LUA_IDSIZE: usize = 60;
    if name.len() < LUA_IDSIZE {
        return name.to_owned();
    }
    let mut start = name.len() - (LUA_IDSIZE - 1 - "...".len());
    while !name.is_char_boundary(start) {
        start += 1;
    }
    format!("...{}", &name[start..])
}

/// The categories that a failure may have, so that samples need not carry texts.
pub(super) fn category(name: &str) -> &'static str {
    const KNOWN: [&str; 15] = [
        "script",
        "assertion",
        "extract",
        "resource",
        "dns",
        "connect",
        "tls",
        "timeout",
        "reset",
        "protocol",
        "body",
        "body_too_large",
        "redirect",
        "client_error",
        "server_error",
    ];
    KNOWN.into_iter().find(|known| *known == name).unwrap_or("script")
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
                *kept = Some(Kept { error, traceback: traceback(lua), step: step(&this) });
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
fn step(host: &Host) -> String {
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
        Error::MemoryError(_) => ("resource", "not enough memory (script_memory_limit)".into()),
        Error::RuntimeError(message) => ("script", message.clone()),
        other => ("script", other.to_string()),
    }
}

/// What the running coroutine's uncaught error comes to.
fn failure(lua: &Lua, host: &Host, metatable: &Table, error: &Value) -> Failure {
    let sources = host.sources.borrow();
    let mut failure = Failure { category: "script", step: step(host), ..Failure::default() };
    let mut place = None;
    match error {
        Value::Table(fault) if fault.metatable().as_ref() == Some(metatable) => {
            let get = |key: &str| fault.raw_get::<Option<String>>(key).ok().flatten();
            failure.category = category(&get("category").unwrap_or_default());
            failure.step = get("step").unwrap_or_default();
            place = get("file").zip(fault.raw_get("line").ok().flatten());
            let at =
                place.as_ref().map_or(String::new(), |(file, line)| format!("{file}:{line}: "));
            failure.message = at + &get("message").unwrap_or_default();
        }
        Value::Table(table) => {
            let message = table.raw_get::<Value>("message").unwrap_or(Value::Nil);
            let shown = if message.is_string() { &message } else { error };
            failure.message = prefix(lua) + &text(shown);
        }
        Value::Error(error) => (failure.category, failure.message) = describe(error),
        Value::String(message) => failure.message = message.to_string_lossy(),
        other => failure.message = prefix(lua) + &text(other),
    }
    if failure.message == "not enough memory" {
        failure.category = "resource";
        failure.message += " (script_memory_limit)";
    }
    failure.find(&sources, place.map(|(chunk, line)| Position { chunk, line }));
    let error = error.to_pointer() as usize;
    let kept = host.kept.take().filter(|kept| kept.error == error);
    match kept {
        Some(kept) => (failure.traceback, failure.step) = (kept.traceback, kept.step),
        None => failure.traceback = traceback(lua),
    }
    failure
}
