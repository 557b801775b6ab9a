//! `lt.time`: the wall clock for what goes into requests; nothing that is measured uses it.

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use mlua::{Lua, Table, Value};

use super::Host;
use super::told::{needs, told};

/// Puts the raw functions into `h`.
pub fn register(lua: &Lua, host: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    h.raw_set("time_now", lua.create_function(|_, ()| Ok(now()))?)?;
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds fit for 280 million years")]
    h.raw_set("time_unix_ms", lua.create_function(|_, ()| Ok((now() * 1e3) as i64))?)?;
    h.raw_set("time_iso8601", lua.create_function(|_, at: Value| Ok(told(iso8601(&at))))?)?;
    let host = host.clone();
    let elapsed = move |_: &Lua, ()| Ok(host.shared.elapsed().as_secs_f64());
    h.raw_set("time_elapsed", lua.create_function(elapsed)?)
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// `2026-01-31T12:00:00.000Z`, of now or of seconds since 1970.
fn iso8601(at: &Value) -> Result<String, String> {
    let seconds = match at {
        Value::Nil => now(),
        Value::Integer(integer) => *integer as f64,
        Value::Number(number) => *number,
        other => return Err(needs("lt.time.iso8601", "seconds since 1970", other)),
    };
    #[expect(clippy::cast_possible_truncation, reason = "out of range saturates and is refused")]
    let time = Timestamp::from_millisecond((seconds * 1e3).round() as i64).map_err(|_| {
        format!("lt.time.iso8601: {seconds} is no time between the years -9999 and 9999")
    })?;
    Ok(format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_utc_with_milliseconds() {
        assert_eq!(iso8601(&Value::Integer(0)).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso8601(&Value::Number(1.5)).unwrap(), "1970-01-01T00:00:01.500Z");
        assert!(iso8601(&Value::Number(1e300)).is_err());
    }
}
