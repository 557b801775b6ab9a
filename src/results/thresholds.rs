//! Thresholds, judged over the totals of a run; those that slide over it are [`watch`](super::watch)ed.
//!
//! A counter without a sample is 0; for anything else no sample is no data, which fails unless the
//! threshold is optional or a default.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::run_info::RunInfo;
use super::summary;
use super::watch::Watched;
use crate::metrics::query::matching;
use crate::metrics::{Kind, Row, TagSet, Unit, Value, Window};
use crate::plan::Threshold;
use crate::plan::condition::{Measure, observed};

/// Tags that tell how something went rather than what it was: `each` looks past them, unless the
/// selector names them.
const CIRCUMSTANCES: [&str; 9] =
    ["error", "expected", "hop", "outcome", "peer", "phase", "proto", "status", "try"];

/// Rows of one series and their values of its metric.
pub(super) type Samples<'r> = Vec<(&'r Row, &'r Value)>;

/// Judges a threshold over the whole of a run; with `each`, there is one result per series.
pub fn judge(threshold: &Threshold, totals: &Window, run: &RunInfo) -> Vec<summary::Threshold> {
    judge_beside(threshold, totals, run, None)
}

/// The same, where it may have been judged while the run went on.
pub(super) fn judge_beside(
    threshold: &Threshold,
    totals: &Window,
    run: &RunInfo,
    watched: Option<&Watched>,
) -> Vec<summary::Threshold> {
    let mut series = series(threshold, &totals.rows);
    if series.is_empty() {
        series.insert(TagSet::default(), Samples::new());
    }
    let judged = series.into_iter().map(|(tags, samples)| {
        let judged = judge_one(threshold, &tags, &samples, run);
        match watched {
            Some(watched) => watched.told(&tags, judged),
            None => judged,
        }
    });
    judged.collect()
}

/// What a threshold judges as one: with `each` by the tags of each series, else all of it under
/// no tags.
pub(super) fn series<'r>(threshold: &Threshold, rows: &'r [Row]) -> BTreeMap<TagSet, Samples<'r>> {
    let told = |tag: &str| !CIRCUMSTANCES.contains(&tag) || threshold.series.names(tag);
    let mut series = BTreeMap::<TagSet, Samples>::new();
    for (row, value) in matching(rows, &threshold.series) {
        let tags = match threshold.each {
            true => row.tags.only(told),
            false => TagSet::default(),
        };
        series.entry(tags).or_default().push((row, value));
    }
    series
}

/// All samples as one value; of a counter 0 where there are none.
pub(super) fn sum(threshold: &Threshold, samples: &Samples) -> Option<Value> {
    let mut values = samples.iter().map(|(_, value)| *value);
    let whole = values.next().map(|first| {
        let mut whole = first.clone();
        values.for_each(|value| whole.merge(value, Ordering::Equal));
        whole
    });
    whole.or_else(|| none(threshold))
}

/// What there is without a sample.
pub(super) fn none(threshold: &Threshold) -> Option<Value> {
    (threshold.series.metric().metric().kind == Kind::Counter).then_some(Value::Counter(0))
}

fn judge_one(
    threshold: &Threshold,
    tags: &TagSet,
    samples: &Samples,
    run: &RunInfo,
) -> summary::Threshold {
    let condition = &threshold.condition;
    let value = sum(threshold, samples);
    let observed = value.as_ref().and_then(|value| {
        let length = || load(threshold, samples, run).as_secs_f64();
        observed(value, threshold.condition.stat, unit_of(threshold), length)
    });
    let without = threshold.optional || threshold.default;
    summary::Threshold {
        metric: match tags.iter().next() {
            None => threshold.selector.clone(),
            Some(_) => format!("{}{{{tags}}}", threshold.series.metric().metric().name),
        },
        expression: threshold.expression.clone(),
        observed,
        limit: condition.limit,
        unit: unit(condition.measure).to_owned(),
        ok: observed.map_or(without, |value| condition.holds(value)),
        default: threshold.default,
        samples: value.as_ref().map_or(0, counted),
        min_samples: threshold.least_samples(),
        window_s: threshold.window,
        crossed_at_s: None,
        ended_run: false,
    }
}

pub(super) fn unit_of(threshold: &Threshold) -> Unit {
    threshold.series.metric().metric().unit
}

/// How many samples a value is made of.
pub(super) fn counted(value: &Value) -> u64 {
    match value {
        Value::Counter(sum) => *sum,
        Value::Rate { total, .. } => *total,
        Value::Gauge { .. } | Value::Level { .. } => 1,
        Value::Histogram(times) => times.count(),
    }
}

/// The length of the load that the rows meant belong to: of the stage or the scenario that was
/// picked, else the whole.
fn load(threshold: &Threshold, samples: &Samples, run: &RunInfo) -> Duration {
    let only = |tag: &str| {
        let values: BTreeSet<_> = samples.iter().filter_map(|(row, _)| row.tags.get(tag)).collect();
        values.first().filter(|_| values.len() == 1).map(|value| (*value).clone())
    };
    let picked = |tag: &str| threshold.each || threshold.series.names(tag);
    if !picked("scenario") && !picked("stage") {
        return run.load;
    }
    let scenario = only("scenario")
        .and_then(|name| run.scenarios.iter().find(|scenario| scenario.name == name));
    let Some(scenario) = scenario else { return run.load };
    let stage = only("stage").filter(|_| picked("stage"));
    let stage = stage.and_then(|name| scenario.stages.iter().find(|stage| *stage.name == *name));
    stage.map_or(scenario.load, |stage| stage.length)
}

/// As the summary spells it.
pub fn unit(measure: Measure) -> &'static str {
    match measure {
        Measure::Number => "1",
        Measure::Ms => "ms",
        Measure::Bytes => "bytes",
        Measure::Percent => "percent",
        Measure::Fraction => "fraction",
        Measure::PerSecond => "1/s",
        Measure::BytesPerSecond => "bytes/s",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::fixture;

    fn judge(selector: &str, expression: &str) -> summary::Threshold {
        let threshold = Threshold::parse(selector, expression).unwrap();
        let mut judged = super::judge(&threshold, &fixture::totals(), &fixture::run());
        assert_eq!(judged.len(), 1);
        judged.remove(0)
    }

    #[test]
    fn each_statistic_is_what_it_says() {
        for (selector, expression, observed, samples) in [
            ("http_call_duration", "p95 < 100ms", 95.0, 100),
            ("http_call_duration", "max < 100ms", 100.0, 100),
            ("http_call_duration", "med < 100ms", 50.0, 100),
            ("http_call_duration", "mean < 100ms", 50.5, 100),
            ("http_call_duration", "count < 3", 100.0, 100),
            ("http_call_duration{expected=false}", "max < 1s", 1.0, 10),
            ("http_call_failed", "rate < 1%", 10.0 / 110.0, 110),
            ("http_calls", "count > 5", 110.0, 110),
            ("http_calls", "rate > 5/s", 11.0, 110),
            ("http_calls{scenario=buyers}", "rate > 5/s", 22.0, 110),
            ("iterations_dropped", "count < 1", 0.0, 0),
            ("checks", "rate > 99%", 0.75, 4),
        ] {
            let judged = judge(selector, expression);
            let close = (judged.observed.unwrap() - observed).abs() <= observed * 0.001;
            assert!(close, "{selector} {expression}: {:?}", judged.observed);
            assert_eq!(judged.samples, samples, "{selector} {expression}");
        }
    }

    #[test]
    fn no_data_fails_unless_it_is_optional_or_a_default() {
        let threshold = Threshold::parse("step_duration{step=none}", "p95 < 1s").unwrap();
        for (optional, default, ok) in
            [(false, false, false), (true, false, true), (false, true, true)]
        {
            let threshold = Threshold { optional, default, ..threshold.clone() };
            let judged = super::judge(&threshold, &fixture::totals(), &fixture::run());
            assert_eq!((judged[0].ok, judged[0].observed), (ok, None));
        }
    }

    #[test]
    fn each_judges_names_apart_but_not_the_ways_their_calls_went() {
        let threshold = Threshold::parse("http_call_failed", "rate < 1%").unwrap();
        let threshold = Threshold { each: true, ..threshold };
        let judged = super::judge(&threshold, &fixture::totals(), &fixture::run());
        let told: Vec<_> = judged.iter().map(|one| (one.metric.as_str(), one.samples)).collect();
        assert_eq!(
            told,
            [
                ("http_call_failed{method=GET,name=/,scenario=buyers,stage=1,step=home}", 60),
                ("http_call_failed{method=POST,name=/login,scenario=buyers}", 50),
            ]
        );
    }

    #[test]
    fn a_scenarios_rate_is_over_its_own_load_and_a_stages_over_the_stage() {
        assert_eq!(judge("http_calls{stage=1}", "rate > 1/s").observed, Some(30.0));
    }
}
