//! Values of option tables, by what an option may be; the errors are messages for the author.

use std::time::Duration;

use mlua::{LuaString, Table, Value};

use super::told::{HINT, described, needs, unknown};
use crate::http::ExpectStatus;
use crate::http::retry::Retry;
use crate::lua::script::node;
use crate::lua::value::{number_text, plain};
use crate::metrics::tags::own_tag;
use crate::plan;
use crate::units::{self, Misread};

/// A bare number above this was meant as milliseconds.
const LONGEST_BARE_SECONDS: f64 = 600.0;

/// The items of a list.
pub fn items(list: &Table) -> Result<Vec<Value>, String> {
    let items = plain(list).sequence_values().collect::<mlua::Result<_>>();
    items.map_err(|error| error.to_string())
}

/// The items of a list that must have some, without holes and without other keys.
pub fn list(what: &str, usage: &str, table: &Table) -> Result<Vec<Value>, String> {
    let found = items(table)?;
    let mut keys = 0;
    each(table, |key, _| match key {
        Value::Integer(_) => {
            keys += 1;
            Ok(())
        }
        key => Err(format!("{what} needs {usage}, but its table has the key {}", described(&key))),
    })?;
    match found.len() {
        n if n != keys => Err(format!("{what} needs {usage} without holes; item {} is nil", n + 1)),
        0 => Err(format!("{what} needs {usage}, but the list is empty")),
        _ => Ok(found),
    }
}

/// Walks a table; stops at the first error.
pub fn each(
    table: &Table,
    mut visit: impl FnMut(Value, Value) -> Result<(), String>,
) -> Result<(), String> {
    let mut fault = None;
    let walked = plain(table).for_each(|key: Value, value: Value| {
        visit(key, value).map_err(|what| {
            fault = Some(what);
            mlua::Error::runtime("")
        })
    });
    match (fault, walked) {
        (Some(what), _) => Err(what),
        (None, walked) => walked.map_err(|error| error.to_string()),
    }
}

/// Reads a table that has one option or none, if there is a table.
pub fn option(
    what: &str,
    option: &str,
    options: &Value,
    mut take: impl FnMut(&Value) -> Result<(), String>,
) -> Result<(), String> {
    match options {
        Value::Nil => Ok(()),
        Value::Table(table) => each(table, |key, value| match &key {
            Value::String(key) if *key == option => take(&value),
            Value::String(key) => {
                Err(unknown(&format!("option of {what}"), &key.to_string_lossy(), [option]))
            }
            other => Err(needs(what, &format!("{{ {option} = … }}"), other)),
        }),
        other => Err(needs(what, &format!("a table of options like {{ {option} = … }}"), other)),
    }
}

/// `key = value` or `key = { value, … }`, sorted by key so that runs are alike.
pub fn pairs(option: &str, value: &Value) -> Result<Vec<(String, String)>, String> {
    let Value::Table(table) = value else {
        return Err(needs(option, "a table of name = value", value));
    };
    let mut pairs = Vec::new();
    each(table, |key, value| {
        let Value::String(key) = &key else { return Err(needs(option, "names as keys", &key)) };
        let key = key.to_string_lossy();
        match &value {
            Value::Table(list) => {
                for item in items(list)? {
                    pairs.push((key.clone(), scalar(option, &key, &item)?));
                }
            }
            value => {
                let text = scalar(option, &key, value)?;
                pairs.push((key, text));
            }
        }
        Ok(())
    })?;
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(pairs)
}

/// Tags of the author's.
pub fn tags(value: &Value) -> Result<Vec<(String, String)>, String> {
    if let Value::Table(table) = value {
        // A tag has one value: where others take a list, it takes none.
        each(table, |key, value| match (&key, &value) {
            (Value::String(key), Value::Table(_)) => {
                scalar("tags", &key.to_string_lossy(), &value).map(drop)
            }
            _ => Ok(()),
        })?;
    }
    let pairs = pairs("tags", value)?;
    match pairs.iter().find_map(|(name, _)| own_tag(name)) {
        Some(message) => Err(message),
        None => Ok(pairs),
    }
}

/// A value in a URL, a form or a tag: integral floats are written as integers.
pub fn scalar(option: &str, key: &str, value: &Value) -> Result<String, String> {
    let refused = || needs(&format!("{option}.{key}"), "a string, number or boolean", value);
    match value {
        Value::String(text) => utf8(&format!("{option}.{key}"), text),
        Value::Integer(integer) => Ok(integer.to_string()),
        Value::Number(number) => number_text(*number).ok_or_else(refused),
        Value::Boolean(flag) => Ok(flag.to_string()),
        _ => Err(refused()),
    }
}

pub fn text(option: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => utf8(option, text),
        other => Err(needs(option, "a string", other)),
    }
}

pub fn utf8(what: &str, text: &LuaString) -> Result<String, String> {
    let text = text.to_str().map_err(|_| format!("{what} is not UTF-8"))?;
    Ok(text.to_owned())
}

/// `30`, `0.5`, `"250ms"`.
pub fn duration(option: &str, value: &Value) -> Result<Duration, String> {
    let seconds = match value {
        Value::String(text) => {
            return units::duration(&text.to_string_lossy())
                .map_err(|what| format!("{option}: {what}"));
        }
        Value::Integer(integer) => *integer as f64,
        Value::Number(number) => *number,
        other => return Err(needs(option, "seconds or a text like \"30s\"", other)),
    };
    if seconds > LONGEST_BARE_SECONDS {
        return Err(format!(
            "{option} = {seconds} is more than 600 seconds; for milliseconds write \"{seconds}ms\""
        ));
    }
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| format!("{option} = {seconds} is not a length of time"))
}

pub fn count(option: &str, value: &Value) -> Result<u64, String> {
    match value {
        Value::Integer(integer) => u64::try_from(*integer).ok(),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        Value::Number(number) if number.fract() == 0.0 && (0.0..9e15).contains(number) => {
            Some(*number as u64)
        }
        _ => None,
    }
    .ok_or_else(|| needs(option, "a whole number from 0", value))
}

pub fn bytes(option: &str, value: &Value) -> Result<u64, String> {
    match value {
        Value::String(text) => {
            units::bytes(&text.to_string_lossy()).map_err(|what| format!("{option}: {what}"))
        }
        value => count(option, value),
    }
}

pub fn flag(option: &str, value: &Value) -> Result<bool, String> {
    value.as_boolean().ok_or_else(|| needs(option, "true or false", value))
}

/// `{ times = 2, on = { "connect", 503 }, backoff = "100ms" }` or `false`.
pub fn retry(option: &str, value: &Value) -> Result<Option<Box<Retry>>, String> {
    match plan::retry::retry(option, &node(value)) {
        Ok(retry) => Ok(retry.map(Box::new)),
        Err(Misread { message, hint }) if hint.starts_with("did you mean") => {
            Err(format!("{message}; {hint}"))
        }
        Err(Misread { message, hint }) => Err(message + HINT + &hint),
    }
}

/// `200`, `"2xx"` or a list of such.
pub fn expect_status(option: &str, value: &Value) -> Result<ExpectStatus, String> {
    let mut ranges = Vec::new();
    match value {
        Value::Table(list) => {
            for item in items(list)? {
                ranges.push(status_range(option, &item)?);
            }
        }
        value => ranges.push(status_range(option, value)?),
    }
    if ranges.is_empty() {
        return Err(format!("{option} is an empty list"));
    }
    Ok(ExpectStatus(ranges))
}

pub fn status_range(option: &str, value: &Value) -> Result<(u16, u16), String> {
    const USAGE: &str = "a status like 200 or a class like \"2xx\", or a list of them";
    let refused = || format!("{option} needs {USAGE}, got {}", described(value));
    match value {
        Value::Integer(_) | Value::Number(_) => {
            let status = count(option, value).map_err(|_| refused())?;
            match u16::try_from(status) {
                Ok(status) if status < 1000 => Ok((status, status)),
                _ => Err(refused()),
            }
        }
        Value::String(text) => match ExpectStatus::parse(&text.to_string_lossy()) {
            Ok(ExpectStatus(ranges)) => Ok(ranges[0]),
            Err(_) => Err(refused()),
        },
        _ => Err(refused()),
    }
}
