//! A run recorded by the real recorder, for tests of what is made of it.

use std::sync::Arc;
use std::time::Duration;

use super::build::Sources;
use super::run_info::{RunInfo, ScenarioInfo, StageInfo};
use crate::metrics::{
    CallSample, IterationSample, NameId, Outcome, Phase, Place, Recorder, RequestSample,
    StepSample, Window, metric,
};

/// Ten seconds, of which scenario `buyers` had five.
pub fn run() -> RunInfo {
    let scenario = |name: &str, kind: &'static str, load, stages| ScenarioInfo {
        name: name.into(),
        kind: kind.into(),
        vus_max: 20,
        load: Duration::from_secs(load),
        unable: 0,
        began: Duration::ZERO,
        ended: Duration::from_secs(load),
        open: false,
        paced: false,
        stages,
        steady: Vec::new(),
    };
    let stage = StageInfo {
        name: "1".into(),
        planned: Duration::from_secs(2),
        when: vec![Duration::ZERO..Duration::from_secs(2)],
    };
    RunInfo {
        id: "0199a1b2-0000-7000-8000-000000000000".into(),
        name: "shop".into(),
        script: "scripts/shop.lua".into(),
        script_sha256: "0".repeat(64),
        started_at: "2026-01-02T03:04:05Z".into(),
        duration: Duration::from_millis(10_020),
        load: Duration::from_secs(10),
        seed: 4711,
        threads: 2,
        agents: 1,
        scenarios: vec![
            scenario("buyers", "ramping_vus", 5, vec![stage]),
            scenario("idlers", "constant_vus", 10, vec![]),
        ],
        ..RunInfo::default()
    }
}

/// 100 calls of 1 … 100 ms, the even ones of step `home` in stage 1, and 10 failed ones of 1 ms;
/// four checks, one of which failed; 4 iterations, of which one failed and one was cut off.
pub fn totals() -> Window {
    let names: Vec<Arc<str>> = vec!["buyers".into(), "idlers".into()];
    let mut recorder = Recorder::new(names, 1000);
    let [get, post, home, login, busy, ok, stage] =
        ["GET", "POST", "/", "/login", "server_error", "status is 200", "1"]
            .map(|text| recorder.intern(text));
    let step = recorder.intern("home");
    let outside = Place::default();
    let inside = Place { step, stage, ..outside };
    for i in 1..=100 {
        let place = if i % 2 == 0 { inside } else { outside };
        let (name, method) = if i % 2 == 0 { (home, get) } else { (login, post) };
        recorder.call(&place, &call(name, method, i, NameId::NONE));
        recorder.request(&place, &request(name, method, i));
    }
    for _ in 0..10 {
        recorder.call(&inside, &call(home, get, 1, busy));
        recorder
            .error(&inside, "server_error", 503, "GET /: status 503", at(3), || "> GET /".into());
    }
    for passed in [true, true, true, false] {
        recorder.check(&inside, ok, passed);
    }
    for outcome in [Outcome::Completed, Outcome::Completed, Outcome::Failed, Outcome::Interrupted] {
        pass(&mut recorder, outcome);
        recorder.step(&inside, &StepSample { duration: at(1), outcome });
    }
    recorder.call(&Place { phase: Phase::Setup, ..outside }, &call(home, get, 9, NameId::NONE));
    recorder.gauge(&outside, &metric::VUS, 20.0);
    recorder.flip(0)
}

/// What is known of a run of which there is nothing but that.
pub fn sources<'a>(run: &'a RunInfo, totals: &'a Window) -> Sources<'a> {
    Sources {
        run,
        thresholds: &[],
        watch: None,
        totals,
        timeline: &[],
        courses: &[],
        backlogs: &[],
        busy: &[],
        bugs: &[],
        breaches: &[],
        late_windows: 0,
        lost_windows: 0,
        stop: None,
        variants: None,
        ceiling: None,
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn call(name: NameId, method: NameId, millis: u64, error: NameId) -> CallSample {
    let expected = error.is_none();
    CallSample {
        name,
        method,
        status: if expected { 200 } else { 503 },
        expected,
        error,
        outcome: if expected { Outcome::Completed } else { Outcome::Failed },
        duration: Duration::from_millis(millis),
    }
}

fn request(name: NameId, method: NameId, millis: u64) -> RequestSample {
    let duration = Duration::from_millis(millis);
    let opened = u8::from(millis <= 20);
    RequestSample {
        name,
        method,
        status: 200,
        proto: NameId::NONE,
        hop: 0,
        attempt: 0,
        expected: true,
        error: NameId::NONE,
        peer: NameId::NONE,
        duration,
        blocked: Duration::ZERO,
        dns: Duration::ZERO,
        connect: Duration::from_micros(90),
        tls: Duration::ZERO,
        send: Duration::ZERO,
        wait: duration,
        receive: Duration::ZERO,
        bytes_sent: 100,
        bytes_received: 2_000,
        reused: opened == 0,
        opened,
        connect_failed: 0,
    }
}

fn pass(recorder: &mut Recorder, outcome: Outcome) {
    let sample =
        IterationSample { duration: at(1), lag: at(0), lag_users: at(0), late: false, outcome };
    let stage = recorder.intern("1");
    recorder.iteration(&Place { stage, ..Place::default() }, &sample);
    let life = recorder.lifecycle(0);
    life.planned += 1;
    life.due += 1;
    life.started += 1;
    match outcome {
        Outcome::Completed => life.completed += 1,
        Outcome::Failed => life.failed += 1,
        Outcome::Interrupted => life.interrupted += 1,
    }
}
