//! Thresholds, judged over the totals of a run; those that slide over it are [`watch`](super::watch)ed.
//!
//! A counter without a sample is 0, if what it was asked about was there: steps, names and tags of
//! the author's that no series of the run has are no data, and so is no sample of anything else.
//! That fails unless the threshold is optional or a default.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use super::run_info::{RunInfo, together};
use super::summary;
use super::watch::Watched;
use crate::metrics::query::matching;
use crate::metrics::{Kind, Row, Selector, TagSet, Unit, Value, Window};
use crate::plan::Threshold;
use crate::plan::condition::{Measure, observed};

/// Tags that tell how something went rather than what it was: `each` looks past them, unless the
/// selector names them.
const CIRCUMSTANCES: [&str; 9] =
    ["error", "expected", "hop", "outcome", "peer", "phase", "proto", "status", "try"];

/// The same of counts: what is not there has not happened.
const EVENTS: [&str; 2] = ["category", "reason"];

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
        let judged = judge_one(threshold, &tags, &samples, totals, run);
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

/// Whether what a selector asks about was there at all, whatever happened to it.
fn is_there(series: &Selector, rows: &[Row]) -> bool {
    let happens = |tag: &&str| CIRCUMSTANCES.contains(tag) || EVENTS.contains(tag);
    let seen = |tag: &str| {
        let of = |row: &Row| row.tags.get(tag).is_some_and(|value| series.admits(tag, value));
        series.admits(tag, "") || rows.iter().any(of)
    };
    series.tags().filter(|tag| !happens(tag)).all(seen)
}

fn judge_one(
    threshold: &Threshold,
    tags: &TagSet,
    samples: &Samples,
    totals: &Window,
    run: &RunInfo,
) -> summary::Threshold {
    let condition = &threshold.condition;
    let is_there = !samples.is_empty() || is_there(&threshold.series, &totals.rows);
    let value = sum(threshold, samples).filter(|_| is_there);
    let observed = value.as_ref().and_then(|value| {
        let length = || load(threshold, tags, run).as_secs_f64();
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

/// How long there was the load that is meant: that of the scenarios and stages that the selector
/// and, with `each`, the series admit, else the whole.
fn load(threshold: &Threshold, tags: &TagSet, run: &RunInfo) -> Duration {
    let series = &threshold.series;
    let about = |tag: &str| series.names(tag) || tags.get(tag).is_some();
    let meant = |tag: &str, value: &str| {
        series.admits(tag, value) && tags.get(tag).is_none_or(|own| **own == *value)
    };
    if !about("scenario") && !about("stage") {
        return run.load;
    }
    let scenarios = run.scenarios.iter().filter(|scenario| meant("scenario", &scenario.name));
    let spans = scenarios.flat_map(|scenario| match about("stage") {
        true if !scenario.stages.is_empty() => {
            let stages = scenario.stages.iter().filter(|stage| meant("stage", &stage.name));
            stages.flat_map(|stage| stage.when.clone()).collect()
        }
        true if !meant("stage", "") => Vec::new(),
        _ => vec![scenario.measured()],
    });
    let length = together(spans.collect());
    if length.is_zero() { run.load } else { length }
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
    use crate::results::run_info::StageInfo;

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
    fn a_counter_of_what_never_was_there_is_no_data_and_of_what_did_not_happen_is_0() {
        for (selector, observed) in [
            ("errors{category=timeout}", Some(0.0)),
            ("errors{step=home,category=timeout}", Some(0.0)),
            ("errors{step=hmoe}", None),
            ("errors{step!=hmoe,category=timeout}", Some(0.0)),
            ("errors{catgory=timeout}", None),
            ("iterations_dropped{scenario=buyers,reason=users,stage=1}", Some(0.0)),
            ("iterations_dropped{stage=9}", None),
            ("http_calls{name=/nowhere}", None),
            ("http_calls{status=418}", Some(0.0)),
        ] {
            let judged = judge(selector, "count < 1");
            assert_eq!((judged.observed, judged.ok), (observed, observed.is_some()), "{selector}");
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

    #[test]
    fn a_rate_is_over_all_the_time_that_what_it_means_was_under_load() {
        let s = Duration::from_secs;
        let stage = |name: &str, when| StageInfo { name: name.into(), planned: s(0), when };
        let mut run = fixture::run();
        run.load = s(30);
        let [buyers, idlers] = &mut run.scenarios[..] else { panic!("two") };
        (buyers.began, buyers.ended, buyers.load) = (s(0), s(10), s(10));
        buyers.stages = vec![
            stage("up", vec![s(0)..s(2), s(6)..s(8)]),
            stage("hold", vec![s(2)..s(6), s(8)..s(10)]),
        ];
        (idlers.began, idlers.ended, idlers.load) = (s(8), s(20), s(12));
        idlers.stages = vec![stage("hold", vec![s(8)..s(11)]), stage("out", vec![s(11)..s(20)])];
        for (selector, seconds) in [
            ("http_calls", 30),
            ("http_calls{scenario=buyers}", 10),
            ("http_calls{scenario=*}", 20),
            ("http_calls{stage=up}", 4),
            ("http_calls{stage=hold}", 4 + 3), // 2 to 6, and 8 to 11 in both
            ("http_calls{stage=hold,scenario=idlers}", 3),
            ("http_calls{stage!=hold}", 4 + 9),
            ("http_calls{stage!=out,scenario=idlers}", 3),
        ] {
            let threshold = Threshold::parse(selector, "rate > 1/s").unwrap();
            assert_eq!(load(&threshold, &TagSet::default(), &run), s(seconds), "{selector}");
        }
        let threshold = Threshold::parse("http_calls", "rate > 1/s").unwrap();
        let of_stage = TagSet::new([("scenario", "idlers"), ("stage", "out")]);
        assert_eq!(load(&Threshold { each: true, ..threshold }, &of_stage, &run), s(9));
    }
}
