//! `lt.step`: named, timed parts of an iteration, which nest.
//!
//! A step that the author's Lua left without ending it (a coroutine that was dropped inside) ends
//! with the one around it; what the run's end cuts off is recorded by whoever cuts.

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{Lua, Table, Value};
use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::Host;
use super::told::{needs, told};
use super::user::OpenStep;
use crate::metrics::{Mark, NameId, Outcome};

/// Deepest nesting; beyond it a script calls itself.
const DEEPEST: usize = 32;

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let (this, paths) = (host.clone(), Paths::default());
    let begin = move |_: &Lua, name: Value| Ok(told(begin(&this, &paths, &name)));
    h.raw_set("step_begin", lua.create_function(begin)?)?;
    let this = host.clone();
    let end = move |_: &Lua, (depth, failed): (usize, bool)| {
        let outcome = if failed { Outcome::Failed } else { Outcome::Completed };
        this.end_steps(&this.user(), depth, outcome);
        Ok(())
    };
    h.raw_set("step_end", lua.create_function(end)?)
}

/// Opens a step in the running user; gives how many were open before.
fn begin(host: &Host, paths: &Paths, name: &Value) -> Result<usize, String> {
    let Value::String(name) = name else { return Err(needs("lt.step", "a name", name)) };
    let user = host.user();
    if !user.may_wait.get() {
        return Err("there is no step at a script's top level: it belongs into a function that \
                    the run calls"
            .into());
    }
    let mut steps = user.steps.borrow_mut();
    let depth = steps.len();
    if depth == DEEPEST {
        return Err(format!("steps are nested deeper than {DEEPEST}"));
    }
    let mut place = user.place.get();
    let path = paths.of(host, place.step, &name.as_bytes())?;
    let (began, thought) = (Instant::now(), user.thought.get());
    let mark = match &mut *user.trace.borrow_mut() {
        Some(trace) => trace.open(path, host.shared.offset(began)),
        None => Mark::NONE,
    };
    steps.push(OpenStep { outer: place.step, began, thought, mark });
    place.step = path;
    user.place.set(place);
    Ok(depth)
}

/// Paths of steps, by the path around and the name: no text is built for a known one.
#[derive(Default)]
struct Paths(RefCell<FxHashMap<NameId, Inside>>);

/// The steps inside one path, by name.
type Inside = FxHashMap<Box<[u8]>, NameId>;

impl Paths {
    fn of(&self, host: &Host, outer: NameId, name: &[u8]) -> Result<NameId, String> {
        let mut all = self.0.borrow_mut();
        let inside = all.entry(outer).or_default();
        if let Some(&known) = inside.get(name) {
            return Ok(known);
        }
        let text = str::from_utf8(name).map_err(|_| "a step's name is not UTF-8".to_owned())?;
        if text.is_empty() {
            return Err("a step's name is empty".into());
        }
        let mut recorder = host.recorder.borrow_mut();
        let path = match outer {
            NameId::NONE => recorder.intern(text),
            outer => {
                let path = format!("{}/{text}", recorder.text(outer));
                recorder.intern(&path)
            }
        };
        inside.insert(name.into(), path);
        Ok(path)
    }
}
