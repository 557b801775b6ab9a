//! A run as the store or `--out json=FILE` has it, second by second, cut down to what is compared.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::metrics::{Histogram, Value};
use crate::store::list::Stored;
use crate::store::{self, Store};

/// What a line says that it is.
const SCHEMA: &str = "loadtool.second/1";

/// Which calls, or which iterations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Key {
    /// In the script.
    pub scenario: String,
    /// The step's path; empty outside steps, and for iterations.
    pub step: String,
    /// `GET /cart/{id}`; empty for iterations.
    pub call: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.call.as_str(), self.step.as_str()) {
            ("", _) => write!(f, "{}: iterations", self.scenario),
            (call, "") => write!(f, "{}: {call}", self.scenario),
            (call, step) => write!(f, "{}: {step}: {call}", self.scenario),
        }
    }
}

/// One run.
#[derive(Debug, Default)]
pub struct Run {
    /// Its series, each with a place for every second of the run's load.
    pub series: BTreeMap<Key, Series>,
}

/// What one second adds to a series.
#[derive(Debug, Clone, Default)]
struct Part {
    /// How many took how long, by [`bucket`]: for what is drawn, of which only the spread matters.
    times: Vec<(u16, u32)>,
    count: u64,
    failed: u64,
}

/// Buckets are so much wider than those before.
const WIDER: f64 = 1.01;

/// As many as an hour in µs needs.
const BUCKETS: usize = 2_300;

/// The bucket of a time [µs].
fn bucket(micros: u64) -> u16 {
    ((micros.max(1) as f64).ln() / WIDER.ln()) as u16
}

/// Calls of one kind, or iterations of one scenario.
#[derive(Debug, Clone, Default)]
pub struct Series {
    parts: Vec<Part>,
    /// All times, to the microsecond.
    whole: Histogram,
}

#[derive(Deserialize)]
struct Line {
    schema: String,
    #[serde(rename = "t_s")]
    second: usize,
    rows: Vec<LineRow>,
}

#[derive(Deserialize)]
struct LineRow {
    tags: BTreeMap<String, String>,
    metrics: BTreeMap<String, LineValue>,
}

#[derive(Deserialize)]
struct LineValue {
    hdr: Option<String>,
    hits: Option<u64>,
    total: Option<u64>,
}

/// What of a row is compared.
enum What {
    /// How long.
    Times,
    /// How many, and how many of them failed.
    Failed,
}

/// Which series a row of the load belongs to, and what of it a metric tells; latencies are those of
/// expected answers and of passes that did not fail.
fn meaning<'t>(metric: &str, tag: impl Fn(&str) -> &'t str) -> Option<(Key, What)> {
    let call = || Key {
        scenario: tag("scenario").to_owned(),
        step: tag("step").to_owned(),
        call: format!("{} {}", tag("method"), tag("name")),
    };
    let iterations =
        || Key { scenario: tag("scenario").to_owned(), step: String::new(), call: String::new() };
    let (key, what) = match metric {
        _ if tag("phase") != "load" => return None,
        "http_call_duration" if tag("expected") != "false" => (call(), What::Times),
        "http_call_failed" => (call(), What::Failed),
        "iteration_response_time" if tag("outcome") != "failed" => (iterations(), What::Times),
        "iteration_failed" => (iterations(), What::Failed),
        _ => return None,
    };
    Some((key, what))
}

impl Run {
    /// Reads a file of seconds.
    ///
    /// # Errors
    /// It cannot be read, or a line is no second.
    pub fn read(path: &Path) -> anyhow::Result<Run> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut run = Run::default();
        for (n, line) in (1..).zip(BufReader::new(file).lines()) {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            run.add(&line).with_context(|| format!("{}, line {n}", path.display()))?;
        }
        ensure!(!run.series.is_empty(), "{}: there is no load in it", path.display());
        run.even();
        Ok(run)
    }

    /// Reads a run that is kept.
    ///
    /// # Errors
    /// The store cannot be read, or the run had no load.
    pub fn kept(store: &Store, run: &Stored) -> anyhow::Result<Run> {
        let mut read = Run::default();
        let told = |series: &store::slice::Series| {
            let tag = |name: &str| series.tags.get(name).map_or("", |value| value);
            meaning(&series.metric.metric().name, tag)
        };
        store.each_second(
            run,
            |series| told(series).is_some(),
            |series, second, value| {
                let Some((key, what)) = told(series) else { return };
                let second = second as usize;
                match (what, value) {
                    (What::Failed, Value::Rate { hits, total }) => {
                        read.series(&key, second).count(second, *hits, *total);
                    }
                    (What::Times, Value::Histogram(times)) => {
                        read.series(&key, second).record(second, times);
                    }
                    _ => {}
                }
            },
        )?;
        ensure!(!read.series.is_empty(), "there is no load in the run {}", run.short());
        read.even();
        Ok(read)
    }

    fn add(&mut self, line: &str) -> anyhow::Result<()> {
        let hint = "write it with `loadtool run … --out json=FILE`";
        let line: Line = serde_json::from_str(line)
            .with_context(|| format!("this is no second of a run\n  hint: {hint}"))?;
        if line.schema != SCHEMA {
            bail!("the schema is `{}`, not {SCHEMA}\n  hint: {hint}", line.schema);
        }
        for row in line.rows {
            self.add_row(line.second, &row)?;
        }
        Ok(())
    }

    fn add_row(&mut self, second: usize, row: &LineRow) -> anyhow::Result<()> {
        let tag = |name: &str| row.tags.get(name).map_or("", String::as_str);
        for (metric, value) in &row.metrics {
            let Some((key, what)) = meaning(metric, tag) else { continue };
            let series = self.series(&key, second);
            match (what, &value.hdr) {
                (What::Failed, _) => {
                    series.count(second, value.hits.unwrap_or(0), value.total.unwrap_or(0));
                }
                (What::Times, Some(text)) => {
                    let times = Histogram::from_base64(text).map_err(anyhow::Error::msg)?;
                    series.record(second, &times);
                }
                (What::Times, None) => {}
            }
        }
        Ok(())
    }

    fn series(&mut self, key: &Key, second: usize) -> &mut Series {
        if !self.series.contains_key(key) {
            self.series.insert(key.clone(), Series::default());
        }
        let series = self.series.get_mut(key).expect("it was just put there");
        if series.parts.len() <= second {
            series.parts.resize_with(second + 1, Part::default);
        }
        series
    }

    /// Every series begins with the first second of any load and ends with the last, so that a pause
    /// of one is a pause.
    fn even(&mut self) {
        let first = self.series.values().filter_map(Series::first).min().unwrap_or(0);
        let end = self.series.values().map(|series| series.parts.len()).max().unwrap_or(0);
        for series in self.series.values_mut() {
            series.parts.resize_with(end, Part::default);
            series.parts.drain(..first);
        }
    }
}

impl Series {
    fn first(&self) -> Option<usize> {
        self.parts.iter().position(|part| part.count > 0)
    }

    /// How many there are.
    pub fn seconds(&self) -> usize {
        self.parts.len()
    }

    /// Their places.
    pub fn all(&self) -> Vec<usize> {
        (0..self.parts.len()).collect()
    }

    /// Over the whole run.
    pub fn samples(&self) -> u64 {
        self.whole.count()
    }

    fn count(&mut self, second: usize, failed: u64, all: u64) {
        self.parts[second].count += all;
        self.parts[second].failed += failed;
    }

    fn record(&mut self, second: usize, times: &Histogram) {
        self.whole.merge(times);
        let buckets = &mut self.parts[second].times;
        times.each(|micros, count| {
            let (bucket, count) = (bucket(micros), u32::try_from(count).unwrap_or(u32::MAX));
            match buckets.binary_search_by_key(&bucket, |(known, _)| *known) {
                Ok(place) => buckets[place].1 = buckets[place].1.saturating_add(count),
                Err(place) => buckets.insert(place, (bucket, count)),
            }
        });
    }

    /// Of the whole run [ms], exactly; `None` without samples.
    pub fn quantile(&self, ppm: u32) -> Option<f64> {
        Some(self.whole.quantile(ppm)?.as_secs_f64() * 1e3)
    }

    /// Of the seconds at these places together [ms], to a hundredth of it.
    pub fn drawn_quantile(&self, places: &[usize], ppm: u32) -> Option<f64> {
        let mut counts = vec![0_u64; BUCKETS];
        for (bucket, count) in places.iter().flat_map(|place| &self.parts[*place].times) {
            counts[usize::from(*bucket)] += u64::from(*count);
        }
        let all: u64 = counts.iter().sum();
        let rank = (all as f64 * f64::from(ppm) / 1e6).ceil().max(1.0) as u64;
        let mut below = 0;
        let found = counts.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        Some(WIDER.powf(found as f64 + 0.5) / 1e3)
    }

    /// Per second; `None` without seconds.
    pub fn rate(&self, places: &[usize]) -> Option<f64> {
        let count: u64 = places.iter().map(|place| self.parts[*place].count).sum();
        (!places.is_empty()).then(|| count as f64 / places.len() as f64)
    }

    /// The part that failed; `None` without any.
    pub fn errors(&self, places: &[usize]) -> Option<f64> {
        let (count, failed) = places.iter().fold((0, 0), |(count, failed), place| {
            let part = &self.parts[*place];
            (count + part.count, failed + part.failed)
        });
        (count > 0).then(|| failed as f64 / count as f64)
    }

    /// One more second; for tests.
    #[cfg(test)]
    pub fn push(&mut self, times_ms: &[f64], failed: u64) {
        let count = times_ms.len() as u64 + failed;
        self.parts.push(Part { count, failed, ..Part::default() });
        let mut times = Histogram::default();
        for ms in times_ms {
            times.record(std::time::Duration::from_secs_f64(ms / 1e3));
        }
        self.record(self.parts.len() - 1, &times);
    }
}
