//! A run second by second, cut down to what is compared: the calls, the steps and the iterations of
//! its load, how long they took and how many failed.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::origin::Origin;
use crate::metrics::{Histogram, Value};

/// Which calls, steps or iterations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// In the script.
    pub scenario: String,
    /// The step's path; empty outside steps, and for iterations.
    pub step: String,
    /// `GET /cart/{id}`; empty for steps and iterations.
    pub call: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.call.as_str(), self.step.as_str()) {
            ("", "") => write!(f, "{}: iterations", self.scenario),
            ("", step) => write!(f, "{}: {step}", self.scenario),
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
    /// How often seconds were made twice as long.
    pub(super) halvings: u32,
    /// What it is of, as far as that is known.
    pub origin: Option<Origin>,
}

/// What one second adds to a series.
#[derive(Debug, Clone, Default)]
struct Part {
    /// How many took how long, by [`bucket`]: for what is drawn, of which only the spread matters.
    times: Vec<(u16, u32)>,
    count: u64,
    failed: u64,
}

impl Part {
    fn add(&mut self, bucket: u16, count: u32) {
        match self.times.binary_search_by_key(&bucket, |(known, _)| *known) {
            Ok(place) => self.times[place].1 = self.times[place].1.saturating_add(count),
            Err(place) => self.times.insert(place, (bucket, count)),
        }
    }

    fn merge(&mut self, other: &Part) {
        self.count += other.count;
        self.failed += other.failed;
        other.times.iter().for_each(|(bucket, count)| self.add(*bucket, *count));
    }
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
    /// As of its run.
    halvings: u32,
    /// All times, to the microsecond.
    whole: Histogram,
}

/// What of a row is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// How long.
    Times,
    /// How many, and how many of them failed.
    Failed,
}

/// Which series a row of the load belongs to, and what of it a metric tells; latencies are those of
/// expected answers and of passes that did not fail.
pub fn meaning<'t>(metric: &str, tag: impl Fn(&str) -> &'t str) -> Option<(Key, What)> {
    let call = || Key {
        scenario: tag("scenario").to_owned(),
        step: tag("step").to_owned(),
        call: format!("{} {}", tag("method"), tag("name")),
    };
    let step = || Key { call: String::new(), ..call() };
    let iterations = || Key { step: String::new(), ..step() };
    let (key, what) = match metric {
        _ if tag("phase") != "load" => return None,
        "http_call_duration" if tag("expected") != "false" => (call(), What::Times),
        "http_call_failed" => (call(), What::Failed),
        "step_duration" if tag("outcome") != "failed" => (step(), What::Times),
        "step_failed" => (step(), What::Failed),
        "iteration_response_time" if tag("outcome") != "failed" => (iterations(), What::Times),
        "iteration_failed" => (iterations(), What::Failed),
        _ => return None,
    };
    Some((key, what))
}

impl Run {
    /// Adds what a second has of a series; see [`meaning`].
    pub fn add(&mut self, key: &Key, what: What, second: usize, value: &Value) {
        match (what, value) {
            (What::Failed, Value::Rate { hits, total }) => {
                self.series(key, second).count(second, *hits, *total);
            }
            (What::Times, Value::Histogram(times)) => {
                self.series(key, second).record(second, times);
            }
            _ => {} // no sample is of another kind
        }
    }

    fn series(&mut self, key: &Key, second: usize) -> &mut Series {
        if !self.series.contains_key(key) {
            let fresh = Series { halvings: self.halvings, ..Series::default() };
            self.series.insert(key.clone(), fresh);
        }
        let series = self.series.get_mut(key).expect("it was just put there");
        if series.parts.len() <= second {
            series.parts.resize_with(second + 1, Part::default);
        }
        series
    }

    /// Two seconds become one, from the first on: a run that is long is told in longer ones.
    pub fn halve(&mut self) {
        self.halvings += 1;
        self.series.values_mut().for_each(Series::halve);
    }

    /// When its load begins and ends, as places; empty if there is none.
    fn span(&self) -> Range<usize> {
        let first = self.series.values().filter_map(Series::first).min();
        let end = self.series.values().map(|series| series.parts.len()).max().unwrap_or(0);
        first.unwrap_or(end)..end
    }

    fn cut(&mut self, span: &Range<usize>) {
        for series in self.series.values_mut() {
            series.parts.resize_with(span.end, Part::default);
            series.parts.drain(..span.start);
        }
    }
}

/// Every series begins with the first second of any load of these runs and ends with the last, so
/// that a pause of one is a pause.
pub fn even(runs: &mut [Run]) {
    let spans = || runs.iter().map(Run::span).filter(|span| !span.is_empty());
    let start = spans().map(|span| span.start).min().unwrap_or(0);
    let end = spans().map(|span| span.end).max().unwrap_or(0);
    runs.iter_mut().for_each(|run| run.cut(&(start..end)));
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

    /// All times.
    pub fn times(&self) -> &Histogram {
        &self.whole
    }

    fn count(&mut self, second: usize, failed: u64, all: u64) {
        self.parts[second].count += all;
        self.parts[second].failed += failed;
    }

    fn record(&mut self, second: usize, times: &Histogram) {
        self.whole.merge(times);
        let part = &mut self.parts[second];
        times.each(|micros, count| {
            part.add(bucket(micros), u32::try_from(count).unwrap_or(u32::MAX));
        });
    }

    fn halve(&mut self) {
        let mut longer: Vec<Part> = Vec::with_capacity(self.parts.len().div_ceil(2));
        for (place, part) in self.parts.drain(..).enumerate() {
            match longer.last_mut() {
                Some(last) if place % 2 == 1 => last.merge(&part),
                _ => longer.push(part),
            }
        }
        self.parts = longer;
        self.halvings += 1;
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
        let seconds = places.len() as f64 * f64::from(self.halvings).exp2();
        (!places.is_empty()).then(|| count as f64 / seconds)
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
