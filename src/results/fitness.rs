//! Whether a run can be believed: was this tool punctual, and was the load one that could last?
//!
//! Verdict rules 2 and 4 of the contract, as sentences. Pure functions of what was recorded.

use std::time::Duration;

use super::build::Sources;
use super::format::{count, counted, length, ms};
use super::summary::{Scenario, Threshold};
use crate::metrics::lifecycle::Reason;
use crate::metrics::{Selector, Value, Window, metric};
use crate::plan::condition::{Condition, Op};

/// A worker above that many percent of a core has nothing left to be punctual with, and one that
/// was so for so many seconds in a row may have been late in ways that no lag shows.
pub const BUSY: u16 = 90;
const BUSY_SECONDS: usize = 5;

/// Lag that is tolerated whatever the latencies [ms], and as a share of them.
const LAG_MS: f64 = 5.0;
const LAG_SHARE: f64 = 0.1;

/// What this tool may drop of what was planned: more, and it would be the p99 of its lag.
const DROPPED_SHARE: f64 = 0.01;

/// Fewer starts have no p99: one that was late by chance would be it.
pub const LAG_SAMPLES: u64 = 100;

/// A loop that wakes so late did not run at all in between.
pub const STANDSTILL: Duration = Duration::from_secs(2);

/// A load of which more than this was dropped was not delivered.
const DELIVERED_SHORT: f64 = 0.05;

/// Why the tool itself may have bent the numbers; empty if it was punctual.
pub fn measurement_failures(sources: &Sources, scenarios: &[Scenario]) -> Vec<String> {
    let mut failures = Vec::new();
    let streaks = sources.busy.split(|percent| *percent <= BUSY).map(<[u16]>::len);
    let longest = streaks.max().unwrap_or_default();
    if longest >= BUSY_SECONDS {
        let seconds = counted(longest as u64, "second");
        failures
            .push(format!("a worker of this tool was busy above {BUSY} % for {seconds} in a row"));
    }
    failures.extend(stood_still(sources));
    failures.extend(scenarios.iter().filter_map(late));
    let resource: u64 = sources
        .totals
        .errors
        .iter()
        .filter(|error| error.category == "resource")
        .map(|error| error.count)
        .sum();
    if resource > 0 {
        let times = counted(resource, "time");
        failures.push(format!("this tool ran out of descriptors, ports or memory {times}"));
    }
    failures
}

/// Failed calls that this tool may have caused itself, where it was the bottleneck: what it had not
/// the means for, and what it may have been too slow to see. A refused or broken connection is the
/// target's doing, as an answer is.
pub fn perhaps_ours(totals: &Window, failed: &Selector) -> u64 {
    let of = |error| match totals.fold(&failed.clone().with("error", error)) {
        Some(Value::Rate { hits, .. }) => hits,
        _ => 0,
    };
    of("resource") + of("timeout")
}

/// Whether no worker's loop woke for long: the process was stopped, or the machine slept.
fn stood_still(sources: &Sources) -> Option<String> {
    let lag = sources.totals.fold(&Selector::of(metric::LOOP_LAG).any("phase"));
    let longest = lag.as_ref().and_then(Value::histogram)?.max()?;
    // Since when, nobody knows: a loop is looked at once a second, when it is to wake.
    (longest >= STANDSTILL)
        .then(|| format!("this tool stood still for {} or more", length(longest)))
}

/// Whether the tool was later than the latencies of the scenario can bear, or so late that it had to
/// drop what would then be the latest.
fn late(scenario: &Scenario) -> Option<String> {
    let dropped = scenario.dropped_by_reason.get(Reason::Generator.as_str()).copied();
    let dropped = dropped.unwrap_or_default();
    if dropped as f64 > DROPPED_SHARE * scenario.iterations.planned as f64 {
        return Some(format!(
            "this tool came too late to {} of {}, and dropped them",
            counted(dropped, "planned iteration"),
            scenario.name
        ));
    }
    let lag =
        scenario.lag_generator_ms.p99.filter(|_| scenario.lag_generator_ms.count >= LAG_SAMPLES)?;
    let tolerated = bearable_lag(scenario.response_time_ms.p99.unwrap_or_default());
    (lag > tolerated).then(|| {
        format!(
            "this tool started iterations of {} late: p99 {}, of which {} can be borne",
            scenario.name,
            ms(lag),
            ms(tolerated)
        )
    })
}

/// Lag of this tool that latencies with such a p99 can bear, all in ms.
pub fn bearable_lag(p99_ms: f64) -> f64 {
    LAG_MS.max(LAG_SHARE * p99_ms)
}

/// Whether our being late made nothing look better than it is: all is open, nothing is missing,
/// and latency is judged from when someone would have come, or over whole calls.
pub fn errs_on_the_safe_side(
    sources: &Sources,
    scenarios: &[Scenario],
    thresholds: &[Threshold],
) -> bool {
    let whole = scenarios.iter().all(|scenario| scenario.iterations.dropped == 0);
    let open = sources.run.scenarios.iter().all(|scenario| scenario.open);
    let holds = |one: &Threshold| one.ok && one.samples >= one.min_samples;
    let safe = |one: &Threshold| {
        one.unit != "ms"
            || ["iteration_response_time", "http_call_"].iter().any(|m| one.metric.starts_with(m))
    };
    whole
        && open
        && sources.lost_windows == 0
        && !thresholds.is_empty()
        && thresholds.iter().all(|one| holds(one) && safe(one))
}

/// Scenarios whose backlog grew to the end of the load, as sentences: their percentiles mean only
/// how long the test was.
pub fn unstable(scenarios: &[Scenario]) -> Vec<String> {
    let growing =
        scenarios.iter().filter_map(|scenario| Some((scenario, scenario.backlog_growth_per_s?)));
    let told = growing.map(|(scenario, growth)| {
        format!(
            "{} is unstable: its backlog grows by {}/s",
            scenario.name,
            count(growth.ceil() as u64)
        )
    });
    told.collect()
}

/// Thresholds on requests alone that hold while arrivals waited for users, as sentences.
pub fn hidden_waits(scenarios: &[Scenario], thresholds: &[Threshold]) -> Vec<String> {
    let mut told = Vec::new();
    for threshold in thresholds {
        let Some(series) = hides_waits(threshold) else { continue };
        for scenario in scenarios.iter().filter(|one| series.admits("scenario", &one.name)) {
            let wait = scenario.lag_users_ms.p95.unwrap_or_default();
            if wait > threshold.limit / 10.0 {
                told.push(format!(
                    "{} {} hides waiting: arrivals of {} waited {} for a user (p95)",
                    threshold.metric,
                    threshold.expression,
                    scenario.name,
                    ms(wait)
                ));
            }
        }
    }
    told
}

/// The series of a threshold that holds, bounds requests alone from above, and so says nothing of
/// who waits before one is sent.
fn hides_waits(threshold: &Threshold) -> Option<Selector> {
    let series = Selector::parse(&threshold.metric).ok()?;
    if !threshold.ok || threshold.unit != "ms" || *series.metric() != metric::HTTP_REQ_DURATION {
        return None;
    }
    let condition = Condition::parse(series.metric(), &threshold.expression).ok()?;
    matches!(condition.op, Op::Less | Op::LessOrEqual).then_some(series)
}

/// Scenarios with planned starts of which too many were dropped, by whosever doing, as sentences,
/// but for those that a threshold judges: that was not the load asked for.
pub fn undelivered(scenarios: &[Scenario], thresholds: &[Threshold]) -> Vec<String> {
    let judged = |scenario: &Scenario| {
        let on_drops = |one: &Threshold| {
            Selector::parse(&one.metric).is_ok_and(|series| {
                *series.metric() == metric::ITERATIONS_DROPPED
                    && series.admits("scenario", &scenario.name)
            })
        };
        thresholds.iter().any(on_drops)
    };
    let short = |scenario: &&Scenario| {
        let (dropped, planned) = (scenario.iterations.dropped, scenario.iterations.planned);
        scenario.adherence_percent.is_some() && dropped as f64 > DELIVERED_SHORT * planned as f64
    };
    let told =
        scenarios.iter().filter(short).filter(|scenario| !judged(scenario)).map(|scenario| {
            format!(
                "{} of {} planned iterations of {} never started: the load was not delivered",
                count(scenario.iterations.dropped),
                count(scenario.iterations.planned),
                scenario.name
            )
        });
    told.collect()
}

#[cfg(test)]
mod tests;
