//! `json=FILE`: every second as a line of JSON, with all that was recorded in it.
//!
//! A line's shape is `docs/second.schema.json`. Lines add up: counters and rates by addition,
//! histograms by merging what their `hdr` texts hold; of gauges the last stands.

use std::collections::BTreeMap;

use serde::Serialize;

use super::lines::Lines;
use super::{Moment, Sink};
use crate::metrics::window::Row;
use crate::results::Summary;
use crate::results::series::words;
use crate::results::summary::{self, Values};

/// The value of a line's `schema`.
pub const SCHEMA: &str = "loadtool.second/1";

/// Writes lines.
pub struct Ndjson {
    lines: Lines,
    run: String,
}

impl Ndjson {
    /// Of the run of that id.
    pub fn new(lines: Lines, run: &str) -> Ndjson {
        Ndjson { lines, run: run.to_owned() }
    }
}

impl Sink for Ndjson {
    fn second(&mut self, moment: &Moment) -> Result<u64, String> {
        let mut line = serde_json::to_vec(&Line::of(moment, &self.run))
            .expect("its keys are texts, and writing to memory succeeds");
        line.push(b'\n');
        self.lines.add(&line).map(|()| u64::from(!moment.second.late))
    }

    fn finish(&mut self, _: &Summary) -> Result<u64, String> {
        Ok(0)
    }
}

#[derive(Serialize)]
struct Line<'m> {
    schema: &'static str,
    run: &'m str,
    /// When the second was over, RFC 3339.
    time: String,
    late: bool,
    /// As in the summary; `t_s` is in it.
    #[serde(flatten)]
    tick: summary::Second,
    rows: Vec<LineRow<'m>>,
}

#[derive(Serialize)]
struct LineRow<'m> {
    tags: BTreeMap<&'m str, &'m str>,
    metrics: BTreeMap<&'m str, LineValue>,
}

#[derive(Serialize)]
struct LineValue {
    kind: &'static str,
    unit: &'static str,
    #[serde(flatten)]
    values: Values,
}

impl<'m> Line<'m> {
    fn of(moment: &'m Moment, run: &'m str) -> Line<'m> {
        let second = &moment.second;
        Line {
            schema: SCHEMA,
            run,
            time: moment.end().to_string(),
            late: second.late,
            tick: (&second.tick).into(),
            rows: second.window.rows.iter().map(LineRow::of).collect(),
        }
    }
}

impl<'m> LineRow<'m> {
    fn of(row: &'m Row) -> LineRow<'m> {
        let metrics = row.values.iter().map(|(id, value)| {
            let (kind, unit) = words(id);
            (&*id.metric().name, LineValue { kind, unit, values: Values::of(id, value) })
        });
        LineRow { tags: row.tags.iter().collect(), metrics: metrics.collect() }
    }
}
