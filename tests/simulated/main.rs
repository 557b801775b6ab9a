//! The whole engine over a simulated transport with paused time: minutes in milliseconds, and
//! counts that are exact.

mod laws;
mod limit;
mod trust;
mod variants;

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use loadtool::aggregator::{Aggregator, Health};
use loadtool::engine::course::Course;
use loadtool::engine::helm::Setting;
use loadtool::engine::running::Running;
use loadtool::engine::timer::Precision;
use loadtool::engine::worker::{Worker, WorkerSpec};
use loadtool::http::Exchange;
use loadtool::http::simulated::SimulatedTransport;
use loadtool::metrics::window::{Lifecycle, Window};
use loadtool::metrics::{Outcome, Selector, What, metric};
use loadtool::plan::Plan;
use loadtool::plan::draft::Flags;
use loadtool::run::prepare::{Prepared, ScriptSpec, prepare};
use loadtool::stop::{StopReason, StopSwitch};
use tokio::sync::mpsc;
use tokio::time::Instant;

const GET: &str = "local lt = require 'loadtool'\nlocal function get() lt.http.get '/' end\n";

/// What a simulated run came to.
struct Simulated {
    plan: Arc<Plan>,
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
    simulate_against(script, SimulatedTransport::ok(service), Meanwhile::default())
}

/// The same, with a first signal at `stop`.
fn simulate_stopped(script: &str, service: Duration, stop: Option<Duration>) -> Simulated {
    simulate_against(
        script,
        SimulatedTransport::ok(service),
        Meanwhile { stop, ..Meanwhile::default() },
    )
}

/// What happens while a run goes on.
#[derive(Default)]
struct Meanwhile {
    /// A first signal.
    stop: Option<Duration>,
    /// When the first scenario is steered, and how.
    steer: Vec<(Duration, Setting)>,
    /// Targets that are compared.
    ab: Option<String>,
    /// When this tool stands still, and for how long.
    stall: Option<(Duration, Duration)>,
}

fn simulate_against(script: &str, server: SimulatedTransport, meanwhile: Meanwhile) -> Simulated {
    paused(script, |script| drive(script, server, meanwhile))
}

/// Does something with a script's file while time passes only where all wait.
fn paused<T, F: Future<Output = T>>(script: &str, act: impl FnOnce(PathBuf) -> F) -> T {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("script.lua");
    std::fs::write(&path, script).expect("the folder can be written");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, act(path))
}

/// A worker that is about to begin, and what its run consists of besides.
struct Rig {
    prepared: Prepared,
    running: Arc<[Arc<Running>]>,
    worker: Worker,
    switch: StopSwitch,
    windows: mpsc::Receiver<Window>,
}

impl Rig {
    fn of(script: PathBuf, flags: Flags, server: SimulatedTransport) -> Rig {
        let flags = Flags { seed: Some(1), threads: Some(1), ..flags };
        let spec = ScriptSpec {
            script,
            libs: vec![],
            env: vec![],
            redact: vec![],
            secrets: Arc::default(),
            flags,
        };
        let prepared = prepare(spec).unwrap_or_else(|faults| panic!("{faults}"));
        let running: Vec<_> = prepared.plan.scenarios().iter().map(Course::of).collect();
        let variants = prepared.plan.turns().variants();
        let running: Arc<[_]> =
            running.iter().map(|course| Arc::new(Running::new(course, 1, variants))).collect();
        let (sender, windows) = mpsc::channel(10_000);
        let switch = StopSwitch::default();
        let worker = WorkerSpec {
            plan: prepared.plan.clone(),
            program: prepared.program.clone(),
            shared: prepared.shared.clone(),
            contexts: Arc::default(),
            running: running.clone(),
            switch: switch.clone(),
            windows: sender,
            request_log: None,
            index: 0,
            made: Arc::default(),
            precision: Precision::Coarse,
        };
        let worker = Worker::prepare(worker, Rc::new(server));
        let worker = worker.unwrap_or_else(|fault| panic!("{fault}"));
        Rig { prepared, running, worker, switch, windows }
    }

    /// The moment from which on all is counted.
    fn start(&self) -> Instant {
        let start = Instant::now();
        self.prepared.shared.started.set(start).expect("it has not begun");
        start
    }

    fn aggregator(&self) -> Aggregator {
        let scenarios = self.prepared.plan.scenarios().iter();
        Aggregator::new(scenarios.map(|scenario| scenario.name().clone()).collect())
    }
}

async fn drive(script: PathBuf, server: SimulatedTransport, meanwhile: Meanwhile) -> Simulated {
    let flags = Flags {
        base_url: meanwhile.ab.is_none().then(|| "http://simulated.test".to_owned()),
        ab: meanwhile.ab.clone(),
        ..Flags::default()
    };
    let rig = Rig::of(script, flags, server);
    let (start, mut aggregator) = (rig.start(), rig.aggregator());
    let Rig { prepared, running, worker, switch, mut windows } = rig;
    let helm = running[0].helm.clone();
    let signal = async {
        if let Some(stop) = meanwhile.stop {
            tokio::time::sleep(stop).await;
            switch.graceful(StopReason::Signal);
        }
    };
    let steer = async {
        for (at, setting) in meanwhile.steer {
            tokio::time::sleep_until(start + at).await;
            helm.set(setting);
        }
    };
    let stall = async {
        if let Some((at, length)) = meanwhile.stall {
            tokio::time::sleep_until(start + at).await;
            tokio::time::advance(length).await;
        }
    };
    tokio::join!(worker.run(start), signal, steer, stall);
    let lasted = start.elapsed();
    while let Some(window) = windows.recv().await {
        aggregator.add(window);
    }
    aggregator.finish();
    aggregator.tick(0, &Health::default());
    assert_eq!(aggregator.breaches(), Vec::<String>::new(), "conservation laws");
    Simulated { plan: prepared.plan, aggregator, lasted }
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

fn open(load: &str, service: u64) -> Simulated {
    open_against(load, SimulatedTransport::ok(ms(service)), Meanwhile::default())
}

fn open_against(load: &str, server: SimulatedTransport, meanwhile: Meanwhile) -> Simulated {
    let scenario = format!("{{ run = get, load = {{ {load} }} }}");
    let script = format!("{GET}return {{ scenarios = {{ a = {scenario} }} }}");
    simulate_against(&script, server, meanwhile)
}

#[test]
fn a_constant_rate_starts_everything_on_time_whatever_the_server_does() {
    let run = open("rate = 500, duration = '10s'", 300);
    let life = run.life(0);
    assert_eq!((life.planned, life.due, life.started), (5_000, 5_000, 5_000));
    assert_eq!((life.completed, life.late, life.dropped.total()), (5_000, 0, 0));
    // 500/s that take 0.3 s each.
    assert_eq!(run.vus()[1..10], [150; 9]);
}

#[test]
fn a_ramping_rate_starts_what_its_area_says() {
    let stages = "stages = { {'10s', 100}, {'5s', 100, name = 'plateau'}, {'10s', 0} }";
    let run = open(&format!("{stages}, start_rate = 0"), 10);
    assert_eq!((run.life(0).planned, run.life(0).completed), (1_500, 1_500));
    let started = Selector::of(metric::ITERATIONS).with("stage", "plateau");
    assert_eq!(run.aggregator.totals().count(&started), 500);
}

#[test]
fn a_curve_starts_what_its_area_says() {
    // 10·t within the curve's 20 s, in half the time: 0 to 200/s.
    let run = open("points = function(t) return 10 * t end, speed = 2, duration = '10s'", 10);
    assert_eq!((run.life(0).planned, run.life(0).completed), (1_000, 1_000));
    let halves = "points = function(t) return t < 30 and 10 or 100 end, speed = 60, scale = 0.5";
    let run = open(&format!("{halves}, duration = '1s', per = '100ms'"), 10);
    // A jump takes a ten-thousandth of the load.
    assert_eq!(run.life(0).planned, 25 + 250);
}

#[test]
fn a_profile_is_a_ramp_with_names() {
    let run = open("profile = 'stress', peak_rate = 100, duration = '100s'", 10);
    let of = |stage: &str| {
        run.aggregator.totals().count(&Selector::of(metric::ITERATIONS).with("stage", stage))
    };
    let holds = ["hold 1", "hold 2", "hold 3", "hold 4", "recovery"].map(of);
    assert_eq!(holds, [375, 750, 1125, 1500, 375]);
    assert_eq!(run.life(0).dropped.total(), 0);
}

#[test]
fn a_load_may_begin_after_another_and_be_capped() {
    let a = "{ run = get, load = { vus = 1, iterations_per_vu = 10 } }";
    let b =
        "{ run = get, after = 'a', load = { rate = 10, duration = '1m', max_iterations = 25 } }";
    let script = format!("{GET}return {{ scenarios = {{ a = {a}, b = {b} }} }}");
    let run = simulate(&script, ms(100));
    assert_eq!((run.life(1).planned, run.life(1).completed), (25, 25));
    assert!(run.lasted < ms(3_700), "{:?}", run.lasted);
}

#[test]
fn arrivals_that_find_no_user_wait_for_one_and_the_wait_is_seen() {
    // 2 users do 20/s, 40/s come for 5 s: 100 wait at the end, and 5 s later all are done.
    let run = open("rate = 40, duration = '5s', max_vus = 2", 100);
    let life = run.life(0);
    assert_eq!((life.planned, life.started, life.completed), (200, 200, 200));
    assert_eq!((life.late, life.dropped.total()), (0, 0));
    assert!((ms(9_900)..ms(10_200)).contains(&run.lasted), "{:?}", run.lasted);
    let backlog: Vec<u64> = run.aggregator.timeline().iter().map(|tick| tick.backlog).collect();
    assert!(backlog[4].abs_diff(100) <= 3 && backlog[1].abs_diff(40) <= 3, "{backlog:?}");
    let worst = |metric| {
        let times = run.aggregator.totals().fold(&Selector::of(metric)).expect("iterations ran");
        times.histogram().and_then(|times| times.quantile(1_000_000)).expect("samples")
    };
    assert!(worst(metric::ITERATION_DURATION) < ms(102));
    assert!(worst(metric::ITERATION_RESPONSE_TIME) > ms(4_900));
    assert!(worst(metric::ITERATION_LAG_USERS) > ms(4_800));
    assert!(worst(metric::ITERATION_LAG_GENERATOR) < ms(5));
}

#[test]
fn what_cannot_wait_is_dropped_for_a_reason() {
    let life = open("rate = 40, duration = '5s', max_vus = 2, late = 'drop'", 100).life(0);
    assert_eq!((life.planned, life.started + life.dropped.users), (200, 200));
    assert!((95..=105).contains(&life.started), "{life:?}");
    let full = open("rate = 40, duration = '5s', max_vus = 2, queue_limit = 10", 100).life(0);
    assert_eq!(full.started + full.dropped.queue_full, 200);
    assert!((105..=115).contains(&full.started), "{full:?}");
    // The grace is over before the queue is empty.
    let cut = open("rate = 40, duration = '5s', max_vus = 2, graceful_stop = '1s'", 100).life(0);
    assert_eq!(cut.started + cut.dropped.end, 200);
    assert!((118..=124).contains(&cut.started) && cut.interrupted <= 2, "{cut:?}");
}

#[test]
fn a_signal_ends_the_plan_and_what_waits_is_dropped() {
    let load = "rate = 40, duration = '1m', max_vus = 2";
    let stop = Meanwhile { stop: Some(ms(3_010)), ..Meanwhile::default() };
    let life = open_against(load, SimulatedTransport::ok(ms(100)), stop).life(0);
    assert_eq!((life.planned, life.started + life.dropped.end), (121, 121));
    assert!((58..=62).contains(&life.completed), "{life:?}");
}

#[test]
fn users_made_on_demand_first_run_their_on_start() {
    let start = "on_start = function() lt.sleep(1) end";
    let load = "load = { rate = 10, duration = '5s' }";
    let script =
        format!("{GET}return {{ scenarios = {{ a = {{ run = get, {start}, {load} }} }} }}");
    let run = simulate(&script, ms(10));
    let life = run.life(0);
    assert_eq!((life.planned, life.completed, life.late), (50, 50, 0));
    let waits = run.aggregator.totals().fold(&Selector::of(metric::ITERATION_LAG_USERS));
    let waits = waits.expect("iterations ran");
    let longest = waits.histogram().and_then(|waits| waits.quantile(1_000_000));
    assert!(longest.is_some_and(|longest| (ms(950)..ms(1_050)).contains(&longest)), "{longest:?}");
}

/// The reference case: 500/s for 10 s against a server that is frozen for a second.
fn frozen(max_vus: u64) -> (Simulated, Vec<Duration>) {
    let began = Instant::now();
    let server = SimulatedTransport::new(move |_| {
        let at = began.elapsed().max(ms(0));
        let thaws = if (ms(5_000)..ms(6_000)).contains(&at) { ms(6_000) - at } else { ms(0) };
        (thaws + ms(1), Exchange::answer(200, ""))
    });
    let run = open_against(
        &format!("rate = 500, duration = '10s', max_vus = {max_vus}"),
        server,
        Meanwhile::default(),
    );
    let times = run.aggregator.totals().fold(&Selector::of(metric::ITERATION_RESPONSE_TIME));
    let times = times.expect("iterations ran");
    let times = times.histogram().expect("times");
    let quantiles = [950_000, 990_000].map(|ppm| times.quantile(ppm).expect("samples"));
    (run, quantiles.to_vec())
}

#[test]
fn a_stalled_server_raises_response_time_but_not_service_time() {
    for max_vus in [1_000, 50] {
        let (run, quantiles) = frozen(max_vus);
        let life = run.life(0);
        assert_eq!((life.planned, life.started, life.completed), (5_000, 5_000, 5_000));
        assert_eq!((life.late, life.dropped.total()), (0, 0), "the freeze is not our doing");
        // 500 arrive during the freeze and wait 1,000 … 2 ms: of 5,000, the slowest 250 wait
        // above 500 ms.
        let [p95, p99] = [quantiles[0], quantiles[1]];
        assert!((ms(495)..ms(530)).contains(&p95), "{max_vus}: {p95:?}");
        assert!((ms(890)..ms(930)).contains(&p99), "{max_vus}: {p99:?}");
    }
}

/// From `from` on `level`, told 100 ms before.
fn steer(from: u64, level: f64, stage: &str) -> (Duration, Setting) {
    let setting = Setting { from: ms(from), level, stage: Some(stage.into()) };
    (ms(from.saturating_sub(100)), setting)
}

#[test]
fn a_rate_can_be_steered_and_each_arrival_belongs_to_one_setting() {
    let steer =
        vec![steer(2_000, 100.0, "high"), steer(4_000, 0.0, "pause"), steer(7_000, 20.0, "low")];
    let meanwhile = Meanwhile { steer, ..Meanwhile::default() };
    let run =
        open_against("rate = 10, duration = '10s'", SimulatedTransport::ok(ms(300)), meanwhile);
    assert_eq!((run.life(0).planned, run.life(0).completed), (20 + 200 + 60, 280));
    let of = |stage: &str| {
        run.aggregator.totals().count(&Selector::of(metric::ITERATIONS).with("stage", stage))
    };
    assert_eq!((of("high"), of("pause"), of("low")), (200, 0, 60));
}

#[test]
fn users_can_be_paused_and_fewer_of_them_wanted() {
    let steer =
        vec![steer(2_000, 0.0, "pause"), steer(4_000, 1.0, "one"), steer(6_000, 9.0, "all")];
    let script = format!(
        "{GET}return {{ scenarios = {{ a = {{ run = get, load = {{ vus = 3, duration = '8s' }} }} }} }}"
    );
    let meanwhile = Meanwhile { steer, ..Meanwhile::default() };
    let run = simulate_against(&script, SimulatedTransport::ok(ms(100)), meanwhile);
    assert_eq!(run.life(0).completed, 3 * 20 + 20 + 3 * 20);
    assert_eq!(run.vus()[..8], [3, 3, 0, 0, 1, 1, 3, 3]);
}

#[test]
fn a_manual_load_has_as_many_users_as_are_set_and_wakes_no_others() {
    let steer =
        vec![(ms(2_900), Setting::users(ms(3_000), 5)), (ms(5_900), Setting::users(ms(6_000), 1))];
    let script = "local lt = require 'loadtool'
        local woken = lt.shared.counter 'woken'
        return { scenarios = { a = {
          on_start = function() woken:add(1) end,
          on_stop = function() assert(woken:get() == 5) lt.metrics.counter 'parted':add(1) end,
          run = function() lt.http.get '/' end,
          load = { kind = 'manual', vus = 2, max_vus = 10, duration = '9s' } } } }";
    let meanwhile = Meanwhile { steer, ..Meanwhile::default() };
    let run = simulate_against(script, SimulatedTransport::ok(ms(100)), meanwhile);
    assert_eq!(run.vus()[..9], [2, 2, 2, 5, 5, 5, 1, 1, 1]);
    let life = run.life(0);
    assert_eq!((life.planned, life.completed), (2 * 30 + 5 * 30 + 30, 240));
    let of = |stage: &str| {
        run.aggregator.totals().count(&Selector::of(metric::ITERATIONS).with("stage", stage))
    };
    assert_eq!(["2 users", "5 users", "1 user"].map(of), [60, 150, 30]);
    assert_eq!(run.lasted, ms(9_000));
}

/// A script of scenarios, each `name = body` of its function and its load.
fn scenarios(top: &str, scenarios: &[(&str, &str, &str)]) -> String {
    let scenarios: String = scenarios
        .iter()
        .map(|(name, body, load)| {
            format!("{name} = {{ run = function() {body} end, load = {load} }},\n")
        })
        .collect();
    format!("local lt = require 'loadtool'\n{top}\nreturn {{ scenarios = {{ {scenarios} }} }}")
}

#[test]
fn consumers_wait_for_producers_and_are_let_go_at_the_end() {
    let script = scenarios(
        "local q = lt.shared.queue('jobs', { max = 2 })",
        &[
            ("make", "lt.sleep(1) assert(q:push(lt.vu.iteration))", "{ duration = '10s' }"),
            (
                "take",
                "local job, why = q:pop() if not job then assert(why == 'stopping') end",
                "{ vus = 3, duration = '20s', graceful_stop = '30s' }",
            ),
        ],
    );
    let run = simulate(&script, ms(0));
    let (make, take) = (run.life(0), run.life(1));
    assert_eq!((make.completed, make.failed), (10, 0));
    // Ten jobs, and at 20 s each of the three finds that nobody will come.
    assert_eq!((take.completed, take.failed, take.interrupted), (13, 0, 0));
    assert_eq!(run.lasted, ms(20_000));
}

#[test]
fn producers_wait_for_room_and_a_first_signal_lets_them_go() {
    let script = scenarios(
        "local q = lt.shared.queue('jobs', { max = 2 })",
        &[
            (
                "make",
                "local ok, why = q:push(1) assert(ok or why == 'stopping')",
                "{ vus = 2, duration = '1m' }",
            ),
            ("take", "lt.sleep(1) assert(q:pop())", "{ duration = '1m' }"),
        ],
    );
    let run = simulate_stopped(&script, ms(0), Some(ms(5_500)));
    let (make, take) = (run.life(0), run.life(1));
    assert_eq!((make.completed, make.failed, make.interrupted), (7 + 2, 0, 0));
    assert_eq!((take.completed, take.failed, take.interrupted), (6, 0, 0));
    assert_eq!(run.lasted, ms(6_000));
}

#[test]
fn of_many_users_one_logs_in_and_a_failed_or_killed_one_is_replaced() {
    let top = "local logins = lt.shared.counter 'logins'";
    let body = "local token = lt.shared.once('token', function()
            local n = logins:add(1)
            lt.sleep(1)
            if n == 1 then lt.fail 'refused' end
            if n == 2 then while true do end end
            return { n = n }
        end, { ttl = '1m' })
        assert(token.n >= 3)";
    let load = "{ vus = 50, iterations_per_vu = 1 }";
    let run = simulate(&scenarios(top, &[("a", body, load)]), ms(0));
    let life = run.life(0);
    assert_eq!((life.completed, life.failed), (48, 2));
    assert_eq!(run.lasted, ms(3_000));
}

#[test]
fn one_whose_turn_is_cut_off_is_replaced() {
    let script = scenarios(
        "",
        &[
            (
                "first",
                "lt.shared.once('k', function() lt.sleep(60) end)",
                "{ duration = '2s', graceful_stop = '3s' }",
            ),
            (
                "second",
                "lt.sleep(1) assert(lt.shared.once('k', function() return 7 end) == 7)",
                "{ iterations = 1 }",
            ),
        ],
    );
    let run = simulate(&script, ms(0));
    assert_eq!((run.life(0).interrupted, run.life(1).completed), (1, 1));
    assert_eq!(run.lasted, ms(5_000));
}

#[test]
fn a_barrier_lets_all_go_at_once_round_after_round() {
    let body = "lt.sleep(lt.vu.number) assert(lt.shared.barrier('b', 4):wait())";
    let load = "{ vus = 4, iterations_per_vu = 3 }";
    let run = simulate(&scenarios("", &[("a", body, load)]), ms(0));
    assert_eq!(run.life(0).completed, 12);
    assert_eq!(run.lasted, ms(12_000));
}

#[test]
fn a_barrier_that_cannot_fill_lets_go_at_the_end() {
    let body =
        "local ok, why = lt.shared.barrier('b', 3):wait() assert(not ok and why == 'stopping')";
    let load = "{ vus = 2, duration = '5s' }";
    let run = simulate(&scenarios("", &[("a", body, load)]), ms(0));
    let life = run.life(0);
    assert_eq!((life.completed, life.failed, life.interrupted), (2, 0, 0));
    assert_eq!(run.lasted, ms(5_000));
}

#[test]
fn a_limiter_spreads_the_calls_of_all_users() {
    let body = "lt.shared.limiter('l', '50/s'):wait() lt.http.get 'http://simulated.test/'";
    let load = "{ vus = 20, iterations_per_vu = 10 }";
    let run = simulate(&scenarios("", &[("a", body, load)]), ms(0));
    assert_eq!(run.life(0).completed, 200);
    assert_eq!(run.lasted, ms(199 * 20));
    let calls: Vec<u64> = run.aggregator.timeline().iter().map(|tick| tick.calls).collect();
    assert_eq!(calls[..3], [50, 50, 50]);
}

#[test]
fn waiting_for_others_is_part_of_what_is_timed() {
    let body = "lt.step('wait', function() lt.shared.queue 'q':pop '2s' end)";
    let run = simulate(&scenarios("", &[("a", body, "{ iterations = 1 }")]), ms(0));
    let selector = loadtool::metrics::Selector::parse("step_duration{step=wait}").unwrap();
    let value = run.aggregator.totals().fold(&selector).unwrap();
    assert_eq!(value.histogram().unwrap().max(), Some(ms(2_000)));
}

#[test]
fn users_of_an_open_load_are_let_go_at_its_end_too() {
    let script = scenarios(
        "local q = lt.shared.queue 'jobs'",
        &[
            ("make", "q:push(1)", "{ rate = 1, duration = '10s' }"),
            (
                "take",
                "local job, why = q:pop() assert(job or why == 'stopping')",
                "{ rate = 2, duration = '10s', max_vus = 30 }",
            ),
        ],
    );
    let run = simulate(&script, ms(0));
    let (make, take) = (run.life(0), run.life(1));
    assert_eq!((make.completed, take.completed), (10, 20));
    assert_eq!((take.failed, take.interrupted), (0, 0));
    assert_eq!(run.lasted, ms(10_000));
}
