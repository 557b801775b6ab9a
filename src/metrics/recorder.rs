//! One worker's samples, by row, until they leave as a [`Window`].
//!
//! A sample costs a hash of small ids and a few additions: about 150 ns for a call with its
//! request. Rows stay once made (their number is capped), so a flip hands out sums and allocates
//! for nothing but what was fed.

mod author_tags;
mod traits;

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

pub use self::traits::Traits;
use super::errors::{ErrorBook, Fault};
use super::exemplar::{ExemplarBook, Traced};
use super::ledger::{Chosen, Ledgers, Subject};
use super::lifecycle::Reason;
use super::metric::{self, MetricId};
use super::names::{NameId, Names};
use super::own::Sample;
use super::request_log::{Logged, RequestLog};
use super::sample::{CallSample, IterationSample, Outcome, Place, RequestSample, StepSample};
use super::slots::{CallSlots, CheckSlots, IterationSlots, OtherSlots, RequestSlots, StepSlots};
use super::slowest::{Pass, Podium};
use super::span::Span;
use super::table::{Key, Series, Table};
use super::tags::{OUT_OF_DATA, REASON};
use super::trace::{Trace, Traces};
use super::window::{Lifecycle, Row, Value, Window};
use crate::secrets::Secrets;

/// How many distinct names a worker keeps, as a multiple of its rows.
const NAMES_PER_ROW: usize = 8;
/// What one worker records. No clock: times come with the samples.
pub struct Recorder {
    series: Series,
    calls: Table<CallSlots>,
    requests: Table<RequestSlots>,
    steps: Table<StepSlots>,
    iterations: Table<IterationSlots>,
    checks: Table<CheckSlots>,
    others: Table<OtherSlots>,
    errors: ErrorBook,
    exemplars: ExemplarBook,
    lifecycles: Vec<Lifecycle>,
    traces: Traces,
    /// By scenario.
    podiums: Vec<Podium>,
    ledgers: Ledgers,
    scratch: String,
    /// Who wants requests one by one.
    log: Option<Box<dyn RequestLog>>,
}

impl Recorder {
    /// A recorder for scenarios in the plan's order, with at most `series_cap` rows (beside those
    /// tagged `overflow`).
    pub fn new(scenarios: Vec<Arc<str>>, series_cap: usize) -> Recorder {
        Recorder {
            lifecycles: vec![Lifecycle::default(); scenarios.len()],
            traces: Traces::default(),
            podiums: scenarios.iter().map(|_| Podium::default()).collect(),
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
            ledgers: Ledgers::default(),
            errors: ErrorBook::default(),
            exemplars: ExemplarBook::default(),
            scratch: String::new(),
            log: None,
        }
    }

    /// What is left to chance in its ledgers follows from this.
    pub fn seed(mut self, seed: u64) -> Recorder {
        self.ledgers.seed(seed);
        self
    }

    /// Strikes these out of everything that is recorded from now on.
    pub fn masking(mut self, secrets: Arc<Secrets>) -> Recorder {
        self.series.names.keep(secrets);
        self
    }

    /// Hands each request to this too from now on.
    pub fn log_requests(&mut self, log: Box<dyn RequestLog>) {
        self.log = Some(log);
    }

    /// Whether [`log`](Self::log) has an effect.
    #[inline]
    pub fn logs_requests(&self) -> bool {
        self.log.is_some()
    }

    /// Hands on a request that has ended, `at` since the load began.
    pub fn log(&mut self, place: &Place, sample: &RequestSample, at: Duration, span: Option<Span>) {
        let Some(log) = &mut self.log else { return };
        let Series { names, scenarios, sets, .. } = &self.series;
        log.request(&Logged {
            at,
            sample,
            scenario: scenarios.get(usize::from(place.scenario)).map_or("", |name| name),
            phase: place.phase.as_str(),
            stage: names.text(place.stage),
            step: names.text(place.step),
            name: names.text(sample.name),
            method: names.text(sample.method),
            proto: names.text(sample.proto),
            error: names.text(sample.error),
            peer: names.text(sample.peer),
            span,
            tags: sets.get(&place.extra).map_or(&[][..], |tags| tags),
        });
    }

    /// The id of a text; about 20 ns when known. See [`Names::intern`].
    pub fn intern(&mut self, text: &str) -> NameId {
        self.series.names.intern(text)
    }

    /// The text of an id.
    pub fn text(&self, id: NameId) -> Arc<str> {
        self.series.names.text(id).clone()
    }

    /// A call has ended. Of one that is chosen for the ledger it is asked what is known of it; see
    /// [`keep`](Self::keep).
    #[inline]
    pub fn call(&mut self, place: &Place, sample: &CallSample) -> Option<Chosen> {
        let slots = self.calls.slots(key_of_call(place, sample), &mut self.series);
        slots.add(sample);
        let (&Place { scenario, step, .. }, &CallSample { name, method, .. }) = (place, sample);
        let subject = || Subject { scenario, step, name, method };
        self.ledgers.admits(&mut slots.seat, subject, sample.duration)
    }

    /// A request of a call has ended.
    #[inline]
    pub fn request(&mut self, place: &Place, sample: &RequestSample) {
        self.requests.slots(key_of_request(place, sample), &mut self.series).add(sample);
    }

    /// The call that was recorded last ended `at`, and its last request carried this.
    pub fn trace_call(&mut self, place: &Place, sample: &CallSample, at: Duration, span: Span) {
        let traced = Traced { duration: sample.duration, at, span };
        let key = key_of_call(place, sample);
        self.exemplars.add(key, metric::HTTP_CALL_DURATION, traced, self.series.cap);
    }

    /// The same of a request.
    pub fn trace_request(
        &mut self,
        place: &Place,
        sample: &RequestSample,
        at: Duration,
        span: Span,
    ) {
        let traced = Traced { duration: sample.duration, at, span };
        let key = key_of_request(place, sample);
        self.exemplars.add(key, metric::HTTP_REQ_DURATION, traced, self.series.cap);
    }

    /// A step has ended; `place.step` is its own path. Chosen is what [`call`](Self::call) says.
    #[inline]
    pub fn step(&mut self, place: &Place, sample: &StepSample) -> Option<Chosen> {
        let key = Key { place: *place, outcome: Some(sample.outcome), ..Key::default() };
        let slots = self.steps.slots(key, &mut self.series);
        slots.add(sample);
        let &Place { scenario, step, .. } = place;
        let subject = || Subject { scenario, step, ..Subject::default() };
        self.ledgers.admits(&mut slots.seat, subject, sample.duration)
    }

    /// A poll has ended.
    pub fn poll(&mut self, place: &Place, duration: Duration, outcome: Outcome) {
        let key = Key { place: *place, outcome: Some(outcome), ..Key::default() };
        self.record(key, &metric::POLL_DURATION, duration);
    }

    /// An iteration has ended.
    #[inline]
    pub fn iteration(&mut self, place: &Place, sample: &IterationSample) {
        let key = Key { place: *place, outcome: Some(sample.outcome), ..Key::default() };
        self.iterations.slots(key, &mut self.series).add(sample);
    }

    /// An iteration has ended because its data was used up: it is counted, and in no latency.
    #[cold]
    pub fn out_of_data(&mut self, place: &Place) {
        let extra = self.extend_tags(place.extra, &[(REASON, OUT_OF_DATA)]);
        let place = Place { extra, ..*place };
        let key = Key { place, outcome: Some(Outcome::Interrupted), ..Key::default() };
        self.iterations.slots(key, &mut self.series).cut_short();
    }

    /// So many arrivals will never start, of those that were planned.
    #[cold]
    pub fn drop_iterations(&mut self, place: &Place, reason: Reason, count: u64) {
        self.lifecycle(place.scenario).dropped.add(reason, count);
        let extra = self.extend_tags(place.extra, &[(REASON, reason.as_str())]);
        let place = Place { extra, ..*place };
        let slots = self.others.slots(Key { place, ..Key::default() }, &mut self.series);
        add(slots.entry(&metric::ITERATIONS_DROPPED, || Value::Counter(0)), count);
    }

    /// Fits traces to the number of users; see [`Traces::fit`].
    pub fn expect_users(&mut self, users: usize) {
        self.traces.fit(users);
    }

    /// An empty trace for an iteration that begins.
    #[inline]
    pub fn lend_trace(&mut self) -> Trace {
        self.traces.lend()
    }

    /// An iteration has ended: if it is among the slowest of its scenario it is kept whole.
    #[inline]
    pub fn end_trace(&mut self, scenario: u16, pass: Pass, trace: Trace) {
        let podium = &mut self.podiums[usize::from(scenario)];
        if podium.admits(pass.response_time) {
            podium.keep(pass, &trace, &self.series.names);
        }
        self.traces.take_back(trace);
    }

    /// An iteration has ended that is among none.
    pub fn discard_trace(&mut self, trace: Trace) {
        self.traces.take_back(trace);
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
        add(slots.entry(&metric::ERRORS, || Value::Counter(0)), 1);
        let names = &self.series.names;
        let (step, message) = (names.text(place.step), &*names.masked(message));
        let fault = Fault { category, scenario: place.scenario, step, status, message, at };
        self.errors.add(&fault, || names.masked(&exemplar()).into_owned());
    }

    /// The counts of a scenario's arrivals since the last flip.
    #[inline]
    pub fn lifecycle(&mut self, scenario: u16) -> &mut Lifecycle {
        &mut self.lifecycles[usize::from(scenario)]
    }

    /// A gauge has a new value: this worker's part, which adds up with those of others.
    pub fn gauge(&mut self, place: &Place, metric: &MetricId, value: f64) {
        self.level(Key { place: *place, ..Key::default() }, metric, value);
    }

    /// A gauge of the worker itself.
    pub fn gauge_of_worker(&mut self, metric: &MetricId, value: f64) {
        self.level(Key { placeless: true, ..Key::default() }, metric, value);
    }

    fn level(&mut self, key: Key, metric: &MetricId, value: f64) {
        let fresh = || Value::Gauge { last: 0.0, max: f64::MIN };
        let slots = self.others.slots(key, &mut self.series);
        if let Value::Gauge { last, max } = slots.entry(metric, fresh) {
            *last = value;
            *max = max.max(value);
        }
    }

    /// A time of the worker itself, such as the lag of its loop.
    pub fn time(&mut self, metric: &MetricId, duration: Duration) {
        self.record(Key { placeless: true, ..Key::default() }, metric, duration);
    }

    /// A sample of one of the author's metrics. About 30 ns.
    pub fn own(&mut self, place: &Place, metric: &MetricId, sample: Sample) {
        let outcome = if let Sample::Time(_, outcome) = sample { Some(outcome) } else { None };
        let key = Key { place: *place, outcome, ..Key::default() };
        sample.add_to(self.others.slots(key, &mut self.series), metric);
    }

    fn record(&mut self, key: Key, metric: &MetricId, duration: Duration) {
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
        if let Some(log) = &mut self.log {
            log.flush();
        }
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
        let slowest = self.podiums.iter_mut().map(Podium::flip).collect();
        let exemplars = self.exemplars.drain(&self.series);
        Window {
            second,
            rows,
            lifecycles,
            slowest,
            exemplars,
            ledgers: Vec::new(),
            errors,
            errors_lost,
            busy: Vec::new(),
            overflowed,
        }
    }
}

#[inline]
fn key_of_call(place: &Place, sample: &CallSample) -> Key {
    Key {
        place: *place,
        name: sample.name,
        method: sample.method,
        error: sample.error,
        status: sample.status,
        expected: Some(sample.expected),
        outcome: Some(sample.outcome),
        ..Key::default()
    }
}

#[inline]
fn key_of_request(place: &Place, sample: &RequestSample) -> Key {
    Key {
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

#[cfg(test)]
mod tests;
