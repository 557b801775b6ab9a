//! What a reader must know before they believe the numbers: whatever was dropped, cut off,
//! saturated, overflowed or lost, one sentence each.

use super::anomalies::unusual;
use super::build::Sources;
use super::format::{count, counted, percent, rate};
use super::run_info::{RunInfo, ScenarioInfo};
use super::summary::{Anomaly, Scenario};
use super::tick::Tick;
use super::watch::Watch;
use crate::metrics::query::matching;
use crate::metrics::tags::{OUT_OF_DATA, REASON};
use crate::metrics::{Histogram, MetricId, Selector, Unit, Value, metric};
use crate::plan::condition::{Condition, Op, Stat};

/// Kinds of errors that the summary tells apart.
pub const MOST_ERRORS: usize = 100;

/// Less of a second than this, in which the tool had no processor, is no matter [%].
const THROTTLED: f64 = 5.0;
const STOLEN: f64 = 10.0;

/// When more than such a share of a scenario's iterations end after its load, rates tell what was
/// asked for rather than what was done.
const DRAINED: f64 = 0.1;

/// How much of what this machine can do at most is near it, for so many seconds in a row.
pub const NEAR: f64 = 0.8;
const NEAR_SECONDS: usize = 5;

/// All that applies.
pub fn anomalies(sources: &Sources, scenarios: &[Scenario]) -> Vec<Anomaly> {
    let infos = &sources.run.scenarios;
    let both = scenarios.iter().zip(infos);
    let mut anomalies: Vec<Anomaly> = both
        .flat_map(|(scenario, info)| of_scenario(scenario, info.open, out_of_data(sources, info)))
        .collect();
    anomalies.extend(infos.iter().filter_map(unable));
    let ticks = infos.iter().enumerate();
    anomalies.extend(ticks.filter_map(|(index, info)| drained(info, index, sources.timeline)));
    anomalies.extend(overflow(sources));
    anomalies.extend(saturated(sources));
    anomalies.extend(starved(sources));
    anomalies.extend(near_ceiling(sources));
    anomalies.extend(windows(sources));
    anomalies.extend(errors(sources));
    anomalies.extend(ramps(sources));
    anomalies.extend(short_of_windows(sources));
    anomalies.extend(unusual(sources));
    anomalies
}

fn anomaly(kind: &str, message: String) -> Anomaly {
    Anomaly::told(kind, message)
}

/// Of its iterations, `out_of_data` ended because there was no row for them.
fn of_scenario(scenario: &Scenario, open: bool, out_of_data: u64) -> Vec<Anomaly> {
    let (name, life) = (&scenario.name, &scenario.iterations);
    let mut anomalies = Vec::new();
    if life.dropped > 0 {
        anomalies.push(anomaly("dropped", dropped(scenario, open)));
    }
    let cut_off = life.interrupted.saturating_sub(out_of_data);
    if cut_off > 0 {
        let cut = match cut_off {
            1 => "was cut off: its time is a lower bound",
            _ => "were cut off: their times are lower bounds",
        };
        let iterations = counted(cut_off, "iteration");
        anomalies.push(anomaly("interrupted", format!("{iterations} of {name} {cut}")));
    }
    if out_of_data > 0 {
        let iterations = counted(out_of_data, "iteration");
        let ended = "ended for want of a row: the data was used up (in no latency)";
        anomalies.push(anomaly("data", format!("{iterations} of {name} {ended}")));
    }
    if life.late > 0 {
        let iterations = counted(life.late, "iteration");
        let message = format!("{iterations} of {name} started late because this tool was busy");
        anomalies.push(anomaly("late", message));
    }
    anomalies
}

/// Whether much of what a scenario began ended only after its load, whose length rates divide by.
fn drained(info: &ScenarioInfo, index: usize, timeline: &[Tick]) -> Option<Anomaly> {
    let ended = |ticks: &[Tick]| -> u64 {
        let of = |tick: &Tick| tick.scenarios.get(index).map(|one| one.completed + one.failed);
        ticks.iter().filter_map(of).sum()
    };
    let seconds = info.ended.as_secs_f64().ceil() as usize;
    let (within, after) = timeline.split_at(seconds.min(timeline.len()));
    let (within, after) = (ended(within), ended(after));
    let share = after as f64 / (within + after).max(1) as f64;
    let message = || {
        format!(
            "{} of the iterations of {} ended after its load: rates count them as if within it, where \
             {} a second ended",
            percent(share),
            info.name,
            rate(within as f64 / info.load.as_secs_f64())
        )
    };
    (share > DRAINED && !info.load.is_zero()).then(|| anomaly("drained", message()))
}

/// How many iterations of a scenario ended because its data was used up, whenever that was.
fn out_of_data(sources: &Sources, info: &ScenarioInfo) -> u64 {
    let ended = Selector::of(metric::ITERATIONS_INTERRUPTED).any("phase");
    sources.totals.count(&ended.with("scenario", &info.name).with(REASON, OUT_OF_DATA))
}

/// Users that a scenario had to do without.
fn unable(scenario: &ScenarioInfo) -> Option<Anomaly> {
    let message = || format!("{}: the load was less than asked for", unable_of(scenario));
    (scenario.unable > 0).then(|| anomaly("unable", message()))
}

fn unable_of(scenario: &ScenarioInfo) -> String {
    let users = counted(scenario.vus_max, "user");
    format!("{} of {users} of {} could not start", count(scenario.unable), scenario.name)
}

/// Scenarios that lacked more than a twentieth of their users: that was not the load asked for.
pub fn short(run: &RunInfo) -> Vec<String> {
    let short = run.scenarios.iter().filter(|one| one.unable * 20 > one.vus_max);
    short.map(unable_of).collect()
}

/// Scenarios of which less than this was started in time [%] did not deliver their load.
const LEAST_ADHERENCE: f64 = 95.0;

/// Scenarios whose starts were too late by our doing: that was not the load asked for either.
pub fn unpunctual(scenarios: &[Scenario]) -> Vec<String> {
    let late = |scenario: &Scenario| {
        let adherence = scenario.adherence_percent.filter(|percent| *percent < LEAST_ADHERENCE)?;
        let started = percent(adherence / 100.0);
        let name = &scenario.name;
        Some(format!("only {started} of {name} started in time: this tool was too busy"))
    };
    scenarios.iter().filter_map(late).collect()
}

/// Those that a closed plan ran out of time for flatter nobody; all others do: what still waits
/// at the end of an open load has waited, and is in no latency.
fn dropped(scenario: &Scenario, open: bool) -> String {
    let reasons: Vec<String> = scenario
        .dropped_by_reason
        .iter()
        .map(|(reason, number)| format!("{} {reason}", count(*number)))
        .collect();
    let flattered = scenario.dropped_by_reason.keys().any(|reason| open || reason != "end");
    let so = if flattered { ": the percentiles flatter" } else { "" };
    let iterations = counted(scenario.iterations.dropped, "planned iteration");
    format!("{iterations} of {} never started ({}){so}", scenario.name, reasons.join(", "))
}

fn overflow(sources: &Sources) -> Option<Anomaly> {
    let totals = sources.totals;
    if totals.overflowed == 0 {
        return None;
    }
    let blame = totals.widest_tag().map_or_else(String::new, |(tag, values)| {
        format!("; the tag `{tag}` has {} values", count(values as u64))
    });
    let samples = counted(totals.overflowed, "sample");
    let message = format!("{samples} had no series of their own: there are too many{blame}");
    Some(anomaly("overflow", message))
}

fn saturated(sources: &Sources) -> Vec<Anomaly> {
    let values = sources.totals.rows.iter().flat_map(|row| &row.values);
    let (mut times, mut numbers) = (0, 0);
    for (id, value) in values {
        let saturated = value.histogram().map_or(0, Histogram::saturated);
        let is_number = matches!(id, MetricId::Own(metric) if metric.unit != Unit::Ms);
        *(if is_number { &mut numbers } else { &mut times }) += saturated;
    }
    let told = |count: u64, what: &str| {
        let samples = counted(count, "sample");
        (count > 0).then(|| anomaly("saturated", format!("{samples} {what}")))
    };
    let mut anomalies = Vec::new();
    anomalies.extend(told(times, "took over an hour and count as one hour"));
    anomalies.extend(told(
        numbers,
        "of own metrics lie beyond what a histogram holds and count as its end",
    ));
    anomalies
}

/// Whether the system kept the processor from this tool.
fn starved(sources: &Sources) -> Vec<Anomaly> {
    let told = |metric: MetricId, from: f64, kind: &str, what: &str| {
        let Some(Value::Gauge { max, .. }) = sources.totals.fold(&Selector::of(metric)) else {
            return None;
        };
        let message = || format!("{what} for up to {} of a second", percent(max / 100.0));
        (max >= from).then(|| anomaly(kind, message()))
    };
    let throttled = "this tool was out of the CPU quota of its control group";
    let stolen = "the host gave CPU time of this machine to others";
    [
        told(metric::PROCESS_THROTTLED_PERCENT, THROTTLED, "throttled", throttled),
        told(metric::MACHINE_STEAL_PERCENT, STOLEN, "stolen", stolen),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether the load came near what this machine can do at most.
fn near_ceiling(sources: &Sources) -> Option<Anomaly> {
    let ceiling = sources.ceiling?;
    let is_near = |tick: &Tick| tick.requests as f64 > NEAR * ceiling;
    let longest = sources.timeline.split(|tick| !is_near(tick)).max_by_key(|near| near.len())?;
    let most = longest.iter().map(|tick| tick.requests).max()?;
    let message = || {
        format!(
            "up to {} requests/s for {}: {} of the {} that `loadtool calibrate` found this machine \
             to be capable of",
            count(most),
            counted(longest.len() as u64, "second"),
            percent(most as f64 / ceiling),
            count(ceiling as u64)
        )
    };
    (longest.len() >= NEAR_SECONDS).then(|| anomaly("near_ceiling", message()))
}

fn windows(sources: &Sources) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    if sources.late_windows > 0 {
        let windows = counted(sources.late_windows, "second");
        let message = format!("{windows} of a worker came late: live views missed them");
        anomalies.push(anomaly("windows_late", message));
    }
    if sources.lost_windows > 0 {
        let windows = counted(sources.lost_windows, "second");
        let message = format!("{windows} of a worker were lost: their samples are in no number");
        anomalies.push(anomaly("windows_lost", message));
        let broken = sources.breaches.iter().cloned();
        anomalies.extend(broken.map(|breach| anomaly("conservation", breach)));
    }
    anomalies
}

fn errors(sources: &Sources) -> Option<Anomaly> {
    let mut counts: Vec<u64> = sources.totals.errors.iter().map(|error| error.count).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let more: u64 = counts.iter().skip(MOST_ERRORS).sum::<u64>() + sources.totals.errors_lost;
    let message =
        || format!("{} of further kinds are counted but not shown", counted(more, "error"));
    (more > 0).then(|| anomaly("errors_lost", message()))
}

/// Whatever is judged over a ramp mixes all its loads, unless it is the same to judge each of them.
/// Of the defaults nobody could say a stage.
fn ramps(sources: &Sources) -> Vec<Anomaly> {
    let over_ramp = |threshold: &&crate::plan::Threshold| {
        let mixes = !threshold.default && !holds_of_each_part(&threshold.condition);
        let staged = || {
            matching(&sources.totals.rows, &threshold.series)
                .any(|(row, _)| row.tags.get("stage").is_some())
        };
        mixes && !threshold.each && !threshold.series.names("stage") && staged()
    };
    let thresholds = sources.thresholds.iter().filter(over_ramp);
    let message = |threshold| format!("{threshold} mixes all stages of a ramp: add stage=… to it");
    thresholds.map(|threshold| anomaly("threshold_over_ramp", message(threshold))).collect()
}

/// Whether it holds of the whole if, and only if, it holds of each part by itself: a bound on the
/// extreme that it bounds, and that there is nothing at all.
fn holds_of_each_part(condition: &Condition) -> bool {
    let Condition { stat, op, limit, .. } = *condition;
    match stat {
        Stat::Max => matches!(op, Op::Less | Op::LessOrEqual),
        Stat::Min => matches!(op, Op::Greater | Op::GreaterOrEqual),
        Stat::Count if limit == 1.0 => op == Op::Less,
        Stat::Count | Stat::Rate if limit == 0.0 => matches!(op, Op::LessOrEqual | Op::Equal),
        _ => false,
    }
}

/// A window that the load never filled says nothing by itself.
fn short_of_windows(sources: &Sources) -> Vec<Anomaly> {
    let never_full = sources.watch.into_iter().flat_map(Watch::never_full);
    let message = |threshold| format!("{threshold}: the load was shorter, so all of it was judged");
    never_full.map(|threshold| anomaly("window_never_full", message(threshold))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::window::{Dropped, Lifecycle};
    use crate::metrics::{Row, TagSet};
    use crate::plan::Threshold;
    use crate::results::Summary;
    use crate::results::fixture::{self, sources};
    use crate::results::tick::ScenarioTick;

    fn kinds(sources: &Sources) -> Vec<String> {
        Summary::of(sources).anomalies.into_iter().map(|anomaly| anomaly.kind).collect()
    }

    #[test]
    fn whatever_bends_the_numbers_is_told() {
        let (run, mut totals) = (fixture::run(), fixture::totals());
        totals.lifecycles[0].late = 3;
        totals.lifecycles[0].dropped = Dropped { users: 4, ..Dropped::default() };
        totals.overflowed = 5;
        totals.errors_lost = 6;
        let told = kinds(&sources(&run, &totals));
        assert_eq!(told, ["dropped", "interrupted", "late", "overflow", "errors_lost"]);
    }

    #[test]
    fn with_windows_lost_a_broken_law_is_a_remark_and_else_a_bug() {
        let (run, totals) = (fixture::run(), fixture::totals());
        let breaches = ["planned 2 is not started 1".to_owned()];
        let sound = Sources { breaches: &breaches, ..sources(&run, &totals) };
        assert_eq!(kinds(&Sources { late_windows: 1, ..sound }), ["interrupted", "windows_late"]);
        assert_eq!(Summary::of(&sound).verdict.exit_code, 70);
        let lossy = Sources { lost_windows: 1, ..sound };
        assert_eq!(kinds(&lossy), ["interrupted", "windows_lost", "conservation"]);
        assert_eq!(Summary::of(&lossy).verdict.exit_code, 4);
        let bugs = ["a worker thread panicked".to_owned()];
        let verdict = Summary::of(&Sources { bugs: &bugs, ..lossy }).verdict;
        assert_eq!(verdict.exit_code, 70);
        assert_eq!(verdict.reasons.len(), 2, "{verdict:?}");
    }

    #[test]
    fn a_paced_load_that_started_late_is_not_the_load_asked_for() {
        let (mut run, mut totals) = (fixture::run(), fixture::totals());
        run.scenarios[0].paced = true;
        for (late, exit_code) in [(5, 0), (6, 4)] {
            totals.lifecycles[0] = Lifecycle {
                planned: 100,
                started: 100,
                completed: 100,
                late,
                ..Lifecycle::default()
            };
            let verdict = Summary::of(&sources(&run, &totals)).verdict;
            assert_eq!(verdict.exit_code, exit_code, "{verdict:?}");
        }
    }

    #[test]
    fn five_seconds_near_the_ceiling_of_the_machine_are_told() {
        let (run, totals) = (fixture::run(), fixture::totals());
        for (seconds, requests, near) in [(5, 81, true), (4, 99, false), (9, 79, false)] {
            let second = |requests| Tick { requests, ..Tick::default() };
            let timeline = [vec![second(10)], vec![second(requests); seconds]].concat();
            let sources = Sources { timeline: &timeline, ..sources(&run, &totals) };
            let told = kinds(&Sources { ceiling: Some(100.0), ..sources });
            assert_eq!(told.contains(&"near_ceiling".to_owned()), near, "{seconds} of {requests}");
            assert!(!kinds(&sources).contains(&"near_ceiling".to_owned()), "not calibrated");
        }
    }

    #[test]
    fn rates_of_what_ended_long_after_the_load_are_told_of() {
        let (run, totals) = (fixture::run(), fixture::totals());
        let second = |completed| Tick {
            scenarios: vec![ScenarioTick { completed, ..ScenarioTick::default() }],
            ..Tick::default()
        };
        for (after, told) in [(60, true), (50, false)] {
            let timeline = [vec![second(100); 5], vec![second(after)]].concat();
            let sources = Sources { timeline: &timeline, ..sources(&run, &totals) };
            let anomalies = Summary::of(&sources).anomalies;
            let drained = anomalies.iter().find(|anomaly| anomaly.kind == "drained");
            assert_eq!(drained.is_some(), told, "{anomalies:?}");
            if let Some(drained) = drained {
                assert!(drained.message.starts_with("10.71 % of the iterations of buyers"));
                assert!(drained.message.ends_with("where 100 a second ended"));
            }
        }
    }

    #[test]
    fn iterations_that_found_no_row_are_not_said_to_be_cut_off() {
        let (run, mut totals) = (fixture::run(), fixture::totals());
        let tags = [("scenario", "buyers"), ("phase", "load"), (REASON, OUT_OF_DATA)];
        totals.rows.push(Row {
            tags: TagSet::new(tags),
            values: vec![(metric::ITERATIONS_INTERRUPTED, Value::Counter(2))],
        });
        totals.lifecycles[0].interrupted += 2;
        let anomalies = Summary::of(&sources(&run, &totals)).anomalies;
        let told: Vec<&str> = anomalies.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(
            told[..2],
            [
                "1 iteration of buyers was cut off: its time is a lower bound",
                "2 iterations of buyers ended for want of a row: the data was used up (in no latency)"
            ]
        );
    }

    #[test]
    fn a_threshold_over_a_whole_ramp_gets_a_remark_unless_it_is_the_same_of_each_stage() {
        let (run, totals) = (fixture::run(), fixture::totals());
        for (selector, expression, remarked) in [
            ("iteration_duration", "p95 < 9s", true),
            ("iteration_duration{stage=1}", "p95 < 9s", false),
            ("iteration_failed", "rate < 99%", true),
            ("iteration_failed{stage=1}", "rate < 99%", false),
            ("iteration_failed", "rate <= 0", false),
            ("iteration_duration", "avg < 9s", true),
            ("iteration_duration", "stddev < 9s", true),
            ("iteration_duration", "min < 9s", true),
            ("iteration_duration", "min > 1us", false),
            ("iteration_duration", "max > 1us", true),
            ("iteration_duration", "max < 9s", false),
            ("iteration_duration", "count > 1", true),
            ("iterations", "rate > 1/s", true),
            ("errors", "count == 0", false),
            ("errors", "count < 1", false),
            ("errors", "count < 100", true),
        ] {
            let thresholds = [Threshold::parse(selector, expression).unwrap()];
            let told = kinds(&Sources { thresholds: &thresholds, ..sources(&run, &totals) });
            let over_ramp = told.contains(&"threshold_over_ramp".to_owned());
            assert_eq!(over_ramp, remarked, "{selector}: {expression}");
        }
        let defaults = Threshold::defaults();
        let told = kinds(&Sources { thresholds: &defaults, ..sources(&run, &totals) });
        assert!(!told.contains(&"threshold_over_ramp".to_owned()), "nobody wrote them");
    }

    #[test]
    fn only_drops_that_flatter_are_said_to() {
        let mut scenario = Scenario { name: "buyers".into(), ..Scenario::default() };
        scenario.iterations.dropped = 1200;
        scenario.dropped_by_reason = [("end".to_owned(), 1200)].into();
        assert_eq!(
            dropped(&scenario, false),
            "1,200 planned iterations of buyers never started (1,200 end)"
        );
        assert!(dropped(&scenario, true).ends_with("(1,200 end): the percentiles flatter"));
        scenario.dropped_by_reason = [("users".to_owned(), 1200)].into();
        assert!(dropped(&scenario, false).ends_with("(1,200 users): the percentiles flatter"));
    }
}
