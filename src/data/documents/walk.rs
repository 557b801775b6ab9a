//! Reading JSON rows: every one is checked, its beginning and its fields' names are noted.

use jiter::{Jiter, JiterError, JiterErrorType, Peek};
use rustc_hash::FxHashSet;

use crate::data::blocks::Blocks;
use crate::data::text::Text;
use crate::diagnostic::Diagnostic;

/// Deepest nesting within a row.
const MAX_DEPTH: usize = 127;

/// Most fields that are remembered by name; of rows with more, any field may be asked for.
pub(super) const MAX_COLUMNS: usize = 1_000;

/// What to do about a row that is none.
const ROW: &str = "a row is an object of named fields, as in { \"name\": \"ann\" }";

/// What a walk has met.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Where they begin.
    pub(super) blocks: Blocks,
    /// Names of their fields, as they came.
    names: Vec<String>,
    known: FxHashSet<String>,
}

impl Rows {
    pub(super) fn columns(&self) -> &[String] {
        &self.names
    }

    pub(super) fn may_have(&self, column: &str) -> bool {
        self.names.len() >= MAX_COLUMNS || self.known.contains(column)
    }

    fn note(&mut self, name: &str) {
        if !self.known.contains(name) && self.names.len() < MAX_COLUMNS {
            self.known.insert(name.to_owned());
            self.names.push(name.to_owned());
        }
    }
}

/// A walk over a part of a text that is JSON.
pub(super) struct Walker<'t> {
    source: Text<'t>,
    start: usize,
    jiter: Jiter<'t>,
}

/// Why it ended early.
pub(super) enum Fault {
    Json(JiterError),
    Deep,
    /// At a place there is something else than what was wanted.
    Other(usize, String, String),
}

impl From<JiterError> for Fault {
    fn from(error: JiterError) -> Self {
        Fault::Json(error)
    }
}

impl<'t> Walker<'t> {
    pub(super) fn new(source: Text<'t>, start: usize, end: usize) -> Self {
        Walker { source, start, jiter: Jiter::new(&source.text.as_bytes()[start..end]) }
    }

    fn position(&self) -> usize {
        self.start + self.jiter.current_index()
    }

    /// An array of rows.
    pub(super) fn array(&mut self, rows: &mut Rows) -> Result<(), Fault> {
        let peek = self.jiter.peek()?;
        if peek != Peek::Array {
            let message = "where an array of rows is needed";
            return Err(self.other(peek, "", message, arrays_of(self.source.text)));
        }
        let mut next = self.jiter.known_array()?;
        while let Some(peek) = next {
            self.row(peek, rows)?;
            next = self.jiter.array_step()?;
        }
        Ok(self.jiter.finish()?)
    }

    /// A row and nothing more.
    pub(super) fn line(&mut self, rows: &mut Rows) -> Result<(), Fault> {
        let peek = self.jiter.peek()?;
        self.row(peek, rows)?;
        Ok(self.jiter.finish()?)
    }

    /// Any value and nothing more.
    pub(super) fn whole(&mut self) -> Result<(), Fault> {
        let peek = self.jiter.peek()?;
        self.value(peek, 0)?;
        Ok(self.jiter.finish()?)
    }

    fn row(&mut self, peek: Peek, rows: &mut Rows) -> Result<(), Fault> {
        if peek != Peek::Object {
            let row = format!("row {} is ", rows.blocks.rows() + 1);
            return Err(self.other(peek, &row, "where an object is needed", ROW.to_owned()));
        }
        rows.blocks.push(self.position());
        let mut more = self.jiter.known_object()?.map(|key| rows.note(key));
        while more.is_some() {
            let peek = self.jiter.peek()?;
            self.value(peek, 1)?;
            more = self.jiter.next_key()?.map(|key| rows.note(key));
        }
        Ok(())
    }

    /// Over a value. The recursion is as deep as [`MAX_DEPTH`].
    fn value(&mut self, peek: Peek, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::Deep);
        }
        match peek {
            Peek::Null => self.jiter.known_null()?,
            Peek::True | Peek::False => drop(self.jiter.known_bool(peek)?),
            Peek::String => drop(self.jiter.known_str()?),
            Peek::Array => {
                let mut next = self.jiter.known_array()?;
                while let Some(peek) = next {
                    self.value(peek, depth + 1)?;
                    next = self.jiter.array_step()?;
                }
            }
            Peek::Object => {
                let mut more = self.jiter.known_object()?.is_some();
                while more {
                    let peek = self.jiter.peek()?;
                    self.value(peek, depth + 1)?;
                    more = self.jiter.next_key()?.is_some();
                }
            }
            number => drop(self.jiter.known_number_bytes(number)?),
        }
        Ok(())
    }

    /// What is wrong with a value of another kind; it may be no JSON at all.
    fn other(&mut self, peek: Peek, before: &str, after: &str, hint: String) -> Fault {
        let at = self.position();
        match self.value(peek, 0) {
            Ok(()) => Fault::Other(at, format!("{before}{} {after}", kind(peek)), hint),
            Err(fault) => fault,
        }
    }

    pub(super) fn told(&self, fault: Fault) -> Diagnostic {
        match fault {
            Fault::Json(error) => {
                let at = (self.start + error.index).min(self.source.text.len());
                let whole = |at: &usize| self.source.text.is_char_boundary(*at);
                let at = (0..=at).rev().find(whole).unwrap_or(0);
                let why = match error.error_type {
                    JiterErrorType::JsonError(error) => error.to_string(),
                    JiterErrorType::WrongType { .. } => "expected another value".to_owned(),
                };
                self.source.fault_at(at, &format!("not JSON: {why}"))
            }
            Fault::Deep => {
                let message = format!("nested deeper than {MAX_DEPTH} levels");
                self.source.fault_at(self.position(), &message)
            }
            Fault::Other(at, message, hint) => self.source.fault_at(at, &message).hint(hint),
        }
    }
}

fn kind(peek: Peek) -> &'static str {
    match peek {
        Peek::Null => "null",
        Peek::True | Peek::False => "a boolean",
        Peek::String => "a string",
        Peek::Array => "an array",
        Peek::Object => "an object",
        _ => "a number",
    }
}

/// Which fields of an object hold arrays: one of them may be meant.
pub(super) fn arrays_of(text: &str) -> String {
    let mut arrays = Vec::new();
    let mut jiter = Jiter::new(text.trim_start_matches('\u{feff}').as_bytes());
    let mut next = jiter.next_object().ok().flatten().map(str::to_owned);
    while let Some(name) = next {
        if jiter.peek().is_ok_and(|peek| peek == Peek::Array) {
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let step = if plain { format!(".{name}") } else { format!("['{name}']") };
            arrays.push(format!("path = \"${step}\""));
        }
        let skipped = jiter.next_skip();
        next = skipped.and_then(|()| Ok(jiter.next_key()?.map(str::to_owned))).ok().flatten();
    }
    match arrays.as_slice() {
        [] => "rows are the objects of an array: [{ … }, { … }]".to_owned(),
        some => format!("give {}", some.join(" or ")),
    }
}
