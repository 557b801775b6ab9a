//! CSV files: one buffer, and where each row begins in it.
//!
//! The `csv` crate decides what a row is, at load and again when a row with a quote is taken
//! apart; a line without a quote is split where it stands.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

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
pub struct Row<'t> {
    table: &'t Table,
    fields: Vec<Cow<'t, str>>,
}

/// A file's rows.
#[derive(Debug)]
pub(super) struct Table {
    text: String,
    starts: Starts,
    columns: Vec<String>,
    types: Vec<FieldType>,
    options: CsvOptions,
}

/// Where rows begin; what follows the last is the end of the last row.
#[derive(Debug)]
enum Starts {
    /// In files of less than 4 GiB.
    Near(Vec<u32>),
    /// In others.
    Far(Vec<u64>),
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

impl<'t> Row<'t> {
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
        self.starts.len()
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(super) fn row(&self, index: usize) -> Option<Row<'_>> {
        let start = self.starts.get(index)?;
        let end = self.starts.get(index + 1).unwrap_or(self.text.len());
        Some(Row { table: self, fields: self.options.split(&self.text[start..end]) })
    }
}

impl CsvOptions {
    /// The fields of the row that `text` begins with.
    fn split<'t>(&self, text: &'t str) -> Vec<Cow<'t, str>> {
        let line = text.split(['\n', '\r']).next().unwrap_or_default();
        let mut fields: Vec<Cow<'t, str>> = match self.quote {
            Some(quote) if line.as_bytes().contains(&quote) => self.split_quoted(text),
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

impl Starts {
    /// Room for `rows` of a file of `bytes`.
    fn with_capacity(rows: usize, bytes: usize) -> Starts {
        match u32::try_from(bytes) {
            Ok(_) => Starts::Near(Vec::with_capacity(rows)),
            Err(_) => Starts::Far(Vec::with_capacity(rows)),
        }
    }

    fn push(&mut self, start: usize) {
        match self {
            Starts::Near(starts) => starts.push(start as u32),
            Starts::Far(starts) => starts.push(start as u64),
        }
    }

    fn get(&self, index: usize) -> Option<usize> {
        match self {
            Starts::Near(starts) => starts.get(index).map(|&start| start as usize),
            Starts::Far(starts) => starts.get(index).map(|&start| start as usize),
        }
    }

    fn len(&self) -> usize {
        match self {
            Starts::Near(starts) => starts.len(),
            Starts::Far(starts) => starts.len(),
        }
    }
}
