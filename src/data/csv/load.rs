//! Reading a CSV file and telling its faults by file, line and column.

use std::borrow::Cow;
use std::path::Path;

use super::{CsvOptions, FieldType, Header, Starts, Table};
use crate::diagnostic::{Diagnostic, did_you_mean};

/// Longest source line that a diagnostic shows, in characters.
const SHOWN: usize = 120;

/// A file while it is read: what is needed to tell a fault.
struct Source<'f> {
    file: &'f Path,
    text: &'f str,
}

pub(super) fn read(file: &Path, options: &CsvOptions) -> Result<Table, Diagnostic> {
    let bytes = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
    let text = String::from_utf8(bytes).map_err(|error| not_utf8(file, error.as_bytes()))?;
    let (columns, types, starts) = scan(&Source { file, text: &text }, options)?;
    Ok(Table { text, starts, columns, types, options: options.clone() })
}

/// Checks every row, and notes where each begins.
fn scan(
    source: &Source<'_>,
    options: &CsvOptions,
) -> Result<(Vec<String>, Vec<FieldType>, Starts), Diagnostic> {
    let text = source.text;
    let skip = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut reader = options.reader(&text.as_bytes()[skip..], 1 << 16);
    let mut record = csv::ByteRecord::new();
    let mut columns: Option<(Vec<String>, Vec<FieldType>)> = None;
    let lines = text.bytes().filter(|&byte| byte == b'\n').count();
    let mut starts = Starts::with_capacity(lines + 1, text.len());
    let mut last = 0;
    while reader
        .read_byte_record(&mut record)
        .map_err(|error| source.fault(0, error.to_string()))?
    {
        let before = record.position().map_or(0, |position| position.byte() as usize);
        last = source.row_start(skip + before, options);
        if last == text.len() {
            break; // a comment that ends the file without a line feed
        }
        let (columns, types) = match &mut columns {
            Some(known) => known,
            none => {
                let (names, types) = source.columns(&record, last, options)?;
                let known = none.insert((names, types));
                if options.header == Header::FirstRow {
                    continue;
                }
                known
            }
        };
        source.check(&record, last, columns, types, options)?;
        starts.push(last);
    }
    source.check_closed(last, options)?;
    match columns {
        Some((columns, types)) if starts.len() > 0 => Ok((columns, types, starts)),
        _ => Err(source.empty(options)),
    }
}

impl Source<'_> {
    /// Where the row begins that the reader found after `from`: past blank lines and comments.
    fn row_start(&self, from: usize, options: &CsvOptions) -> usize {
        let mut at = from;
        loop {
            let rest = &self.text[at..];
            at += rest.len() - rest.trim_start_matches(['\n', '\r']).len();
            match (options.comment, self.text.as_bytes().get(at)) {
                (Some(comment), Some(&byte)) if byte == comment => {
                    let line = &self.text[at..];
                    at += line.find('\n').unwrap_or(line.len());
                }
                _ => return at,
            }
        }
    }

    /// Names and types of the columns, from the first row or from the options.
    fn columns(
        &self,
        first: &csv::ByteRecord,
        start: usize,
        options: &CsvOptions,
    ) -> Result<(Vec<String>, Vec<FieldType>), Diagnostic> {
        let names: Vec<String> = match &options.header {
            Header::FirstRow => first.iter().map(|field| name(field, options)).collect(),
            Header::Names(names) => names.clone(),
            Header::Numbers => (1..=first.len()).map(|number| number.to_string()).collect(),
        };
        for (i, column) in names.iter().enumerate() {
            if column.is_empty() {
                return Err(self
                    .fault(start, format!("column {} has no name", i + 1))
                    .hint("name it in the header, or give `header = { … }` with all names"));
            }
            if let Some(first) = names[..i].iter().position(|other| other == column) {
                let (first, second) = (first + 1, i + 1);
                return Err(self
                    .fault(start, format!("columns {first} and {second} are both named `{column}`"))
                    .hint("rename one in the header, or give `header = { … }` with all names"));
            }
        }
        if let Some(unknown) = options.types.keys().find(|name| !names.contains(name)) {
            let hint = did_you_mean(unknown, names.iter().map(String::as_str))
                .unwrap_or_else(|| format!("the columns are {}", names.join(", ")));
            let message = format!("`types` names the column `{unknown}`, which there is not");
            return Err(self.fault(start, message).hint(hint));
        }
        let kind = |name| options.types.get(name).copied().unwrap_or(FieldType::String);
        let types = names.iter().map(kind).collect();
        Ok((names, types))
    }

    /// A row must have a field for each column, of its type.
    fn check(
        &self,
        record: &csv::ByteRecord,
        start: usize,
        columns: &[String],
        types: &[FieldType],
        options: &CsvOptions,
    ) -> Result<(), Diagnostic> {
        if record.len() != columns.len() {
            return Err(self.ragged(record.len(), start, columns));
        }
        if options.types.is_empty() {
            return Ok(());
        }
        for (i, field) in record.iter().enumerate() {
            let text = String::from_utf8_lossy(field);
            if types[i].read(Cow::Borrowed(&text)).is_none() {
                let kind = type_name(types[i]);
                let message =
                    format!("`{text}` in column {} (`{}`) is no {kind}", i + 1, columns[i]);
                return Err(self.fault(start, message).hint("mend the row, or the `types`"));
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
        self.fault(start, format!("a row of {have} where there are {want} (at column {at})"))
            .hint(hint)
    }

    /// A quote that is never closed swallows the rest of the file.
    fn check_closed(&self, last: usize, options: &CsvOptions) -> Result<(), Diagnostic> {
        let row = &self.text[last..];
        let Some(quote) = options.quote.filter(|&quote| row.as_bytes().contains(&quote)) else {
            return Ok(());
        };
        let probe = format!("{}\nx", row.trim_end_matches(['\n', '\r']));
        let mut records = options.reader(probe.as_bytes(), 1 << 16).into_byte_records();
        match (records.next(), records.next()) {
            (Some(_), None) => Err(self
                .fault(last, "a quote is opened in this row and never closed".to_owned())
                .hint(format!(
                    "close it; within quotes, `{0}` is written `{0}{0}`",
                    quote as char
                ))),
            _ => Ok(()),
        }
    }

    fn empty(&self, options: &CsvOptions) -> Diagnostic {
        let what = match options.header {
            Header::FirstRow if !self.text.trim().is_empty() => "the file has a header but no rows",
            _ => "the file is empty",
        };
        Diagnostic::new(what).at(self.file, Some(1)).hint("a pool needs at least one row")
    }

    /// A fault of the row that begins at `start`.
    fn fault(&self, start: usize, message: String) -> Diagnostic {
        let line = line_of(&self.text.as_bytes()[..start]);
        let source = self.text[start..].split(['\n', '\r']).next().unwrap_or_default();
        Diagnostic::new(message).at(self.file, Some(line)).source(shortened(source))
    }
}

fn name(field: &[u8], options: &CsvOptions) -> String {
    let name = String::from_utf8_lossy(field);
    if options.trim { name.trim().to_owned() } else { name.into_owned() }
}

fn type_name(kind: FieldType) -> &'static str {
    FieldType::NAMES.iter().find(|(_, named)| *named == kind).map_or("", |(name, _)| name)
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn line_of(before: &[u8]) -> u32 {
    let lines = before.iter().filter(|&&byte| byte == b'\n').count();
    u32::try_from(lines + 1).unwrap_or(u32::MAX)
}

fn shortened(line: &str) -> String {
    let mut shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    shown
}

fn unreadable(file: &Path, error: &std::io::Error) -> Diagnostic {
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    };
    let diagnostic = Diagnostic::new(format!("cannot be read: {reason}")).at(file, None);
    match similar_file(file) {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic.hint("paths are relative to the file that names them"),
    }
}

/// A file beside the missing one whose name is much like its.
fn similar_file(file: &Path) -> Option<String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    did_you_mean(&file.file_name()?.to_string_lossy(), names.iter().map(String::as_str))
}

fn not_utf8(file: &Path, bytes: &[u8]) -> Diagnostic {
    let at = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    let start = bytes[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let column = String::from_utf8_lossy(&bytes[start..at]).chars().count() + 1;
    let end = bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |n| at + n);
    let message = format!("character {column} of the line is not UTF-8 (byte 0x{:02x})", bytes[at]);
    let hint = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file is UTF-16: save it as UTF-8",
        _ => "save it as UTF-8: iconv -f latin1 -t utf-8 OLD > NEW",
    };
    Diagnostic::new(message)
        .at(file, Some(line_of(&bytes[..at])))
        .source(shortened(String::from_utf8_lossy(&bytes[start..end]).trim_end()))
        .hint(hint)
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

    #[test]
    fn bytes_that_are_no_utf8_are_told_with_their_place() {
        let latin = load(b"name\nana\n\xc3\xa9t\xe9\n", &CsvOptions::default()).unwrap_err();
        assert!(
            latin.starts_with("users.csv:3: character 3 of the line is not UTF-8 (byte 0xe9)\n")
        );
        assert!(latin.contains("hint: save it as UTF-8: iconv"));
        let wide = load(b"\xff\xfea\0", &CsvOptions::default()).unwrap_err();
        assert!(wide.contains("UTF-16"), "{wide}");
    }

    #[test]
    fn a_missing_file_is_told_with_the_one_that_may_be_meant() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("users.csv"), "a\n1\n").unwrap();
        let fault = read(&dir.path().join("user.csv"), &CsvOptions::default()).unwrap_err();
        assert_eq!(fault.message, "cannot be read: there is no such file");
        assert_eq!(fault.hint.unwrap(), "did you mean `users.csv`?");
        assert!(read(dir.path(), &CsvOptions::default()).is_err());
    }

    proptest! {
        #[test]
        fn rows_are_those_that_the_csv_crate_reads(text in "[a,\"\n\r# é;\u{feff}]{0,60}", plain: bool) {
            let options = CsvOptions {
                header: Header::Numbers,
                quote: plain.then_some(b'"'),
                comment: plain.then_some(b'#'),
                ..CsvOptions::default()
            };
            let text = text + "\n";
            if let Ok(table) = load(&text, &options) {
                let body = text.trim_start_matches('\u{feff}');
                let want: Vec<Vec<String>> = options.reader(body.as_bytes(), 64).into_records()
                    .map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
                prop_assert_eq!(cells(&table), want);
            }
        }
    }
}
