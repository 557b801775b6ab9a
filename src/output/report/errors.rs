//! The report's errors: each kind with its message, the most frequent with what it looked like.

use super::{BAD, FAINT, Page};
use crate::output::table::styled;
use crate::output::text;
use crate::results::format;
use crate::results::summary::{Error, Summary};

/// Kinds that are listed.
const KINDS: usize = 10;

/// Kinds whose exemplar is shown, and how many lines of it.
const EXEMPLARS: usize = 3;
const EXEMPLAR_LINES: usize = 14;

/// Lines that a message may take.
const MESSAGE_LINES: usize = 3;

pub(super) fn errors(summary: &Summary, page: &mut Page) {
    if summary.errors.is_empty() {
        return;
    }
    page.head("Errors of the whole run");
    for (i, error) in summary.errors.iter().take(KINDS).enumerate() {
        page.line(title(summary, error, page.columns));
        let message = text::harmless(&error.message);
        for line in text::wrap(&message, page.columns - 6).iter().take(MESSAGE_LINES) {
            page.line(format!("      {line}"));
        }
        if let Some(exemplar) = error.exemplar.as_deref().filter(|_| i < EXEMPLARS) {
            // That of a script error begins with the message, which was just said.
            show(exemplar.strip_prefix(&error.message).unwrap_or(exemplar), page);
        }
    }
    if let Some(more) = summary.errors.len().checked_sub(KINDS + 1) {
        let more = format::counted(more as u64 + 1, "kind");
        page.line(format!("  … and {more} more; --summary-json has them all"));
    }
}

/// `12 × server_error 503 in buyers, step login, from 0:03 to 0:09`
fn title(summary: &Summary, error: &Error, columns: usize) -> String {
    let mut place = String::new();
    if let Some(status) = error.status {
        place += &format!(" {status}");
    }
    if let Some(scenario) = error.scenario.as_ref().filter(|_| summary.scenarios.len() > 1) {
        place += &format!(" in {scenario}");
    }
    if !error.step.is_empty() {
        place += &format!(", step {}", error.step);
    }
    let time = match (format::clock(error.first_s as u64), format::clock(error.last_s as u64)) {
        (first, last) if first == last => format!(" at {first}"),
        (first, last) => format!(" from {first} to {last}"),
    };
    let what = format!("{} × {}", format::count(error.count), error.category);
    let room = columns.saturating_sub(2 + text::width(&what) + text::width(&time));
    let place = text::harmless(&place).into_owned();
    format!("  {}{}{time}", styled(&what, BAD), text::shorten(&place, room))
}

/// The first lines of an exemplar, each cut.
fn show(exemplar: &str, page: &mut Page) {
    let mut lines = exemplar.trim_matches('\n').lines();
    for line in lines.by_ref().take(EXEMPLAR_LINES) {
        let line = text::harmless(line);
        let line = format!("      | {}", text::cut(&line, page.columns - 8));
        page.line(styled(line.trim_end(), FAINT));
    }
    if lines.next().is_some() {
        page.line(styled("      | …", FAINT));
    }
}
