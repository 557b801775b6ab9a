//! Paths and patterns, compiled once per worker: a literal costs its compilation once.

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{Lua, Value};
use rustc_hash::FxHashMap;

use super::told::needs;
use crate::extract::{JsonPath, Pattern};

/// Most texts of one kind that are kept; when there are more, they are not literals, and all are
/// dropped.
const KEPT: usize = 1024;

/// What was compiled from a text.
pub struct Kept<T>(RefCell<FxHashMap<Box<[u8]>, Rc<T>>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Kept(RefCell::default())
    }
}

impl<T> Kept<T> {
    /// What `make` made of this key at its first use. About 30 ns when known.
    pub fn of<E>(&self, key: &[u8], make: impl FnOnce() -> Result<T, E>) -> Result<Rc<T>, E> {
        if let Some(known) = self.0.borrow().get(key) {
            return Ok(known.clone());
        }
        let made = Rc::new(make()?);
        let mut all = self.0.borrow_mut();
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(key.into(), made.clone());
        Ok(made)
    }
}

/// The extractors of one worker.
#[derive(Default)]
pub struct Compiled {
    paths: Kept<JsonPath>,
    patterns: Kept<Pattern>,
}

impl Compiled {
    /// The one of this state; made at first use.
    pub fn of(lua: &Lua) -> Rc<Compiled> {
        if let Some(compiled) = lua.app_data_ref::<Rc<Compiled>>() {
            return compiled.clone();
        }
        let compiled = Rc::new(Compiled::default());
        lua.set_app_data(compiled.clone());
        compiled
    }

    /// A JSONPath; the error names it.
    pub fn path(&self, path: &Value) -> Result<Rc<JsonPath>, String> {
        let Value::String(text) = path else { return Err(needs("json", "a path", path)) };
        let bytes = text.as_bytes();
        self.paths.of(&bytes, || {
            let text = str::from_utf8(&bytes).map_err(|_| "the path is not UTF-8".to_owned())?;
            JsonPath::compile(text)
        })
    }

    /// A regular expression; the error shows the place in it.
    pub fn pattern(&self, pattern: &Value) -> Result<Rc<Pattern>, String> {
        let Value::String(text) = pattern else {
            return Err(needs("a regular expression", "a string", pattern));
        };
        let bytes = text.as_bytes();
        self.patterns.of(&bytes, || {
            let text = str::from_utf8(&bytes).map_err(|_| "the pattern is not UTF-8".to_owned())?;
            Pattern::compile(text)
        })
    }
}
