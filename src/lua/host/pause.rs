//! `lt.think` and `lt.sleep`: a person's pause, which is in no latency, and waiting that is part
//! of what is timed.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use mlua::{Lua, MultiValue, Table, Value};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, LogNormal, Normal};
use tokio::time::Instant;

use super::told::{needs, unknown};
use super::user::User;
use super::{Host, read};
use crate::metrics::{Event, NameId, What};
use crate::units;

/// Standard deviation of `lognormal` and `normal` pauses, as a part of the mean.
const SPREAD: f64 = 0.5;

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let this = host.clone();
    let sleep = move |_: &Lua, length: Value| {
        Ok(match seconds("lt.sleep", &length).and_then(length_of) {
            Ok(length) => this.wait(Pause::new(&this, What::Sleep).through(length)),
            Err(message) => return Ok(Some(message)),
        }
        .map(str::to_owned))
    };
    h.raw_set("pause_sleep", lua.create_function(sleep)?)?;
    let this = host.clone();
    let think = move |_: &Lua, (a, b): (Value, Value)| {
        let user = this.user();
        let drawn = pause(&mut *user.rng.borrow_mut(), &a, &b).and_then(length_of);
        Ok(match drawn {
            Ok(length) => this.wait(Pause::new(&this, What::Think).through(length)),
            Err(message) => return Ok(Some(message)),
        }
        .map(str::to_owned))
    };
    h.raw_set("pause_think", lua.create_function(think)?)
}

/// A pause of the running user's; what of it was spent is counted even if it is cut off.
struct Pause {
    host: Rc<Host>,
    user: Rc<User>,
    /// [`What::Think`] or [`What::Sleep`].
    what: What<NameId>,
    step: NameId,
    since: Option<Instant>,
}

impl Pause {
    fn new(host: &Rc<Host>, what: What<NameId>) -> Pause {
        let user = host.user();
        Pause { host: host.clone(), what, step: user.place.get().step, user, since: None }
    }

    async fn through(mut self, length: Duration) -> mlua::Result<MultiValue> {
        self.since = Some(Instant::now());
        self.user.session.idle(length, pin!(tokio::time::sleep(length))).await;
        Ok(MultiValue::new())
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        let Some(since) = self.since else { return };
        let (at, length) = (self.host.shared.offset(since), since.elapsed());
        if self.what == What::Think {
            self.user.thought.update(|thought| thought + length);
        }
        self.user.note(Event { at, length, step: self.step, what: self.what });
    }
}

/// Length of a pause in seconds: fixed, between two, or drawn from a distribution.
fn pause(rng: &mut impl Rng, a: &Value, b: &Value) -> Result<f64, String> {
    if let Value::Table(table) = a {
        return drawn(rng, table);
    }
    let min = seconds("lt.think", a)?;
    if b.is_nil() {
        return Ok(min);
    }
    let max = seconds("lt.think", b)?;
    if min > max {
        return Err(format!("lt.think({min}, {max}): the first is the shorter one"));
    }
    Ok(rng.random_range(min..=max))
}

/// `{ mean = 2, dist = "lognormal" | "exponential" | "normal", max = 10 }`.
fn drawn(rng: &mut impl Rng, table: &Table) -> Result<f64, String> {
    let (mut mean, mut max, mut dist) = (None, f64::INFINITY, "lognormal".to_owned());
    read::each(table, |key, value| {
        let Value::String(key) = &key else {
            return Err(needs("lt.think", "{ mean = …, dist = …, max = … }", &key));
        };
        match (&*key.to_string_lossy(), value) {
            ("mean", value) => mean = Some(seconds("lt.think: mean", &value)?),
            ("max", value) => max = seconds("lt.think: max", &value)?,
            ("dist", Value::String(name)) => dist = name.to_string_lossy(),
            ("dist", value) => return Err(needs("lt.think: dist", "a name", &value)),
            (name, _) => return Err(unknown("field of lt.think", name, ["mean", "dist", "max"])),
        }
        Ok(())
    })?;
    let mean = mean.ok_or("lt.think { … } needs a mean")?;
    Ok(sample(rng, &dist, mean)?.clamp(0.0, max))
}

/// A pause of that mean. The logarithm of a lognormal one has σ² = ln(1 + SPREAD²) and
/// μ = ln mean − σ²/2; a normal one is cut off at 0.
fn sample(rng: &mut impl Rng, dist: &str, mean: f64) -> Result<f64, String> {
    if mean == 0.0 {
        return Ok(0.0);
    }
    const FITS: &str = "a finite mean and deviation fit";
    Ok(match dist {
        "exponential" => mean * Distribution::<f64>::sample(&Exp1, rng),
        "normal" => Normal::new(mean, SPREAD * mean).expect(FITS).sample(rng),
        "lognormal" => {
            let variance = (1.0 + SPREAD * SPREAD).ln();
            LogNormal::new(mean.ln() - variance / 2.0, variance.sqrt()).expect(FITS).sample(rng)
        }
        other => {
            let known = ["lognormal", "exponential", "normal"];
            return Err(unknown("distribution", other, known));
        }
    })
}

/// `2`, `0.5`, `"500ms"`.
fn seconds(what: &str, value: &Value) -> Result<f64, String> {
    let seconds = match value {
        Value::Integer(integer) => *integer as f64,
        Value::Number(number) => *number,
        Value::String(text) => {
            let text = text.to_string_lossy();
            units::duration(&text).map_err(|error| format!("{what}: {error}"))?.as_secs_f64()
        }
        other => return Err(needs(what, "seconds or a text like \"500ms\"", other)),
    };
    match seconds {
        0.0..=1e9 => Ok(seconds),
        _ => Err(format!("{what}: {seconds} s is no length of time")),
    }
}

fn length_of(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    #[test]
    fn drawn_pauses_have_the_mean_that_was_asked_for() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        for dist in ["lognormal", "exponential", "normal"] {
            let n = 20_000;
            let sum: f64 = (0..n).map(|_| sample(&mut rng, dist, 2.0).unwrap().max(0.0)).sum();
            let mean = sum / f64::from(n);
            assert!((1.9..2.1).contains(&mean), "{dist}: {mean}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        let lua = Lua::new();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut fault = |source: &str| {
            let (a, b) = lua.load(source).eval::<(Value, Value)>().unwrap();
            pause(&mut rng, &a, &b).unwrap_err()
        };
        assert_eq!(fault("3, 1"), "lt.think(3, 1): the first is the shorter one");
        assert_eq!(fault("nil"), "lt.think needs seconds or a text like \"500ms\", got nil");
        assert_eq!(fault("-1"), "lt.think: -1 s is no length of time");
        assert_eq!(fault("{ max = 1 }"), "lt.think { … } needs a mean");
        let unknown = fault("{ mena = 1 }");
        assert!(unknown.contains("did you mean `mean`?"), "{unknown}");
    }
}
