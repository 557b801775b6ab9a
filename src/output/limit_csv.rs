//! The holds of a search for the highest load, as CSV: a row each.

use std::path::PathBuf;

use super::cell::cell;
use super::{Output, OutputError, file};
use crate::results::limit::{LimitStep, SeriesOfStep, SignalRow};
use crate::results::summary::Threshold;
use crate::results::{Summary, Tick};

/// Writes them when the search is over.
pub struct LimitCsv(pub PathBuf);

impl Output for LimitCsv {
    fn tick(&mut self, _: &Tick) {}

    fn finish(&mut self, summary: &Summary) -> Result<(), OutputError> {
        let steps = summary.limit.as_ref().map_or(&[][..], |limit| &limit.steps);
        let written = file::replace(&self.0, |out| {
            let mut csv = csv::Writer::from_writer(out);
            csv.write_record(COLUMNS)?;
            for step in steps {
                csv.write_record(record(step))?;
            }
            csv.flush()
        });
        written.map_err(|source| OutputError {
            what: "the table of holds",
            place: self.0.clone(),
            source,
        })
    }
}

const COLUMNS: [&str; 17] = [
    "purpose",
    "target",
    "from_s",
    "hold_s",
    "achieved_per_s",
    "goodput_per_s",
    "calls_per_s",
    "error_rate",
    "vus",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "verdict",
    "reasons",
    "objectives",
    "series",
    "signals",
];

fn record(step: &LimitStep) -> [String; 17] {
    let maybe = |value: Option<f64>| value.map_or_else(String::new, plain);
    [
        step.purpose.clone(),
        plain(step.target),
        plain(step.from_s),
        plain(step.hold_s),
        plain(step.achieved_per_s),
        plain(step.goodput_per_s),
        plain(step.calls_per_s),
        maybe(step.error_rate),
        step.vus.to_string(),
        maybe(step.p50_ms),
        maybe(step.p95_ms),
        maybe(step.p99_ms),
        step.verdict.clone(),
        list(&step.reasons),
        list(&step.gates.iter().map(Threshold::told).collect::<Vec<_>>()),
        list(&step.series.iter().map(percentiles).collect::<Vec<_>>()),
        list(&step.signals.iter().map(change).collect::<Vec<_>>()),
    ]
}

/// Without the dust of binary fractions.
fn plain(number: f64) -> String {
    ((number * 1e6).round() / 1e6).to_string()
}

/// One field of several sentences.
fn list(sentences: &[String]) -> String {
    cell(&sentences.join("; ")).into_owned()
}

/// `http_call_duration{step=login} p50 12 ms p95 31 ms p99 44 ms`.
fn percentiles(series: &SeriesOfStep) -> String {
    let named = [("p50", series.p50_ms), ("p95", series.p95_ms), ("p99", series.p99_ms)];
    let told =
        named.into_iter().filter_map(|(name, value)| Some(format!(" {name} {} ms", plain(value?))));
    series.series.clone() + &told.collect::<String>()
}

/// `queue_depth growth <= 1000: 12`.
fn change(row: &SignalRow) -> String {
    format!("{}: {}", row.signal, plain(row.change))
}
