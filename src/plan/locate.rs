//! Where a field of the definition stands in the script's source.
//!
//! A returned table keeps no lines, so the line is found by reading the text: its tokens without
//! comments, the table that the script returns, and in it key after key. A table held in a
//! variable is followed to where the variable is given one. What is not found so is looked for
//! as an assignment anywhere; else the deepest table that was found is the place.

use std::fmt;
use std::ops::Range;

/// One step from a table to a value in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// By name.
    Field(String),
    /// By place, from 0.
    Item(usize),
}

/// From the definition down to a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<Key>);

/// A source, as tokens.
#[derive(Debug)]
pub(super) struct Source<'s> {
    tokens: Vec<Token<'s>>,
}

#[derive(Debug, Clone, Copy)]
struct Token<'s> {
    kind: Kind,
    text: &'s str,
    line: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    String,
    Mark,
}

impl Path {
    /// The place of a field within this one.
    pub(super) fn field(&self, name: &str) -> Path {
        self.with(Key::Field(name.to_owned()))
    }

    /// The place of an item (from 0) within this one.
    pub(super) fn item(&self, index: usize) -> Path {
        self.with(Key::Item(index))
    }

    /// Its names, from the definition down; places of items are left out.
    pub(super) fn names(&self) -> Vec<&str> {
        let names = self.0.iter().filter_map(|key| match key {
            Key::Field(name) => Some(name.as_str()),
            Key::Item(_) => None,
        });
        names.collect()
    }

    fn with(&self, key: Key) -> Path {
        Path(self.0.iter().cloned().chain([key]).collect())
    }
}

/// `scenarios.buyers.load.stages[2]`; the definition itself is `the definition`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the definition");
        }
        for (i, key) in self.0.iter().enumerate() {
            match key {
                Key::Field(name) if i == 0 => f.write_str(name)?,
                Key::Field(name) => write!(f, ".{name}")?,
                Key::Item(index) => write!(f, "[{}]", index + 1)?,
            }
        }
        Ok(())
    }
}

impl<'s> Source<'s> {
    pub(super) fn read(source: &'s str) -> Self {
        Source { tokens: Lexer { rest: source, line: 1 }.collect() }
    }

    /// The line, from 1, where `path` stands, or what it stands in.
    pub(super) fn line(&self, path: &Path) -> Option<u32> {
        let start = self.returned()?;
        let mut line = self.tokens[start].line;
        let mut table = self.table_at(start + 1);
        for key in &path.0 {
            let found = match (&table, key) {
                (Some(table), Key::Field(name)) => self.field_in(table.clone(), name),
                (Some(table), Key::Item(index)) => self.item_in(table.clone(), *index),
                (None, _) => None,
            };
            let found = found.or_else(|| self.assigned(key));
            let Some((at, value)) = found else { return Some(line) };
            line = self.tokens[at].line;
            table = self.table_at(value);
        }
        Some(line)
    }

    /// The script's own `return`: the last one outside of functions and blocks.
    fn returned(&self) -> Option<usize> {
        let mut depth = 0i32;
        let mut last = None;
        for (at, token) in self.tokens.iter().enumerate() {
            depth += token.opens_block() - token.closes_block();
            if depth <= 0 && token.is_word("return") {
                last = Some(at);
            }
        }
        last.or((!self.tokens.is_empty()).then_some(0))
    }

    /// The tokens within the table whose `{` is at `at`, or which the variable at `at` holds.
    fn table_at(&self, at: usize) -> Option<Range<usize>> {
        let token = self.tokens.get(at)?;
        if token.is_mark("{") {
            return Some(at + 1..self.close_of(at));
        }
        let is_variable = token.kind == Kind::Word
            && !self.tokens.get(at + 1).is_some_and(|next| next.is_mark(".") || next.is_mark("("));
        let given = is_variable.then(|| {
            self.tokens.windows(3).rposition(|three| {
                three[0].is_word(token.text) && three[1].is_mark("=") && three[2].is_mark("{")
            })
        })??;
        Some(given + 3..self.close_of(given + 2))
    }

    /// Where the bracket at `open` is closed, or the end.
    fn close_of(&self, open: usize) -> usize {
        let mut depth = 0;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            depth += token.opens_bracket() - token.closes_bracket();
            if depth == 0 {
                return at;
            }
        }
        self.tokens.len()
    }

    /// The key `name` of a table and its value.
    fn field_in(&self, table: Range<usize>, name: &str) -> Option<(usize, usize)> {
        self.items(table).into_iter().find_map(|start| self.key_at(start, name))
    }

    /// The item of a table that has no key, counted from 0.
    fn item_in(&self, table: Range<usize>, index: usize) -> Option<(usize, usize)> {
        let keyed = |at: usize| {
            let next = self.tokens.get(at + 1);
            self.tokens[at].is_mark("[") || next.is_some_and(|next| next.is_mark("="))
        };
        let item = self.items(table).into_iter().filter(|&at| !keyed(at)).nth(index)?;
        Some((item, item))
    }

    /// Where the entries of a table begin.
    fn items(&self, table: Range<usize>) -> Vec<usize> {
        let mut starts = vec![table.start];
        let mut depth = 0;
        for at in table.clone() {
            let token = &self.tokens[at];
            depth += token.opens_bracket() + token.opens_block();
            depth -= token.closes_bracket() + token.closes_block();
            if depth == 0 && (token.is_mark(",") || token.is_mark(";")) {
                starts.push(at + 1);
            }
        }
        starts.retain(|start| table.contains(start));
        starts
    }

    /// `name =`, `["name"] =`, at `at`: the key's place and the value's.
    fn key_at(&self, at: usize, name: &str) -> Option<(usize, usize)> {
        let rest = self.tokens.get(at..)?;
        match rest {
            [key, equals, ..] if key.is_word(name) && equals.is_mark("=") => Some((at, at + 2)),
            [open, key, close, equals, ..]
                if open.is_mark("[")
                    && key.kind == Kind::String
                    && key.text == name
                    && close.is_mark("]")
                    && equals.is_mark("=") =>
            {
                Some((at + 1, at + 4))
            }
            _ => None,
        }
    }

    /// The only place where something of that name is set, be it in a table or by assignment.
    fn assigned(&self, key: &Key) -> Option<(usize, usize)> {
        let Key::Field(name) = key else { return None };
        let mut places = (0..self.tokens.len()).filter_map(|at| self.key_at(at, name));
        let only = places.next()?;
        places.next().is_none().then_some(only)
    }
}

impl Token<'_> {
    fn is_word(&self, text: &str) -> bool {
        self.kind == Kind::Word && self.text == text
    }

    fn is_mark(&self, text: &str) -> bool {
        self.kind == Kind::Mark && self.text == text
    }

    fn opens_block(&self) -> i32 {
        let opens = matches!(self.text, "function" | "if" | "do" | "repeat");
        i32::from(self.kind == Kind::Word && opens)
    }

    fn closes_block(&self) -> i32 {
        i32::from(self.kind == Kind::Word && matches!(self.text, "end" | "until"))
    }

    fn opens_bracket(&self) -> i32 {
        i32::from(self.kind == Kind::Mark && matches!(self.text, "{" | "(" | "["))
    }

    fn closes_bracket(&self) -> i32 {
        i32::from(self.kind == Kind::Mark && matches!(self.text, "}" | ")" | "]"))
    }
}

/// Lua's words, strings and single marks; comments and spaces are left out, numbers are words.
struct Lexer<'s> {
    rest: &'s str,
    line: u32,
}

impl<'s> Lexer<'s> {
    /// Takes `length` bytes, counting lines.
    fn take(&mut self, length: usize) -> &'s str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.line += taken.matches('\n').count() as u32;
        taken
    }

    fn skip_blank(&mut self) {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.take(blank);
            let comment = match self.rest.strip_prefix("--") {
                Some(after) => match long_bracket(after) {
                    Some((_, whole)) => 2 + whole,
                    None => self.rest.find('\n').unwrap_or(self.rest.len()),
                },
                None if self.line == 1 && self.rest.starts_with("#!") => {
                    self.rest.find('\n').unwrap_or(self.rest.len())
                }
                None => return,
            };
            self.take(comment);
        }
    }
}

impl<'s> Iterator for Lexer<'s> {
    type Item = Token<'s>;

    fn next(&mut self) -> Option<Token<'s>> {
        self.skip_blank();
        let line = self.line;
        let first = self.rest.chars().next()?;
        if let Some((inside, whole)) = long_bracket(self.rest) {
            self.take(whole);
            return Some(Token { kind: Kind::String, text: inside, line });
        }
        let (kind, text) = match first {
            '"' | '\'' => {
                let whole = quoted_length(self.rest, first);
                let text = self.take(whole);
                let inside = text.strip_suffix(first).filter(|text| !text.is_empty());
                (Kind::String, inside.unwrap_or(text).trim_start_matches(first))
            }
            c if c.is_alphanumeric() || c == '_' => {
                let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
                (Kind::Word, self.take(end.unwrap_or(self.rest.len())))
            }
            '=' if self.rest.starts_with("==") => (Kind::Mark, self.take(2)),
            c => (Kind::Mark, self.take(c.len_utf8())),
        };
        Some(Token { kind, text, line })
    }
}

/// `[[…]]`, `[=[…]=]` at the start of `text`: the inside, and how long it is in all.
fn long_bracket(text: &str) -> Option<(&str, usize)> {
    let after = text.strip_prefix('[')?;
    let level = after.len() - after.trim_start_matches('=').len();
    let inside = after[level..].strip_prefix('[')?;
    let close = format!("]{}]", "=".repeat(level));
    let end = inside.find(&close).unwrap_or(inside.len());
    let whole = (2 + level + end + close.len()).min(text.len());
    Some((&inside[..end], whole))
}

/// How long the quoted string at the start of `text` is, quotes and all.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' => return at,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> Path {
        text.split('.').filter(|key| !key.is_empty()).fold(Path::default(), |path, key| {
            match key.parse::<usize>() {
                Ok(index) => path.item(index - 1),
                Err(_) => path.field(key),
            }
        })
    }

    const SHOP: &str = r#"#!/usr/bin/env loadtool
-- return { scenarios = { buyers = { load = { vus = 9 } } } }
local lt = require "loadtool"
local text = [==[
  return { base_url = 1 }
]==]
local soak = {
  vus = 3,
  duration = "1h",
}
local function buy() if x then return { vus = 1 } end end

return {
  base_url = "http://\"x\"/", --[[ vus = 7
  ]] scenarios = {
    buyers = {
      run = function() local load, vus = 1, 2; for i = 1, 2 do buy { load = 1 } end end,
      load = { stages = {
        { "30s", 10 },
        { "1m", 20, name = "plateau" },
      } },
    },
    ["night owls"] = { run = buy, load = soak },
    other = make(),
  },
  thresholds = {
    ["http_call_duration{step=login}"] = {
      "p95 < 200ms",
      "p99 < 500ms",
    },
  },
}
"#;

    #[test]
    fn fields_are_found_by_their_path() {
        let source = Source::read(SHOP);
        for (at, line) in [
            ("", 13),
            ("base_url", 14),
            ("scenarios", 15),
            ("scenarios.buyers.run", 17),
            ("scenarios.buyers.load", 18),
            ("scenarios.buyers.load.stages.2", 20),
            ("scenarios.buyers.load.stages.2.name", 20),
            ("scenarios.buyers.pace", 16),
            ("scenarios.night owls", 23),
            ("scenarios.night owls.load.duration", 9),
            ("scenarios.other.load.vus", 24),
            ("thresholds.http_call_duration{step=login}.2", 29),
        ] {
            assert_eq!(source.line(&path(at)), Some(line), "{at}");
        }
        assert_eq!(path("scenarios.a.load.stages.2").to_string(), "scenarios.a.load.stages[2]");
    }

    #[test]
    fn assignments_and_functions_are_found_too() {
        let source = Source::read(
            "local t = {}\nt.scenarios = {\n  a = { vus = 1 },\n}\nt.name = 5\nreturn t\n",
        );
        assert_eq!(source.line(&path("name")), Some(5));
        assert_eq!(source.line(&path("scenarios.a.vus")), Some(3));
        assert_eq!(Source::read("return function() end").line(&path("")), Some(1));
        assert_eq!(Source::read("").line(&path("a")), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a{}=\\[\\]\"'\\\\\n,\\-é ]{0,40}|\\PC{0,40}") {
            let text = format!("return {{{text}");
            let source = Source::read(&text);
            let _ = source.line(&path("a.a.1"));
        }
    }
}
