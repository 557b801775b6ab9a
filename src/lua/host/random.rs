//! `lt.random` and `math.random`: every choice of a user comes from its own generator, which is
//! seeded from (run seed, scenario, user number), so that the same seed gives the same choices.

use std::rc::Rc;

use mlua::{FromLuaMulti, Function, IntoLua, Lua, Table, Value};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::Host;
use super::read;
use super::told::{needs, told};
use crate::lua::value::plain;

/// Longest text that `lt.random.string` makes, in characters.
const LONGEST: i64 = 1 << 20;
const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    let set = |name, function: mlua::Result<Function>| h.raw_set(name, function?);
    set("random_int", drawing(lua, host, |_, rng, (a, b)| int(rng, &a, &b)))?;
    set("random_float", drawing(lua, host, |_, rng, (a, b)| float(rng, &a, &b)))?;
    set("random_index", drawing(lua, host, |_, rng, list: Value| index(rng, &list)))?;
    set("random_weighted", drawing(lua, host, |_, rng, table: Value| weighted(rng, &table)))?;
    set("random_string", drawing(lua, host, |_, rng, (n, of)| string(rng, &n, &of)))?;
    set("random_uuid", drawing(lua, host, |_, rng, ()| Ok(uuid(rng))))?;
    set("random_shuffle", drawing(lua, host, |lua, rng, list: Value| shuffle(lua, rng, &list)))?;
    set("random_normal", drawing(lua, host, |_, rng, (mean, sd)| normal(rng, &mean, &sd)))?;
    set("random_exponential", drawing(lua, host, |_, rng, m: Value| exponential(rng, &m)))?;
    set("math_random", drawing(lua, host, |_, rng, (m, n)| math_random(rng, &m, &n)))
}

/// A host function that draws from the generator of the user whose coroutine runs.
pub fn drawing<A, T>(
    lua: &Lua,
    host: &Rc<Host>,
    draw: impl Fn(&Lua, &mut Xoshiro256PlusPlus, A) -> Result<T, String> + 'static,
) -> mlua::Result<Function>
where
    A: FromLuaMulti,
    T: IntoLua,
{
    let host = host.clone();
    lua.create_function(move |lua, args| {
        let user = host.user();
        let mut rng = user.rng.borrow_mut();
        Ok(told(draw(lua, &mut rng, args)))
    })
}

fn int(rng: &mut impl Rng, a: &Value, b: &Value) -> Result<i64, String> {
    let (a, b) = (integer(a, "lt.random.int(a, b)")?, integer(b, "lt.random.int(a, b)")?);
    if a > b {
        return Err(format!("lt.random.int({a}, {b}): the interval is empty"));
    }
    Ok(rng.random_range(a..=b))
}

fn float(rng: &mut impl Rng, a: &Value, b: &Value) -> Result<f64, String> {
    if a.is_nil() && b.is_nil() {
        return Ok(rng.random());
    }
    let (a, b) = (number(a, "lt.random.float(a, b)")?, number(b, "lt.random.float(a, b)")?);
    if a > b {
        return Err(format!("lt.random.float({a}, {b}): the interval is empty"));
    }
    Ok(a + (b - a) * rng.random::<f64>())
}

/// Index of an item, from 1; 0 if there is none.
fn index(rng: &mut impl Rng, list: &Value) -> Result<usize, String> {
    let Value::Table(list) = list else { return Err(needs("lt.random.pick", "a list", list)) };
    let length = plain(list).raw_len();
    Ok(if length == 0 { 0 } else { rng.random_range(1..=length) })
}

fn weighted(rng: &mut impl Rng, table: &Value) -> Result<Value, String> {
    let usage = "a table of value = weight";
    let Value::Table(table) = table else {
        return Err(needs("lt.random.weighted", usage, table));
    };
    let mut weights = Vec::new();
    read::each(table, |value, weight| {
        let weight = number(&weight, "lt.random.weighted: a weight")?;
        if weight < 0.0 {
            return Err(format!("lt.random.weighted: a weight is {weight}, below 0"));
        }
        weights.push((value, weight));
        Ok(())
    })?;
    weights.sort_by_key(|(value, _)| order(value));
    let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let mut drawn = sum * rng.random::<f64>();
    for (value, weight) in &weights {
        if drawn < *weight {
            return Ok(value.clone());
        }
        drawn -= weight;
    }
    weights.pop().map(|(value, _)| value).filter(|_| sum > 0.0).ok_or_else(|| {
        "lt.random.weighted: there is nothing with a weight above 0 to choose from".into()
    })
}

/// Lua walks a table in an order of its own; choices must not depend on it.
fn order(key: &Value) -> (i64, String) {
    match key {
        Value::Integer(integer) => (*integer, String::new()),
        Value::String(text) => (0, text.to_string_lossy()),
        other => (0, format!("{other:?}")),
    }
}

fn string(rng: &mut impl Rng, n: &Value, alphabet: &Value) -> Result<String, String> {
    let length = integer(n, "lt.random.string(n)")?;
    if !(0..=LONGEST).contains(&length) {
        return Err(format!("lt.random.string({length}): the length must be from 0 to {LONGEST}"));
    }
    let alphabet: Vec<char> = match alphabet {
        Value::Nil => ALPHABET.chars().collect(),
        Value::String(text) => text.to_string_lossy().chars().collect(),
        other => return Err(needs("lt.random.string", "a string as its alphabet", other)),
    };
    if alphabet.is_empty() {
        return Err("lt.random.string: the alphabet is empty".into());
    }
    Ok((0..length).map(|_| alphabet[rng.random_range(0..alphabet.len())]).collect())
}

fn uuid(rng: &mut impl Rng) -> String {
    uuid::Builder::from_random_bytes(rng.random()).into_uuid().to_string()
}

/// A copy in random order (Fisher and Yates).
fn shuffle(lua: &Lua, rng: &mut impl Rng, list: &Value) -> Result<Table, String> {
    let Value::Table(list) = list else { return Err(needs("lt.random.shuffle", "a list", list)) };
    let mut items = read::items(list)?;
    for last in (1..items.len()).rev() {
        items.swap(last, rng.random_range(0..=last));
    }
    lua.create_sequence_from(items).map_err(|error| error.to_string())
}

fn normal(rng: &mut impl Rng, mean: &Value, deviation: &Value) -> Result<f64, String> {
    let mean = or(mean, 0.0, "lt.random.normal(mean, deviation)")?;
    let deviation = or(deviation, 1.0, "lt.random.normal(mean, deviation)")?;
    let sample: f64 = StandardNormal.sample(rng);
    Ok(mean + deviation * sample)
}

fn exponential(rng: &mut impl Rng, mean: &Value) -> Result<f64, String> {
    let sample: f64 = Exp1.sample(rng);
    Ok(or(mean, 1.0, "lt.random.exponential(mean)")? * sample)
}

/// As Lua's own: `()` in [0, 1), `(n)` in 1..n, `(m, n)` in m..n, `(0)` any integer.
fn math_random(rng: &mut impl Rng, m: &Value, n: &Value) -> Result<Value, String> {
    if m.is_nil() && n.is_nil() {
        return Ok(Value::Number(rng.random()));
    }
    let m = integer(m, "math.random")?;
    let (low, high) = if n.is_nil() { (1, m) } else { (m, integer(n, "math.random")?) };
    if n.is_nil() && m == 0 {
        return Ok(Value::Integer(rng.random()));
    }
    if low > high {
        return Err("bad argument to 'random' (interval is empty)".into());
    }
    Ok(Value::Integer(rng.random_range(low..=high)))
}

fn or(value: &Value, default: f64, usage: &str) -> Result<f64, String> {
    if value.is_nil() { Ok(default) } else { number(value, usage) }
}

fn number(value: &Value, usage: &str) -> Result<f64, String> {
    let number = match value {
        Value::Integer(integer) => *integer as f64,
        Value::Number(number) => *number,
        other => return Err(needs(usage, "numbers", other)),
    };
    if number.is_finite() { Ok(number) } else { Err(format!("{usage}: {number} is not finite")) }
}

fn integer(value: &Value, usage: &str) -> Result<i64, String> {
    match value {
        Value::Integer(integer) => Ok(*integer),
        #[expect(clippy::cast_possible_truncation, reason = "integral and in range")]
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => Ok(*number as i64),
        Value::Number(number) => Err(format!("{usage} needs integers, got {number}")),
        other => Err(needs(usage, "integers", other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn rng() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(1)
    }

    #[test]
    fn the_same_seed_gives_the_same_choices() {
        let draw = |mut rng| {
            let n = Value::Integer(12);
            (uuid(&mut rng), string(&mut rng, &n, &Value::Nil), int(&mut rng, &n, &n))
        };
        assert_eq!(draw(rng()), draw(rng()));
    }

    #[test]
    fn weights_are_kept_to_and_their_order_is_not_luas() {
        let lua = Lua::new();
        let table = lua.load("{ a = 7, b = 3, c = 0 }").eval::<Value>().unwrap();
        let mut rng = rng();
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            let drawn = weighted(&mut rng, &table).unwrap();
            let Value::String(drawn) = drawn else { panic!("a key is a string") };
            counts[usize::from(drawn.as_bytes()[0] - b'a')] += 1;
        }
        assert!((6_700..7_300).contains(&counts[0]) && counts[2] == 0, "{counts:?}");
    }

    #[test]
    fn a_shuffle_keeps_every_item_and_the_list_as_it_was() {
        let lua = Lua::new();
        let list = lua.create_sequence_from(1..=100).unwrap();
        let shuffled = shuffle(&lua, &mut rng(), &Value::Table(list.clone())).unwrap();
        let read =
            |table: &Table| table.sequence_values::<i64>().map(Result::unwrap).collect::<Vec<_>>();
        let mut sorted = read(&shuffled);
        assert_ne!(sorted, read(&list));
        sorted.sort_unstable();
        assert_eq!(sorted, read(&list));
    }

    #[test]
    fn mistakes_are_told() {
        let (nil, text) = (Value::Nil, Value::Integer(5));
        let mut rng = rng();
        assert_eq!(
            int(&mut rng, &nil, &nil).unwrap_err(),
            "lt.random.int(a, b) needs integers, got nil"
        );
        assert_eq!(
            int(&mut rng, &text, &Value::Integer(1)).unwrap_err(),
            "lt.random.int(5, 1): the interval is empty"
        );
        assert_eq!(index(&mut rng, &nil).unwrap_err(), "lt.random.pick needs a list, got nil");
    }
}
