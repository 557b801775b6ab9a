//! Windows in time and late, and what is made of a second.

use std::time::Duration;

use super::second::gauge;
use super::*;
use crate::metrics::window::{Busy, Lifecycle};
use crate::metrics::{
    CallSample, IterationSample, Outcome, Phase, Place, Recorder, Row, StepSample, TagSet,
};

/// A worker's second: so many calls of so many milliseconds each.
fn window(second: u32, calls: u64, ms: u64) -> Window {
    let mut recorder = Recorder::new(vec!["shop".into()], 100);
    let sample = CallSample {
        name: recorder.intern("/"),
        method: recorder.intern("GET"),
        status: 200,
        expected: true,
        error: recorder.intern(""),
        outcome: Outcome::Completed,
        duration: Duration::from_millis(ms),
    };
    (0..calls).for_each(|_| {
        recorder.call(&Place::default(), &sample);
    });
    recorder.gauge(&Place::default(), &metric::VUS, 5.0);
    recorder.error(&Place::default(), "reset", 0, "gone", Duration::ZERO, String::new);
    recorder.flip(second)
}

fn aggregator() -> Aggregator {
    Aggregator::new(vec!["shop".into()])
}

#[test]
fn a_second_is_the_sum_of_its_windows() {
    let mut aggregator = aggregator();
    aggregator.add(window(0, 10, 10));
    aggregator.add(window(0, 30, 20));
    let health = Health { cpu_percent: Some(42.0), ..Health::default() };
    let tick = aggregator.tick(0, &health).expect("a new second");
    assert_eq!((tick.second, tick.calls, tick.failed, tick.vus), (0, 40, 0, 10));
    assert_eq!((tick.p50_ms, tick.p99_ms), (Some(20.0), Some(20.0)));
    assert_eq!(tick.errors["reset"], 2);
    assert_eq!(tick.health.cpu_percent, Some(42.0));
    let cpu = aggregator.totals().fold(&Selector::of(metric::PROCESS_CPU_PERCENT));
    assert_eq!(cpu, Some(gauge(42.0)));
}

#[test]
fn a_second_tells_what_became_of_scenarios_steps_bytes_and_connections() {
    let mut recorder = Recorder::new(vec!["shop".into()], 100);
    let place = Place { step: recorder.intern("pay"), ..Place::default() };
    let pass = StepSample { duration: Duration::ZERO, outcome: Outcome::Completed };
    (0..3).for_each(|_| {
        recorder.step(&place, &pass);
    });
    let (duration, lag) = (Duration::from_millis(4), Duration::from_millis(5));
    let outcome = Outcome::Completed;
    let iteration = IterationSample { duration, lag, lag_users: lag, late: false, outcome };
    recorder.iteration(&Place::default(), &iteration);
    recorder.step(&place, &StepSample { outcome: Outcome::Failed, ..pass });
    let setup = Place { phase: Phase::Setup, ..place };
    recorder.step(&setup, &pass);
    recorder.gauge(&Place::default(), &metric::VUS, 5.0);
    recorder.gauge(&Place::default(), &metric::VUS_MAX, 8.0);
    recorder.gauge_of_worker(&metric::CONNECTIONS_OPEN, 6.0);
    recorder.time(&metric::LOOP_LAG, Duration::from_millis(7));
    let begun = Lifecycle { planned: 4, started: 3, late: 1, prepared: 6, ..Lifecycle::default() };
    *recorder.lifecycle(0) = begun;
    let ended = [(&place, 4), (&setup, 9)].map(|(place, count)| {
        let tags = [("scenario", "shop"), ("phase", place.phase.as_str())];
        Row { tags: TagSet::new(tags), values: vec![(metric::HTTP_REQS, Value::Counter(count))] }
    });
    let mut window = recorder.flip(0);
    window.busy =
        vec![Busy { worker: Some(0), percent: 20 }, Busy { worker: Some(2), percent: 30 }];
    window.absorb(&Window { rows: ended.into(), ..Window::default() });
    let mut aggregator = aggregator();
    aggregator.add(window);
    let tick = aggregator.tick(0, &Health::default()).expect("a new second");
    let shop = tick.scenarios[0];
    assert_eq!((shop.vus, shop.reserve, shop.planned, shop.late), (5, 3, 4, 1));
    assert_eq!(shop.in_flight, 3);
    assert_eq!((shop.requests, shop.requests_in_flight), ((6, 4), 2), "without those of setup");
    let [step] = &tick.steps[..] else { panic!("{:?}", tick.steps) };
    assert_eq!((&*step.scenario, &*step.step), ("shop", "pay"));
    assert_eq!((step.count, step.failed), (4, 1));
    assert_eq!(tick.worker_cpu_percent, [20, 30]);
    assert_eq!(tick.workers, [Some(0), Some(2)], "the one between told nothing");
    assert_eq!((tick.connections_open, tick.loop_lag_ms), (6, Some(7.0)));
    assert_eq!(tick.response_p95_ms, Some(9.0), "from the planned start");
    assert_eq!(aggregator.busy(), [30]);
}

#[test]
fn the_health_at_the_end_is_that_of_the_seconds_that_no_tick_has_closed() {
    let mut aggregator = aggregator();
    aggregator.add(window(0, 1, 10));
    let health = |memory| Health { memory_bytes: Some(memory), ..Health::default() };
    aggregator.tick(0, &health(1.0));
    aggregator.add(window(1, 1, 10));
    aggregator.add(window(2, 1, 10));
    aggregator.part(health(2.0));
    aggregator.finish();
    let memory: Vec<_> =
        aggregator.timeline().iter().map(|tick| tick.health.memory_bytes).collect();
    assert_eq!(memory, [Some(1.0), Some(2.0), Some(2.0)]);
}

#[test]
fn a_second_without_windows_is_on_the_timeline() {
    let mut aggregator = aggregator();
    aggregator.add(window(2, 1, 10));
    aggregator.tick(2, &Health::default());
    let calls: Vec<u64> = aggregator.timeline().iter().map(|tick| tick.calls).collect();
    assert_eq!(calls, [0, 0, 1]);
    assert_eq!(aggregator.tick(1, &Health::default()), None);
}

#[test]
fn a_late_window_counts_in_its_own_second_and_in_the_totals() {
    let mut punctual = aggregator();
    let mut stalled = aggregator();
    for second in 0..10 {
        punctual.add(window(second, 10, 10));
        stalled.add(window(second, 10, 10));
    }
    punctual.add(window(8, 30, 500));
    punctual.add(window(1, 30, 500));
    punctual.finish();
    stalled.finish();
    stalled.add(window(8, 30, 500));
    stalled.add(window(1, 30, 500));

    assert_eq!(stalled.late_windows(), 2);
    assert_eq!(stalled.timeline()[8], punctual.timeline()[8]);
    let (kept, counted) = (&stalled.timeline()[8], &stalled.timeline()[1]);
    assert_eq!((kept.calls, kept.p95_ms), (40, Some(500.0)));
    assert_eq!((counted.calls, counted.p95_ms, counted.errors["reset"]), (40, Some(10.0), 2));
    let durations = Selector::of(metric::HTTP_CALL_DURATION);
    assert_eq!(stalled.totals().fold(&durations), punctual.totals().fold(&durations));
    assert_eq!(stalled.breaches(), Vec::<String>::new());
}

#[test]
fn a_backlog_that_is_told_late_is_that_of_its_own_second() {
    let waiting = |second, waiting: f64| {
        let mut recorder = Recorder::new(vec!["shop".into()], 100);
        recorder.gauge(&Place::default(), &metric::BACKLOG, waiting);
        recorder.flip(second)
    };
    let mut aggregator = aggregator();
    aggregator.add(waiting(0, 10.0));
    aggregator.add(waiting(3, 40.0));
    aggregator.tick(3, &Health::default());
    aggregator.add(waiting(1, 20.0));
    aggregator.add(waiting(2, 30.0));
    assert_eq!(aggregator.backlogs(), [[10, 20, 30, 40]]);
}

/// A process that was stopped closes seconds that nobody has told of yet.
#[test]
fn gauges_of_late_windows_are_not_added_to_those_before() {
    let part = |second, users: f64| {
        let mut recorder = Recorder::new(vec!["shop".into()], 100);
        recorder.gauge(&Place::default(), &metric::VUS, users);
        recorder.flip(second)
    };
    let mut aggregator = aggregator();
    let mut told = Window::default();
    let mut levels = Vec::new();
    let mut look = |aggregator: &mut Aggregator| {
        for second in aggregator.take_seconds() {
            second.add_to(&mut told);
        }
        let users = |window: &Window| window.fold(&Selector::of(metric::VUS));
        assert_eq!(users(&told), users(aggregator.totals()));
        levels.push(users(aggregator.totals()).expect("there were users"));
    };
    [part(0, 2.0), part(0, 3.0)].into_iter().for_each(|part| aggregator.add(part));
    aggregator.tick(3, &Health::default());
    look(&mut aggregator);
    // What two workers say of the seconds in which they stood still.
    for late in [part(1, 2.0), part(3, 3.0), part(3, 2.0), part(2, 2.0)] {
        aggregator.add(late);
        look(&mut aggregator);
    }
    let level = |last| Value::Gauge { last, max: 5.0 };
    assert_eq!(levels, [5.0, 2.0, 3.0, 5.0, 5.0].map(level));
    let users: Vec<u64> = aggregator.timeline().iter().map(|tick| tick.vus).collect();
    assert_eq!(users, [5, 2, 2, 5]);
}

#[test]
fn iterations_under_way_are_those_begun_and_not_ended_however_late_that_is_told() {
    let mut aggregator = aggregator();
    let life = |second, started, completed| {
        let mut window = Window { second, ..Window::default() };
        *window.lifecycle(0) = Lifecycle { started, completed, ..Lifecycle::default() };
        window
    };
    let under_way = |aggregator: &Aggregator| -> Vec<u64> {
        aggregator.timeline().iter().map(|tick| tick.scenarios[0].in_flight).collect()
    };
    for window in [life(0, 5, 1), life(1, 2, 3), life(9, 0, 3)] {
        aggregator.add(window);
    }
    aggregator.finish();
    assert_eq!(under_way(&aggregator), [4, 3, 3, 3, 3, 3, 3, 3, 3, 0]);
    aggregator.add(life(1, 10, 9)); // no longer kept
    aggregator.add(life(9, 0, 1));
    assert_eq!(under_way(&aggregator), [4, 4, 4, 4, 4, 4, 4, 4, 4, 0]);
    let first = &aggregator.timeline()[1].scenarios[0];
    assert_eq!((first.started, first.completed), (12, 12));
}

#[test]
fn what_is_handed_out_adds_up_to_the_totals() {
    let mut aggregator = aggregator();
    let mut told = Window::default();
    let mut late = Vec::new();
    for second in [0, 3, 1, 4] {
        aggregator.add(window(second, 10, 10));
        aggregator.tick(second, &Health::default());
        for second in aggregator.take_seconds() {
            second.add_to(&mut told);
            late.push((second.tick.second, second.tick.calls, second.late));
        }
    }
    let (once, again) = ((1, 0, false), (1, 10, true));
    assert_eq!(late, [(0, 10, false), once, (2, 0, false), (3, 10, false), again, (4, 10, false)]);
    told.busy.clear();
    assert_eq!(&told, aggregator.totals());
    assert_eq!(aggregator.take_seconds(), []);
}

#[test]
fn only_the_last_seconds_are_kept_whole() {
    let mut aggregator = aggregator();
    aggregator.add(window(9, 1, 1));
    aggregator.finish();
    assert_eq!(aggregator.window(4), None);
    assert_eq!(aggregator.window(9).map(|window| window.rows.is_empty()), Some(false));
}

#[test]
fn a_broken_law_is_told_with_its_scenario() {
    let mut aggregator = aggregator();
    let mut lying = window(0, 3, 1);
    lying.lifecycle(0).planned = 1;
    for (metric, value) in lying.rows.iter_mut().flat_map(|row| &mut row.values) {
        if *metric == metric::HTTP_CALLS {
            *value = Value::Counter(4);
        }
    }
    aggregator.add(lying);
    aggregator.finish();
    assert_eq!(
        aggregator.breaches(),
        [
            "scenario `shop`: planned 1 is not started 0 + dropped 0",
            "calls 4 are not completed 3 + failed 0 + interrupted 0, or not the 3 that were \
             timed"
        ]
    );
}

#[test]
fn the_most_frequent_errors_are_told_and_the_rest_counted() {
    let mut aggregator = aggregator();
    for worker in ["a", "b"] {
        let mut recorder = Recorder::new(vec!["shop".into()], 100);
        for n in 0..80_u8 {
            let message = worker.repeat(usize::from(n) + 1);
            let times = if n < 50 { 2 } else { 1 };
            for _ in 0..times {
                let place = Place::default();
                recorder.error(&place, "script", 0, &message, Duration::ZERO, String::new);
            }
        }
        aggregator.add(recorder.flip(0));
    }
    aggregator.finish();
    let (rows, others) = aggregator.errors();
    assert_eq!((rows.len(), others), (100, 60));
    assert!(rows.iter().all(|row| row.count == 2));
}
