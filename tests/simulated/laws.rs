//! Laws that hold for every load, whatever the server does and whoever steers or stops the run:
//! nothing is lost, nothing is counted twice, and who waits waits as long as in any queue.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

use loadtool::engine::helm::Setting;
use loadtool::http::Exchange;
use loadtool::http::simulated::SimulatedTransport;
use loadtool::metrics::{Selector, metric};
use loadtool::pace::Pattern;
use loadtool::plan::Load;
use proptest::prelude::*;
use tokio::time::Instant;

use crate::{GET, Meanwhile, ms, open_against, simulate_against};

/// A load, what its iterations do, how the server answers, and what happens meanwhile.
#[derive(Debug)]
struct World {
    scenario: String,
    /// How long each request waits for which status [ms], over and over.
    answers: Vec<(u64, u16)>,
    stop: Option<u64>,
    /// When how many users, or starts per second, are wanted.
    steer: Vec<(u64, u8)>,
    /// Whether an open load goes to two targets.
    compares: bool,
    /// When this tool stands still, and for how long [ms].
    stall: Option<(u64, u64)>,
}

fn load() -> impl Strategy<Value = String> {
    let stages = |most: u64| {
        let stage =
            (0..1_500_u64, 0..=most).prop_map(|(ms, target)| format!("{{ '{ms}ms', {target} }}"));
        // It lasts for a while and goes up for a while, whatever the rest does.
        prop::collection::vec(stage, 0..4)
            .prop_map(|stages| format!("stages = {{ {{ '300ms', 2 }}, {} }}", stages.join(", ")))
    };
    let (vus, length) = (1..6_u64, 100..3_000_u64);
    let closed = prop_oneof![
        (vus.clone(), length.clone()).prop_map(|(v, l)| format!("vus = {v}, duration = '{l}ms'")),
        (0..4_u64, stages(5), 0..1_000_u64).prop_map(|(start, stages, down)| format!(
            "start_vus = {start}, {stages}, graceful_ramp_down = '{down}ms'"
        )),
        (vus.clone(), 1..9_u64, length.clone()).prop_map(|(v, n, l)| format!(
            "vus = {v}, iterations_per_vu = {n}, max_duration = '{l}ms'"
        )),
        (vus.clone(), 1..40_u64, length.clone())
            .prop_map(|(v, n, l)| format!("vus = {v}, iterations = {n}, max_duration = '{l}ms'")),
        (0..3_u64, 3..6_u64, length.clone()).prop_map(|(v, most, l)| format!(
            "kind = 'manual', vus = {v}, max_vus = {most}, duration = '{l}ms'"
        )),
        (2..6_u64, length.clone())
            .prop_map(|(v, l)| format!("profile = 'spike', peak_vus = {v}, duration = '{l}ms'")),
    ];
    let rate = prop_oneof![
        (1..80_u64, length.clone()).prop_map(|(r, l)| format!("rate = {r}, duration = '{l}ms'")),
        (0..40_u64, stages(60)).prop_map(|(start, stages)| format!("start_rate = {start}, {stages}")),
        (length.clone(), 1..4_u64).prop_map(|(l, speed)| format!(
            "points = function(t) return 30 + 30 * math.sin(t) end, speed = {speed}, duration = '{l}ms'"
        )),
        (20..60_u64, length)
            .prop_map(|(r, l)| format!("profile = 'stress', peak_rate = {r}, duration = '{l}ms'")),
    ];
    let late = prop_oneof![
        Just(String::new()),
        Just(", late = 'drop'".to_owned()),
        (1..20_u64).prop_map(|limit| format!(", queue_limit = {limit}")),
    ];
    let arrivals = prop_oneof![Just(""), Just(", arrivals = 'poisson'")];
    let most = prop_oneof![
        Just(String::new()),
        (1..50_u64).prop_map(|n| format!(", max_iterations = {n}"))
    ];
    let open = (rate, late, arrivals, most, vus).prop_map(|(rate, late, arrivals, most, vus)| {
        format!("{rate}{late}{arrivals}{most}, max_vus = {vus}")
    });
    prop_oneof![closed, open]
}

fn world() -> impl Strategy<Value = World> {
    let scenario = (load(), 0..1_000_u64, prop::bool::ANY, prop::option::of(30..500_u64));
    let scenario = scenario.prop_map(|(load, grace, wakes, pace)| {
        let open = load.contains("rate") || load.contains("points");
        let pace =
            pace.filter(|_| !open).map_or(String::new(), |pace| format!("pace = '{pace}ms',"));
        let wakes = if wakes { "on_start = function() lt.sleep '70ms' end," } else { "" };
        format!("{wakes} {pace} load = {{ {load}, graceful_stop = '{grace}ms' }}")
    });
    let answer =
        (prop::sample::select(vec![20, 50, 130, 700, 4_000]), prop::sample::select(vec![200, 503]));
    (
        scenario,
        prop::collection::vec(answer, 1..6),
        prop::option::of(1..3_500_u64),
        prop::collection::vec((1..3_000_u64, 0..6_u8), 0..3),
        prop::bool::ANY,
        prop::option::weighted(0.3, (1..2_000_u64, 1..1_500_u64)),
    )
        .prop_map(|(scenario, answers, stop, steer, compares, stall)| World {
            scenario,
            answers,
            stop,
            steer,
            compares,
            stall,
        })
}

impl World {
    fn is_left_alone(&self) -> bool {
        self.stop.is_none() && self.steer.is_empty()
    }

    fn run(&self) -> crate::Simulated {
        let script = format!(
            "{GET}local function go()
               get()
               if lt.vu.iteration % 5 == 3 then lt.expect(1, {{ no = false }}) end
               lt.step('rest', function() lt.think(0.01) end)
             end
             return {{ scenarios = {{ a = {{ run = go, {} }} }} }}",
            self.scenario
        );
        let (answers, next) = (self.answers.clone(), RefCell::new(0));
        let server = SimulatedTransport::new(move |_| {
            let mut next = next.borrow_mut();
            let (wait, status) = answers[*next % answers.len()];
            *next += 1;
            (ms(wait), Exchange::answer(status, ""))
        });
        let mut steer: Vec<_> = self.steer.clone();
        steer.sort_unstable();
        let steer = steer.into_iter().map(|(at, level)| {
            (ms(at), Setting { from: ms(at + 20), level: level.into(), stage: None })
        });
        let is_open = ["rate", "points"].iter().any(|word| self.scenario.contains(word));
        let ab = (self.compares && is_open).then(|| "A=http://a,B=http://b".to_owned());
        let stall = self.stall.map(|(at, length)| (ms(at), ms(length)));
        let meanwhile = Meanwhile { stop: self.stop.map(ms), steer: steer.collect(), ab, stall };
        simulate_against(&script, server, meanwhile)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_counted_twice(world in world()) {
        let run = world.run(); // which holds the laws that every run ends with
        let life = run.life(0);
        prop_assert_eq!(life.planned, life.due);
        prop_assert_eq!(life.planned, life.started + life.dropped.total());
        prop_assert_eq!(life.started, life.completed + life.failed + life.interrupted);
        if world.stall.is_none() {
            prop_assert_eq!(life.late, 0, "a clock that waits for us makes nobody late");
            prop_assert_eq!(life.dropped.generator, 0, "nor do we drop anything");
        }
        let totals = run.aggregator.totals();
        let everywhere = |metric| totals.count(&Selector::of(metric).any("phase").any("outcome").any("expected"));
        prop_assert_eq!(everywhere(metric::ITERATIONS), life.completed + life.failed);
        prop_assert_eq!(everywhere(metric::ITERATIONS_DROPPED), life.dropped.total());
        let seconds: u64 = run.aggregator.timeline().iter().map(|tick| tick.iterations).sum();
        prop_assert_eq!(seconds, life.started, "each second tells of what was cut off too");
        prop_assert!(life.prepared >= life.sent && life.sent >= life.headers && life.headers >= life.bodies);
        // One call in each iteration, and each was cut off or counted.
        let calls = everywhere(metric::HTTP_CALLS);
        prop_assert!((life.completed + life.failed..=life.started).contains(&calls), "{calls} calls of {life:?}");
        if let (Load::Open(open), true) = (run.plan.scenarios()[0].load(), world.is_left_alone()) {
            let most = open.max_iterations.unwrap_or(u64::MAX);
            if open.arrivals == Pattern::Even {
                prop_assert_eq!(life.planned, open.profile().total().min(most));
            }
        }
    }
}

/// The response times of `arrivals` that `users` take one after the other, where the n-th to start
/// takes the n-th of `services`.
fn queue(arrivals: &[Duration], users: usize, services: &[Duration]) -> Vec<Duration> {
    let mut free: BinaryHeap<_> = (0..users).map(|_| Reverse(Duration::ZERO)).collect();
    let mut response = |(arrival, service): (&Duration, &Duration)| {
        let Reverse(since) = free.pop().expect("there are users");
        let end = since.max(*arrival) + *service;
        free.push(Reverse(end));
        end - *arrival
    };
    arrivals.iter().zip(services).map(&mut response).collect()
}

#[test]
fn a_frozen_server_with_five_users_is_a_queue_with_five_clerks() {
    let began = Instant::now();
    let services = Rc::new(RefCell::new(Vec::new()));
    let measured = services.clone();
    let server = SimulatedTransport::new(move |_| {
        let at = began.elapsed();
        let thaws = if (ms(5_000)..ms(6_000)).contains(&at) { ms(6_000) - at } else { ms(0) };
        let service = thaws + ms(3);
        measured.borrow_mut().push(service);
        (service, Exchange::answer(200, ""))
    });
    let load = "rate = 500, duration = '10s', max_vus = 5";
    let run = open_against(load, server, Meanwhile::default());
    let life = run.life(0);
    assert_eq!((life.planned, life.started, life.completed), (5_000, 5_000, 5_000));
    assert_eq!((life.late, life.dropped.total()), (0, 0));

    let arrivals: Vec<Duration> = (0..5_000).map(|n| ms(2 * n)).collect();
    let mut truth = queue(&arrivals, 5, &services.borrow());
    truth.sort_unstable();
    let times = run.aggregator.totals().fold(&Selector::of(metric::ITERATION_RESPONSE_TIME));
    let times = times.expect("iterations ran");
    let times = times.histogram().expect("times");
    for (ppm, rank) in [(500_000, 2_500), (900_000, 4_500), (950_000, 4_750), (990_000, 4_950)] {
        let (told, true_one) = (times.quantile(ppm).expect("samples"), truth[rank - 1]);
        // A thousandth by the histogram, and the millisecond of the timers under paused time.
        let apart = told.abs_diff(true_one);
        assert!(apart <= ms(1) + true_one / 500, "{ppm}: {told:?}, in truth {true_one:?}");
    }
    assert!(truth[4_749] > ms(300), "the freeze is long enough to be seen: {:?}", truth[4_749]);
}
