//! The whole engine over a simulated transport with paused time: minutes in milliseconds, and
//! counts that are exact.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use loadtool::aggregator::{Aggregator, Health};
use loadtool::engine::course::Course;
use loadtool::engine::running::Running;
use loadtool::engine::worker::{Worker, WorkerSpec};
use loadtool::http::simulated::SimulatedTransport;
use loadtool::metrics::window::Lifecycle;
use loadtool::metrics::{Outcome, What};
use loadtool::plan::draft::Flags;
use loadtool::run::prepare::{ScriptSpec, prepare};
use loadtool::stop::{StopReason, StopSwitch};
use tokio::sync::mpsc;
use tokio::time::Instant;

const GET: &str = "local lt = require 'loadtool'\nlocal function get() lt.http.get '/' end\n";

/// What a simulated run came to.
struct Simulated {
    aggregator: Aggregator,
    /// From the start of the load to the end of the last user.
    lasted: Duration,
}

impl Simulated {
    fn life(&self, scenario: usize) -> Lifecycle {
        self.aggregator.totals().lifecycles[scenario]
    }

    fn vus(&self) -> Vec<u64> {
        self.aggregator.timeline().iter().map(|tick| tick.vus).collect()
    }
}

/// Runs a script against a server that answers everything after `service`.
fn simulate(script: &str, service: Duration) -> Simulated {
    simulate_stopped(script, service, None)
}

/// The same, with a first signal at `stop`.
fn simulate_stopped(script: &str, service: Duration, stop: Option<Duration>) -> Simulated {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("script.lua");
    std::fs::write(&path, script).expect("the folder can be written");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, drive(path, service, stop))
}

async fn drive(script: PathBuf, service: Duration, stop: Option<Duration>) -> Simulated {
    let flags = Flags {
        base_url: Some("http://simulated.test".to_owned()),
        seed: Some(1),
        threads: Some(1),
        ..Flags::default()
    };
    let spec = ScriptSpec { script, libs: vec![], env: vec![], redact: vec![], flags };
    let prepared = prepare(spec).unwrap_or_else(|faults| panic!("{faults}"));
    let running: Vec<_> = prepared.plan.scenarios().iter().map(Course::of).collect();
    let running = running.iter().map(|c| Arc::new(Running::new(c.profile.peak(), c.quota)));
    let (sender, mut windows) = mpsc::channel(10_000);
    let switch = StopSwitch::default();
    let worker = WorkerSpec {
        plan: prepared.plan.clone(),
        program: prepared.program.clone(),
        shared: prepared.shared.clone(),
        ctx: None,
        running: running.collect(),
        switch: switch.clone(),
        windows: sender,
        index: 0,
        made: Arc::default(),
    };
    let transport = Rc::new(SimulatedTransport::ok(service));
    let worker = Worker::prepare(worker, transport).unwrap_or_else(|fault| panic!("{fault}"));
    let start = Instant::now();
    prepared.shared.started.set(start).expect("it has not begun");
    let signal = async {
        if let Some(stop) = stop {
            tokio::time::sleep(stop).await;
            switch.graceful(StopReason::Signal);
        }
    };
    tokio::join!(worker.run(start), signal);
    let lasted = start.elapsed();
    let names = prepared.plan.scenarios().iter().map(|s| s.name().clone()).collect();
    let mut aggregator = Aggregator::new(names);
    while let Some(window) = windows.recv().await {
        aggregator.add(window);
    }
    aggregator.finish();
    aggregator.tick(0, &Health::default());
    assert_eq!(aggregator.breaches(), Vec::<String>::new(), "conservation laws");
    Simulated { aggregator, lasted }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn constant_users_iterate_back_to_back_until_the_end() {
    let script = format!(
        "{GET}return {{ scenarios = {{ a = {{ run = get, load = {{ vus = 5, duration = '10s' }} }} }} }}"
    );
    let run = simulate(&script, ms(100));
    let life = run.life(0);
    assert_eq!((life.planned, life.started, life.completed), (500, 500, 500));
    assert_eq!((life.failed, life.interrupted, life.dropped.total()), (0, 0, 0));
    assert_eq!(run.vus()[..10], [5; 10]);
    assert_eq!((life.prepared, life.sent, life.headers, life.bodies), (500, 500, 500, 500));
}

#[test]
fn a_ramp_has_as_many_users_as_its_line_says() {
    let stages = "{ {'10s', 9}, {'5s', 9}, {'10s', 0} }";
    let script = format!(
        "{GET}return {{ scenarios = {{ a = {{ run = get, load = {{ start_vus = 0, stages = {stages} }} }} }} }}"
    );
    let run = simulate(&script, ms(50));
    // A second's Window is taken at its end: at 1 s the line is at 0.9, at 9 s at 8.1.
    assert_eq!(run.vus()[..9], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(run.vus()[10..15], [9; 5]);
    // A user is there until the line has come down to it.
    assert_eq!(run.vus()[15..24], [9, 8, 7, 6, 5, 4, 3, 2, 1]);
}

#[test]
fn each_user_does_its_own_iterations() {
    let load = "{ vus = 3, iterations_per_vu = 7 }";
    let script = format!("{GET}return {{ scenarios = {{ a = {{ run = get, load = {load} }} }} }}");
    let run = simulate(&script, ms(10));
    assert_eq!((run.life(0).planned, run.life(0).completed), (21, 21));
    assert!(run.lasted < ms(100), "{:?}", run.lasted);
}

#[test]
fn users_share_iterations_and_what_time_leaves_over_is_dropped() {
    let load = "{ vus = 4, iterations = 100, max_duration = '1s' }";
    let script = format!("{GET}return {{ scenarios = {{ a = {{ run = get, load = {load} }} }} }}");
    let quick = simulate(&script, ms(10)).life(0);
    assert_eq!((quick.planned, quick.completed, quick.dropped.end), (100, 100, 0));
    let slow = simulate(&script, ms(100)).life(0);
    assert_eq!((slow.planned, slow.completed, slow.dropped.end), (100, 40, 60));
}

#[test]
fn iterations_that_outlive_the_grace_are_interrupted() {
    let load = "{ vus = 3, duration = '1s', graceful_stop = '2s' }";
    let script = format!("{GET}return {{ scenarios = {{ a = {{ run = get, load = {load} }} }} }}");
    let run = simulate(&script, ms(10_000));
    let life = run.life(0);
    assert_eq!((life.started, life.completed, life.interrupted), (3, 0, 3));
    assert_eq!(run.lasted, ms(3_000));
}

#[test]
fn a_paced_user_starts_in_its_slots_and_missed_ones_are_dropped() {
    let load = "{ vus = 1, duration = '10s' }";
    let paced = |pace: &str| {
        format!(
            "{GET}return {{ scenarios = {{ a = {{ run = get, pace = '{pace}', load = {load} }} }} }}"
        )
    };
    let in_time = simulate(&paced("500ms"), ms(100)).life(0);
    assert_eq!((in_time.planned, in_time.completed, in_time.dropped.overrun), (20, 20, 0));
    // The last slot is at 9.5 s; the scenario is not over before its 10 s.
    assert_eq!(simulate(&paced("500ms"), ms(100)).lasted, ms(10_000));
    // 1.3 s each: slots 0, then the latest of those that passed meanwhile.
    let late = simulate(&paced("500ms"), ms(1_300)).life(0);
    assert_eq!(late.planned, late.completed + late.dropped.overrun);
    assert_eq!((late.completed, late.dropped.overrun), (8, 12));
}

#[test]
fn slots_that_a_ramp_leaves_out_are_not_planned() {
    let stages = "{ {'1s', 1}, {'0s', 0}, {'1s', 0}, {'0s', 1}, {'1s', 1} }";
    let script = format!(
        "{GET}return {{ scenarios = {{ a = {{ run = get, pace = '100ms', spread = 0, \
         load = {{ start_vus = 1, stages = {stages} }} }} }} }}"
    );
    let life = simulate(&script, ms(10)).life(0);
    assert_eq!((life.planned, life.completed, life.dropped.overrun), (20, 20, 0));
}

#[test]
fn slots_that_pass_during_an_iteration_that_is_cut_off_or_outlives_a_stop_are_dropped() {
    let paced = |pace: &str, load: &str| {
        format!(
            "{GET}return {{ scenarios = {{ a = {{ run = get, pace = '{pace}', load = {load} }} }} }}"
        )
    };
    let load = "{ vus = 1, duration = '3s', graceful_stop = 0 }";
    let frozen = simulate(&paced("100ms", load), ms(60_000)).life(0);
    assert_eq!((frozen.planned, frozen.interrupted, frozen.dropped.overrun), (30, 1, 29));
    // Slots 0 and 3 start; 1, 2 and 4 are missed; 5 would have been due after the stop.
    let load = "{ vus = 1, duration = '1m' }";
    let stopped = simulate_stopped(&paced("1s", load), ms(3_000), Some(ms(4_500))).life(0);
    assert_eq!((stopped.planned, stopped.completed, stopped.dropped.overrun), (5, 2, 3));
}

#[test]
fn users_are_spread_over_the_pace() {
    let load = "{ vus = 10, duration = '10s' }";
    let script = format!(
        "{GET}return {{ scenarios = {{ a = {{ run = get, pace = '10s', load = {load} }} }} }}"
    );
    let run = simulate(&script, ms(1));
    assert_eq!(run.life(0).completed, 10);
    let per_second: Vec<_> = run.aggregator.timeline().iter().map(|t| t.iterations).collect();
    assert_eq!(per_second[..10], [1; 10]);
}

#[test]
fn scenarios_start_after_a_time_and_after_each_other() {
    let script = format!(
        "{GET}return {{ scenarios = {{
            a = {{ run = get, load = {{ vus = 1, iterations = 30 }} }},
            b = {{ run = get, after = 'a', start_after = '2s', load = {{ vus = 1, iterations = 10 }} }},
            c = {{ run = get, start_after = '1s', load = {{ vus = 1, iterations = 10 }} }},
        }} }}"
    );
    let run = simulate(&script, ms(100));
    assert_eq!((run.life(0).completed, run.life(1).completed, run.life(2).completed), (30, 10, 10));
    // a ends at 3 s, b runs from 5 s to 6 s.
    assert_eq!(run.lasted.as_millis() / 100, 60);
}

#[test]
fn a_first_signal_lets_iterations_finish() {
    let load = "{ vus = 2, duration = '1m' }";
    let script = format!("{GET}return {{ scenarios = {{ a = {{ run = get, load = {load} }} }} }}");
    let run = simulate_stopped(&script, ms(1_000), Some(ms(3_500)));
    let life = run.life(0);
    assert_eq!((life.started, life.completed, life.interrupted), (8, 8, 0));
    assert_eq!(run.lasted, ms(4_000));
}

#[test]
fn think_time_is_in_no_latency() {
    let script = "local lt = require 'loadtool'
        return { scenarios = { a = { run = function()
            lt.step('pause', function() lt.http.get '/' lt.think(2) end)
        end, load = { vus = 1, iterations = 4 } } } }";
    let run = simulate(script, ms(500));
    assert_eq!(run.lasted, ms(10_000));
    let p50 = |metric: &str| {
        let selector = loadtool::metrics::Selector::parse(metric).unwrap();
        let value = run.aggregator.totals().fold(&selector).unwrap();
        value.histogram().unwrap().quantile(500_000).unwrap()
    };
    for metric in ["iteration_duration", "step_duration", "http_call_duration"] {
        assert!(p50(metric).abs_diff(ms(500)) < ms(3), "{metric}: {:?}", p50(metric));
    }
}

#[test]
fn a_mix_is_drawn_by_weight_and_the_same_for_the_same_seed() {
    let script = "local lt = require 'loadtool'
        local function f(name) return function() lt.http.get('/' .. name) end end
        return { scenarios = { a = { mix = {
            { name = 'read', weight = 9, run = f 'read' },
            { name = 'write', weight = 1, run = f 'write' },
        }, load = { vus = 10, iterations_per_vu = 200 } } } }";
    let reads = || {
        let run = simulate(script, ms(1));
        let selector = loadtool::metrics::Selector::parse("http_calls{name=/read}").unwrap();
        run.aggregator.totals().count(&selector)
    };
    let first = reads();
    assert!((1_700..1_900).contains(&first), "{first} of 2,000");
    assert_eq!(first, reads());
}

#[test]
fn the_ten_slowest_iterations_are_kept_whole() {
    let script = "local lt = require 'loadtool'
        local function buy()
          local n = lt.vu.iteration
          lt.think(5)
          lt.step('pay', function()
            lt.http.get '/pay'
            lt.sleep((n * 37 % 100) / 1000)
          end)
        end
        return { scenarios = { a = { run = buy, load = { vus = 2, iterations_per_vu = 100 } } } }";
    let run = simulate(script, ms(20));
    let slowest = &run.aggregator.totals().slowest[0];
    let times: Vec<_> = slowest.iter().map(|one| one.pass.response_time.as_millis()).collect();
    assert_eq!(times, [119, 119, 118, 118, 117, 117, 116, 116, 115, 115]);
    let journey = slowest.iter().next().expect("there are ten");
    assert_eq!((journey.pass.user, journey.pass.iteration, journey.truncated), (1, 27, 0));
    let events: Vec<_> = journey.events.iter().map(|event| (event.at, event.length)).collect();
    assert_eq!(events[..2], [(ms(0), ms(5000)), (ms(5000), ms(119))], "{:#?}", journey.events);
    assert_eq!(events[2..], [(ms(5000), ms(20)), (ms(5020), ms(99))], "{:#?}", journey.events);
    let What::Request(sent) = &journey.events[2].what else { panic!("{:#?}", journey.events) };
    assert_eq!((&*sent.method, &*sent.name, sent.status), ("GET", "/pay", 200));
    assert_eq!((sent.phases.wait, sent.reused), (20_000, true));
    assert_eq!(*journey.events[3].step, *"pay");
}

#[test]
fn a_cut_off_iteration_is_kept_with_what_it_was_doing_and_the_warm_up_is_not_kept() {
    let script = "local lt = require 'loadtool'
        local function stay()
          if lt.vu.iteration == 0 then return lt.sleep(50) end
          lt.step('stay', function() lt.http.get '/slow' end)
        end
        return { scenarios = { a = {
          run = stay, warmup = '10s', load = { vus = 1, duration = '60s', graceful_stop = 1 } } } }";
    let run = simulate(script, Duration::from_secs(25));
    let slowest = &run.aggregator.totals().slowest[0];
    let [journey] = &slowest.iter().collect::<Vec<_>>()[..] else { panic!("{slowest:#?}") };
    assert_eq!(journey.pass.outcome, Outcome::Interrupted);
    assert_eq!((journey.pass.started, journey.pass.response_time), (ms(50_000), ms(11_000)));
    let [step, ..] = &journey.events[..] else { panic!("{journey:#?}") };
    assert_eq!((step.what == What::Step, step.length), (true, ms(11_000)));
}
