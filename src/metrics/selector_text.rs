//! Reading and writing selectors; the grammar is in [`selector`](super::selector).

use std::fmt;

use super::glob::Glob;
use super::metric::{BUILTIN, MetricId};
use super::own::OwnMetrics;
use super::selector::Condition;
use crate::diagnostic::{Diagnostic, nearest};

const FORM: &str = "the form is METRIC{tag=value,tag!=value}, with values quoted if need be: \
                    http_call_duration{step=login,name=\"/cart/*\"}";

/// What k6 calls the tag `expected`.
const K6_EXPECTED: &str = "expected_response";

/// Metrics of k6 that have another name here.
const K6_METRICS: [(&str, &str); 2] =
    [("group_duration", "step_duration"), ("http_req_looking_up", "http_req_dns")];

/// The metric and the conditions.
pub(super) fn parse(
    text: &str,
    own: &OwnMetrics,
) -> Result<(MetricId, Vec<Condition>), Diagnostic> {
    let (name, conditions) = split(text)?;
    let metric = MetricId::built_in(name)
        .or_else(|| own.named(name).cloned())
        .ok_or_else(|| unknown_metric(name, own))?;
    Ok((metric, conditions))
}

/// The metric's name, whatever it is, and the conditions.
pub(super) fn split(text: &str) -> Result<(&str, Vec<Condition>), Diagnostic> {
    let mut reader = Reader { text, rest: text.trim_start() };
    let name = reader.word();
    if name.is_empty() {
        return Err(
            Diagnostic::new(format!("`{text}`: a selector begins with a metric")).hint(FORM)
        );
    }
    let conditions = if reader.took('{') { reader.conditions()? } else { Vec::new() };
    if !reader.rest.is_empty() {
        return Err(reader.fault("nothing may follow"));
    }
    Ok((name, conditions))
}

/// A value as [`parse`] reads it.
pub(super) fn write_value(f: &mut fmt::Formatter<'_>, value: &Glob) -> fmt::Result {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    let is_plain = value.pieces.iter().all(|piece| piece.chars().all(plain));
    if is_plain && value.pieces != [""] {
        return write!(f, "{}", value.pieces.join("*"));
    }
    let escaped = value
        .pieces
        .iter()
        .map(|piece| piece.replace('\\', "\\\\").replace('"', "\\\"").replace('*', "\\*"));
    write!(f, "\"{}\"", escaped.collect::<Vec<_>>().join("*"))
}

fn unknown_metric(name: &str, own: &OwnMetrics) -> Diagnostic {
    let known = BUILTIN.iter().map(|metric| &*metric.name).chain(own.names());
    let of_k6 = K6_METRICS.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours);
    let hint = match of_k6.or_else(|| nearest(name, known)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "docs/metrics.md lists them; latencies are http_call_duration, step_duration \
                 and iteration_response_time; one of your own is declared at the script's top \
                 level, by lt.metrics"
            .to_owned(),
    };
    Diagnostic::new(format!("there is no metric `{name}`")).hint(hint)
}

/// What is still to be read; white space before it is skipped.
struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// After the opening brace, up to the closing one.
    fn conditions(&mut self) -> Result<Vec<Condition>, Diagnostic> {
        let mut conditions = Vec::new();
        if self.took('}') {
            return Ok(conditions);
        }
        loop {
            conditions.push(self.condition()?);
            if self.took('}') {
                return Ok(conditions);
            }
            if !self.took(',') {
                return Err(self.fault("expected `,` or `}`"));
            }
        }
    }

    fn condition(&mut self) -> Result<Condition, Diagnostic> {
        let tag = self.word_to(":");
        if tag.is_empty() {
            return Err(self.fault("expected the name of a tag"));
        }
        let negated = self.took('!');
        if !(self.took('=') || !negated && self.took(':')) {
            return Err(self.fault("expected `=` or `!=`"));
        }
        if self.rest.starts_with('~') {
            let fault = self.fault("there are no regular expressions");
            return Err(fault.hint("`*` stands for any text; quote a value that begins with ~"));
        }
        let value = match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            _ => self.bare()?,
        };
        let tag = if tag == K6_EXPECTED { "expected" } else { tag };
        Ok(Condition { tag: tag.to_owned(), negated, value })
    }

    /// A name: everything up to white space or a sign of the grammar.
    fn word(&mut self) -> &'t str {
        self.word_to("")
    }

    /// The same, which one of `more` ends too.
    fn word_to(&mut self, more: &str) -> &'t str {
        let ends = |c: char| c.is_whitespace() || "{}=!,\"'".contains(c) || more.contains(c);
        self.take(self.rest.find(ends).unwrap_or(self.rest.len()))
    }

    /// Up to the comma or the brace that closes the selector.
    fn bare(&mut self) -> Result<Glob, Diagnostic> {
        let mut depth = 0_u32;
        let end = self.rest.find(|c| {
            let ends = depth == 0 && matches!(c, ',' | '}');
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            ends
        });
        let value = self.rest[..end.unwrap_or(self.rest.len())].trim_end();
        if value.is_empty() {
            return Err(self.fault("expected a value (\"\" for an absent tag)"));
        }
        let pieces = self.take(value.len()).split('*').map(str::to_owned).collect();
        Ok(Glob { pieces })
    }

    fn quoted(&mut self, quote: char) -> Result<Glob, Diagnostic> {
        let mut pieces = vec![String::new()];
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            let last = pieces.last_mut().expect("there is always one");
            match c {
                '\\' => last.extend(chars.next().map(|(_, escaped)| escaped)),
                '*' => pieces.push(String::new()),
                _ if c == quote => {
                    self.take(at + 1);
                    return Ok(Glob { pieces });
                }
                _ => last.push(c),
            }
        }
        Err(self.fault("the quote does not end"))
    }

    /// Whether the next character is that one; it is then taken.
    fn took(&mut self, c: char) -> bool {
        let found = self.rest.starts_with(c);
        if found {
            self.take(c.len_utf8());
        }
        found
    }

    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest.trim_start();
        taken
    }

    /// What is wrong at the next character.
    fn fault(&self, what: &str) -> Diagnostic {
        let before = &self.text[..self.text.len() - self.rest.len()];
        let column = before.chars().count() + 1;
        Diagnostic::new(format!("`{}`: column {column}: {what}", self.text)).hint(FORM)
    }
}
