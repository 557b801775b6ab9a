//! What host functions give: a message first, which the Lua above them raises at the author's
//! line, or `nil` and the values. A Rust error would cost twenty times as much and name our line.

use mlua::Value;

use crate::diagnostic::did_you_mean;

/// Between a message and a hint, which gets a line of its own where there is room for it.
pub const HINT: &str = "; hint: ";

/// The same for the hint that [`unknown`] gives.
pub const DID_YOU_MEAN: &str = "; did you mean ";

/// The message to raise, or what was asked for.
pub type Told<T> = (Option<String>, Option<T>);

/// A [`Result`] in the form that the Lua above expects.
pub fn told<T>(result: Result<T, String>) -> Told<T> {
    match result {
        Ok(value) => (None, Some(value)),
        Err(message) => (Some(message), None),
    }
}

/// `lt.random.pick needs a list, got nil`.
pub fn needs(what: &str, kind: &str, got: &Value) -> String {
    format!("{what} needs {kind}, got {}", described(got))
}

/// A value as messages show it: its type, and a short text or number itself.
pub fn described(value: &Value) -> String {
    match value {
        Value::Nil => "nil".into(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Integer(integer) => integer.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => match text.to_string_lossy() {
            long if long.chars().count() > 40 => "a long string".into(),
            short => format!("{short:?}"),
        },
        Value::Table(_) => "a table".into(),
        Value::Function(_) => "a function".into(),
        Value::Thread(_) => "a coroutine".into(),
        _ => "a userdata".into(),
    }
}

/// Most names that a hint lists.
const LISTED: usize = 30;

/// ``unknown option `tiemout`; did you mean `timeout`?``, or what there is, if nothing is near.
pub fn unknown<'k>(what: &str, given: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let message = format!("unknown {what} `{given}`");
    match did_you_mean(given, known.iter().copied()) {
        Some(hint) => format!("{message}; {hint}"),
        None if known.is_empty() => message,
        None if known.len() == 1 => format!("{message}{HINT}there is only {}", known[0]),
        None => {
            let more = if known.len() > LISTED { ", …" } else { "" };
            let listed = &known[..known.len().min(LISTED)];
            format!("{message}{HINT}there are {}{more}", listed.join(", "))
        }
    }
}
