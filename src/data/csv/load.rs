//! Reading a CSV file and telling its faults by file, line and column.

use std::borrow::Cow;
use std::path::Path;

use super::{CsvOptions, FieldType, Header, Table};
use crate::data::blocks::Blocks;
use crate::data::text::{self, Text};
use crate::diagnostic::{Diagnostic, did_you_mean};

/// A file while it is read.
struct Reading<'f> {
    source: Text<'f>,
    options: &'f CsvOptions,
}

/// Names and types of the columns.
type Columns = (Vec<String>, Vec<FieldType>);

pub(super) fn read(file: &Path, options: &CsvOptions) -> Result<Table, Diagnostic> {
    let text = text::read(file)?;
    let reading = Reading { source: Text { file: Some(file), text: &text }, options };
    let ((columns, types), blocks) = reading.scan()?;
    Ok(Table { text, blocks, columns, types, options: options.clone() })
}

impl Reading<'_> {
    /// Checks every row, and notes where they begin.
    fn scan(&self) -> Result<(Columns, Blocks), Diagnostic> {
        let text = self.source.text;
        let skip = self.source.mark();
        let mut reader = self.options.reader(&text.as_bytes()[skip..], 1 << 16);
        let mut record = csv::ByteRecord::new();
        let mut columns: Option<Columns> = None;
        let mut blocks = Blocks::default();
        let mut last = 0;
        while reader
            .read_byte_record(&mut record)
            .map_err(|error| self.source.fault(0, error.to_string()))?
        {
            let before = record.position().map_or(0, |position| position.byte() as usize);
            last = self.options.row_start(text.as_bytes(), skip + before);
            if last == text.len() {
                break; // a comment that ends the file without a line feed
            }
            let columns = match &mut columns {
                Some(known) => known,
                none => {
                    let known = none.insert(self.columns(&record, last)?);
                    if self.options.header == Header::FirstRow {
                        continue;
                    }
                    known
                }
            };
            self.check(&record, last, columns)?;
            blocks.push(last);
        }
        self.check_closed(last)?;
        blocks.close();
        match columns {
            Some(columns) if blocks.rows() > 0 => Ok((columns, blocks)),
            _ => Err(self.empty()),
        }
    }

    /// From the first row or from the options.
    fn columns(&self, first: &csv::ByteRecord, start: usize) -> Result<Columns, Diagnostic> {
        let names: Vec<String> = match &self.options.header {
            Header::FirstRow => first.iter().map(|field| self.name(field)).collect(),
            Header::Names(names) => names.clone(),
            Header::Numbers => (1..=first.len()).map(|number| number.to_string()).collect(),
        };
        self.check_names(&names, start)?;
        let types = &self.options.types;
        if let Some(unknown) = types.keys().find(|name| !names.contains(name)) {
            let hint = did_you_mean(unknown, names.iter().map(String::as_str))
                .unwrap_or_else(|| format!("the columns are {}", names.join(", ")));
            let message = format!("`types` names the column `{unknown}`, which there is not");
            return Err(self.source.fault(start, message).hint(hint));
        }
        let kind = |name| types.get(name).copied().unwrap_or(FieldType::String);
        let kinds = names.iter().map(kind).collect();
        Ok((names, kinds))
    }

    fn name(&self, field: &[u8]) -> String {
        let name = String::from_utf8_lossy(field);
        if self.options.trim { name.trim().to_owned() } else { name.into_owned() }
    }

    fn check_names(&self, names: &[String], start: usize) -> Result<(), Diagnostic> {
        const HINT: &str = "rename one in the header, or give `header = { … }` with all names";
        for (i, column) in names.iter().enumerate() {
            if column.is_empty() {
                return Err(self
                    .source
                    .fault(start, format!("column {} has no name", i + 1))
                    .hint("name it in the header, or give `header = { … }` with all names"));
            }
            if let Some(first) = names[..i].iter().position(|other| other == column) {
                let (first, second) = (first + 1, i + 1);
                let message = format!("columns {first} and {second} are both named `{column}`");
                return Err(self.source.fault(start, message).hint(HINT));
            }
        }
        Ok(())
    }

    /// A row must have a field for each column, of its type.
    fn check(
        &self,
        record: &csv::ByteRecord,
        start: usize,
        (columns, types): &Columns,
    ) -> Result<(), Diagnostic> {
        if record.len() != columns.len() {
            return Err(self.ragged(record.len(), start, columns));
        }
        if self.options.types.is_empty() {
            return Ok(());
        }
        for (i, field) in record.iter().enumerate() {
            let text = String::from_utf8_lossy(field);
            if types[i].read(Cow::Borrowed(&text)).is_none() {
                let kind = type_name(types[i]);
                let message =
                    format!("`{text}` in column {} (`{}`) is no {kind}", i + 1, columns[i]);
                return Err(self.source.fault(start, message).hint("mend the row, or the `types`"));
            }
        }
        Ok(())
    }

    fn ragged(&self, fields: usize, start: usize, columns: &[String]) -> Diagnostic {
        let (have, want) = (plural(fields, "field"), plural(columns.len(), "column"));
        let hint = match columns.get(fields) {
            Some(missing) => format!("`{missing}` is missing: add it, or a delimiter"),
            None => format!(
                "field {} has no column: quote a field that holds the delimiter",
                columns.len() + 1
            ),
        };
        let at = fields.min(columns.len()) + 1;
        let message = format!("a row of {have} where there are {want} (at column {at})");
        self.source.fault(start, message).hint(hint)
    }

    /// A quote that is never closed swallows the rest of the file.
    fn check_closed(&self, last: usize) -> Result<(), Diagnostic> {
        let row = &self.source.text[last..];
        let Some(quote) = self.options.quote.filter(|&quote| row.as_bytes().contains(&quote))
        else {
            return Ok(());
        };
        let probe = format!("{}\nx", row.trim_end_matches(['\n', '\r']));
        let mut records = self.options.reader(probe.as_bytes(), 1 << 16).into_byte_records();
        match (records.next(), records.next()) {
            (Some(_), None) => {
                let quote = char::from(quote);
                Err(self.source.fault(last, "a quote is opened in this row and never closed").hint(
                    format!("close it; within quotes, `{quote}` is written `{quote}{quote}`"),
                ))
            }
            _ => Ok(()),
        }
    }

    fn empty(&self) -> Diagnostic {
        let what = match self.options.header {
            Header::FirstRow if !self.source.text.trim().is_empty() => {
                "the file has a header but no rows"
            }
            _ => "the file is empty",
        };
        self.source.fault_of_all(what).hint("a pool needs at least one row")
    }
}

fn type_name(kind: FieldType) -> &'static str {
    FieldType::NAMES.iter().find(|(_, named)| *named == kind).map_or("", |(name, _)| name)
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::Field;

    fn load(text: impl AsRef<[u8]>, options: &CsvOptions) -> Result<Table, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("users.csv");
        std::fs::write(&file, text).unwrap();
        let shown = |fault: Diagnostic| {
            fault.to_string().replace(&format!("{}/", dir.path().display()), "")
        };
        read(&file, options).map_err(shown)
    }

    fn cells(table: &Table) -> Vec<Vec<String>> {
        let row = |at| table.row(at).unwrap().fields.iter().map(|f| f.to_string()).collect();
        (0..table.len()).map(row).collect()
    }

    fn typed(column: &str, kind: FieldType) -> CsvOptions {
        CsvOptions { types: [(column.to_owned(), kind)].into(), ..CsvOptions::default() }
    }

    #[test]
    fn rows_are_read_as_spreadsheets_write_them() {
        let text =
            "\u{feff}name,note\r\nana,\"likes \"\"tea\"\", hot\"\r\n\r\n\"b\nb\",\r\n5\" disk,x";
        let table = load(text, &CsvOptions::default()).unwrap();
        assert_eq!(table.columns(), ["name", "note"]);
        assert_eq!(cells(&table), [["ana", "likes \"tea\", hot"], ["b\nb", ""], ["5\" disk", "x"]]);
        assert!(table.row(3).is_none());
        assert_eq!(table.row(0).unwrap().text("name"), Some("ana"));
    }

    #[test]
    fn options_change_how_it_is_read() {
        let options = CsvOptions {
            delimiter: b';',
            quote: Some(b'\''),
            trim: true,
            comment: Some(b'#'),
            ..CsvOptions::default()
        };
        let text = "# users\nid ; age\n# first\n\n 1;' 2'\n#last\n3;4\n# end";
        assert_eq!(cells(&load(text, &options).unwrap()), [["1", "2"], ["3", "4"]]);
        let names = Header::Names(vec!["a".into(), "b".into()]);
        let table = load("1,2\n", &CsvOptions { header: names, ..CsvOptions::default() }).unwrap();
        assert_eq!((table.columns(), table.len()), (&["a".to_owned(), "b".to_owned()][..], 1));
        let numbers = CsvOptions { header: Header::Numbers, quote: None, ..CsvOptions::default() };
        let table = load("\"1,2\n", &numbers).unwrap();
        assert_eq!(
            (table.columns()[1].as_str(), cells(&table)),
            ("2", vec![vec!["\"1".to_owned(), "2".into()]])
        );
    }

    #[test]
    fn types_are_read_and_checked() {
        let types = [
            ("i".to_owned(), FieldType::Integer),
            ("n".to_owned(), FieldType::Number),
            ("b".to_owned(), FieldType::Boolean),
        ];
        let options = CsvOptions { types: types.into(), ..CsvOptions::default() };
        let table = load("i,n,b,s\n-9223372036854775808, 1e3,TRUE,x\n", &options).unwrap();
        let values: Vec<Field<'_>> = table.row(0).unwrap().fields().map(|(_, v)| v).collect();
        let text = Field::Text("x".into());
        let want = [Field::Integer(i64::MIN), Field::Number(1e3), Field::Boolean(true), text];
        assert_eq!(values, want);
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let plain = CsvOptions::default();
        let age = typed("age", FieldType::Integer);
        for (text, options, want) in [
            ("", &plain, "users.csv:1: the file is empty\n  hint: a pool needs at least one row"),
            (
                "a,b\n",
                &plain,
                "users.csv:1: the file has a header but no rows\n  hint: a pool needs at least one row",
            ),
            (
                "a,b,c\n1,2,3\n\n4,5\n",
                &plain,
                "users.csv:4: a row of 2 fields where there are 3 columns (at column 3)\n     4 | 4,5\n  hint: `c` is missing: add it, or a delimiter",
            ),
            (
                "a\n\"x\ny\"\n1,2\n",
                &plain,
                "users.csv:4: a row of 2 fields where there are 1 column (at column 2)\n     4 | 1,2\n  hint: field 2 has no column: quote a field that holds the delimiter",
            ),
            (
                "a,b,a\n1,2,3\n",
                &plain,
                "users.csv:1: columns 1 and 3 are both named `a`\n     1 | a,b,a\n  hint: rename one in the header, or give `header = { … }` with all names",
            ),
            (
                "a,,b\n1,2,3\n",
                &plain,
                "users.csv:1: column 2 has no name\n     1 | a,,b\n  hint: name it in the header, or give `header = { … }` with all names",
            ),
            (
                "age\n1\nold\n",
                &age,
                "users.csv:3: `old` in column 1 (`age`) is no integer\n     3 | old\n  hint: mend the row, or the `types`",
            ),
            (
                "ages\n1\n",
                &age,
                "users.csv:1: `types` names the column `age`, which there is not\n     1 | ages\n  hint: did you mean `ages`?",
            ),
            (
                "a\n1\n\"x\ny\n",
                &plain,
                "users.csv:3: a quote is opened in this row and never closed\n     3 | \"x\n  hint: close it; within quotes, `\"` is written `\"\"`",
            ),
        ] {
            assert_eq!(load(text, options).unwrap_err(), want);
        }
    }

    proptest! {
        #[test]
        fn rows_are_those_that_the_csv_crate_reads(
            text in "[a,\"\n\r# é;\u{feff}]{0,60}",
            times in 1..60_usize,
            plain: bool,
        ) {
            let options = CsvOptions {
                header: Header::Numbers,
                quote: plain.then_some(b'"'),
                comment: plain.then_some(b'#'),
                ..CsvOptions::default()
            };
            let text = (text + "\n").repeat(times); // so that there are several blocks
            if let Ok(table) = load(&text, &options) {
                let body = text.trim_start_matches('\u{feff}');
                let want: Vec<Vec<String>> = options.reader(body.as_bytes(), 64).into_records()
                    .map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
                prop_assert_eq!(cells(&table), want);
            }
        }
    }
}
