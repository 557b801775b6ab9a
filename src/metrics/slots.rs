//! What each kind of sample feeds: one struct of counters per kind of row.

use std::mem;
use std::time::Duration;

use super::histogram::Histogram;
use super::ledger::Seat;
use super::metric::{self, MetricId};
use super::names::Names;
use super::own::Sample;
use super::sample::{CallSample, IterationSample, Outcome, RequestSample, StepSample};
use super::table::{Key, Slots};
use super::value::Value;

/// Calls.
#[derive(Debug)]
pub(super) struct CallSlots {
    /// Which ledger they are in.
    pub seat: Seat,
    calls: u64,
    failed: Share,
    duration: Histogram,
}

impl Default for CallSlots {
    fn default() -> Self {
        CallSlots {
            seat: Seat::NONE,
            calls: 0,
            failed: Share::default(),
            duration: Histogram::default(),
        }
    }
}

impl CallSlots {
    #[inline]
    pub fn add(&mut self, sample: &CallSample) {
        self.calls += 1;
        self.failed.add(sample.outcome);
        self.duration.record(sample.duration);
    }
}

impl Slots for CallSlots {
    /// In the ledger is what a latency of the load covers.
    fn opened(&mut self, key: &Key, names: &Names) {
        let timed = key.expected == Some(true) || &**names.text(key.error) == "timeout";
        if timed && key.is_of_load() {
            self.seat = Seat::UNKNOWN;
        }
    }

    fn drain(&mut self) -> Vec<(MetricId, Value)> {
        collect([
            counter(metric::HTTP_CALLS, &mut self.calls),
            histogram(metric::HTTP_CALL_DURATION, &mut self.duration),
            self.failed.drain(metric::HTTP_CALL_FAILED),
        ])
    }
}

/// Requests.
#[derive(Debug, Default)]
pub(super) struct RequestSlots {
    requests: u64,
    failed: Share,
    sent: u64,
    received: u64,
    opened: u64,
    reused: u64,
    connect_failed: u64,
    duration: Histogram,
    blocked: Histogram,
    dns: Histogram,
    connecting: Histogram,
    tls: Histogram,
    sending: Histogram,
    waiting: Histogram,
    receiving: Histogram,
}

impl RequestSlots {
    #[inline]
    pub fn add(&mut self, sample: &RequestSample) {
        self.requests += 1;
        self.failed.hits += u64::from(!sample.expected);
        self.failed.total += 1;
        self.sent += sample.bytes_sent;
        self.received += sample.bytes_received;
        self.reused += u64::from(sample.reused);
        self.connect_failed += u64::from(sample.connect_failed);
        self.duration.record(sample.duration);
        self.blocked.record(sample.blocked);
        self.sending.record(sample.send);
        self.waiting.record(sample.wait);
        self.receiving.record(sample.receive);
        if sample.opened > 0 {
            self.add_connection(sample);
        }
    }

    /// Set-up is timed where it took place; a literal address needs no name resolved, plain HTTP
    /// no TLS, and of requests side by side one may be counted with the connection of another.
    #[cold]
    fn add_connection(&mut self, sample: &RequestSample) {
        self.opened += u64::from(sample.opened);
        if !sample.connect.is_zero() {
            self.connecting.record(sample.connect);
        }
        if !sample.dns.is_zero() {
            self.dns.record(sample.dns);
        }
        if !sample.tls.is_zero() {
            self.tls.record(sample.tls);
        }
    }
}

impl Slots for RequestSlots {
    fn drain(&mut self) -> Vec<(MetricId, Value)> {
        collect([
            counter(metric::HTTP_REQS, &mut self.requests),
            histogram(metric::HTTP_REQ_DURATION, &mut self.duration),
            self.failed.drain(metric::HTTP_REQ_FAILED),
            histogram(metric::HTTP_REQ_BLOCKED, &mut self.blocked),
            histogram(metric::HTTP_REQ_DNS, &mut self.dns),
            histogram(metric::HTTP_REQ_CONNECTING, &mut self.connecting),
            histogram(metric::HTTP_REQ_TLS_HANDSHAKING, &mut self.tls),
            histogram(metric::HTTP_REQ_SENDING, &mut self.sending),
            histogram(metric::HTTP_REQ_WAITING, &mut self.waiting),
            histogram(metric::HTTP_REQ_RECEIVING, &mut self.receiving),
            counter(metric::DATA_SENT, &mut self.sent),
            counter(metric::DATA_RECEIVED, &mut self.received),
            counter(metric::CONNECTIONS_OPENED, &mut self.opened),
            counter(metric::CONNECTIONS_REUSED, &mut self.reused),
            counter(metric::CONNECTIONS_FAILED, &mut self.connect_failed),
        ])
    }
}

/// Steps.
#[derive(Debug)]
pub(super) struct StepSlots {
    /// Which ledger they are in.
    pub seat: Seat,
    failed: Share,
    duration: Histogram,
}

impl Default for StepSlots {
    fn default() -> Self {
        let (failed, duration) = (Share::default(), Histogram::default());
        StepSlots { seat: Seat::NONE, failed, duration }
    }
}

impl StepSlots {
    #[inline]
    pub fn add(&mut self, sample: &StepSample) {
        self.failed.add(sample.outcome);
        self.duration.record(sample.duration);
    }
}

impl Slots for StepSlots {
    fn opened(&mut self, key: &Key, _: &Names) {
        if key.outcome == Some(Outcome::Completed) && key.is_of_load() {
            self.seat = Seat::UNKNOWN;
        }
    }

    fn drain(&mut self) -> Vec<(MetricId, Value)> {
        collect([
            histogram(metric::STEP_DURATION, &mut self.duration),
            self.failed.drain(metric::STEP_FAILED),
        ])
    }
}

/// Iterations.
#[derive(Debug, Default)]
pub(super) struct IterationSlots {
    completed: u64,
    failed: u64,
    interrupted: u64,
    late: u64,
    duration: Histogram,
    response: Histogram,
    lag_users: Histogram,
    lag_generator: Histogram,
}

impl IterationSlots {
    #[inline]
    pub fn add(&mut self, sample: &IterationSample) {
        match sample.outcome {
            Outcome::Completed => self.completed += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Interrupted => self.interrupted += 1,
        }
        self.late += u64::from(sample.late);
        self.duration.record(sample.duration);
        self.response.record(sample.lag + sample.duration);
        self.lag_users.record(sample.lag_users);
        self.lag_generator.record(sample.lag.saturating_sub(sample.lag_users));
    }

    /// One that ended before its time, and whose times say nothing.
    pub fn cut_short(&mut self) {
        self.interrupted += 1;
    }
}

impl Slots for IterationSlots {
    fn drain(&mut self) -> Vec<(MetricId, Value)> {
        let mut ended = self.completed + self.failed;
        let mut failed = Share { hits: self.failed, total: ended };
        self.completed = 0;
        collect([
            histogram(metric::ITERATION_DURATION, &mut self.duration),
            histogram(metric::ITERATION_RESPONSE_TIME, &mut self.response),
            histogram(metric::ITERATION_LAG_USERS, &mut self.lag_users),
            histogram(metric::ITERATION_LAG_GENERATOR, &mut self.lag_generator),
            failed.drain(metric::ITERATION_FAILED),
            counter(metric::ITERATIONS, &mut ended),
            counter(metric::ITERATIONS_LATE, &mut self.late),
            counter(metric::ITERATIONS_FAILED, &mut self.failed),
            counter(metric::ITERATIONS_INTERRUPTED, &mut self.interrupted),
        ])
    }
}

/// Checks.
#[derive(Debug, Default)]
pub(super) struct CheckSlots(Share);

impl CheckSlots {
    #[inline]
    pub fn add(&mut self, passed: bool) {
        self.0.hits += u64::from(passed);
        self.0.total += 1;
    }
}

impl Slots for CheckSlots {
    fn drain(&mut self) -> Vec<(MetricId, Value)> {
        collect([self.0.drain(metric::CHECKS)])
    }
}

/// Single values by metric: gauges, error counts, the worker's own times. Few to a row.
#[derive(Debug, Default)]
pub(super) struct OtherSlots(Vec<(MetricId, Value)>);

impl OtherSlots {
    /// The value of a metric, made from `fresh` if it is the first since the last flip.
    pub fn entry(&mut self, metric: &MetricId, fresh: fn() -> Value) -> &mut Value {
        let index = match self.0.binary_search_by(|(id, _)| id.cmp(metric)) {
            Ok(index) => index,
            Err(index) => {
                self.0.insert(index, (metric.clone(), fresh()));
                index
            }
        };
        &mut self.0[index].1
    }
}

impl Sample {
    /// Adds itself to what is counted of its metric.
    pub(super) fn add_to(self, slots: &mut OtherSlots, metric: &MetricId) {
        let fresh = match self {
            Sample::Count(_) => || Value::Counter(0),
            Sample::Hit(_) => || Value::Rate { hits: 0, total: 0 },
            Sample::Level { .. } => || NEVER_SET,
            Sample::Number(_) | Sample::Time(..) => || Value::Histogram(Box::default()),
        };
        match (self, slots.entry(metric, fresh)) {
            (Sample::Count(count), Value::Counter(sum)) => *sum = sum.saturating_add(count),
            (Sample::Hit(hit), Value::Rate { hits, total }) => {
                *hits += u64::from(hit);
                *total += 1;
            }
            (Sample::Level { at, value }, Value::Level { at: then, last, max }) => {
                (*then, *last, *max) = (at, value, max.max(value));
            }
            (Sample::Number(number), Value::Histogram(numbers)) => numbers.record_number(number),
            (Sample::Time(duration, _), Value::Histogram(times)) => times.record(duration),
            _ => unreachable!("a metric has one kind"),
        }
    }
}

/// A level before it is set.
const NEVER_SET: Value = Value::Level { at: Duration::ZERO, last: f64::MIN, max: f64::MIN };

impl Slots for OtherSlots {
    fn drain(&mut self) -> Vec<(MetricId, Value)> {
        mem::take(&mut self.0)
    }
}

/// Hits out of a total.
#[derive(Debug, Default)]
struct Share {
    hits: u64,
    total: u64,
}

impl Share {
    /// Failures out of what came to its own end: what was cut off is neither.
    #[inline]
    fn add(&mut self, outcome: Outcome) {
        self.hits += u64::from(outcome == Outcome::Failed);
        self.total += u64::from(outcome != Outcome::Interrupted);
    }

    fn drain(&mut self, id: MetricId) -> Option<(MetricId, Value)> {
        let Share { hits, total } = mem::take(self);
        (total > 0).then_some((id, Value::Rate { hits, total }))
    }
}

fn counter(id: MetricId, count: &mut u64) -> Option<(MetricId, Value)> {
    let count = mem::take(count);
    (count > 0).then_some((id, Value::Counter(count)))
}

/// A row that was busy gets room for as many samples again; one that went idle gives it back.
fn histogram(id: MetricId, samples: &mut Histogram) -> Option<(MetricId, Value)> {
    let taken = samples.take();
    (!taken.is_empty()).then(|| (id, Value::Histogram(Box::new(taken))))
}

/// Those that there are, in the order given: that of the metrics.
fn collect<const N: usize>(values: [Option<(MetricId, Value)>; N]) -> Vec<(MetricId, Value)> {
    values.into_iter().flatten().collect()
}
