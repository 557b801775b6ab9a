//! Paths, patterns and selectors, compiled once per worker: a literal costs its compilation once.

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{Lua, Value};
use rustc_hash::FxHashMap;

use super::told::needs;
use crate::extract::{Css, JsonPath, Pattern, XPath};

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
    selectors: Kept<Css>,
    xpaths: Kept<XPath>,
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
        if !path.is_string() {
            return Err(needs("json", "a path", path));
        }
        compiled(&self.paths, "the path", path, JsonPath::compile)
    }

    /// A regular expression; the error shows the place in it.
    pub fn pattern(&self, pattern: &Value) -> Result<Rc<Pattern>, String> {
        compiled(&self.patterns, "a regular expression", pattern, Pattern::compile)
    }

    /// A CSS selector; the error names it.
    pub fn css(&self, selector: &Value) -> Result<Rc<Css>, String> {
        compiled(&self.selectors, "a CSS selector", selector, Css::compile)
    }

    /// An XPath; the error shows the place in it.
    pub fn xpath(&self, expression: &Value) -> Result<Rc<XPath>, String> {
        compiled(&self.xpaths, "an XPath", expression, XPath::compile)
    }
}

fn compiled<T>(
    kept: &Kept<T>,
    what: &str,
    text: &Value,
    compile: fn(&str) -> Result<T, String>,
) -> Result<Rc<T>, String> {
    let Value::String(text) = text else { return Err(needs(what, "a string", text)) };
    let bytes = text.as_bytes();
    kept.of(&bytes, || {
        let text = str::from_utf8(&bytes).map_err(|_| format!("{what} is not UTF-8"))?;
        compile(text)
    })
}
