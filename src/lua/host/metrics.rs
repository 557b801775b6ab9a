//! `lt.metrics`: the author's own metrics, recorded like the built-in ones.
//!
//! In Lua a metric is a number, its place in this worker's list, with an object of `metrics.lua`
//! over it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use mlua::{Lua, Table, Value};
use tokio::time::Instant;

use super::told::{HINT, needs, told};
use super::user::User;
use super::{Host, observe, read};
use crate::metrics::own::{Form, Given, Own, Sample};
use crate::metrics::{Outcome, Place};

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let metrics =
        Rc::new(Metrics { host: host.clone(), declared: RefCell::default(), base: Instant::now() });
    let this = metrics.clone();
    let declare = move |_: &Lua, (form, name, options): (String, Value, Value)| {
        Ok(told(this.declare(&form, &name, &options)))
    };
    h.raw_set("metrics_declare", lua.create_function(declare)?)?;
    let this = metrics.clone();
    let add = move |_: &Lua, (metric, value, tags): (usize, Value, Value)| {
        Ok(this.add(metric, &value, &tags).err())
    };
    h.raw_set("metrics_add", lua.create_function(add)?)?;
    let this = metrics.clone();
    let begin = move |_: &Lua, ()| Ok(told(this.begin()));
    h.raw_set("metrics_begin", lua.create_function(begin)?)?;
    let end = move |_: &Lua, (metric, began, failed): (usize, u64, bool)| {
        metrics.end(metric, began, failed);
        Ok(())
    };
    h.raw_set("metrics_end", lua.create_function(end)?)
}

/// The metrics that this worker has met.
struct Metrics {
    host: Rc<Host>,
    declared: RefCell<Vec<Own>>,
    /// What starts of timers are counted from.
    base: Instant,
}

impl Metrics {
    /// The number of a metric.
    fn declare(&self, form: &str, name: &Value, options: &Value) -> Result<usize, String> {
        let what = format!("lt.metrics.{form}");
        let Value::String(_) = name else { return Err(needs(&what, "a name", name)) };
        let name = read::text(&what, name)?;
        let form = form_of(form, options)?;
        let own = self.host.shared.own_metrics().declare(&name, form);
        let own = own.map_err(|fault| fault.to_string())?;
        let mut declared = self.declared.borrow_mut();
        if let Some(known) = declared.iter().position(|known| known.id == own.id) {
            return Ok(known);
        }
        declared.push(own);
        Ok(declared.len() - 1)
    }

    fn add(&self, metric: usize, value: &Value, tags: &Value) -> Result<(), String> {
        let declared = self.declared.borrow();
        let own = &declared[metric];
        let sample = match own.form {
            Form::Counter => Sample::Count(count(value)?),
            Form::Rate => Sample::Hit(hit(value)?),
            Form::Gauge => Sample::Level { at: self.host.shared.elapsed(), value: level(value)? },
            Form::Histogram(given) => Sample::Number(number(value, given)?),
            Form::Timer => unreachable!("a timer has no add"),
        };
        let mut place = self.place(&self.host.user())?;
        let mut recorder = self.host.recorder.borrow_mut();
        if !tags.is_nil() {
            let tags = read::tags(tags)?;
            place.extra = observe::add_tags(&mut recorder, place.extra, &tags);
        }
        recorder.own(&place, &own.id, sample);
        Ok(())
    }

    /// When a timer starts: nanoseconds since this worker's beginning, less the user's thinking.
    fn begin(&self) -> Result<u64, String> {
        let user = self.host.user();
        self.place(&user)?;
        Ok(self.now(&user))
    }

    fn end(&self, metric: usize, began: u64, failed: bool) {
        let user = self.host.user();
        let duration = Duration::from_nanos(self.now(&user).saturating_sub(began));
        let outcome = if failed { Outcome::Failed } else { Outcome::Completed };
        let own = &self.declared.borrow()[metric];
        let sample = Sample::Time(duration, outcome);
        self.host.recorder.borrow_mut().own(&user.place.get(), &own.id, sample);
    }

    fn now(&self, user: &User) -> u64 {
        let lasted = self.base.elapsed().saturating_sub(user.thought.get());
        u64::try_from(lasted.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Where a sample of the running user belongs.
    fn place(&self, user: &User) -> Result<Place, String> {
        match user.may_wait.get() {
            true => Ok(user.place.get()),
            false => {
                Err("there is nothing to measure at a script's top level: samples belong into \
                          functions that the run calls"
                    .into())
            }
        }
    }
}

fn form_of(form: &str, options: &Value) -> Result<Form, String> {
    let plain = match form {
        "counter" => Form::Counter,
        "gauge" => Form::Gauge,
        "rate" => Form::Rate,
        "timer" => Form::Timer,
        _ => return Ok(Form::Histogram(given(options)?)),
    };
    match options {
        Value::Nil => Ok(plain),
        _ => Err(format!("lt.metrics.{form} needs a name alone")),
    }
}

/// `{ unit = "ms" }`.
fn given(options: &Value) -> Result<Given, String> {
    let mut unit = Given::ALL[0];
    read::option("lt.metrics.histogram", "unit", options, |value| {
        let name = read::text("lt.metrics.histogram: unit", value)?;
        unit = Given::named(&name).ok_or_else(|| {
            let known = &Given::ALL.map(|unit| unit.name)[1..];
            format!("there is no unit `{name}`{HINT}one of {}, or none", known.join(", "))
        })?;
        Ok(())
    })?;
    Ok(unit)
}

fn count(value: &Value) -> Result<u64, String> {
    read::count("metric:add of a counter", value)
}

fn hit(value: &Value) -> Result<bool, String> {
    match value {
        Value::Boolean(hit) => Ok(*hit),
        Value::Integer(0) => Ok(false),
        Value::Integer(1) => Ok(true),
        other => Err(needs("metric:add of a rate", "true or false", other)),
    }
}

fn level(value: &Value) -> Result<f64, String> {
    finite(value).ok_or_else(|| needs("metric:add of a gauge", "a finite number", value))
}

/// In whole ones of the unit.
fn number(value: &Value, given: Given) -> Result<u64, String> {
    let number = finite(value).filter(|number| *number >= 0.0);
    let number = number
        .ok_or_else(|| needs("metric:add of a histogram", "a finite number from 0", value))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    Ok((number * given.ones).round() as u64)
}

fn finite(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(integer) => Some(*integer as f64),
        Value::Number(number) => Some(*number).filter(|number| number.is_finite()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
