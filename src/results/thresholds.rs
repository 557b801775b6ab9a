//! Thresholds, judged over the totals of a run.
//!
//! A counter without a sample is 0; for anything else no sample is no data, which fails unless the
//! threshold is optional or a default.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::run_info::RunInfo;
use super::summary;
use crate::metrics::query::{self, matching};
use crate::metrics::{Histogram, Kind, Row, TagSet, Unit, Value, Window};
use crate::plan::Threshold;
use crate::plan::condition::{Measure, Stat};

/// Tags that tell how something went rather than what it was: `each` looks past them, unless the
/// selector names them.
const CIRCUMSTANCES: [&str; 9] =
    ["error", "expected", "hop", "outcome", "peer", "phase", "proto", "status", "try"];

/// Judges a threshold; with `each`, there is one result per series.
pub fn judge(threshold: &Threshold, totals: &Window, run: &RunInfo) -> Vec<summary::Threshold> {
    if !threshold.each {
        return vec![judge_one(threshold, threshold.selector.clone(), &totals.rows, run)];
    }
    let results: Vec<_> = each(threshold, &totals.rows)
        .into_iter()
        .map(|(tags, rows)| {
            let name = &threshold.series.metric().metric().name;
            judge_one(threshold, format!("{name}{{{tags}}}"), &rows, run)
        })
        .collect();
    match results.is_empty() {
        true => vec![judge_one(threshold, threshold.selector.clone(), &[], run)],
        false => results,
    }
}

/// The rows of each series that `each` tells apart.
fn each(threshold: &Threshold, rows: &[Row]) -> BTreeMap<TagSet, Vec<Row>> {
    let mut groups = BTreeMap::<TagSet, Vec<Row>>::new();
    for (row, _) in matching(rows, &threshold.series) {
        let told = |tag: &str| !CIRCUMSTANCES.contains(&tag) || threshold.series.names(tag);
        let tags = TagSet::new(row.tags.iter().filter(|(tag, _)| told(tag)));
        groups.entry(tags).or_default().push(row.clone());
    }
    groups
}

fn judge_one(
    threshold: &Threshold,
    selector: String,
    rows: &[Row],
    run: &RunInfo,
) -> summary::Threshold {
    let condition = &threshold.condition;
    let counter = threshold.series.metric().metric().kind == Kind::Counter;
    let value = query::fold(rows, &threshold.series).or(counter.then_some(Value::Counter(0)));
    let observed =
        value.as_ref().and_then(|value| observe(value, threshold, || load(threshold, rows, run)));
    summary::Threshold {
        metric: selector,
        expression: threshold.expression.clone(),
        observed,
        limit: condition.limit,
        unit: unit(condition.measure).to_owned(),
        ok: observed
            .map_or(threshold.optional || threshold.default, |value| condition.holds(value)),
        default: threshold.default,
        samples: value.as_ref().map_or(0, samples),
        min_samples: threshold.least_samples(),
    }
}

/// What a threshold's condition compares, in its unit; `load` is what counters are divided by.
fn observe(value: &Value, threshold: &Threshold, load: impl Fn() -> Duration) -> Option<f64> {
    match (value, threshold.condition.stat) {
        (Value::Counter(sum), Stat::Rate) => {
            let seconds = load().as_secs_f64();
            Some(if seconds > 0.0 { *sum as f64 / seconds } else { 0.0 })
        }
        (Value::Counter(sum), _) => Some(*sum as f64),
        (Value::Rate { hits, total }, _) => (*total > 0).then(|| *hits as f64 / *total as f64),
        (Value::Gauge { max, .. } | Value::Level { max, .. }, Stat::Max) => Some(*max),
        (Value::Gauge { last, .. } | Value::Level { last, .. }, _) => Some(*last),
        (Value::Histogram(samples), stat) => {
            of_samples(samples, threshold.series.metric().metric().unit, stat)
        }
    }
}

fn of_samples(samples: &Histogram, unit: Unit, stat: Stat) -> Option<f64> {
    let numbers = samples.of_unit(unit);
    match stat {
        Stat::Percentile(p) => numbers.quantile((p * 1e4).round() as u32),
        Stat::Min => numbers.min(),
        Stat::Max => numbers.max(),
        Stat::Mean => numbers.mean(),
        Stat::Stddev => numbers.stddev(),
        Stat::Count | Stat::Rate | Stat::Value => Some(samples.count() as f64),
    }
}

fn samples(value: &Value) -> u64 {
    match value {
        Value::Counter(sum) => *sum,
        Value::Rate { total, .. } => *total,
        Value::Gauge { .. } | Value::Level { .. } => 1,
        Value::Histogram(times) => times.count(),
    }
}

/// The length of the load that the rows meant belong to: of the stage or the scenario that was
/// picked, else the whole.
fn load(threshold: &Threshold, rows: &[Row], run: &RunInfo) -> Duration {
    let only = |tag: &str| {
        let values = matching(rows, &threshold.series).filter_map(|(row, _)| row.tags.get(tag));
        let values: BTreeSet<_> = values.collect();
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
fn unit(measure: Measure) -> &'static str {
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
