//! Searches for a limit against targets that degrade, recover, die and begin anew, with paused time:
//! the real pilot steers the real engine.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use loadtool::aggregator::{Aggregator, Health};
use loadtool::http::Exchange;
use loadtool::http::simulated::SimulatedTransport;
use loadtool::limit::pilot::LimitPilot;
use loadtool::limit::search::Strategy;
use loadtool::limit::signals::watcher::Watcher;
use loadtool::limit::signals::{Probes, Signal, Snapshot, Values};
use loadtool::limit::{Axis, LimitSpec};
use loadtool::metrics::{TagSet, Window};
use loadtool::plan::Threshold;
use loadtool::plan::draft::Flags;
use loadtool::results::limit::Limit;
use loadtool::results::{RunInfo, ScenarioInfo, Sources, Summary};
use loadtool::run::pilot::Pilot;
use loadtool::stop::{StopReason, StopSwitch};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::{GET, Rig, ms, paused};

/// A search: warm-ups of 5 s, full holds of 10 s, cool-downs of 5 s.
struct Searched {
    script: String,
    spec: LimitSpec,
    /// How long an answer takes, and what it is, so many seconds after the start.
    target: Box<dyn Fn(f64) -> (Duration, Exchange)>,
    /// A first signal.
    stop: Option<Duration>,
}

/// What came of one.
struct Found {
    limit: Limit,
    exit_code: u8,
    /// Why the run's verdict is what it is.
    verdict: String,
}

fn gate(selector: &str, expression: &str) -> Threshold {
    Threshold::parse(selector, expression).expect("it is a threshold")
}

fn listed(levels: &[f64]) -> Strategy {
    Strategy::Listed { levels: levels.to_vec(), run_all: true }
}

/// Answers well after so many milliseconds.
fn well(after: u64) -> (Duration, Exchange) {
    (ms(after), Exchange::answer(200, ""))
}

/// A search over rates by these levels, and a target that answers as `target` says.
fn search(strategy: Strategy, target: impl Fn(f64) -> (Duration, Exchange) + 'static) -> Searched {
    let s = Duration::from_secs;
    let spec = LimitSpec {
        axis: Axis::Rate,
        scenario: None,
        strategy,
        gates: vec![
            gate("http_call_duration", "p95 < 100ms"),
            gate("http_call_failed", "rate < 1%"),
        ],
        tolerance: 0.05,
        warmup: s(5),
        hold: s(10),
        cooldown: s(5),
        probes: None,
        max_time: None,
        max_vus: None,
        tell: Box::new(|_| {}),
    };
    let script = format!("{GET}return get");
    Searched { script, spec, target: Box::new(target), stop: None }
}

impl Searched {
    fn with(mut self, change: impl FnOnce(&mut LimitSpec)) -> Searched {
        change(&mut self.spec);
        self
    }

    /// Whatever the latency, so long as what fails is little.
    fn patient(self) -> Searched {
        self.with(|spec| spec.gates = vec![gate("http_call_failed", "rate < 1%")])
    }

    fn run(self) -> Found {
        let script = self.script.clone();
        let found = paused(&script, |path| self.fly(path));
        assert!(found.limit.steps.iter().all(|step| step.hold_s >= 3.0));
        found
    }

    async fn fly(self, script: PathBuf) -> Found {
        let flags = Flags {
            base_url: Some("http://simulated.test".to_owned()),
            search: Some(self.spec.reach()),
            ..Flags::default()
        };
        let began = Rc::new(Cell::new(Instant::now()));
        let (since, target) = (began.clone(), self.target);
        let server = SimulatedTransport::new(move |_| target(since.get().elapsed().as_secs_f64()));
        let rig = Rig::of(script, flags, server);
        let mut pilot = LimitPilot::new(self.spec);
        let helms = rig.running.iter().map(|running| running.helm.clone()).collect();
        let (start, mut aggregator) = (rig.start(), rig.aggregator());
        began.set(start);
        let Rig { prepared, worker, switch, mut windows, .. } = rig;
        pilot.begin(&prepared.plan, helms);
        let signal = async {
            if let Some(stop) = self.stop {
                tokio::time::sleep(stop).await;
                switch.graceful(StopReason::Signal);
            }
        };
        let follow = follow(&mut pilot, &mut aggregator, &mut windows, &switch, start);
        tokio::join!(worker.run(start), follow, signal);
        aggregator.finish();
        let scenarios = prepared.plan.scenarios().iter().map(ScenarioInfo::of).collect();
        let run = RunInfo { load: start.elapsed(), scenarios, ..RunInfo::default() };
        let stop = switch.watch().borrow().clone();
        let mut summary = summary(&run, &aggregator, stop.reason());
        pilot.conclude(&mut summary);
        let (exit_code, verdict) = (summary.verdict.exit_code, summary.verdict.reasons.join("; "));
        Found { limit: summary.limit.expect("it was a search"), exit_code, verdict }
    }
}

/// As the control thread does.
async fn follow(
    pilot: &mut LimitPilot,
    aggregator: &mut Aggregator,
    windows: &mut mpsc::Receiver<Window>,
    switch: &StopSwitch,
    start: Instant,
) {
    for second in 0u32.. {
        let passed = Duration::from_secs(u64::from(second) + 1);
        let end = start + passed + ms(200);
        loop {
            tokio::select! {
                window = windows.recv() => match window {
                    Some(window) => aggregator.add(window),
                    None => return,
                },
                () = sleep_until(end) => break,
            }
        }
        aggregator.tick(second, &Health::default());
        if !pilot.second(passed, aggregator) {
            switch.graceful(StopReason::Finished);
        }
    }
}

fn summary(run: &RunInfo, aggregator: &Aggregator, stop: Option<&StopReason>) -> Summary {
    Summary::of(&Sources {
        run,
        thresholds: &[],
        watch: None,
        totals: aggregator.totals(),
        timeline: aggregator.timeline(),
        courses: aggregator.courses(),
        bugs: &[],
        backlogs: aggregator.backlogs(),
        busy: aggregator.busy(),
        breaches: &aggregator.breaches(),
        late_windows: 0,
        lost_windows: 0,
        stop,
        variants: None,
        ceiling: None,
    })
}

impl Found {
    fn verdicts(&self) -> Vec<&str> {
        self.limit.steps.iter().map(|step| step.verdict.as_str()).collect()
    }

    /// What is said of the hold of that number.
    fn reasons(&self, step: usize) -> String {
        self.limit.steps[step].reasons.join("; ")
    }

    #[track_caller]
    fn says(&self, step: usize, part: &str) {
        let reasons = self.reasons(step);
        assert!(reasons.contains(part), "want {part:?} in {reasons:?}");
    }
}

/// The first hold is from 5 s to 15 s, the second from 26 s to 36 s unless the target must recover.
#[test]
fn a_hold_says_what_its_target_did_in_it() {
    type Target = fn(f64) -> (Duration, Exchange);
    let cases: [(Target, &str, u8, &str); 6] = [
        (|_| well(20), "pass", 0, "http_call_duration p95 < 100ms: 20"),
        // dies
        (
            |t| if t < 10.0 { well(20) } else { (ms(1), Exchange::answer(503, "")) },
            "trip",
            3,
            "http_call_failed rate < 1%: 50",
        ),
        // degrades
        (|t| well(20 + (t * 10.0) as u64), "trip", 3, "http_call_duration p95 < 100ms: 1"),
        // degraded in the warm-up, and has recovered
        (|t| well(if t < 4.0 { 500 } else { 20 }), "pass", 0, "p95 < 100ms: 20"),
        // hangs: the last of its calls time out 30 s after the hold
        (
            |t| if t < 10.0 { well(20) } else { well(3_600_000) },
            "trip",
            3,
            "http_call_failed rate < 1%: 50",
        ),
        // has nothing that was asked for
        (|_| (ms(5), Exchange::answer(404, "")), "trip", 3, "http_call_failed rate < 1%: 100 %"),
    ];
    for (target, verdict, exit_code, told) in cases {
        let found = search(listed(&[30.0]), target).run();
        assert_eq!(found.verdicts(), [verdict], "{told}: {}", found.reasons(0));
        found.says(0, told);
        assert_eq!((found.exit_code, found.limit.complete), (exit_code, true));
    }
}

/// One after the other, each for so many milliseconds.
fn queue(service: u64) -> impl Fn(f64) -> (Duration, Exchange) {
    let free = Cell::new(0.0);
    move |now| {
        free.set(f64::max(free.get(), now) + service as f64 / 1e3);
        (Duration::from_secs_f64(free.get() - now), Exchange::answer(200, ""))
    }
}

#[test]
fn a_queue_of_known_capacity_is_found_within_the_precision() {
    for (service, capacity) in [(10, 100.0), (4, 250.0)] {
        let adaptive = Strategy::Adaptive { from: 20.0, to: 1e4, precision: 0.05, whole: false };
        let Found { limit, exit_code, .. } = search(adaptive, queue(service)).run();
        let (lower, upper) = (limit.lower.expect("it held"), limit.upper.expect("it did not"));
        // A hold is too short for an overload of less than a hundredth to show.
        assert!(lower <= capacity * 1.01 && capacity <= upper, "{capacity}: {lower} … {upper}");
        assert!(upper <= lower * 1.0501 && exit_code == 0 && limit.complete);
        assert!(!limit.non_monotone && limit.drift.is_some_and(|drift| drift.abs() < 0.2));
    }
}

#[test]
fn little_agrees_with_what_was_under_way() {
    let found = search(listed(&[200.0]), |_| well(90)).run();
    let law = found.limit.steps[0].littles_law.expect("18 at a time");
    assert!((law - 1.0).abs() < 0.01, "{law}");
}

#[test]
fn what_piles_up_in_a_patient_target_is_unstable_though_nobody_waits_for_a_user() {
    // 30 a second, of 45 that are wanted.
    let found = search(listed(&[20.0, 45.0]), queue(33)).patient();
    let found = found.with(|spec| spec.max_vus = Some(2_000)).run();
    assert_eq!(found.verdicts(), ["pass", "trip"]);
    found.says(1, "unstable: iterations in flight grow by 1");
    // With few users it is arrivals that pile up.
    let found = search(listed(&[20.0, 45.0]), queue(33)).patient();
    let found = found.with(|spec| spec.max_vus = Some(20)).run();
    assert_eq!(found.verdicts(), ["pass", "trip"]);
    found.says(1, "unstable: the backlog grows by 1");
    found.says(1, "backlog: ");
}

#[test]
fn a_percentile_that_lacks_samples_lengthens_the_hold_no_more_than_it_must() {
    let hold = |level: f64| {
        let found = search(listed(&[level]), |_| well(20)).run();
        (found.limit.steps[0].hold_s, found.verdicts()[0].to_owned())
    };
    // A p95 needs 80: of 9/s that is 9 s, of 3/s 27 s; at 1/s four times the hold are not enough.
    assert_eq!(hold(9.0), (10.0, "pass".to_owned()));
    assert_eq!(hold(3.0), (30.0, "pass".to_owned()));
    assert_eq!(hold(1.0), (40.0, "inconclusive".to_owned()));
}

#[test]
fn a_target_is_waited_for_until_it_has_recovered() {
    let second = |slow_until: f64| {
        let slow = move |t: f64| well(if (15.0..slow_until).contains(&t) { 400 } else { 20 });
        let found = search(listed(&[30.0, 40.0]), slow).run();
        (found.limit.steps[1].from_s, found.reasons(0), found.verdicts()[1].to_owned())
    };
    let (soon, said, verdict) = second(15.5);
    assert!(!said.contains("recovered") && verdict == "pass", "{said}");
    let (late, said, verdict) = second(28.0);
    assert!(late >= soon + 7.0, "{soon} and {late}");
    assert!(!said.contains("recovered") && verdict == "pass", "{said}");
    let (_, said, verdict) = second(f64::INFINITY);
    assert!(said.contains("not recovered afterwards: p95 is 400 ms"), "{said}");
    assert_eq!(verdict, "trip");
}

#[test]
fn a_claims_target_must_recover_too_and_a_low_rate_shows_it_late() {
    let slow = |t: f64| well(if t >= 15.0 { 400 } else { 20 });
    let found = search(Strategy::Assert { level: 30.0 }, slow).run();
    assert_eq!(found.verdicts(), ["pass", "trip", "trip"]);
    found.says(0, "not recovered afterwards: p95 is 400 ms; at most 24");
    assert_eq!(found.exit_code, 3);
    let slowly = search(listed(&[0.9, 1.0]), |_| well(20));
    let found = slowly.with(|spec| spec.gates = vec![gate("http_call_failed", "rate < 1%")]).run();
    assert_eq!(found.verdicts(), ["pass", "pass"]);
    assert!(!found.reasons(0).contains("recovered"), "{}", found.reasons(0));
}

#[test]
fn a_claim_is_decided_by_the_majority() {
    let (good, bad) = (|_| well(20), |_| well(400));
    let fickle = |t: f64| well(if (22.0..36.0).contains(&t) { 400 } else { 20 });
    let claim = || Strategy::Assert { level: 30.0 };
    let found = search(claim(), good).run();
    assert_eq!((found.verdicts(), found.exit_code), (vec!["pass"; 2], 0));
    let found = search(claim(), bad).run();
    assert_eq!((found.verdicts(), found.exit_code), (vec!["trip"; 2], 3));
    let found = search(claim(), fickle).run();
    assert_eq!((found.verdicts(), found.exit_code), (vec!["pass", "trip", "pass"], 0));
    // Every objective is there with what was observed, of the hold that tripped too.
    for step in &found.limit.steps {
        let gates: Vec<_> = step.gates.iter().map(|gate| (gate.ok, gate.metric.as_str())).collect();
        let quick = step.verdict == "pass";
        assert_eq!(gates, [(quick, "http_call_duration"), (true, "http_call_failed")]);
    }
}

/// A search for 30 to 60 a second of a target that takes so many ms, and at the end so many.
fn drifting(first: u64, at_the_end: u64) -> Found {
    let adaptive = Strategy::Adaptive { from: 30.0, to: 60.0, precision: 0.5, whole: false };
    let drifting = Rc::new(Cell::new(false));
    let drifted = drifting.clone();
    let found = search(adaptive, move |_| well(if drifted.get() { at_the_end } else { first }));
    let found = found.with(|spec| {
        spec.tell = Box::new(move |line| drifting.set(line.contains("(drift)")));
    });
    found.run()
}

#[test]
fn a_target_that_is_another_at_the_end_leaves_the_answer_open() {
    for (at_the_end, told) in
        [(30, "p95 of the first level moved by 5"), (400, "held at first, and not at the end")]
    {
        let found = drifting(20, at_the_end);
        assert_eq!((found.exit_code, found.limit.complete), (4, true), "{told}");
        assert_eq!(found.limit.lower, Some(60.0));
        assert!(found.verdict.contains(told), "want {told:?} in {}", found.verdict);
    }
    let found = drifting(10, 14);
    assert_eq!((found.exit_code, found.limit.drift), (0, Some(0.0)), "4 of 100 ms decide nothing");
}

#[test]
fn a_level_that_trips_below_one_that_passes_is_held_again() {
    let unlucky = |t: f64| well(if (22.0..36.0).contains(&t) { 400 } else { 20 });
    let found = search(listed(&[10.0, 20.0, 30.0]), unlucky).run();
    let purposes: Vec<_> = found.limit.steps.iter().map(|step| step.purpose.as_str()).collect();
    assert_eq!(purposes, ["listed", "listed", "listed", "again", "again"]);
    assert_eq!(found.verdicts(), ["pass", "trip", "pass", "pass", "pass"]);
    assert_eq!((found.limit.lower, found.limit.non_monotone), (Some(30.0), false));
}

#[test]
fn users_that_could_not_start_are_no_load_that_holds() {
    let script = "local lt = require 'loadtool'
        return { scenarios = { a = {
          on_start = function() if lt.vu.number % 2 == 0 then lt.fail 'no' end end,
          run = function() lt.http.get '/' end } } }";
    let users = |script: &str| {
        let searched = search(listed(&[10.0]), |_| well(20));
        let searched = Searched { script: script.to_owned(), ..searched };
        searched.with(|spec| spec.axis = Axis::Users).run()
    };
    let found = users(script);
    assert_eq!((found.verdicts(), found.exit_code), (vec!["inconclusive"; 3], 4));
    found.says(0, "5 of 10 users were there");
    let found = users(&script.replace("lt.vu.number % 2 == 0", "false"));
    assert_eq!((found.verdicts(), found.exit_code), (vec!["pass"], 0));
}

/// A look at one source that tells how many jobs there are.
fn jobs(jobs: f64) -> Snapshot {
    let series = ("jobs".to_owned(), TagSet::default());
    Snapshot(vec![Ok(Values::from([(series, jobs)]))])
}

#[test]
fn signals_that_begin_anew_vanish_or_cannot_be_read_are_told_apart() {
    let nothing = || Snapshot(vec![Ok(Values::new())]);
    let unread = || Snapshot(vec![Err("http://a could not be read: no".to_owned())]);
    let cases = [
        (vec![jobs(5.0), jobs(8.0)], "pass", 0, "jobs"),
        (vec![jobs(5.0), jobs(16.0)], "trip", 3, "jobs increase <= 10: 11"),
        (vec![jobs(5.0), jobs(1.0), jobs(1.0), jobs(2.0)], "inconclusive", 0, "jobs began anew"),
        (vec![jobs(5.0), nothing()], "trip", 3, "jobs vanished during the hold"),
        (vec![jobs(5.0), unread()], "pass", 0, "could not be read"),
        (vec![nothing(), jobs(11.0)], "trip", 3, "jobs increase <= 10: 11"),
    ];
    for (looks, verdict, exit_code, told) in cases {
        let signal = Signal::parse("jobs increase <= 10").expect("it is one");
        let probes = Probes::new(Watcher::recorded(looks), vec![signal]);
        let found = search(listed(&[30.0]), |_| well(20));
        let found = found.with(|spec| spec.probes = Some(probes)).run();
        assert_eq!((found.verdicts()[0], found.exit_code), (verdict, exit_code), "{told}");
        let step = &found.limit.steps[0];
        let said = format!("{} {:?}", found.reasons(0), step.signals);
        assert!(said.contains(told), "want {told:?} in {said:?}");
    }
}

#[test]
fn a_search_that_is_ended_tells_what_is_known_and_nothing_of_a_hold_under_way() {
    let searched = || search(listed(&[30.0, 40.0, 50.0]), |_| well(20));
    for (found, exit_code) in [
        (searched().with(|spec| spec.max_time = Some(Duration::from_secs(30))).run(), 4),
        (Searched { stop: Some(Duration::from_secs(30)), ..searched() }.run(), 5),
    ] {
        assert_eq!((found.verdicts(), found.exit_code), (vec!["pass"], exit_code));
        assert_eq!((found.limit.complete, found.limit.lower), (false, Some(30.0)));
        assert_eq!(found.limit.verdict, "inconclusive");
    }
}
