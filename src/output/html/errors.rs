//! Errors: each kind once with its message, and folded away what one of them looked like.

use maud::{Markup, html};

use super::grid::{Cell, Grid};
use crate::results::format;
use crate::results::summary::{Error, Summary};

/// Kinds that are listed.
const MOST_KINDS: usize = 100;

/// Characters of an exemplar that are shown.
const MOST_CHARS: usize = 6_000;

pub(super) fn errors(summary: &Summary) -> Markup {
    if summary.errors.is_empty() {
        return html! {};
    }
    let whole = summary.errors.iter().map(|error| error.count).fold(0, u64::saturating_add);
    html! {
        section #errors {
            h2 { "Errors" }
            p.note {
                (format::counted(whole, "error")) " of "
                (format::counted(summary.errors.len() as u64, "kind"))
                " in the whole run, the most frequent first. Times are since the run began."
            }
            (by_category(summary))
            @for (i, error) in summary.errors.iter().take(MOST_KINDS).enumerate() {
                (kind(summary, error, i == 0))
            }
            @if summary.errors.len() > MOST_KINDS {
                p.note { "… and more kinds; the JSON summary has them all." }
            }
        }
    }
}

/// Where those of the load arose: of each scenario, and of each step by itself.
fn by_category(summary: &Summary) -> Markup {
    let mut grid = Grid::new("errors by category").name("scenario").name("step").name("category");
    grid = grid.number("errors in the load").number("per s");
    let mut rows = Vec::new();
    for scenario in &summary.scenarios {
        rows.extend(scenario.errors.iter().map(|error| (&scenario.name, "(all)", error)));
        for step in summary.steps.iter().filter(|step| step.scenario == scenario.name) {
            rows.extend(step.errors.iter().map(|error| (&scenario.name, &*step.step, error)));
        }
    }
    for (scenario, step, (category, rate)) in &rows {
        grid.row(vec![
            scenario.as_str().into(),
            (*step).into(),
            category.as_str().into(),
            Cell::bad(rate.count),
            Cell::rate(rate.rate_per_s),
        ]);
    }
    html! { @if !rows.is_empty() { (grid.sortable()) } }
}

/// A kind; one without an exemplar has nothing to unfold.
fn kind(summary: &Summary, error: &Error, open: bool) -> Markup {
    let head = html! {
        span.count { (format::count(error.count)) " ×" } " "
        strong { (error.category) @if let Some(status) = error.status { " " (status) } } " "
        span.faint { (place(summary, error)) (times(error)) }
        span.message { (error.message) }
    };
    html! {
        @match &error.exemplar {
            Some(exemplar) => details.error open[open] {
                summary { (head) }
                pre tabindex="0" { (cut(exemplar)) }
            },
            None => div.error { (head) },
        }
    }
}

fn place(summary: &Summary, error: &Error) -> String {
    let mut place = String::new();
    if let Some(scenario) = error.scenario.as_ref().filter(|_| summary.scenarios.len() > 1) {
        place += &format!("in {scenario}, ");
    }
    if !error.step.is_empty() {
        place += &format!("step {}, ", error.step);
    }
    place
}

fn times(error: &Error) -> String {
    match (format::clock(error.first_s as u64), format::clock(error.last_s as u64)) {
        (first, last) if first == last => format!("at {first}"),
        (first, last) => format!("{first} to {last}"),
    }
}

fn cut(exemplar: &str) -> String {
    let exemplar = exemplar.trim_matches('\n');
    match exemplar.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &exemplar[..end]),
        None => exemplar.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_exemplar_is_cut_between_characters() {
        assert_eq!(cut(&"ü".repeat(MOST_CHARS + 5)), "ü".repeat(MOST_CHARS) + "…");
        assert_eq!(cut("\nshort\n"), "short");
    }
}
