//! The holds of a search for the highest load, as CSV: a row each.

use std::path::PathBuf;

use super::cell::cell;
use super::{Output, OutputError, file};
use crate::results::limit::LimitStep;
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

const COLUMNS: [&str; 14] = [
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
];

fn record(step: &LimitStep) -> [String; 14] {
    let maybe = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    [
        step.purpose.clone(),
        step.target.to_string(),
        step.from_s.to_string(),
        step.hold_s.to_string(),
        step.achieved_per_s.to_string(),
        step.goodput_per_s.to_string(),
        step.calls_per_s.to_string(),
        maybe(step.error_rate),
        step.vus.to_string(),
        maybe(step.p50_ms),
        maybe(step.p95_ms),
        maybe(step.p99_ms),
        step.verdict.clone(),
        cell(&step.reasons.join("; ")).into_owned(),
    ]
}
