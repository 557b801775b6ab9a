//! Runs that this tool may have bent, and such that only seem to say what was asked.

use super::*;
use crate::metrics::own::OwnMetrics;
use crate::metrics::window::{Dropped, ErrorRow, Lifecycle};
use crate::metrics::{self, IterationSample, Place, Recorder};
use crate::plan;
use crate::results::fixture::sources;
use crate::results::scenarios::scenarios;
use crate::results::verdict::Outcome;
use crate::results::{RunInfo, Summary, fixture};
use crate::stop::StopReason;

/// A run of one open scenario, whose samples are `recorded`.
fn run(recorded: impl FnOnce(&mut Recorder)) -> (RunInfo, Window) {
    let mut run = fixture::run();
    run.scenarios.truncate(1);
    (run.scenarios[0].open, run.scenarios[0].paced) = (true, true);
    let mut recorder = Recorder::new(vec!["buyers".into()], 1_000);
    recorded(&mut recorder);
    (run, recorder.flip(0))
}

/// As many iterations that were planned, and took so long, as began so late by our doing.
fn iterations(recorder: &mut Recorder, count: u64, millis: u64, lag_millis: u64) {
    let sample = IterationSample {
        duration: Duration::from_millis(millis),
        lag: Duration::from_millis(lag_millis),
        lag_users: Duration::ZERO,
        late: lag_millis > 10,
        outcome: metrics::Outcome::Completed,
    };
    for _ in 0..count {
        recorder.iteration(&Place::default(), &sample);
    }
    let life = recorder.lifecycle(0);
    life.planned += count;
    life.due += count;
    life.started += count;
    life.completed += count;
    life.late += if sample.late { count } else { 0 };
}

fn judge(sources: &Sources, thresholds: &[&str]) -> (Outcome, Vec<String>) {
    let parse = |text: &&str| plan::Threshold::parse_pair(text, &OwnMetrics::default()).unwrap();
    let thresholds: Vec<_> = thresholds.iter().map(parse).collect();
    let verdict = Summary::of(&Sources { thresholds: &thresholds, ..*sources }).verdict;
    (verdict.result, verdict.reasons)
}

const RESPONSE: &str = "iteration_response_time: p95 < 9s";

#[test]
fn a_worker_that_was_busy_for_five_seconds_in_a_row_is_a_measurement_failure() {
    let (run, totals) = run(|recorder| iterations(recorder, 200, 100, 0));
    for (busy, doubted) in [
        (&[95, 95, 95, 95, 95][..], true),
        (&[95, 95, 90, 95, 95, 95, 95], false),
        (&[50, 91, 91, 91, 91, 91, 91, 0], true),
        (&[], false),
    ] {
        let sources = Sources { busy, ..sources(&run, &totals) };
        let failures = measurement_failures(&sources, &scenarios(&sources));
        assert_eq!(failures.len(), usize::from(doubted), "{busy:?}: {failures:?}");
        // It passes all the same, for it can only have made response times worse.
        let (result, reasons) = judge(&sources, &[RESPONSE]);
        assert_eq!((result, reasons.len()), (Outcome::Pass, usize::from(doubted)));
        let (result, _) = judge(&sources, &[RESPONSE, "iteration_duration: p95 < 9s"]);
        assert_eq!(result == Outcome::Inconclusive, doubted, "service times may be too good");
    }
}

#[test]
fn a_lag_that_the_latencies_cannot_bear_is_one_too() {
    for (millis, lag, count, doubted) in [
        (100, 9, 200, false), // a tenth can be borne
        (100, 15, 200, true),
        (1, 4, 200, false), // so can 5 ms
        (1, 7, 200, true),
        (1, 7, 99, false), // they have no p99
    ] {
        let (run, totals) = run(|recorder| iterations(recorder, count, millis, lag));
        let sources = sources(&run, &totals);
        let failures = measurement_failures(&sources, &scenarios(&sources));
        assert_eq!(failures.len(), usize::from(doubted), "{millis} {lag} {count}: {failures:?}");
    }
}

#[test]
fn what_this_tool_dropped_was_the_latest_of_all() {
    for (dropped, doubted) in [(2, false), (3, true)] {
        let (run, totals) = run(|recorder| {
            iterations(recorder, 200, 100, 0);
            recorder.lifecycle(0).planned += dropped;
            recorder.drop_iterations(&Place::default(), Reason::Generator, dropped);
        });
        let (result, reasons) = judge(&sources(&run, &totals), &[RESPONSE]);
        let expected = if doubted { Outcome::Inconclusive } else { Outcome::Pass };
        assert_eq!(result, expected, "{reasons:?}");
        let told = "this tool came too late to 3 planned iterations of buyers, and dropped them";
        assert_eq!(reasons.first().map(String::as_str), doubted.then_some(told));
    }
}

#[test]
fn whoever_ran_out_of_means_cannot_say_how_the_target_did() {
    let (run, mut totals) = run(|recorder| iterations(recorder, 200, 100, 0));
    totals.errors.push(ErrorRow {
        category: "resource",
        scenario: 0,
        step: "".into(),
        status: 0,
        message: "too many open files".into(),
        count: 7,
        first: Duration::ZERO,
        last: Duration::ZERO,
        folded: "too many open files".into(),
        exemplar: None,
    });
    let (_, reasons) = judge(&sources(&run, &totals), &[RESPONSE]);
    assert!(reasons[0].contains("ran out of descriptors, ports or memory 7 times"), "{reasons:?}");
}

#[test]
fn being_late_is_excused_only_where_nothing_can_look_better_for_it() {
    let late = |changed: &dyn Fn(&mut RunInfo, &mut Window), threshold: &str| {
        let (mut run, mut totals) = run(|recorder| iterations(recorder, 200, 100, 0));
        changed(&mut run, &mut totals);
        let busy = [99; 6];
        judge(&Sources { busy: &busy, ..sources(&run, &totals) }, &[threshold]).0
    };
    let as_it_was = |_: &mut RunInfo, _: &mut Window| {};
    assert_eq!(late(&as_it_was, RESPONSE), Outcome::Pass);
    assert_eq!(late(&as_it_was, "iterations: count > 5"), Outcome::Pass, "it is no latency");
    assert_eq!(late(&as_it_was, "iteration_duration: p95 < 9s"), Outcome::Inconclusive);
    let closed = |run: &mut RunInfo, _: &mut Window| run.scenarios[0].open = false;
    assert_eq!(late(&closed, RESPONSE), Outcome::Inconclusive);
    let dropped = |_: &mut RunInfo, totals: &mut Window| {
        let dropped = Dropped { users: 1, ..Dropped::default() };
        let life = totals.lifecycles[0];
        totals.lifecycles[0] = Lifecycle { planned: life.planned + 1, dropped, ..life };
    };
    assert_eq!(late(&dropped, RESPONSE), Outcome::Inconclusive);
}

#[test]
fn only_a_bound_from_above_on_the_scenario_that_waited_hides_its_waiting() {
    let (run, totals) = run(|recorder| {
        iterations(recorder, 200, 100, 0);
        let waited = IterationSample {
            duration: Duration::from_millis(100),
            lag: Duration::from_millis(300),
            lag_users: Duration::from_millis(300),
            late: false,
            outcome: metrics::Outcome::Completed,
        };
        (0..200).for_each(|_| recorder.iteration(&Place::default(), &waited));
    });
    let sources = sources(&run, &totals);
    let threshold = |metric: &str, expression: &str| Threshold {
        metric: metric.into(),
        expression: expression.into(),
        observed: Some(1.0),
        limit: 200.0,
        unit: "ms".into(),
        ok: true,
        default: false,
        samples: 200,
        min_samples: 80,
        window_s: None,
        crossed_at_s: None,
        ended_run: false,
    };
    for (metric, expression, hides) in [
        ("http_req_duration", "p95 < 200ms", true),
        ("http_req_duration{scenario=buyers}", "max <= 200ms", true),
        ("http_req_duration{scenario=idlers}", "p95 < 200ms", false),
        ("http_req_duration", "p95 > 200ms", false),
        ("http_call_duration", "p95 < 200ms", false),
    ] {
        let told = hidden_waits(&scenarios(&sources), &[threshold(metric, expression)]);
        assert_eq!(told.len(), usize::from(hides), "{metric} {expression}: {told:?}");
    }
    let crossed = Threshold { ok: false, ..threshold("http_req_duration", "p95 < 200ms") };
    assert!(hidden_waits(&scenarios(&sources), &[crossed]).is_empty());
}

#[test]
fn a_load_of_which_a_twentieth_was_dropped_was_not_delivered_unless_that_is_judged() {
    let dropped = |dropped, threshold: &str, stop: Option<&StopReason>| {
        let (run, totals) = run(|recorder| {
            iterations(recorder, 95, 100, 0);
            recorder.lifecycle(0).planned += dropped;
            recorder.drop_iterations(&Place::default(), Reason::QueueFull, dropped);
        });
        judge(&Sources { stop, ..sources(&run, &totals) }, &[threshold])
    };
    assert_eq!(dropped(5, RESPONSE, None), (Outcome::Pass, vec![]));
    let told = "6 of 101 planned iterations of buyers never started: the load was not delivered";
    assert_eq!(dropped(6, RESPONSE, None), (Outcome::Inconclusive, vec![told.to_owned()]));
    assert_eq!(dropped(6, "iterations_dropped: count < 9", None).0, Outcome::Pass);
    assert_eq!(dropped(6, "iterations_dropped: count < 2", None).0, Outcome::Fail);
    assert_eq!(dropped(6, "iteration_response_time: p95 < 9ms", None).0, Outcome::Fail);
    assert_eq!(dropped(6, RESPONSE, Some(&StopReason::Signal)).0, Outcome::Aborted);
}
