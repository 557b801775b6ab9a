//! The first screen: the verdict in words and why, where to look first, the thresholds with their
//! margins, the numbers that matter.

use std::time::Duration;

use maud::{Markup, html};

use super::first::{Pointer, pointers};
use super::grid::{Cell, Grid};
use super::latency::tail;
use crate::results::format;
use crate::results::reading::Standing;
use crate::results::summary::{Summary, Threshold};
use crate::results::verdict::Outcome;

pub(super) fn headline(summary: &Summary) -> Markup {
    let (run, verdict) = (&summary.run, &summary.verdict);
    let word = verdict.result.as_str();
    let length = format::length(Duration::from_secs_f64(run.duration_s.clamp(0.0, 1e9)));
    html! {
        header class=(word) {
            h1 { span.verdict { (word.to_uppercase()) } " " (run.name) }
            p.answer { (answer(summary)) }
            @if !verdict.reasons.is_empty() {
                ul.reasons { @for reason in &verdict.reasons { li { (reason) } } }
            }
            p.faint {
                (length) ", up to " (format::counted(summary.users_max(), "user")) ", "
                (format::moment(&run.started_at)) ", seed " (run.seed)
            }
        }
    }
}

/// The verdict as an answer to "is it good enough?".
fn answer(summary: &Summary) -> String {
    if let Some(limit) = &summary.limit {
        return capital(&limit.sentence()) + ".";
    }
    let all = summary.thresholds.len() as u64;
    let crossed = summary.thresholds.iter().filter(|threshold| !threshold.ok).count() as u64;
    match summary.verdict.result {
        Outcome::Pass if all == 0 => "Good enough: no target is worse than the first.".to_owned(),
        Outcome::Pass if all == 1 => "Good enough: the threshold holds.".to_owned(),
        Outcome::Pass => format!("Good enough: all {} hold.", format::counted(all, "threshold")),
        Outcome::Unjudged => "Not judged: the script sets no thresholds.".to_owned(),
        Outcome::Fail if crossed == 0 => "Not good enough.".to_owned(),
        Outcome::Fail => format!(
            "Not good enough: {} of {} not met.",
            format::count(crossed),
            format::counted(all, "threshold")
        ),
        Outcome::Inconclusive => "This run cannot say whether it is good enough.".to_owned(),
        Outcome::Aborted => "The run ended before its plan did: read its numbers with care.".into(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// What is wrong with the system, what bends the numbers, what else stands out, what to do.
pub(super) fn look_first(summary: &Summary) -> Markup {
    let pointers = pointers(summary);
    if pointers.is_empty() && summary.anomalies.is_empty() && summary.recommendations.is_empty() {
        return html! {};
    }
    html! {
        section #first {
            h2 { "Where to look first" }
            ul.first {
                @for pointer in pointers.iter().filter(|one| one.bad) { li.bad { (lead(pointer)) } }
                @for anomaly in &summary.anomalies { li.warn { (anomaly.message) } }
                @for pointer in pointers.iter().filter(|one| !one.bad) { li { (lead(pointer)) } }
                @for recommendation in &summary.recommendations { li.advice { (recommendation) } }
            }
        }
    }
}

fn lead(pointer: &Pointer) -> Markup {
    html! { (pointer.sentence) " " a href={ "#" (pointer.to) } { "→ " (pointer.to) } }
}

/// Nothing for a search, whose objectives are others.
pub(super) fn thresholds(summary: &Summary) -> Markup {
    if summary.thresholds.is_empty() || summary.limit.is_some() {
        return html! {};
    }
    let mut grid = Grid::new("thresholds")
        .name("")
        .name("metric")
        .name("condition")
        .number("observed")
        .name("margin");
    for threshold in &summary.thresholds {
        grid.row(row(threshold));
    }
    html! { section #thresholds { h2 { "Thresholds" } (grid.plain()) } }
}

fn row(threshold: &Threshold) -> Vec<Cell> {
    let standing = threshold.standing();
    let class = match standing {
        Standing::Holds => "good",
        Standing::TooFew => "doubtful",
        Standing::Crossed | Standing::NoData => "bad",
    };
    let observed = threshold.observed.map(|value| format::quantity(value, &threshold.unit));
    vec![
        Cell::from(standing.as_str()).class(class),
        threshold.metric.as_str().into(),
        threshold.condition().into(),
        Cell::from(observed.unwrap_or_else(|| "–".to_owned())).class(class),
        threshold.margin().into(),
    ]
}

/// One number in large, its name and what to know about it.
struct Key {
    name: &'static str,
    value: String,
    note: String,
    bad: bool,
}

pub(super) fn keys(summary: &Summary) -> Markup {
    html! {
        section #keys {
            h2 { "In numbers" }
            @if summary.limit.is_some() {
                p.note { "Of all levels together; the holds above tell them apart." }
            }
            dl.keys {
                @for key in key_numbers(summary) {
                    div {
                        dt { (key.name) }
                        dd.bad[key.bad] { (key.value) }
                        @if !key.note.is_empty() { dd.note { (key.note) } }
                    }
                }
            }
        }
    }
}

fn key_numbers(summary: &Summary) -> Vec<Key> {
    let (calls, iterations) = (&summary.totals.calls, &summary.totals.iterations);
    let key = |name, value, note| Key { name, value, note, bad: false };
    let ms = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), format::ms);
    let per_second = |rate| format!("{}/s", format::rate(rate));
    let mut keys = Vec::new();
    let of = if calls.count > 0 {
        keys.push(key("Calls", per_second(calls.rate_per_s), format::count(calls.count)));
        calls
    } else {
        iterations
    };
    let count = format::count(iterations.count);
    keys.push(key("Iterations", per_second(iterations.rate_per_s), count));
    let what = if calls.count > 0 { "of calls" } else { "of iterations" };
    let latency = &of.latency_ms;
    keys.push(key("Median latency", ms(latency.p50), what.to_owned()));
    keys.push(key("p95 latency", ms(latency.p95), what.to_owned()));
    keys.push(key("p99 latency", ms(latency.p99), tail(latency).unwrap_or_default()));
    let failed = format::percent(of.failed as f64 / of.count.max(1) as f64);
    let note =
        format!("{} of {} {}", format::count(of.failed), format::count(of.count), &what[3..]);
    keys.push(Key { bad: of.failed > 0, ..key("Failed", failed, note) });
    keys.push(key("Users", format::count(summary.users_max()), "at most at once".to_owned()));
    let (sent, received) = (summary.totals.bytes_sent as f64, summary.totals.bytes_received as f64);
    if sent + received > 0.0 {
        let note = format!("received, {} sent in the whole run", format::bytes(sent));
        keys.push(key("Data", format::bytes(received), note));
    }
    keys
}
