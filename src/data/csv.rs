//! CSV files: one buffer, and where some of its rows begin.
//!
//! The `csv` crate decides what a row is, at load and again when a row with a quote is taken
//! apart; a line without a quote is split where it stands. On the way from a row whose beginning
//! is known to one whose is not, rows are only walked over.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use memchr::{memchr, memchr2, memchr3};

use super::blocks::Blocks;
use crate::diagnostic::Diagnostic;

mod load;

/// How to read a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CsvOptions {
    /// Where the columns' names come from.
    pub header: Header,
    /// Between fields; one ASCII character.
    pub delimiter: u8,
    /// Around fields, doubled within; `None`: no quoting.
    pub quote: Option<u8>,
    /// Leave out white space around fields.
    pub trim: bool,
    /// Lines that begin with it are left out.
    pub comment: Option<u8>,
    /// Columns that are no strings.
    pub types: BTreeMap<String, FieldType>,
}

/// Where the columns' names come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Header {
    /// The first row.
    FirstRow,
    /// Given; the first row is data.
    Names(Vec<String>),
    /// Numbers from 1; the first row is data.
    Numbers,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// As it stands.
    String,
    /// 64 bits.
    Integer,
    /// A finite float.
    Number,
    /// `true`, `false`, `1` or `0`.
    Boolean,
}

/// A field's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Field<'t> {
    /// Of a column without a type.
    Text(Cow<'t, str>),
    /// See [`FieldType::Integer`].
    Integer(i64),
    /// See [`FieldType::Number`].
    Number(f64),
    /// See [`FieldType::Boolean`].
    Boolean(bool),
}

/// A row, taken apart.
#[derive(Debug, Clone)]
pub struct Record<'t> {
    table: &'t Table,
    fields: Vec<Cow<'t, str>>,
}

/// A file's rows.
#[derive(Debug)]
pub(super) struct Table {
    text: String,
    blocks: Blocks,
    columns: Vec<String>,
    types: Vec<FieldType>,
    options: CsvOptions,
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions {
            header: Header::FirstRow,
            delimiter: b',',
            quote: Some(b'"'),
            trim: false,
            comment: None,
            types: BTreeMap::new(),
        }
    }
}

impl CsvOptions {
    /// A delimiter, quote or comment character: one of ASCII, `\t` too, but no line end.
    pub fn character(text: &str) -> Result<u8, String> {
        match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(*byte),
            _ => Err(format!("{text:?} is not one ASCII character")),
        }
    }

    /// No character can stand for two things.
    pub fn check(&self) -> Result<(), String> {
        let marks =
            [("delimiter", Some(self.delimiter)), ("quote", self.quote), ("comment", self.comment)];
        for (i, (name, mark)) in marks.iter().enumerate() {
            for (other, same) in &marks[i + 1..] {
                if let Some(mark) = mark.filter(|_| mark == same) {
                    return Err(format!("{name} and {other} are both {:?}", char::from(mark)));
                }
            }
        }
        Ok(())
    }
}

impl FieldType {
    /// As scripts spell them.
    pub const NAMES: [(&'static str, FieldType); 4] = [
        ("string", FieldType::String),
        ("integer", FieldType::Integer),
        ("number", FieldType::Number),
        ("boolean", FieldType::Boolean),
    ];

    /// The value of `text`; `None` if it is not of this type.
    fn read(self, text: Cow<'_, str>) -> Option<Field<'_>> {
        Some(match self {
            FieldType::String => Field::Text(text),
            FieldType::Integer => Field::Integer(text.trim().parse().ok()?),
            FieldType::Number => {
                Field::Number(text.trim().parse().ok().filter(|number: &f64| number.is_finite())?)
            }
            FieldType::Boolean => Field::Boolean(match text.trim() {
                "1" => true,
                "0" => false,
                word if word.eq_ignore_ascii_case("true") => true,
                word if word.eq_ignore_ascii_case("false") => false,
                _ => return None,
            }),
        })
    }
}

impl<'t> Record<'t> {
    /// The columns' names and values, in the file's order.
    pub fn fields(&self) -> impl Iterator<Item = (&'t str, Field<'t>)> + use<'_, 't> {
        let typed = self.table.columns.iter().zip(&self.table.types);
        typed.zip(&self.fields).map(|((column, kind), text)| {
            let value = kind.read(text.clone()).unwrap_or_else(|| Field::Text(text.clone()));
            (column.as_str(), value)
        })
    }

    /// The text of a column, if there is such a one.
    pub fn text(&self, column: &str) -> Option<&str> {
        let at = self.table.columns.iter().position(|name| name == column)?;
        self.fields.get(at).map(|text| &**text)
    }
}

impl Table {
    /// Reads a file whole and checks every row of it.
    pub(super) fn read(file: &Path, options: &CsvOptions) -> Result<Table, Diagnostic> {
        load::read(file, options)
    }

    pub(super) fn len(&self) -> usize {
        self.blocks.rows()
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(super) fn row(&self, index: usize) -> Option<Record<'_>> {
        let text = self.text.as_bytes();
        let (mut start, more) = self.blocks.find(index)?;
        for _ in 0..more {
            start = self.options.row_start(text, self.options.row_end(text, start));
        }
        Some(Record { table: self, fields: self.options.split(&self.text[start..]) })
    }
}

impl CsvOptions {
    /// The fields of the row that `text` begins with.
    fn split<'t>(&self, text: &'t str) -> Vec<Cow<'t, str>> {
        let line = &text[..line_end(text.as_bytes(), 0)];
        let mut fields: Vec<Cow<'t, str>> = match self.quote {
            Some(quote) if memchr(quote, line.as_bytes()).is_some() => self.split_quoted(text),
            _ => line.split(char::from(self.delimiter)).map(Cow::Borrowed).collect(),
        };
        if self.trim {
            fields.iter_mut().for_each(trim);
        }
        fields
    }

    fn split_quoted<'t>(&self, text: &str) -> Vec<Cow<'t, str>> {
        let mut record = csv::StringRecord::new();
        // the reader would take a byte order mark for the file's own, were it first
        let text = b"\n".chain(text.as_bytes());
        let read = self.reader(text, 512).read_record(&mut record);
        debug_assert!(read.is_ok(), "the text is UTF-8 and rows may have any length");
        record.iter().map(|field| Cow::Owned(field.to_owned())).collect()
    }

    /// Where a row begins at or after `from`: past line ends, blank lines and comments.
    fn row_start(&self, text: &[u8], from: usize) -> usize {
        let mut at = from;
        loop {
            match text.get(at) {
                Some(b'\n' | b'\r') => at += 1,
                Some(byte) if Some(*byte) == self.comment => {
                    at = memchr(b'\n', &text[at..]).map_or(text.len(), |n| at + n);
                }
                _ => return at,
            }
        }
    }

    /// Where the row ends that begins at `from`: at its line end, or that of the text. A quote
    /// counts where a field begins; within quotes it is doubled.
    fn row_end(&self, text: &[u8], from: usize) -> usize {
        let end = line_end(text, from);
        let Some(quote) = self.quote.filter(|&quote| memchr(quote, &text[from..end]).is_some())
        else {
            return end;
        };
        let mut at = from;
        loop {
            if text.get(at) == Some(&quote) {
                at = quoted_end(text, at + 1, quote);
            }
            at = memchr3(self.delimiter, b'\n', b'\r', &text[at..]).map_or(text.len(), |n| at + n);
            if text.get(at) != Some(&self.delimiter) {
                return at;
            }
            at += 1;
        }
    }

    /// The rows of `text`, header and all.
    fn reader<R: Read>(&self, text: R, buffer: usize) -> csv::Reader<R> {
        csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .quote(self.quote.unwrap_or(b'"'))
            .quoting(self.quote.is_some())
            .comment(self.comment)
            .buffer_capacity(buffer)
            .from_reader(text)
    }
}

fn trim(field: &mut Cow<'_, str>) {
    match field {
        Cow::Borrowed(text) => *text = text.trim(),
        Cow::Owned(text) => *text = text.trim().to_owned(),
    }
}

/// Where the line ends that goes on at `from`.
fn line_end(text: &[u8], from: usize) -> usize {
    memchr2(b'\n', b'\r', &text[from..]).map_or(text.len(), |n| from + n)
}

/// Behind the quote that closes what was opened before `from`; the end of the text if none does.
fn quoted_end(text: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while let Some(n) = memchr(quote, &text[at..]) {
        at += n + 1;
        if text.get(at) != Some(&quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}
