//! What is watched, second by second, as the recorder records it.

use std::ops::Range;
use std::time::Duration;

use super::*;
use crate::metrics::{NameId, Outcome, Place, Recorder, StepSample};
use crate::plan::{Connections, Load, Scenario, Stage, Start};
use crate::results::fixture;
use crate::results::thresholds::judge_beside;

/// A threshold with more fields.
fn threshold(selector: &str, expression: &str, more: impl FnOnce(&mut Threshold)) -> Threshold {
    let mut threshold = Threshold::parse(selector, expression).unwrap();
    more(&mut threshold);
    threshold
}

fn scenario(warmup: u64, stages: &[(&str, u64)]) -> Scenario {
    let stages = stages.iter().map(|(name, seconds)| Stage {
        duration: Duration::from_secs(*seconds),
        target: 1.0,
        name: (*name).to_owned(),
    });
    Scenario {
        name: "buyers".into(),
        mix: Vec::new(),
        load: Load::RampingVus {
            start_vus: 1,
            stages: stages.collect(),
            graceful_ramp_down: Duration::ZERO,
        },
        start: Start { after: None, offset: Duration::ZERO },
        warmup: Duration::from_secs(warmup),
        pace: None,
        spread: Duration::ZERO,
        session: None,
        connections: Connections::Keep,
        graceful_stop: Duration::ZERO,
        tags: Default::default(),
        http: Default::default(),
        transport: Default::default(),
    }
}

/// A second in which steps of these names took so many milliseconds, a hundred times each.
fn second(second: u32, steps: &[(&str, u64)]) -> Window {
    let mut recorder = Recorder::new(vec!["buyers".into()], 100);
    for (step, ms) in steps {
        let place = Place { step: recorder.intern(step), stage: NameId::NONE, ..Place::default() };
        let sample =
            StepSample { duration: Duration::from_millis(*ms), outcome: Outcome::Completed };
        (0..100).for_each(|_| {
            recorder.step(&place, &sample);
        });
    }
    recorder.flip(second)
}

struct Seen {
    /// What ended the run, and after which second.
    ended: Option<(u32, String)>,
    judged: Vec<summary::Threshold>,
    never_full: usize,
}

/// Judges seconds of `(name, ms)` as they come, then the whole.
fn watch(
    threshold: &Threshold,
    scenario: Scenario,
    load: Range<u64>,
    seconds: &[&[(&str, u64)]],
) -> Seen {
    let mut watch = Watch::new(std::slice::from_ref(threshold), Timetable::all(&[scenario]));
    let load = Duration::from_secs(load.start)..Duration::from_secs(load.end);
    let mut totals = Window::default();
    let mut ended = None;
    for (number, steps) in (0..).zip(seconds) {
        let window = second(number, steps);
        totals.absorb(&window);
        let crossed = watch.second(&window, std::slice::from_ref(&load));
        ended = ended.or(crossed.map(|what| (number, what)));
    }
    let judged = judge_beside(threshold, &totals, &fixture::run(), watch.of(0));
    Seen { ended, judged, never_full: watch.never_full().count() }
}

const FAST: &[(&str, u64)] = &[("a", 10)];
const SLOW: &[(&str, u64)] = &[("a", 500)];
const NONE: &[(&str, u64)] = &[];

#[test]
fn a_window_finds_the_bad_seconds_that_the_whole_forgives() {
    let bad_for_two = [[FAST; 20].concat(), [SLOW; 2].concat(), [FAST; 20].concat()];
    let seconds: Vec<&[(&str, u64)]> =
        bad_for_two.iter().flatten().map(std::slice::from_ref).collect();
    for (window, ok, crossed) in
        [(None, true, None), (Some(3), false, Some(21)), (Some(60), true, None)]
    {
        let threshold = threshold("step_duration", "p90 < 100ms", |one| one.window = window);
        let seen = watch(&threshold, scenario(0, &[]), 0..42, &seconds);
        let [judged] = seen.judged.as_slice() else { panic!("{:?}", seen.judged) };
        assert_eq!((judged.ok, judged.crossed_at_s), (ok, crossed), "{window:?}");
        let (observed, expected) = (judged.observed.unwrap(), if ok { 10.0 } else { 500.0 });
        assert!((observed - expected).abs() < 0.001 * expected, "{window:?}: {observed}");
        assert_eq!(judged.samples, if ok { 4_200 } else { 300 }, "{window:?}");
        assert_eq!((seen.ended, seen.never_full), (None, usize::from(window == Some(60))));
    }
}

#[test]
fn a_window_lies_within_the_load_that_is_meant() {
    let seconds = [NONE, NONE, FAST, FAST, FAST, FAST, FAST, NONE, NONE, NONE];
    let each_second = |one: &mut Threshold| one.window = Some(2);
    let threshold = threshold("step_duration", "count > 150", each_second);
    let seen = watch(&threshold, scenario(2, &[]), 0..7, &seconds);
    assert!(seen.judged[0].ok, "{:?}", seen.judged);
    let seen = watch(&threshold, scenario(1, &[]), 0..7, &seconds);
    assert_eq!(seen.judged[0].crossed_at_s, Some(3), "from the second second on");
    let seen = watch(&threshold, scenario(2, &[]), 0..8, &seconds);
    assert_eq!(seen.judged[0].crossed_at_s, Some(8), "to the eighth");
}

#[test]
fn a_stage_is_judged_while_it_lasts() {
    let scenario = || scenario(0, &[("ramp", 3), ("hold", 4), ("down", 3)]);
    for (stage, expected) in [("hold", 3..7), ("*", 0..10), ("nowhere", 0..0)] {
        let selector = Selector::parse(&format!("checks{{stage={stage}}}")).unwrap();
        let load = Duration::ZERO..Duration::from_secs(10);
        let found = load_of(&selector, &Timetable::all(&[scenario()]), &[load]);
        let expected = Duration::from_secs(expected.start)..Duration::from_secs(expected.end);
        assert_eq!(found, Some(expected).filter(|span| !span.is_empty()), "{stage}");
    }
}

#[test]
fn a_crossing_that_aborts_is_told_once_and_not_before_its_time() {
    let seconds = [SLOW, SLOW, SLOW, FAST, FAST];
    for (after, ended) in [(0, Some(0)), (2, Some(1)), (9, None)] {
        let threshold = threshold("step_duration", "p95 < 100ms", |one| {
            (one.abort, one.after) = (true, Duration::from_secs(after));
        });
        let seen = watch(&threshold, scenario(0, &[]), 0..5, &seconds);
        let expected = ended.map(|second| (second, "step_duration p95 < 100ms".to_owned()));
        assert_eq!(seen.ended, expected);
        let judged = &seen.judged[0];
        assert_eq!((judged.ok, judged.ended_run), (false, ended.is_some()), "{after}");
    }
}

#[test]
fn what_a_stop_cuts_off_does_not_acquit_what_ended_the_run() {
    let threshold = threshold("step_duration", "p50 < 100ms", |one| one.abort = true);
    let seen = watch(&threshold, scenario(0, &[]), 0..1, &[SLOW, FAST, FAST, FAST]);
    assert_eq!((seen.judged[0].ok, seen.judged[0].observed), (false, Some(500.0)));
}

#[test]
fn windows_of_too_few_samples_say_nothing() {
    let threshold = threshold("step_duration", "p95 < 100ms", |one| {
        (one.window, one.min_samples) = (Some(2), Some(201));
    });
    let seen = watch(&threshold, scenario(0, &[]), 0..5, &[FAST, FAST, FAST, SLOW, FAST]);
    let judged = &seen.judged[0];
    // All 500 together would be crossed: 1 in 5 is slow.
    assert_eq!((judged.ok, judged.crossed_at_s, judged.samples), (false, None, 500));
    let seen = watch(&threshold, scenario(0, &[]), 0..5, &[FAST; 5]);
    assert_eq!((seen.judged[0].ok, seen.judged[0].samples), (true, 200), "too few");
    assert_eq!(seen.never_full, 0);
}

#[test]
fn each_series_has_a_window_of_its_own() {
    let threshold = threshold("step_duration", "p95 < 100ms", |one| {
        (one.each, one.window, one.abort) = (true, Some(2), true);
    });
    let seconds: [&[(&str, u64)]; 4] =
        [&[("a", 10)], &[("a", 10), ("b", 10)], &[("b", 500), ("a", 10)], &[("a", 10)]];
    let seen = watch(&threshold, scenario(0, &[]), 0..4, &seconds);
    let (second, what) = seen.ended.expect("b is slow");
    assert_eq!(second, 2);
    assert!(what.contains("step=b") && what.starts_with("step_duration p95 < 100ms over 2s"));
    let told: Vec<_> = seen.judged.iter().map(|one| (one.ok, one.crossed_at_s)).collect();
    assert_eq!(told, [(true, None), (false, Some(3))]);
}
