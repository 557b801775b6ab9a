//! Thresholds judged while the run goes on: those whose `window` slides over the load, and those
//! that `abort` the run.
//!
//! A second's Window is folded once per threshold (with `each`, once per series) into what is kept
//! of it: the seconds of a [`Sliding`] window, or the sum so far. It is judged while the load that
//! the selector means goes on (the scenarios it admits, without their warm-up, or the stages): a
//! window that reaches beyond would find fewer arrivals than the plan has, and convict the plan.
//!
//! | | judged | what counts |
//! | --- | --- | --- |
//! | `window` | each second, once it lies within the load | the worst; any crossing |
//! | `abort` alone | each second, over all since the load began | a crossing, which ends the run |
//!
//! Windows on too few samples say nothing. Where none was judged at all, the whole run is, as for
//! any other threshold. What a stalled worker sends late is in no sliding window, only in the
//! totals.

mod sliding;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use self::sliding::Sliding;
use super::summary;
use super::thresholds::{Samples, counted, none, series, sum, unit_of};
use crate::metrics::{Selector, TagSet, Value, Window};
use crate::plan::condition::observed;
use crate::plan::{Scenario, Threshold};

/// How much a window may reach beyond the load: seconds are the run's, not the scenario's.
const SLACK: Duration = Duration::from_millis(100);

/// The thresholds of a run that are judged while it goes on.
#[derive(Debug, Default)]
pub struct Watch {
    /// By threshold; `None` where the end of the run is soon enough.
    watched: Vec<Option<Watched>>,
    /// By scenario.
    timetables: Vec<Timetable>,
    /// Seconds seen.
    seconds: u32,
}

/// What lies where within the load of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Timetable {
    /// Its name.
    pub scenario: Arc<str>,
    /// Comes first, and is no part of what is judged unless that is asked for.
    pub warmup: Duration,
    /// One after the other, from the beginning of the load: names and lengths.
    pub stages: Vec<(String, Duration)>,
}

/// What is known of one threshold.
#[derive(Debug)]
pub(super) struct Watched {
    threshold: Threshold,
    series: BTreeMap<TagSet, Series>,
    /// Whether the load was as long as the window.
    full: bool,
}

/// Of one series, or of all as one.
#[derive(Debug)]
struct Series {
    kept: Kept,
    /// The most samples that a window had.
    fullest: u64,
    worst: Option<Seen>,
    crossed_at: Option<u32>,
    ended_run: bool,
}

#[derive(Debug)]
enum Kept {
    /// All so far.
    Whole(Option<Value>),
    /// The last seconds.
    Last(Sliding),
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    observed: f64,
    samples: u64,
}

impl Watch {
    /// Of thresholds, over the scenarios of their plan, in its order.
    pub fn new(thresholds: &[Threshold], timetables: Vec<Timetable>) -> Watch {
        let watched = thresholds.iter().map(|one| one.is_live().then(|| Watched::new(one)));
        Watch { watched: watched.collect(), timetables, seconds: 0 }
    }

    /// The seconds it has seen: the next one's number.
    pub fn seconds(&self) -> u32 {
        self.seconds
    }

    /// One more second, in order; `loads` is by scenario when it was, or will be, under load, with
    /// its warm-up, and empty if it has not begun. Gives the first threshold whose crossing ends
    /// the run. About 20 µs for a threshold over few series, and as much for each with `each`.
    pub fn second(&mut self, window: &Window, loads: &[Range<Duration>]) -> Option<String> {
        self.seconds = window.second + 1;
        let mut ending = None;
        for watched in self.watched.iter_mut().flatten() {
            let load = load_of(&watched.threshold.series, &self.timetables, loads);
            let crossed = watched.second(window, load);
            ending = ending.or(crossed.filter(|_| watched.threshold.abort));
        }
        ending
    }

    /// What is known of a threshold, by its place in the plan.
    pub(super) fn of(&self, threshold: usize) -> Option<&Watched> {
        self.watched.get(threshold)?.as_ref()
    }

    /// Thresholds whose window was longer than the load.
    pub(super) fn never_full(&self) -> impl Iterator<Item = &Threshold> {
        let watched = self.watched.iter().flatten();
        let short = watched.filter(|one| one.threshold.window.is_some() && !one.full);
        short.map(|one| &one.threshold)
    }
}

impl Timetable {
    /// Of all scenarios of a plan, in its order.
    pub fn all(scenarios: &[Scenario]) -> Vec<Timetable> {
        let timetable = |scenario: &Scenario| {
            let stages = scenario.load().stages().iter();
            Timetable {
                scenario: scenario.name().clone(),
                warmup: scenario.warmup(),
                stages: stages.map(|stage| (stage.name.clone(), stage.duration)).collect(),
            }
        };
        scenarios.iter().map(timetable).collect()
    }
}

impl Watched {
    fn new(threshold: &Threshold) -> Watched {
        Watched { threshold: threshold.clone(), series: BTreeMap::new(), full: false }
    }

    /// Gives what was crossed, if it was in this second for the first time.
    fn second(&mut self, window: &Window, load: Option<Range<Duration>>) -> Option<String> {
        self.take(window.second, series(&self.threshold, &window.rows));
        let over = self.judged_over(window.second, &load?)?;
        self.full = true;
        let mut crossed = None;
        for (tags, one) in &mut self.series {
            if one.judge(&self.threshold, window.second, over) {
                crossed.get_or_insert_with(|| match tags.iter().next() {
                    Some(_) => format!("{} ({tags})", self.threshold),
                    None => self.threshold.to_string(),
                });
            }
        }
        crossed
    }

    /// Adds a second's samples to what is kept.
    fn take(&mut self, second: u32, mut new: BTreeMap<TagSet, Samples>) {
        if !self.threshold.each {
            new.entry(TagSet::default()).or_default();
        }
        for (tags, samples) in new {
            let kept = || Series::new(self.threshold.window);
            let series = self.series.entry(tags).or_insert_with(kept);
            if let Some(value) = sum(&self.threshold, &samples) {
                series.kept.add(second, value);
            }
        }
    }

    /// How many seconds are judged at the end of `second`; `None` if it is not the time.
    fn judged_over(&self, second: u32, load: &Range<Duration>) -> Option<u32> {
        let now = Duration::from_secs(u64::from(second) + 1);
        let length = match self.threshold.window {
            Some(window) => Duration::from_secs(window.into()),
            None => now.saturating_sub(load.start).max(Duration::from_secs(1)),
        };
        let within = now <= load.end + SLACK && now + SLACK >= load.start + length;
        (within && now >= self.threshold.after).then(|| length.as_secs_f64().round() as u32)
    }

    /// A judgement over the whole run, as far as what was seen on the way changes it.
    pub(super) fn told(&self, tags: &TagSet, whole: summary::Threshold) -> summary::Threshold {
        let Some(series) = self.series.get(tags) else { return whole };
        let crossed_at_s = series.crossed_at.map(|second| second + 1);
        let told = summary::Threshold { crossed_at_s, ended_run: series.ended_run, ..whole };
        match series.worst {
            Some(seen) if self.threshold.window.is_some() || crossed_at_s.is_some() => {
                summary::Threshold {
                    observed: Some(seen.observed),
                    samples: seen.samples,
                    ok: crossed_at_s.is_none(),
                    ..told
                }
            }
            None if self.full && told.ok => {
                summary::Threshold { samples: series.fullest.min(told.samples), ..told }
            }
            _ => told,
        }
    }
}

impl Series {
    fn new(window: Option<u32>) -> Series {
        let kept = match window {
            Some(seconds) => Kept::Last(Sliding::new(seconds)),
            None => Kept::Whole(None),
        };
        Series { kept, fullest: 0, worst: None, crossed_at: None, ended_run: false }
    }

    /// Judges what is kept at the end of a second; whether it is crossed for the first time.
    fn judge(&mut self, threshold: &Threshold, second: u32, over: u32) -> bool {
        let Some(value) = self.kept.value(second).or_else(|| none(threshold)) else { return false };
        let samples = counted(&value);
        self.fullest = self.fullest.max(samples);
        if samples < threshold.least_samples() {
            return false;
        }
        let over = || f64::from(over);
        let stat = threshold.condition.stat;
        let Some(observed) = observed(&value, stat, unit_of(threshold), over) else {
            return false;
        };
        let condition = &threshold.condition;
        let worse = |seen: &Seen| condition.excess(observed) > condition.excess(seen.observed);
        if self.worst.as_ref().is_none_or(worse) {
            self.worst = Some(Seen { observed, samples });
        }
        let first = self.crossed_at.is_none() && !condition.holds(observed);
        if first {
            self.crossed_at = Some(second);
            self.ended_run = threshold.abort;
        }
        first
    }
}

impl Kept {
    fn add(&mut self, second: u32, value: Value) {
        match self {
            Kept::Last(sliding) => sliding.push(second, value),
            Kept::Whole(Some(sum)) => sum.merge(&value, std::cmp::Ordering::Greater),
            Kept::Whole(none) => *none = Some(value),
        }
    }

    /// What there is at the end of a second.
    fn value(&mut self, second: u32) -> Option<Value> {
        match self {
            Kept::Last(sliding) => sliding.value(second),
            Kept::Whole(sum) => sum.clone(),
        }
    }
}

/// From the beginning of the first load that a selector means to the end of the last.
fn load_of(
    series: &Selector,
    timetables: &[Timetable],
    loads: &[Range<Duration>],
) -> Option<Range<Duration>> {
    let meant = timetables
        .iter()
        .zip(loads)
        .filter(|(one, load)| !load.is_empty() && series.admits("scenario", &one.scenario));
    let spans = meant.flat_map(|(one, load)| parts_of(series, one, load));
    spans.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
}

/// What of a scenario's load a selector means.
fn parts_of(
    series: &Selector,
    timetable: &Timetable,
    load: &Range<Duration>,
) -> Vec<Range<Duration>> {
    if series.names("phase") {
        return vec![load.clone()];
    }
    if !series.names("stage") {
        return vec![load.start.saturating_add(timetable.warmup).min(load.end)..load.end];
    }
    let mut start = load.start;
    let stages = timetable.stages.iter().map(|(name, length)| {
        let span = start..start.saturating_add(*length).min(load.end);
        start = span.end;
        (name, span)
    });
    let meant = stages.filter(|(name, _)| series.admits("stage", name));
    meant.map(|(_, span)| span).collect()
}

#[cfg(test)]
mod tests;
