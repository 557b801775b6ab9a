//! The option table of `lt.data.csv`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mlua::Value;

use super::read::{each, flag, items, text};
use super::told::{needs, unknown};
use crate::data::{AtEnd, CsvOptions, FieldType, Header, Pick, PoolSpec, Source};

const KNOWN: [&str; 9] =
    ["at_end", "comment", "delimiter", "header", "name", "pick", "quote", "trim", "types"];

/// What a script asked for; the error is the message for the author.
pub fn read(file: PathBuf, options: &Value) -> Result<PoolSpec, String> {
    let mut csv = CsvOptions::default();
    let (mut pick, mut at_end, mut name) = (Pick::default(), None, None);
    if let Value::Table(table) = options {
        each(table, |key, value| {
            let Value::String(key) = &key else {
                return Err(needs("an option table", "names", &key));
            };
            match &*key.to_string_lossy() {
                "pick" => pick = one_of("pick", &value, &Pick::NAMES)?,
                "at_end" => at_end = Some(one_of("at_end", &value, &AtEnd::NAMES)?),
                "name" => name = Some(text("name", &value)?),
                "header" => csv.header = header(&value)?,
                "delimiter" => csv.delimiter = character("delimiter", &value)?,
                "quote" => csv.quote = optional("quote", &value)?,
                "comment" => csv.comment = optional("comment", &value)?,
                "trim" => csv.trim = flag("trim", &value)?,
                "types" => csv.types = types(&value)?,
                other => return Err(unknown("option of lt.data.csv", other, KNOWN)),
            }
            Ok(())
        })?;
    } else if !options.is_nil() {
        return Err(needs("lt.data.csv", "a table of options", options));
    }
    let source = Source::Csv { file, options: csv };
    Ok(PoolSpec { source, name, pick, at_end })
}

fn one_of<T: Copy>(option: &str, value: &Value, known: &[(&'static str, T)]) -> Result<T, String> {
    let word = text(option, value)?;
    let found = known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    found.ok_or_else(|| unknown(option, &word, known.iter().map(|(name, _)| *name)))
}

fn character(option: &str, value: &Value) -> Result<u8, String> {
    CsvOptions::character(&text(option, value)?).map_err(|what| format!("{option}: {what}"))
}

/// A character, or `false` for none.
fn optional(option: &str, value: &Value) -> Result<Option<u8>, String> {
    match value {
        Value::Boolean(false) => Ok(None),
        value => character(option, value).map(Some),
    }
}

/// `true`: the first row; `false`: there is none; a list of names.
fn header(value: &Value) -> Result<Header, String> {
    match value {
        Value::Boolean(true) => Ok(Header::FirstRow),
        Value::Boolean(false) => Ok(Header::Numbers),
        Value::Table(list) => {
            let names = items(list)?.into_iter().map(|name| text("header", &name));
            names.collect::<Result<_, _>>().map(Header::Names)
        }
        other => Err(needs("header", "true, false or a list of names", other)),
    }
}

fn types(value: &Value) -> Result<BTreeMap<String, FieldType>, String> {
    let Value::Table(table) = value else {
        return Err(needs("types", "a table of column = type", value));
    };
    let mut types = BTreeMap::new();
    each(table, |column, kind| {
        types.insert(text("types", &column)?, one_of("types", &kind, &FieldType::NAMES)?);
        Ok(())
    })?;
    Ok(types)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlua::Lua;

    fn spec(options: &str) -> Result<PoolSpec, String> {
        read("users.csv".into(), &Lua::new().load(options).eval().unwrap())
    }

    #[test]
    fn options_are_read() {
        let spec = spec(
            "{ pick = 'unique', at_end = 'stop_vu', delimiter = ';', quote = false,
               header = { 'a', 'b' }, types = { a = 'integer' }, trim = true, name = 'n' }",
        )
        .unwrap();
        assert_eq!((spec.pick, spec.at_end), (Pick::Unique, Some(AtEnd::StopVu)));
        let Source::Csv { options, .. } = spec.source;
        assert_eq!((options.delimiter, options.quote, options.trim), (b';', None, true));
        assert_eq!(options.header, Header::Names(vec!["a".into(), "b".into()]));
        assert_eq!(options.types["a"], FieldType::Integer);
    }

    #[test]
    fn mistakes_are_told() {
        for (options, message) in [
            ("{ pik = 1 }", "unknown option of lt.data.csv `pik`; did you mean `pick`?"),
            ("{ pick = 'uniq' }", "unknown pick `uniq`; did you mean `unique`?"),
            ("{ delimiter = ',,' }", "delimiter: \",,\" is not one ASCII character"),
            ("{ types = { a = 'int' } }", "unknown types `int`"),
            ("'x'", "lt.data.csv needs a table of options, got \"x\""),
        ] {
            let fault = spec(options).unwrap_err();
            assert!(fault.starts_with(message), "{fault}");
        }
    }
}
