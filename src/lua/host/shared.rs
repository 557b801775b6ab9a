//! `lt.shared`: what the users of the process share, by the rules of [`shared`](crate::shared).
//!
//! In Lua an object is a number, its place in this worker's list of its kind, with an object of
//! `shared.lua` over it. Values cross as JSON text: what a user gets is a copy of its own. Here is
//! what never waits; `waits.rs` has the rest.

pub mod waits;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use mlua::{Lua, Table, Value};
use rustc_hash::FxHashMap;

use super::told::{needs, told};
use super::{Host, read};
use crate::lua::value::Json;
use crate::shared::{self, Barrier, Counter, Fault, Limiter, Map, Queue};

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let sharing = Rc::new(Sharing {
        host: host.clone(),
        json: Json::of(lua)?,
        counters: Met::default(),
        queues: Met::default(),
        maps: Met::default(),
        barriers: Met::default(),
        limiters: Met::default(),
        turns: Cell::new(0),
    });
    register_counter(lua, &sharing, h)?;
    register_map(lua, &sharing, h)?;
    waits::register(lua, &sharing, h)
}

/// What a worker has met of all that is shared.
struct Sharing {
    host: Rc<Host>,
    json: Rc<Json>,
    counters: Met<Counter>,
    queues: Met<Queue>,
    maps: Met<Map>,
    barriers: Met<Barrier>,
    limiters: Met<Limiter>,
    /// How many turns of `once` its users have taken.
    turns: Cell<u64>,
}

/// Objects of one kind, by the numbers that they have in this worker's Lua.
struct Met<T> {
    objects: RefCell<Vec<Arc<T>>>,
    numbers: RefCell<FxHashMap<*const T, usize>>,
}

impl<T> Default for Met<T> {
    fn default() -> Self {
        Met { objects: RefCell::default(), numbers: RefCell::default() }
    }
}

impl<T> Met<T> {
    /// The number of an object that was opened.
    fn number(&self, opened: Result<Arc<T>, Fault>) -> Result<usize, String> {
        let object = opened.map_err(|fault| fault.to_string())?;
        let mut objects = self.objects.borrow_mut();
        let known = *self.numbers.borrow_mut().entry(Arc::as_ptr(&object)).or_insert(objects.len());
        if known == objects.len() {
            objects.push(object);
        }
        Ok(known)
    }

    fn get(&self, number: usize) -> Arc<T> {
        self.objects.borrow()[number].clone()
    }
}

fn register_counter(lua: &Lua, sharing: &Rc<Sharing>, h: &Table) -> mlua::Result<()> {
    let this = sharing.clone();
    let open = move |_: &Lua, name: Value| Ok(told(this.counter(&name)));
    h.raw_set("shared_counter", lua.create_function(open)?)?;
    let this = sharing.clone();
    let add = move |_: &Lua, (counter, n): (usize, Value)| {
        let Some(n) = whole(&n) else {
            return Ok((Some(needs("counter:add", "a whole number", &n)), None));
        };
        Ok(told(this.counters.get(counter).add(n).map_err(|fault| fault.to_string())))
    };
    h.raw_set("shared_add", lua.create_function(add)?)?;
    let this = sharing.clone();
    let get = move |_: &Lua, counter: usize| Ok(this.counters.get(counter).get());
    h.raw_set("shared_count", lua.create_function(get)?)
}

fn register_map(lua: &Lua, sharing: &Rc<Sharing>, h: &Table) -> mlua::Result<()> {
    let this = sharing.clone();
    let open = move |_: &Lua, name: Value| Ok(told(this.map(&name)));
    h.raw_set("shared_map", lua.create_function(open)?)?;
    let this = sharing.clone();
    let get = move |lua: &Lua, (map, key): (usize, Value)| this.read(lua, map, &key);
    h.raw_set("shared_get", lua.create_function(get)?)?;
    let this = sharing.clone();
    let set = move |_: &Lua, (map, key, value): (usize, Value, Value)| {
        Ok(this.write(map, &key, &value, None).err())
    };
    h.raw_set("shared_set", lua.create_function(set)?)?;
    let this = sharing.clone();
    let swap = move |_: &Lua, (map, key, value, version): (usize, Value, Value, u64)| {
        Ok(told(this.write(map, &key, &value, Some(version))))
    };
    h.raw_set("shared_swap", lua.create_function(swap)?)
}

/// A message, or a value and the version of its entry.
type Entry = (Option<String>, Value, u64);

impl Sharing {
    fn objects(&self) -> &shared::Objects {
        &self.host.shared.objects
    }

    fn counter(&self, name: &Value) -> Result<usize, String> {
        self.counters.number(self.objects().counter(&name_of("counter", name)?))
    }

    fn map(&self, name: &Value) -> Result<usize, String> {
        self.maps.number(self.objects().map(&name_of("map", name)?))
    }

    fn read(&self, lua: &Lua, map: usize, key: &Value) -> mlua::Result<Entry> {
        let key = match key_of("map:get", key) {
            Ok(key) => key,
            Err(message) => return Ok((Some(message), Value::Nil, 0)),
        };
        let read = self.maps.get(map).get(&key);
        let value = read.value.map(|value| self.decoded(lua, &value)).transpose()?;
        Ok((None, value.unwrap_or(Value::Nil), read.version))
    }

    /// Writes an entry, if it still has that version; whether it did.
    fn write(
        &self,
        map: usize,
        key: &Value,
        value: &Value,
        version: Option<u64>,
    ) -> Result<bool, String> {
        let what = if version.is_some() { "map:update" } else { "map:set" };
        let key = key_of(what, key)?;
        let value = match value {
            Value::Nil => None,
            value => Some(self.encoded(what, value)?),
        };
        let charge = self.objects().charge(key.len()).map_err(|fault| fault.to_string())?;
        let map = self.maps.get(map);
        Ok(match version {
            Some(version) => map.swap(&key, version, value, charge),
            None => {
                map.set(&key, value, charge);
                true
            }
        })
    }

    fn encoded(&self, what: &str, value: &Value) -> Result<shared::Value, String> {
        let mut json = Vec::new();
        self.json.encode(value, &mut json).map_err(|fault| format!("{what}: {fault}"))?;
        self.objects().value(json).map_err(|fault| format!("{what}: {fault}"))
    }

    fn decoded(&self, lua: &Lua, value: &shared::Value) -> mlua::Result<Value> {
        match value.json() {
            b"" => Ok(Value::Nil),
            json => self.json.decode(lua, json)?.map_err(mlua::Error::runtime),
        }
    }
}

/// The name of an object.
fn name_of(kind: &str, name: &Value) -> Result<String, String> {
    let what = format!("lt.shared.{kind}");
    match name {
        Value::String(_) => match read::text(&what, name)? {
            empty if empty.is_empty() => Err(format!("{what} needs a name, which is not empty")),
            name => Ok(name),
        },
        other => Err(needs(&what, "a name", other)),
    }
}

/// A key as bytes; a text and a number are never the same.
fn key_of(what: &str, key: &Value) -> Result<Box<[u8]>, String> {
    match (key, whole(key)) {
        (Value::String(text), _) => Ok([b"s", &*text.as_bytes()].concat().into()),
        (_, Some(n)) => Ok([b"i".as_slice(), &n.to_le_bytes()].concat().into()),
        _ => Err(needs(what, "a key that is a string or a whole number", key)),
    }
}

/// A whole number, be it written `2` or `2.0`.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(integer) => Some(*integer),
        #[expect(clippy::cast_possible_truncation, reason = "whole and exact as a float")]
        Value::Number(n) if n.fract() == 0.0 && n.abs() <= 9_007_199_254_740_992.0 => {
            Some(*n as i64)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
