//! A run second by second, cut down to what is compared: the calls, the steps and the iterations of
//! its load, each a [`Series`].

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::origin::Origin;
use super::seconds::Series;
use crate::metrics::Value;

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

/// From when to when each scenario was in phase `load` [s since the run began], by its name.
pub type Loads = BTreeMap<String, Range<f64>>;

/// One run.
#[derive(Debug, Default)]
pub struct Run {
    /// Its series, each with a place for every second of the run's load.
    pub series: BTreeMap<Key, Series>,
    /// How often seconds were made twice as long.
    pub(super) halvings: u32,
    /// Without those of which nobody knows.
    pub loads: Loads,
    /// What it is of, as far as that is known.
    pub origin: Option<Origin>,
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
            self.series.insert(key.clone(), Series::of_longer(self.halvings));
        }
        let series = self.series.get_mut(key).expect("it was just put there");
        series.reach(second);
        series
    }

    /// Two seconds become one, from the first on: a run that is long is told in longer ones.
    pub fn halve(&mut self) {
        self.halvings += 1;
        self.series.values_mut().for_each(Series::halve);
    }

    /// When its load begins and ends, as places, with what came of it later; empty if there is none.
    fn span(&self) -> Range<usize> {
        let first = self.series.values().filter_map(Series::first).min();
        let last = self.series.values().map(Series::seconds).max().unwrap_or(0);
        let length_s = f64::from(self.halvings).exp2();
        // A target that says nothing any more is a part of the load, too.
        let full = self.loads.values().map(|load| (load.end / length_s).floor() as usize).max();
        first.map_or(last..last, |first| first..last.max(full.unwrap_or(0)))
    }

    fn cut(&mut self, span: &Range<usize>) {
        for (key, series) in &mut self.series {
            series.cut(span, self.loads.get(&key.scenario));
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
