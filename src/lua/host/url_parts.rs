//! `lt.url`: URLs taken apart and put together, by the rules of browsers (the URL standard).

use std::rc::Rc;

use mlua::{Lua, Table, Value};
use percent_encoding::percent_decode_str;
use url::{ParseError, Url};

use super::encode::from_form;
use super::told::needs;
use super::{Host, read};

/// Puts the raw functions into `h`; `lt.url.query` is the form encoding of `encode.rs`.
pub fn register(lua: &Lua, _: &Rc<Host>, h: &Table) -> mlua::Result<()> {
    h.raw_set("url_parse", lua.create_function(|lua, url: Value| parse(lua, &url))?)?;
    let join = |_: &Lua, (base, url): (Value, Value)| Ok(join(&base, &url));
    h.raw_set("url_join", lua.create_function(join)?)
}

/// A message to raise, what was asked for, or why there is no such thing.
type Found<T> = (Option<String>, Option<T>, Option<String>);

fn parse(lua: &Lua, url: &Value) -> mlua::Result<Found<Table>> {
    let text = match text("lt.url.parse", url) {
        Ok(text) => text,
        Err(message) => return Ok((Some(message), None, None)),
    };
    Ok(match Parts::of(&text) {
        Ok(parts) => (None, Some(parts.table(lua)?), None),
        Err(why) => (None, None, Some(why)),
    })
}

fn join(base: &Value, url: &Value) -> Found<String> {
    const USAGE: &str = "lt.url.join(base, url)";
    match text(USAGE, base).and_then(|base| Ok((base, text(USAGE, url)?))) {
        Err(message) => (Some(message), None, None),
        Ok((base, url)) => match joined(&base, &url) {
            Ok(joined) => (None, Some(joined.into()), None),
            Err(why) => (None, None, Some(why)),
        },
    }
}

fn joined(base: &str, url: &str) -> Result<Url, String> {
    let base = Url::parse(base).map_err(|error| refused(base, error))?;
    base.join(url).map_err(|error| refused(url, error))
}

fn text(usage: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => read::utf8(usage, text),
        other => Err(needs(usage, "a string", other)),
    }
}

fn refused(url: &str, error: ParseError) -> String {
    match error {
        ParseError::RelativeUrlWithoutBase => {
            format!("`{url}` is no absolute URL, and does not begin with /")
        }
        error => format!("`{url}` is no URL: {error}"),
    }
}

/// A URL, or the part of one that begins with its path.
struct Parts {
    url: Url,
    absolute: bool,
}

impl Parts {
    fn of(text: &str) -> Result<Parts, String> {
        match Url::parse(text) {
            Ok(url) => Ok(Parts { url, absolute: true }),
            Err(ParseError::RelativeUrlWithoutBase) if begins_with_path(text) => {
                let url = joined("http://host/", text)?;
                Ok(Parts { url, absolute: false })
            }
            Err(error) => Err(refused(text, error)),
        }
    }

    fn table(&self, lua: &Lua) -> mlua::Result<Table> {
        let (url, table) = (&self.url, lua.create_table()?);
        if self.absolute {
            table.raw_set("scheme", url.scheme())?;
            table.raw_set("host", url.host_str())?;
            table.raw_set("port", url.port_or_known_default())?;
            table.raw_set("user", decoded(Some(url.username())))?;
            table.raw_set("password", decoded(url.password()))?;
            let origin = url.origin();
            table.raw_set("origin", origin.is_tuple().then(|| origin.ascii_serialization()))?;
        }
        table.raw_set("path", url.path())?;
        table.raw_set("query", url.query())?;
        table.raw_set("fragment", url.fragment())?;
        table.raw_set("params", from_form(lua, url.query().unwrap_or_default().as_bytes())?)?;
        Ok(table)
    }
}

/// `//host/path` is no path.
fn begins_with_path(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//")
}

/// Without its URL encoding; `None` if there is nothing.
fn decoded(text: Option<&str>) -> Option<String> {
    let text = text.filter(|text| !text.is_empty())?;
    Some(percent_decode_str(text).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<(String, String)> {
        let lua = Lua::new();
        let table = Parts::of(text).unwrap().table(&lua).unwrap();
        let text = |value: Value| value.to_string().unwrap();
        let pairs = table.pairs::<String, Value>().map(Result::unwrap);
        let mut shown: Vec<_> = pairs.filter(|(key, _)| key != "params").collect();
        shown.sort_by(|(a, _), (b, _)| a.cmp(b));
        shown.into_iter().map(|(key, value)| (key, text(value))).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect()
    }

    #[test]
    fn a_url_is_taken_apart() {
        let expected = [
            ("fragment", "top"),
            ("host", "shop.test"),
            ("origin", "https://shop.test"),
            ("password", "p:w"),
            ("path", "/a%20b/c"),
            ("port", "443"),
            ("query", "q=1"),
            ("scheme", "https"),
            ("user", "ann"),
        ];
        assert_eq!(shown("https://ann:p%3Aw@Shop.TEST/x/../a b/c?q=1#top"), pairs(&expected));
    }

    #[test]
    fn a_path_with_a_query_is_taken_apart_too() {
        assert_eq!(shown("/cart?id=3"), pairs(&[("path", "/cart"), ("query", "id=3")]));
    }

    #[test]
    fn what_is_no_url_is_told() {
        for (text, why) in [
            ("cart", "`cart` is no absolute URL, and does not begin with /"),
            ("//host/x", "`//host/x` is no absolute URL, and does not begin with /"),
            ("http://h:99999/", "`http://h:99999/` is no URL: invalid port number"),
        ] {
            assert_eq!(Parts::of(text).err().as_deref(), Some(why));
        }
    }

    #[test]
    fn a_reference_is_joined_as_a_browser_does() {
        for (base, url, whole) in [
            ("http://h/a/b?x", "c", "http://h/a/c"),
            ("http://h/a/b", "/c?d", "http://h/c?d"),
            ("http://h/a/", "../../c", "http://h/c"),
            ("http://h/a", "https://o/", "https://o/"),
        ] {
            assert_eq!(joined(base, url).unwrap().as_str(), whole);
        }
        assert!(joined("/a", "b").unwrap_err().starts_with("`/a` is no absolute URL"));
    }
}
