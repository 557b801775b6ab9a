//! Lua values and JSON text, by one set of rules.
//!
//! Integers stay integers up to 64 bits; beyond that they are digit strings. Integral floats
//! (`10 / 2`) are written as integers. `{}` is an object; a list that is empty must be marked with
//! `lt.json.array`, and what was decoded as an array stays marked. JSON's null is a value of its
//! own, `lt.json.null`, so that a list with nulls has no holes. What JSON cannot say (holes, mixed
//! keys, NaN, functions, bytes that are not UTF-8) is refused with a message that names its path.
//! Keys are written in byte order: the same table is always the same text.

use std::rc::Rc;

use jiter::{Jiter, JiterError, Peek};
use mlua::{Lua, LuaString, Table, Value};

/// Deepest nesting of either kind.
const MAX_DEPTH: usize = 128;

/// What one Lua state needs to know arrays and null.
#[derive(Debug)]
pub struct Json {
    array: Table,
}

impl Json {
    /// The one of this state; made at first use.
    pub fn of(lua: &Lua) -> mlua::Result<Rc<Json>> {
        if let Some(json) = lua.app_data_ref::<Rc<Json>>() {
            return Ok(json.clone());
        }
        let array = lua.create_table()?;
        array.raw_set("__metatable", false)?;
        array.raw_set("__name", "array")?;
        let json = Rc::new(Json { array });
        lua.set_app_data(json.clone());
        Ok(json)
    }

    /// `lt.json.null`.
    pub const NULL: Value = Value::NULL;

    /// Marks a list as an array, empty or not.
    pub fn mark(&self, list: &Table) -> mlua::Result<()> {
        list.set_metatable(Some(self.array.clone()))
    }

    /// Whether a table was marked as an array.
    pub fn is_array(&self, table: &Table) -> bool {
        table.metatable().is_some_and(|mark| mark == self.array)
    }

    /// Appends `value` as JSON; on `Err` (which says what is wrong where) `out` holds a part.
    pub fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
        let mut writer = Writer { json: self, out, path: Vec::new() };
        writer.value(value).map_err(|what| {
            if writer.path.is_empty() {
                what
            } else {
                format!("{what} (at {})", writer.path.concat().trim_start_matches('.'))
            }
        })
    }

    /// The value of a JSON text; the inner error tells what is wrong at which line and column.
    pub fn decode(&self, lua: &Lua, text: &[u8]) -> mlua::Result<Result<Value, String>> {
        let mut reader = Reader { json: self, lua, jiter: Jiter::new(text) };
        let whole = reader.peek().and_then(|peek| reader.value(peek, 0));
        let whole =
            whole.and_then(|value| reader.jiter.finish().map(|()| value).map_err(Fault::from));
        match whole {
            Ok(value) => Ok(Ok(value)),
            Err(Fault::Lua(error)) => Err(error),
            Err(Fault::Deep) => Ok(Err(format!("nested deeper than {MAX_DEPTH} levels"))),
            Err(Fault::Json(error)) => {
                let at = reader.jiter.error_position(error.index);
                Ok(Err(format!("{} at line {} column {}", error.error_type, at.line, at.column)))
            }
        }
    }
}

/// The table behind a read-only proxy of the kernel's; else the table itself.
pub fn plain(table: &Table) -> Table {
    let behind = |table: &Table| {
        let metatable = table.metatable()?;
        let name: LuaString = metatable.raw_get("__name").ok()?;
        (name == "readonly").then(|| metatable.raw_get("__index").ok())?
    };
    behind(table).unwrap_or_else(|| table.clone())
}

/// A number as JSON and URLs have it: integral floats as integers; `None` if it is not finite.
pub fn number_text(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    Some(match integral(number) {
        Some(integer) => integer.to_string(),
        None => serde_json::Number::from_f64(number)?.to_string(),
    })
}

fn integral(number: f64) -> Option<i64> {
    let fits = number.fract() == 0.0 && number.abs() < 9.2e18;
    #[expect(clippy::cast_possible_truncation, reason = "integral and within the range of i64")]
    fits.then_some(number as i64)
}

struct Writer<'a> {
    json: &'a Json,
    out: &'a mut Vec<u8>,
    /// Where the fault is; filled from the inside out only when there is one.
    path: Vec<String>,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) -> Result<(), String> {
        self.nested(value, 0)
    }

    fn nested(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        match value {
            Value::Nil => Err("nil has no JSON; use lt.json.null".into()),
            Value::Boolean(true) => self.raw("true"),
            Value::Boolean(false) => self.raw("false"),
            Value::Integer(integer) => self.raw(&integer.to_string()),
            Value::Number(number) => {
                let text = number_text(*number).ok_or_else(|| format!("{number} has no JSON"))?;
                self.raw(&text)
            }
            Value::String(text) => self.text(&text.as_bytes()),
            value if *value == Json::NULL => self.raw("null"),
            Value::Table(table) if depth < MAX_DEPTH => self.table(&plain(table), depth + 1),
            Value::Table(_) => Err(format!(
                "nested deeper than {MAX_DEPTH} levels: does the table contain itself?"
            )),
            other => Err(format!("a {} has no JSON", other.type_name())),
        }
    }

    fn raw(&mut self, text: &str) -> Result<(), String> {
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn text(&mut self, bytes: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| "a string that is not UTF-8 has no JSON; encode it first".to_owned())?;
        serde_json::to_writer(&mut *self.out, text).map_err(|error| error.to_string())
    }

    fn table(&mut self, table: &Table, depth: usize) -> Result<(), String> {
        let length = table.raw_len();
        if length > 0 || self.json.is_array(table) {
            self.list(table, length, depth)
        } else {
            self.object(table, depth)
        }
    }

    fn list(&mut self, table: &Table, length: usize, depth: usize) -> Result<(), String> {
        let mut keys = 0;
        table
            .for_each(|key: Value, _: Value| {
                keys += 1;
                match key {
                    Value::Integer(index) if index >= 1 && index as usize <= length => Ok(()),
                    Value::Integer(index) => {
                        Err(refused(format!("a list has a hole before its index {index}")))
                    }
                    other => Err(refused(format!(
                        "a table has both list items and the key {}: JSON has lists or objects",
                        shown(&other)
                    ))),
                }
            })
            .map_err(message)?;
        self.out.push(b'[');
        for index in 1..=length {
            if index > 1 {
                self.out.push(b',');
            }
            let item: Value = table.raw_get(index).map_err(message)?;
            if item.is_nil() {
                return Err(format!("a list has a hole at its index {index}; use lt.json.null"));
            }
            self.nested(&item, depth).inspect_err(|_| self.path.insert(0, format!("[{index}]")))?;
        }
        debug_assert_eq!(keys, length);
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, table: &Table, depth: usize) -> Result<(), String> {
        let mut fields: Vec<(LuaString, Value)> = Vec::new();
        table
            .for_each(|key: Value, value: Value| match key {
                Value::String(key) => {
                    fields.push((key, value));
                    Ok(())
                }
                other => Err(refused(format!(
                    "the key {} is not a string: lists have the keys 1 to n, objects strings",
                    shown(&other)
                ))),
            })
            .map_err(message)?;
        #[expect(clippy::unnecessary_sort_by, reason = "the bytes are borrowed from the key")]
        fields.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(&b.as_bytes()));
        self.out.push(b'{');
        for (i, (key, value)) in fields.iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            self.text(&key.as_bytes())?;
            self.out.push(b':');
            self.nested(value, depth)
                .inspect_err(|_| self.path.insert(0, format!(".{}", key.to_string_lossy())))?;
        }
        self.out.push(b'}');
        Ok(())
    }
}

/// A key as a message shows it.
fn shown(key: &Value) -> String {
    match key {
        Value::String(text) => format!("`{}`", text.to_string_lossy()),
        Value::Integer(integer) => integer.to_string(),
        Value::Number(number) => number.to_string(),
        other => format!("of type {}", other.type_name()),
    }
}

fn refused(what: String) -> mlua::Error {
    mlua::Error::RuntimeError(what)
}

fn message(error: mlua::Error) -> String {
    match error {
        mlua::Error::RuntimeError(what) => what,
        other => other.to_string(),
    }
}

enum Fault {
    Json(jiter::JsonError),
    Deep,
    Lua(mlua::Error),
}

impl From<mlua::Error> for Fault {
    fn from(error: mlua::Error) -> Self {
        Fault::Lua(error)
    }
}

impl From<JiterError> for Fault {
    fn from(error: JiterError) -> Self {
        let index = error.index;
        let error_type = match error.error_type {
            jiter::JiterErrorType::JsonError(error_type) => error_type,
            jiter::JiterErrorType::WrongType { .. } => jiter::JsonErrorType::ExpectedSomeValue,
        };
        Fault::Json(jiter::JsonError { error_type, index })
    }
}

struct Reader<'a> {
    json: &'a Json,
    lua: &'a Lua,
    jiter: Jiter<'a>,
}

impl Reader<'_> {
    fn peek(&mut self) -> Result<Peek, Fault> {
        Ok(self.jiter.peek()?)
    }

    fn value(&mut self, peek: Peek, depth: usize) -> Result<Value, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::Deep);
        }
        Ok(match peek {
            Peek::Null => {
                self.jiter.known_null()?;
                Json::NULL
            }
            Peek::True | Peek::False => Value::Boolean(self.jiter.known_bool(peek)?),
            Peek::String => Value::String(self.lua.create_string(self.jiter.known_str()?)?),
            Peek::Array => self.list(depth)?,
            Peek::Object => self.object(depth)?,
            number => {
                let text = self.jiter.known_number_bytes(number)?;
                number_value(self.lua, text)?
            }
        })
    }

    fn list(&mut self, depth: usize) -> Result<Value, Fault> {
        let list = self.lua.create_table()?;
        let mut next = self.jiter.known_array()?;
        let mut index = 0;
        while let Some(peek) = next {
            index += 1;
            let item = self.value(peek, depth + 1)?;
            list.raw_set(index, item)?;
            next = self.jiter.array_step()?;
        }
        self.json.mark(&list)?;
        Ok(Value::Table(list))
    }

    fn object(&mut self, depth: usize) -> Result<Value, Fault> {
        let object = self.lua.create_table()?;
        let lua = self.lua;
        let mut next = self.jiter.known_object()?.map(|key| lua.create_string(key)).transpose()?;
        while let Some(key) = next {
            let peek = self.peek()?;
            let field = self.value(peek, depth + 1)?;
            object.raw_set(key, field)?;
            next = self.jiter.next_key()?.map(|key| lua.create_string(key)).transpose()?;
        }
        Ok(Value::Table(object))
    }
}

/// A JSON number: an integer of up to 64 bits, the digits of a bigger one, or a float.
fn number_value(lua: &Lua, text: &[u8]) -> mlua::Result<Value> {
    let text = std::str::from_utf8(text).expect("the digits of a number are ASCII");
    if let Ok(integer) = text.parse::<i64>() {
        return Ok(Value::Integer(integer));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return Ok(Value::String(lua.create_string(text)?));
    }
    Ok(Value::Number(text.parse().expect("JSON's numbers are a part of Rust's")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (Lua, Rc<Json>) {
        let lua = Lua::new();
        let json = Json::of(&lua).unwrap();
        let marked = json.clone();
        let array = lua.create_function(move |_, list: Table| {
            marked.mark(&list)?;
            Ok(list)
        });
        lua.globals().set("array", array.unwrap()).unwrap();
        lua.globals().set("null", Json::NULL).unwrap();
        (lua, json)
    }

    fn encoded(source: &str) -> Result<String, String> {
        let (lua, json) = state();
        let value: Value = lua.load(source).eval().unwrap();
        let mut out = Vec::new();
        json.encode(&value, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    /// JSON → Lua → JSON.
    fn through(text: &str) -> Result<String, String> {
        let (lua, json) = state();
        let value = json.decode(&lua, text.as_bytes()).unwrap()?;
        let mut out = Vec::new();
        json.encode(&value, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn lua_values_are_written_by_the_rules() {
        let cases = [
            ("10 / 2", "5"),
            ("2.5", "2.5"),
            ("-0.0", "0"),
            ("1e300", "1e+300"),
            ("9223372036854775807", "9223372036854775807"),
            ("{}", "{}"),
            ("array {}", "[]"),
            ("{ 1, 'two', true, null }", r#"[1,"two",true,null]"#),
            ("{ b = 1, a = { c = {} } }", r#"{"a":{"c":{}},"b":1}"#),
            (r#""a\"\n\u{e9}""#, r#""a\"\né""#),
        ];
        for (source, json) in cases {
            assert_eq!(encoded(source).as_deref(), Ok(json), "{source}");
        }
    }

    #[test]
    fn what_json_cannot_say_is_refused_with_its_path() {
        let cases = [
            ("0 / 0", "NaN has no JSON"),
            ("{ 1, 2, nil, 4 }", "a list has a hole at its index 3; use lt.json.null"),
            ("{ [1] = 1, [5] = 2 }", "a list has a hole before its index 5"),
            (
                "{ 1, x = 2 }",
                "a table has both list items and the key `x`: JSON has lists or objects",
            ),
            (
                "{ [0] = 1 }",
                "the key 0 is not a string: lists have the keys 1 to n, objects strings",
            ),
            ("{ a = { 1, { f = print } } }", "a function has no JSON (at a[2].f)"),
            (r"'\xff'", "a string that is not UTF-8 has no JSON; encode it first"),
        ];
        for (source, message) in cases {
            assert_eq!(encoded(source), Err(message.to_owned()), "{source}");
        }
    }

    #[test]
    fn a_table_that_contains_itself_is_refused() {
        let fault = encoded("(function() local t = {} t.t = t return t end)()").unwrap_err();
        assert!(fault.starts_with("nested deeper than 128 levels"), "{fault}");
    }

    #[test]
    fn json_survives_the_way_through_lua() {
        for text in [
            "null",
            "[]",
            "[[],{}]",
            r#"{"a":[1,null,2.5],"b":"x\u0000y"}"#,
            "-9223372036854775808",
        ] {
            assert_eq!(through(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn integers_beyond_64_bits_are_digit_strings() {
        assert_eq!(through("123456789012345678901"), Ok("\"123456789012345678901\"".to_owned()));
        assert_eq!(through("18446744073709551615"), Ok("\"18446744073709551615\"".to_owned()));
    }

    #[test]
    fn bad_json_is_told_with_its_place() {
        let fault = through("{\"a\":\n  tru }").unwrap_err();
        assert!(fault.contains("line 2"), "{fault}");
        assert!(through("").is_err());
        assert!(through("1 2").is_err());
        assert_eq!(through(&"[".repeat(1000)), Err("nested deeper than 128 levels".to_owned()));
    }
}
