//! Calls, steps and checks of a run's load, a row for each name.

use std::collections::BTreeMap;

use super::run_info::RunInfo;
use super::summary::{Check, Distribution, Rate, Request, Step};
use crate::metrics::query::GroupKey;
use crate::metrics::{MetricId, Selector, Value, Window, metric};

/// What tells calls apart.
const CALL: [&str; 4] = ["scenario", "step", "name", "method"];

/// What calls are named whose series were too many.
const OVERFLOW: &str = "(overflow)";

/// Rows of one metric by some tags.
type Groups<'w> = BTreeMap<GroupKey<'w>, Value>;

/// Counts of such rows by the values of one more tag.
type Counts<'w> = BTreeMap<GroupKey<'w>, BTreeMap<String, u64>>;

/// Calls, in the order of scenarios, steps and names.
pub fn requests(totals: &Window, run: &RunInfo) -> Vec<Request> {
    let by = |metric, tags: &[&str]| totals.group_by(&Selector::of(metric), tags);
    let failed = by(metric::HTTP_CALL_FAILED, &CALL);
    let times = by(metric::HTTP_CALL_DURATION, &CALL);
    let statuses = split_calls(totals, "status");
    let errors = split_calls(totals, "error");
    let calls = by(metric::HTTP_CALLS, &CALL);
    let sent = bytes(&calls, &by(metric::DATA_SENT, &CALL));
    let received = bytes(&calls, &by(metric::DATA_RECEIVED, &CALL));
    let load = loads(run);
    let row = |(key, count): (&GroupKey, &Value)| Request {
        scenario: key[0].to_owned(),
        step: key[1].to_owned(),
        name: if key[2].is_empty() { OVERFLOW } else { key[2] }.to_owned(),
        method: key[3].to_owned(),
        count: count.counter(),
        failed: hits(failed.get(key)),
        rate_per_s: per_second(count.counter(), load(key[0])),
        bytes_sent: sent.get(key).copied().unwrap_or(0),
        bytes_received: received.get(key).copied().unwrap_or(0),
        statuses: statuses.get(key).cloned().unwrap_or_default(),
        errors: errors.get(key).cloned().unwrap_or_default(),
        duration_ms: distribution(times.get(key)),
        uncompressed_percent: None,
    };
    in_order(run, calls.iter().map(row).collect(), |call| &call.scenario)
}

/// Calls of each row by the values of one more tag; calls without it are not in it.
fn split_calls<'w>(totals: &'w Window, tag: &str) -> Counts<'w> {
    let [scenario, step, name, method] = CALL;
    let calls = Selector::of(metric::HTTP_CALLS).without(tag, "");
    split(totals.group_by(&calls, &[scenario, step, name, method, tag]))
}

/// Groups of counters, by the last of their tags within the others.
fn split(groups: Groups<'_>) -> Counts<'_> {
    let mut rows = Counts::new();
    for (mut key, value) in groups {
        let last = key.pop().expect("a tag at least").to_owned();
        rows.entry(key).or_default().insert(last, value.counter());
    }
    rows
}

/// What a selector means of errors, by category; rates are over so many seconds.
pub(super) fn errors(totals: &Window, errors: &Selector, seconds: f64) -> BTreeMap<String, Rate> {
    let categories = split(totals.group_by(errors, &["category"]));
    rates(categories.get(&Vec::new()), seconds)
}

fn rates(counts: Option<&BTreeMap<String, u64>>, seconds: f64) -> BTreeMap<String, Rate> {
    let rate = |(category, &count): (&String, &u64)| {
        (category.clone(), Rate { count, rate_per_s: per_second(count, seconds) })
    };
    counts.into_iter().flatten().map(rate).collect()
}

/// Bytes of each row of calls. A redirect may change the method of a hop: what no call has, goes
/// to the first call of that name.
fn bytes<'w>(calls: &Groups<'w>, bytes: &Groups<'w>) -> BTreeMap<GroupKey<'w>, u64> {
    let mut sums = BTreeMap::<GroupKey, u64>::new();
    for (key, value) in bytes {
        let owner = match calls.contains_key(key) {
            true => Some(key),
            false => calls.keys().find(|call| call[..3] == key[..3]),
        };
        if let Some(owner) = owner {
            *sums.entry(owner.clone()).or_default() += value.counter();
        }
    }
    sums
}

/// Steps, in the order of scenarios and paths.
pub fn steps(totals: &Window, run: &RunInfo) -> Vec<Step> {
    let tags = ["scenario", "step"];
    let passes = totals.group_by(&Selector::of(metric::STEP_DURATION).any("outcome"), &tags);
    let times = totals.group_by(&Selector::of(metric::STEP_DURATION), &tags);
    let failed = totals.group_by(&Selector::of(metric::STEP_FAILED), &tags);
    // What lies outside steps is of none of them, least of all of those beyond the cap.
    let errors = Selector::of(metric::ERRORS).without("step", "");
    let errors = split(totals.group_by(&errors, &["scenario", "step", "category"]));
    let load = loads(run);
    let row = |(key, passes): (&GroupKey, &Value)| {
        let count = passes.histogram().map_or(0, |times| times.count());
        Step {
            scenario: key[0].to_owned(),
            step: if key[1].is_empty() { OVERFLOW } else { key[1] }.to_owned(),
            count,
            failed: hits(failed.get(key)),
            rate_per_s: per_second(count, load(key[0])),
            duration_ms: distribution(times.get(key)),
            errors: rates(errors.get(key), load(key[0])),
        }
    };
    in_order(run, passes.iter().map(row).collect(), |step| &step.scenario)
}

/// Checks, in the order of scenarios, steps and labels.
pub fn checks(totals: &Window, run: &RunInfo) -> Vec<Check> {
    let checks = Selector::of(metric::CHECKS);
    let checks = totals.group_by(&checks, &["scenario", "step", "check"]);
    let row = |(key, value): (&GroupKey, &Value)| {
        let (passed, total) = rate(Some(value));
        Check {
            scenario: key[0].to_owned(),
            step: key[1].to_owned(),
            name: if key[2].is_empty() { OVERFLOW } else { key[2] }.to_owned(),
            passed,
            failed: total - passed,
        }
    };
    in_order(run, checks.iter().map(row).collect(), |check| &check.scenario)
}

/// Rows by the plan's order of scenarios; within one as they come.
fn in_order<T>(run: &RunInfo, mut rows: Vec<T>, scenario: impl Fn(&T) -> &str) -> Vec<T> {
    rows.sort_by_key(|row| run.scenarios.iter().position(|one| *one.name == *scenario(row)));
    rows
}

/// A scenario's length of load [s].
fn loads(run: &RunInfo) -> impl Fn(&str) -> f64 {
    |name| {
        let scenario = run.scenarios.iter().find(|scenario| *scenario.name == *name);
        scenario.map_or(run.load, |scenario| scenario.load).as_secs_f64()
    }
}

/// A count over a length of time; 0 over none.
pub(super) fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

/// Hits of a rate, and out of how many; 0 of 0 without samples.
pub(super) fn rate(value: Option<&Value>) -> (u64, u64) {
    if let Some(Value::Rate { hits, total }) = value { (*hits, *total) } else { (0, 0) }
}

fn hits(value: Option<&Value>) -> u64 {
    rate(value).0
}

fn distribution(value: Option<&Value>) -> Distribution {
    value.and_then(Value::histogram).map_or_else(Distribution::default, Distribution::of)
}

/// Hits of all that a metric's defaults mean.
pub(super) fn failed(totals: &Window, metric: MetricId) -> u64 {
    hits(totals.fold(&Selector::of(metric)).as_ref())
}
