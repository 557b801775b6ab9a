//! `lt.encode`: base64, base64url, hex, URL and form encoding, and their decoders.
//!
//! A form, which is also how a query is written, is a table of name = value in Lua, or of name =
//! list where a name stands there several times.

use std::rc::Rc;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use mlua::{Lua, LuaString, Table, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use url::form_urlencoded;

use super::told::{needs, told};
use super::{Host, read};

/// RFC 3986's unreserved characters stay.
pub const COMPONENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Puts the raw functions into `h`, named `encode_NAME` and `decode_NAME`.
pub fn register(lua: &Lua, _: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    for (name, encode, decode) in CODECS {
        let usage = format!("lt.encode.{name}");
        let encode = lua.create_function(move |lua, value: Value| {
            let Some(text) = text(&value) else {
                return Ok((Some(needs(&usage, "a string", &value)), None));
            };
            Ok((None, Some(lua.create_string(encode(&text.as_bytes()))?)))
        })?;
        let usage = format!("lt.encode.{name}_decode");
        let decode = lua.create_function(move |lua, value: Value| {
            let Some(text) = text(&value) else {
                return Ok((Some(needs(&usage, "a string", &value)), None, None));
            };
            Ok(match decode(&text.as_bytes()) {
                Ok(bytes) => (None, Some(lua.create_string(bytes)?), None),
                Err(what) => (None, None, Some(what)),
            })
        })?;
        h.raw_set(format!("encode_{name}"), encode)?;
        h.raw_set(format!("decode_{name}"), decode)?;
    }
    let encode = |_: &Lua, (what, table): (LuaString, Value)| {
        Ok(told(read::pairs(&what.to_string_lossy(), &table).map(|pairs| form(&pairs))))
    };
    h.raw_set("encode_form", lua.create_function(encode)?)?;
    let decode = |lua: &Lua, (what, value): (LuaString, Value)| match text(&value) {
        Some(text) => Ok((None, Some(from_form(lua, &text.as_bytes())?))),
        None => Ok((Some(needs(&what.to_string_lossy(), "a string", &value)), None)),
    };
    h.raw_set("decode_form", lua.create_function(decode)?)
}

/// `a=1&b=x+y`, as forms and queries are written.
pub fn form(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The table of a form's text: a name that stands there several times has a list.
pub fn from_form(lua: &Lua, text: &[u8]) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (name, value) in form_urlencoded::parse(text) {
        match table.raw_get::<Value>(&*name)? {
            Value::Nil => table.raw_set(&*name, &*value)?,
            Value::Table(list) => list.raw_push(&*value)?,
            first => {
                let list = lua.create_sequence_from([first])?;
                list.raw_push(&*value)?;
                table.raw_set(&*name, list)?;
            }
        }
    }
    Ok(table)
}

type Encode = fn(&[u8]) -> Vec<u8>;
type Decode = fn(&[u8]) -> Result<Vec<u8>, String>;

const CODECS: [(&str, Encode, Decode); 4] = [
    ("base64", |bytes| STANDARD.encode(bytes).into(), |text| from_base64(&STANDARD, text)),
    ("base64url", |bytes| URL_SAFE.encode(bytes).into(), |text| from_base64(&URL_SAFE, text)),
    ("hex", to_hex, from_hex),
    (
        "url",
        |bytes| percent_encode(bytes, COMPONENT).to_string().into(),
        |text| Ok(percent_decode(text).collect()),
    ),
];

fn text(value: &Value) -> Option<LuaString> {
    match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// Reads padding or none: servers differ.
pub const STANDARD: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT.with_encode_padding(true));
pub const URL_SAFE: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT.with_encode_padding(false));
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

fn from_base64(engine: &GeneralPurpose, text: &[u8]) -> Result<Vec<u8>, String> {
    engine.decode(text).map_err(|error| format!("not base64: {error}"))
}

/// Two digits a byte, in lower case.
pub fn to_hex(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|d| DIGITS[usize::from(d)]).collect()
}

fn from_hex(text: &[u8]) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_chunks::<2>();
    let bytes = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?));
    let whole = rest.is_empty().then(|| bytes.collect()).flatten();
    whole.ok_or_else(|| "not hex: it takes pairs of the digits 0 to 9 and a to f".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_gives_back_what_it_was_given() {
        let bytes: Vec<u8> = (0..=255).collect();
        for (name, encode, decode) in CODECS {
            assert_eq!(decode(&encode(&bytes)).as_ref(), Ok(&bytes), "{name}");
        }
    }

    #[test]
    fn known_texts_are_encoded_as_elsewhere() {
        let encoded =
            |index: usize, text: &str| String::from_utf8(CODECS[index].1(text.as_bytes()));
        assert_eq!(encoded(0, "a?>b").unwrap(), "YT8+Yg==");
        assert_eq!(encoded(1, "a?>b").unwrap(), "YT8-Yg");
        assert_eq!(encoded(2, "\u{0}z").unwrap(), "007a");
        assert_eq!(encoded(3, "a b/é~").unwrap(), "a%20b%2F%C3%A9~");
        assert_eq!(from_base64(&STANDARD, b"YT8+Yg").unwrap(), b"a?>b");
        assert!(from_hex(b"0").is_err() && from_hex(b"0g").is_err());
    }

    #[test]
    fn a_form_is_a_table_and_a_repeated_name_a_list() {
        let lua = Lua::new();
        let table = from_form(&lua, b"b=x+y&a=1&a=%C3%A9&a=&c").unwrap();
        assert_eq!(table.get::<String>("b").unwrap(), "x y");
        assert_eq!(table.get::<String>("c").unwrap(), "");
        assert_eq!(table.get::<Vec<String>>("a").unwrap(), ["1", "\u{e9}", ""]);
        let pairs = read::pairs("form", &Value::Table(table)).unwrap();
        assert_eq!(form(&pairs), "a=1&a=%C3%A9&a=&b=x+y&c=");
    }
}
