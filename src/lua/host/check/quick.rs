//! The common case of a check: plain conditions, all of which hold.
//!
//! A table of conditions is walked in one call from Lua. If anything in it is not plain (a
//! function, a table of alternatives, a label of the author's own), is a mistake, or does not hold,
//! nothing has been counted, and Lua goes through the conditions one by one, as `check.lua` tells.

use std::rc::Rc;

use mlua::{Lua, Table, Value};

use super::{Judge, KINDS, Make};
use crate::http::Response;
use crate::lua::host::response;
use crate::metrics::NameId;

/// Puts `check_quick` into `h`: whether all conditions of a table hold and were counted.
pub(super) fn register(lua: &Lua, judge: &Rc<Judge>, h: &Table) -> mlua::Result<()> {
    let judge = judge.clone();
    let quick = move |_: &Lua, (r, wanted): (Value, Value)| Ok(judge.all_hold(&r, &wanted));
    h.raw_set("check_quick", lua.create_function(quick)?)
}

/// A kind of condition, as the keys of known ones have it.
type Kind = (u8, Make);

impl Judge {
    fn all_hold(&self, r: &Value, wanted: &Value) -> bool {
        let Value::Table(wanted) = wanted else { return false };
        if self.host.witness.get().is_some() {
            return false;
        }
        let mut labels = self.held.borrow_mut();
        labels.clear();
        let all = response::with(r, |r| self.walk(r, wanted, &mut labels)).unwrap_or(false);
        if all {
            let place = self.host.user().place.get();
            let mut recorder = self.host.recorder.borrow_mut();
            for &label in &*labels {
                recorder.check(&place, label, true);
            }
        }
        all
    }

    /// Whether there are conditions and all of them hold; their labels are added.
    fn walk(&self, r: &Response, wanted: &Table, labels: &mut Vec<NameId>) -> bool {
        each(wanted, |label, want| {
            let Some(kind) = kind(label) else { return false };
            match (want, has_names(kind)) {
                (Value::Table(named), true) => {
                    each(named, |name, want| self.one(r, kind, want, name, labels))
                }
                (_, true) => false,
                (want, false) => self.one(r, kind, want, &Value::Nil, labels),
            }
        })
    }

    fn one(
        &self,
        r: &Response,
        (index, make): Kind,
        want: &Value,
        name: &Value,
        labels: &mut Vec<NameId>,
    ) -> bool {
        if want.is_table() {
            return false;
        }
        let Ok(known) = self.condition(index, make, [want, name, &Value::Nil]) else {
            return false;
        };
        labels.push(known.label);
        known.condition.evaluate(r).is_ok()
    }
}

/// Most entries of a table that is judged here: Lua goes through larger ones under its CPU limit.
const MOST: u32 = 64;

/// Whether a table has entries, not too many, and `holds` of each; a read-only one seems empty. It
/// is walked to its end: to break off would be an error, which costs more than a few entries.
fn each(table: &Table, mut holds: impl FnMut(&Value, &Value) -> bool) -> bool {
    let (mut seen, mut all) = (0, true);
    let walked = table.for_each(|key: Value, value: Value| {
        seen += 1;
        if seen > MOST {
            return Err(mlua::Error::runtime(""));
        }
        all = all && holds(&key, &value);
        Ok(())
    });
    walked.is_ok() && seen > 0 && all
}

fn kind(label: &Value) -> Option<Kind> {
    let Value::String(label) = label else { return None };
    let label = label.as_bytes();
    let index = KINDS.iter().position(|(name, _)| *label == *name.as_bytes())?;
    Some((u8::try_from(index).ok()?, KINDS[index].1))
}

/// Whether conditions of a kind are listed by header, cookie or path.
fn has_names((index, _): Kind) -> bool {
    matches!(KINDS[usize::from(index)].0, "header" | "cookie" | "json")
}
