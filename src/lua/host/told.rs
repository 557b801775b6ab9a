//! What host functions give: a message first, which the Lua above them raises at the author's
//! line, or `nil` and the values. A Rust error would cost twenty times as much and name our line.

use mlua::Value;

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

/// The message with a hint on a line of its own, which reports show apart.
pub fn with_hint(message: impl AsRef<str>, hint: Option<String>) -> String {
    match hint {
        Some(hint) => format!("{}\n  hint: {hint}", message.as_ref()),
        None => message.as_ref().to_owned(),
    }
}

/// The known name that was probably meant.
pub fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let distance = |known: &str| strsim::damerau_levenshtein(&name.to_lowercase(), known);
    let nearest = known.into_iter().map(|known| (distance(known), known)).min()?;
    let close = nearest.0 <= 2.max(name.chars().count() / 3) && nearest.0 < nearest.1.len();
    close.then(|| format!("did you mean `{}`?", nearest.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_finds_its_name_and_a_strange_word_none() {
        let known = ["headers", "query", "json", "form"];
        assert_eq!(did_you_mean("header", known).unwrap(), "did you mean `headers`?");
        assert_eq!(did_you_mean("Jsno", known).unwrap(), "did you mean `json`?");
        assert_eq!(did_you_mean("retry_policy", known), None);
        assert_eq!(did_you_mean("x", known), None);
    }
}
