//! `json=FILE`: every second as a line of JSON, with all that was recorded in it.
//!
//! A line's shape is `docs/second.schema.json`. Lines add up: counters and rates by addition,
//! histograms by merging what their `hdr` texts hold; of gauges the last stands.

use std::collections::BTreeMap;

use serde::Serialize;

use super::lines::Lines;
use super::{About, Moment, Sink};
use crate::metrics::window::Row;
use crate::results::Summary;
use crate::results::series::words;
use crate::results::summary::{ScenarioOfSecond, Values};
use crate::results::timeline;

/// The value of a line's `schema`.
pub const SCHEMA: &str = "loadtool.second/1";

/// Writes lines.
pub struct Ndjson {
    lines: Lines,
    about: About,
}

impl Ndjson {
    /// Of this run.
    pub fn new(lines: Lines, about: About) -> Ndjson {
        Ndjson { lines, about }
    }
}

impl Sink for Ndjson {
    fn second(&mut self, moment: &Moment) -> Result<u64, String> {
        let mut line = serde_json::to_vec(&Line::of(moment, &self.about))
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
    script: &'m str,
    script_sha256: &'m str,
    plan: &'m [String],
    loads_s: BTreeMap<&'m str, (f64, f64)>,
    /// When the second was over, RFC 3339.
    time: String,
    late: bool,
    t_s: u32,
    vus: u64,
    backlog: u64,
    iterations: u64,
    calls: u64,
    failed: u64,
    requests: u64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    errors: &'m BTreeMap<String, u64>,
    cpu_percent: Option<f64>,
    scenarios: Vec<ScenarioOfSecond>,
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
    fn of(moment: &'m Moment, about: &'m About) -> Line<'m> {
        let second = &moment.second;
        let tick = &second.tick;
        let scenarios = about.scenarios.iter().zip(&tick.scenarios);
        Line {
            schema: SCHEMA,
            run: &about.run,
            script: about.origin.script(),
            script_sha256: about.origin.sha256(),
            plan: about.origin.loads(),
            loads_s: about.loads.iter().map(|(name, s)| (&**name, (s.start, s.end))).collect(),
            time: moment.end().to_string(),
            late: second.late,
            t_s: tick.second,
            vus: tick.vus,
            backlog: tick.backlog,
            iterations: tick.iterations,
            calls: tick.calls,
            failed: tick.failed,
            requests: tick.requests,
            p50_ms: tick.p50_ms,
            p95_ms: tick.p95_ms,
            p99_ms: tick.p99_ms,
            errors: &tick.errors,
            cpu_percent: tick.health.cpu_percent,
            scenarios: scenarios.map(|(name, tick)| timeline::scenario(name, tick)).collect(),
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
