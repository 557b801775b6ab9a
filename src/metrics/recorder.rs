//! One worker's samples, by row, until they leave as a [`Window`].
//!
//! A sample costs a hash of small ids and a few additions: about 150 ns for a call with its
//! request. Rows stay once made (their number is capped), so a flip hands out sums and allocates
//! for nothing but what was fed.

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::errors::{ErrorBook, Fault};
use super::metric::{self, MetricId};
use super::names::{NameId, Names};
use super::sample::{CallSample, IterationSample, Phase, Place, RequestSample, StepSample};
use super::slots::{CallSlots, CheckSlots, IterationSlots, OtherSlots, RequestSlots, StepSlots};
use super::table::{Key, Series, Table};
use super::window::{Lifecycle, Row, Value, Window};

/// How many distinct names a worker keeps, as a multiple of its rows.
const NAMES_PER_ROW: usize = 8;
/// Between a tag's name and value, and between tags, in an interned set.
const SEPARATORS: (char, char) = ('\u{1f}', '\u{1e}');

/// What one worker records. No clock: times come with the samples.
#[derive(Debug)]
pub struct Recorder {
    series: Series,
    calls: Table<CallSlots>,
    requests: Table<RequestSlots>,
    steps: Table<StepSlots>,
    iterations: Table<IterationSlots>,
    checks: Table<CheckSlots>,
    others: Table<OtherSlots>,
    errors: ErrorBook,
    lifecycles: Vec<Lifecycle>,
    scratch: String,
}

impl Recorder {
    /// A recorder for scenarios in the plan's order, with at most `series_cap` rows (beside those
    /// tagged `overflow`).
    pub fn new(scenarios: Vec<Arc<str>>, series_cap: usize) -> Recorder {
        Recorder {
            lifecycles: vec![Lifecycle::default(); scenarios.len()],
            series: Series {
                names: Names::with_cap(series_cap.saturating_mul(NAMES_PER_ROW)),
                scenarios,
                sets: FxHashMap::default(),
                cap: series_cap,
                rows: 0,
                overflowed: 0,
            },
            calls: Table::default(),
            requests: Table::default(),
            steps: Table::default(),
            iterations: Table::default(),
            checks: Table::default(),
            others: Table::default(),
            errors: ErrorBook::default(),
            scratch: String::new(),
        }
    }

    /// The id of a text; about 20 ns when known. See [`Names::intern`].
    pub fn intern(&mut self, text: &str) -> NameId {
        self.series.names.intern(text)
    }

    /// The text of an id.
    pub fn text(&self, id: NameId) -> Arc<str> {
        self.series.names.text(id).clone()
    }

    /// The id of a set of the author's tags, for [`Place::extra`]; the same set in the same order
    /// has the same id. About 50 ns when known.
    pub fn intern_tags(&mut self, tags: &[(&str, &str)]) -> NameId {
        self.scratch.clear();
        for (key, value) in tags {
            self.scratch.push_str(key);
            self.scratch.push(SEPARATORS.0);
            self.scratch.push_str(value);
            self.scratch.push(SEPARATORS.1);
        }
        let id = self.series.names.intern(&self.scratch);
        if id != Names::FULL && !self.series.sets.contains_key(&id) {
            let owned = tags.iter().map(|&(key, value)| (key.into(), value.into())).collect();
            self.series.sets.insert(id, owned);
        }
        id
    }

    /// The id of the set `base` with `tags` over it: of tags of one name the last counts.
    pub fn extend_tags(&mut self, base: NameId, tags: &[(&str, &str)]) -> NameId {
        let Some(known) = self.series.sets.get(&base).cloned() else {
            return self.intern_tags(tags);
        };
        let over = |key: &str| tags.iter().any(|(name, _)| *name == key);
        let kept = known.iter().map(|(key, value)| (&**key, &**value));
        let both: Vec<_> = kept.filter(|(key, _)| !over(key)).chain(tags.iter().copied()).collect();
        self.intern_tags(&both)
    }

    /// A call has ended.
    #[inline]
    pub fn call(&mut self, place: &Place, sample: &CallSample) {
        let key = Key {
            place: *place,
            name: sample.name,
            method: sample.method,
            error: sample.error,
            status: sample.status,
            expected: Some(sample.expected),
            outcome: Some(sample.outcome),
            ..Key::default()
        };
        self.calls.slots(key, &mut self.series).add(sample);
    }

    /// A request of a call has ended.
    #[inline]
    pub fn request(&mut self, place: &Place, sample: &RequestSample) {
        let key = Key {
            place: *place,
            name: sample.name,
            method: sample.method,
            error: sample.error,
            proto: sample.proto,
            peer: sample.peer,
            status: sample.status,
            hop: Some((sample.hop, sample.attempt)),
            expected: Some(sample.expected),
            ..Key::default()
        };
        self.requests.slots(key, &mut self.series).add(sample);
    }

    /// A step has ended; `place.step` is its own path.
    #[inline]
    pub fn step(&mut self, place: &Place, sample: &StepSample) {
        let key = Key { place: *place, outcome: Some(sample.outcome), ..Key::default() };
        self.steps.slots(key, &mut self.series).add(sample);
    }

    /// An iteration has ended.
    #[inline]
    pub fn iteration(&mut self, place: &Place, sample: &IterationSample) {
        let key = Key { place: *place, outcome: Some(sample.outcome), ..Key::default() };
        self.iterations.slots(key, &mut self.series).add(sample);
    }

    /// A check was made; `name` is its label.
    #[inline]
    pub fn check(&mut self, place: &Place, name: NameId, passed: bool) {
        let key = Key { place: *place, check: name, ..Key::default() };
        self.checks.slots(key, &mut self.series).add(passed);
    }

    /// An error arose, `at` since the run began; `status` is 0 if there was none. `exemplar` is
    /// called for the first of its kind. About 0.3 µs.
    pub fn error(
        &mut self,
        place: &Place,
        category: &'static str,
        status: u16,
        message: &str,
        at: Duration,
        exemplar: impl FnOnce() -> String,
    ) {
        let key = Key { place: *place, category: self.intern(category), status, ..Key::default() };
        let slots = self.others.slots(key, &mut self.series);
        add(slots.entry(metric::ERRORS, || Value::Counter(0)), 1);
        let step = self.series.names.text(place.step);
        let fault = Fault { category, scenario: place.scenario, step, status, message, at };
        self.errors.add(&fault, exemplar);
    }

    /// The counts of a scenario's arrivals since the last flip.
    #[inline]
    pub fn lifecycle(&mut self, scenario: u16) -> &mut Lifecycle {
        &mut self.lifecycles[usize::from(scenario)]
    }

    /// A gauge has a new value: this worker's part, which adds up with those of others.
    pub fn gauge(&mut self, place: &Place, metric: MetricId, value: f64) {
        let fresh = || Value::Gauge { last: 0.0, max: f64::MIN };
        let key = Key { place: *place, ..Key::default() };
        let slots = self.others.slots(key, &mut self.series);
        if let Value::Gauge { last, max } = slots.entry(metric, fresh) {
            *last = value;
            *max = max.max(value);
        }
    }

    /// A time of the worker itself, such as the lag of its loop.
    pub fn time(&mut self, metric: MetricId, duration: Duration) {
        let key = Key { placeless: true, ..Key::default() };
        let slots = self.others.slots(key, &mut self.series);
        if let Value::Histogram(histogram) =
            slots.entry(metric, || Value::Histogram(Box::default()))
        {
            histogram.record(duration);
        }
    }

    /// Hands out what was recorded since the last flip. Cost: about a microsecond per row that
    /// was fed.
    pub fn flip(&mut self, second: u32) -> Window {
        self.count_dropped();
        let mut rows = Vec::new();
        self.calls.drain(&mut rows);
        self.requests.drain(&mut rows);
        self.steps.drain(&mut rows);
        self.iterations.drain(&mut rows);
        self.checks.drain(&mut rows);
        self.others.drain(&mut rows);
        let (errors, errors_lost) = self.errors.drain();
        let lifecycles = self.lifecycles.iter_mut().map(std::mem::take).collect();
        let overflowed = std::mem::take(&mut self.series.overflowed);
        let rows = sorted(rows);
        Window { second, rows, lifecycles, errors, errors_lost, overflowed }
    }

    /// `iterations_dropped` by reason, from the lifecycles.
    fn count_dropped(&mut self) {
        for scenario in 0..self.lifecycles.len() {
            for (reason, count) in self.lifecycles[scenario].dropped.by_reason() {
                if count > 0 {
                    let scenario = u16::try_from(scenario).expect("scenarios are indexed by u16");
                    self.drop_iterations(scenario, reason, count);
                }
            }
        }
    }

    fn drop_iterations(&mut self, scenario: u16, reason: &'static str, count: u64) {
        let place = Place {
            scenario,
            phase: Phase::Load,
            extra: self.intern_tags(&[("reason", reason)]),
            ..Place::default()
        };
        let slots = self.others.slots(Key { place, ..Key::default() }, &mut self.series);
        add(slots.entry(metric::ITERATIONS_DROPPED, || Value::Counter(0)), count);
    }
}

fn add(value: &mut Value, count: u64) {
    if let Value::Counter(sum) = value {
        *sum += count;
    }
}

/// Rows in order of their tags, those of equal tags made one. The tables come sorted, which the
/// sort makes use of.
fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|a, b| a.tags.cmp(&b.tags));
    let mut merged: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match merged.last_mut() {
            Some(last) if last.tags == row.tags => {
                last.merge(&row, std::cmp::Ordering::Equal);
            }
            _ => merged.push(row),
        }
    }
    merged
}
