//! The option tables of `lt.data`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use mlua::Value;

use super::read::{each, flag, items, text};
use super::told::{needs, unknown};
use crate::data::{AtEnd, CsvOptions, FieldType, Header, Pick, PoolSpec, Source};
use crate::extract::JsonPath;

/// Where rows come from: a function of `lt.data` each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Csv,
    Json,
    Ndjson,
    Rows,
}

/// What a script asked for, besides the rows themselves.
pub struct Options {
    pick: Pick,
    at_end: Option<AtEnd>,
    name: Option<String>,
    csv: CsvOptions,
    path: Option<String>,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Csv, Kind::Json, Kind::Ndjson, Kind::Rows];

    /// As scripts spell it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Csv => "csv",
            Kind::Json => "json",
            Kind::Ndjson => "ndjson",
            Kind::Rows => "rows",
        }
    }

    /// The function's full name.
    pub fn call(self) -> String {
        format!("lt.data.{}", self.name())
    }

    fn options(self) -> &'static [&'static str] {
        const CSV: [&str; 9] =
            ["pick", "at_end", "name", "header", "delimiter", "quote", "comment", "trim", "types"];
        match self {
            Kind::Csv => &CSV,
            Kind::Json => &["pick", "at_end", "name", "path"],
            Kind::Ndjson | Kind::Rows => &CSV[..3],
        }
    }
}

impl Options {
    /// Reads an option table; the error is the message for the author.
    pub fn read(kind: Kind, options: &Value) -> Result<Options, String> {
        let (pick, csv) = Default::default();
        let mut read = Options { pick, at_end: None, name: None, csv, path: None };
        match options {
            Value::Nil => {}
            Value::Table(table) => each(table, |key, value| {
                let Value::String(key) = &key else {
                    return Err(needs("an option table", "names", &key));
                };
                read.option(kind, &key.to_string_lossy(), &value)
            })?,
            other => return Err(needs(&kind.call(), "a table of options", other)),
        }
        read.csv.check()?;
        Ok(read)
    }

    fn option(&mut self, kind: Kind, name: &str, value: &Value) -> Result<(), String> {
        if !kind.options().contains(&name) {
            let known = kind.options().iter().copied();
            return Err(unknown(&format!("option of {}", kind.call()), name, known));
        }
        match name {
            "pick" => self.pick = one_of("pick", value, &Pick::NAMES)?,
            "at_end" => self.at_end = Some(one_of("at_end", value, &AtEnd::NAMES)?),
            "name" => self.name = Some(text("name", value)?),
            "path" => self.path = Some(path(value)?),
            "header" => self.csv.header = header(value)?,
            "delimiter" => self.csv.delimiter = character("delimiter", value)?,
            "quote" => self.csv.quote = optional("quote", value)?,
            "comment" => self.csv.comment = optional("comment", value)?,
            "trim" => self.csv.trim = flag("trim", value)?,
            _ => self.csv.types = types(value)?,
        }
        Ok(())
    }

    /// Of rows in a file.
    pub fn of_file(self, kind: Kind, file: PathBuf) -> PoolSpec {
        let Options { pick, at_end, name, csv, path } = self;
        let source = match kind {
            Kind::Json => Source::Json { file, path },
            Kind::Ndjson => Source::Ndjson { file },
            Kind::Csv | Kind::Rows => Source::Csv { file, options: csv },
        };
        PoolSpec { source, name, pick, at_end }
    }

    /// Of rows that the script wrote down, as a JSON array.
    pub fn of_list(self, text: String) -> PoolSpec {
        let source = Source::List { text: Arc::new(text) };
        PoolSpec { source, name: self.name, pick: self.pick, at_end: self.at_end }
    }
}

/// A JSONPath that can be followed.
fn path(value: &Value) -> Result<String, String> {
    let path = text("path", value)?;
    JsonPath::compile(&path).map_err(|what| format!("path: {what}"))?;
    Ok(path)
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
            let names = items(list)?;
            if names.is_empty() {
                return Err("header is an empty list".into());
            }
            let names = names.into_iter().map(|name| text("header", &name));
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
        let column = text("types", &column)?;
        let kind = one_of(&format!("types.{column}"), &kind, &FieldType::NAMES)?;
        types.insert(column, kind);
        Ok(())
    })?;
    Ok(types)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlua::Lua;

    fn spec(kind: Kind, options: &str) -> Result<PoolSpec, String> {
        let lua = Lua::new();
        let options = lua.load(options).eval().unwrap();
        Options::read(kind, &options).map(|options| options.of_file(kind, "users".into()))
    }

    #[test]
    fn options_are_read() {
        let spec = spec(
            Kind::Csv,
            "{ pick = 'unique', at_end = 'stop_vu', delimiter = ';', quote = false,
               header = { 'a', 'b' }, types = { a = 'integer' }, trim = true, name = 'n' }",
        )
        .unwrap();
        assert_eq!((spec.pick, spec.at_end), (Pick::Unique, Some(AtEnd::StopVu)));
        let Source::Csv { options, .. } = spec.source else { panic!("{spec:?}") };
        assert_eq!((options.delimiter, options.quote, options.trim), (b';', None, true));
        assert_eq!(options.header, Header::Names(vec!["a".into(), "b".into()]));
        assert_eq!(options.types["a"], FieldType::Integer);
        let json = super::tests::spec(Kind::Json, "{ path = '$.users', pick = 'lease' }").unwrap();
        let source = Source::Json { file: "users".into(), path: Some("$.users".into()) };
        assert_eq!((json.pick, json.source), (Pick::Lease, source));
    }

    #[test]
    fn mistakes_are_told() {
        let csv = |options, message| (Kind::Csv, options, message);
        for (kind, options, message) in [
            csv("{ pik = 1 }", "unknown option of lt.data.csv `pik`; did you mean `pick`?"),
            csv("{ pick = 'uniq' }", "unknown pick `uniq`; did you mean `unique`?"),
            csv("{ pick = 1 }", "pick needs a string, got 1"),
            csv("{ at_end = 'stop' }", "unknown at_end `stop`"),
            csv("{ delimiter = ',,' }", "delimiter: \",,\" is not one ASCII character"),
            csv("{ delimiter = '' }", "delimiter: \"\" is not one ASCII character"),
            csv("{ delimiter = '\\n' }", "delimiter: \"\\n\" is not one ASCII character"),
            csv("{ quote = 'é' }", "quote: \"é\" is not one ASCII character"),
            csv("{ quote = true }", "quote needs a string, got true"),
            csv("{ delimiter = '\"' }", "delimiter and quote are both '\"'"),
            csv("{ comment = ',' }", "delimiter and comment are both ','"),
            csv("{ comment = '\"' }", "quote and comment are both '\"'"),
            csv("{ trim = 1 }", "trim needs true or false, got 1"),
            csv("{ header = 'a' }", "header needs true, false or a list of names, got \"a\""),
            csv("{ header = { 1 } }", "header needs a string, got 1"),
            csv("{ header = {} }", "header is an empty list"),
            csv("{ types = 'integer' }", "types needs a table of column = type, got"),
            csv(
                "{ types = { a = 'int' } }",
                "unknown types.a `int`; hint: there are string, integer, number, boolean",
            ),
            csv(
                "{ types = { a = 'bolean' } }",
                "unknown types.a `bolean`; did you mean `boolean`?",
            ),
            csv("{ types = { 'integer' } }", "types needs a string, got 1"),
            csv("{ path = '$' }", "unknown option of lt.data.csv `path`"),
            csv("'x'", "lt.data.csv needs a table of options, got \"x\""),
            (Kind::Json, "{ path = '$[' }", "path: "),
            (Kind::Json, "{ path = 1 }", "path needs a string, got 1"),
            (Kind::Json, "{ types = {} }", "unknown option of lt.data.json `types`"),
            (Kind::Ndjson, "{ path = '$' }", "unknown option of lt.data.ndjson `path`"),
            (Kind::Rows, "{ header = true }", "unknown option of lt.data.rows `header`"),
        ] {
            let fault = spec(kind, options).unwrap_err();
            assert!(fault.starts_with(message), "{fault}");
        }
    }
}
