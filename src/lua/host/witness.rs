//! Someone who is told, step by step, what a user does: `loadtool once`.
//!
//! Without a witness nothing here costs anything: what it is told of are raw host functions, which
//! are wrapped when the state is made, and the verdict of a check.

use std::rc::Rc;

use mlua::{Function, Lua, MultiValue, Table, Value};

use super::Host;
use super::told::described;
use crate::lua::value::Json;

/// What a witness is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A step begins, inside so many others.
    Step {
        /// As the author called it.
        name: String,
        /// Steps around it.
        depth: usize,
    },
    /// The steps end that are inside so many others.
    StepEnds {
        /// Steps that go on.
        depth: usize,
        /// By an error.
        failed: bool,
    },
    /// A condition was judged.
    Check {
        /// `status is 200`.
        label: String,
        /// What was expected and what came, if it did not hold.
        failure: Option<String>,
    },
    /// Something was looked for in a response.
    Extracted {
        /// `json $.token`.
        what: String,
        /// Its value as text, or why there is none.
        found: Result<String, String>,
    },
    /// The user pauses: `think 1, 3`.
    Pause(String),
}

/// Who is told; it must not call back into Lua.
pub type Witness = Box<dyn Fn(Event)>;

/// Raw functions of `r:…` methods that look for nothing.
const NO_EXTRACTORS: [&str; 4] =
    ["response_index", "response_field", "response_title", "response_illustrate"];

/// Characters of a value that are told.
const SHOWN: usize = 200;

impl Host {
    /// Tells the witness, if there is one.
    pub(super) fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(witness) = self.witness.get() {
            witness(event());
        }
    }
}

/// Wraps what the witness is told of, once a module's raw functions are in `h` and before its
/// sugar takes them.
pub fn watch(lua: &Lua, host: &Rc<Host>, h: &Table, module: &str) -> mlua::Result<()> {
    if host.witness.get().is_none() {
        return Ok(());
    }
    match module {
        "step" => {
            after(lua, host, h, "step_begin", step_begins)?;
            after(lua, host, h, "step_end", step_ends)
        }
        "pause" => {
            after(lua, host, h, "pause_think", |call| pause("think", call))?;
            after(lua, host, h, "pause_sleep", |call| pause("sleep", call))
        }
        "response" => {
            let names: Vec<String> =
                h.pairs::<String, Value>().flatten().map(|(key, _)| key).collect();
            let extractors = names.iter().filter(|name| {
                name.starts_with("response_") && !NO_EXTRACTORS.contains(&name.as_str())
            });
            for name in extractors {
                let method = name.trim_start_matches("response_").to_owned();
                after(lua, host, h, name, move |call| extracted(&method, call))?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// One call of a raw function.
struct Call<'a> {
    lua: &'a Lua,
    host: &'a Host,
    args: &'a MultiValue,
    results: &'a MultiValue,
}

impl Call<'_> {
    fn arg(&self, index: usize) -> &Value {
        self.args.get(index).unwrap_or(&Value::Nil)
    }

    fn result(&self, index: usize) -> &Value {
        self.results.get(index).unwrap_or(&Value::Nil)
    }
}

/// Makes the raw function tell what `event` makes of each call, after it.
fn after(
    lua: &Lua,
    host: &Rc<Host>,
    h: &Table,
    name: &str,
    event: impl Fn(&Call<'_>) -> Option<Event> + 'static,
) -> mlua::Result<()> {
    let (host, raw) = (host.clone(), h.raw_get::<Function>(name)?);
    let told = move |lua: &Lua, args: MultiValue| {
        let results: MultiValue = raw.call(args.clone())?;
        let call = Call { lua, host: &host, args: &args, results: &results };
        // What begins with a message is a mistake of the author's, which is raised and told then.
        if call.result(0).is_nil()
            && let Some(event) = event(&call)
        {
            host.tell(|| event);
        }
        Ok(results)
    };
    h.raw_set(name, lua.create_function(told)?)
}

fn step_begins(call: &Call<'_>) -> Option<Event> {
    let Value::Integer(depth) = call.result(1) else { return None };
    let name = call.arg(0).to_string().unwrap_or_default();
    Some(Event::Step { name, depth: usize::try_from(*depth).unwrap_or(0) })
}

fn step_ends(call: &Call<'_>) -> Option<Event> {
    let Value::Integer(depth) = call.arg(0) else { return None };
    let failed = call.arg(1).as_boolean().unwrap_or(false);
    Some(Event::StepEnds { depth: usize::try_from(*depth).unwrap_or(0), failed })
}

fn pause(what: &str, call: &Call<'_>) -> Option<Event> {
    let args = call.args.iter().filter(|arg| !arg.is_nil());
    let args: Vec<String> = args.map(|arg| shown(call.lua, arg)).collect();
    Some(Event::Pause(format!("{what} {}", args.join(", "))))
}

fn extracted(method: &str, call: &Call<'_>) -> Option<Event> {
    let path = match call.arg(1) {
        Value::Nil => String::new(),
        path => format!(" {}", shown(call.lua, path).trim_matches('"')),
    };
    let (value, why) = (call.result(1), call.result(2));
    let redactor = &call.host.shared.redactor;
    let words = path.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-'));
    let secret = method == "cookie" || words.into_iter().any(|word| redactor.is_secret(word));
    let found = match (value, why) {
        (Value::Nil, Value::String(why)) => Err(why.to_string_lossy()),
        _ if secret => Ok("***".to_owned()),
        _ => Ok(redactor.json(&shown(call.lua, value))),
    };
    Some(Event::Extracted { what: format!("{method}{path}"), found })
}

/// A value as JSON, as far as it is short.
fn shown(lua: &Lua, value: &Value) -> String {
    let mut out = Vec::new();
    let written = Json::of(lua).is_ok_and(|json| json.encode(value, &mut out).is_ok());
    let text = if written { String::from_utf8_lossy(&out).into_owned() } else { described(value) };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
