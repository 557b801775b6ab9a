//! Simulated targets, with and without a cause of their tails, through the ledgers of two workers.

use rand::{RngExt, SeedableRng};
use rand_distr::{Exp1, LogNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;
use crate::metrics::Window;
use crate::metrics::ledger::{Subject, written};
use crate::metrics::trace::Phases;
use crate::results::fixture;

/// Passes of a run, of both workers.
const PASSES: u32 = 10_000;

/// What makes some passes slow.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Plant {
    Nothing,
    Peer,
    Row,
    Connection,
    Part,
    Tag,
    Size,
    Time,
    /// The target takes its time and does not say why.
    Silent,
}

/// One pass of some 10 ms; times are µs.
#[derive(Debug, Clone, Copy)]
struct Pass {
    at_ms: u32,
    connect: f64,
    parts: [f64; 3],
    /// What the target does not tell of.
    extra: f64,
    new: bool,
    peer: usize,
    region: usize,
    row: u32,
    bytes: u64,
}

const PEERS: [&str; 3] = ["127.0.0.1:80", "127.0.0.2:80", "127.0.0.3:80"];
const REGIONS: [&str; 3] = ["eu", "us", "asia"];

/// If something is planted, that costs a hundredth or so of all passes another 60 ms. Service times
/// have either of two shapes.
fn pass(n: u32, plant: Plant, exponential: bool, random: &mut Xoshiro256PlusPlus) -> Pass {
    let skewed = LogNormal::new(8.0, 0.6).expect("a shape");
    let parts = [(); 3].map(|()| match exponential {
        true => 3_000.0 * random.sample::<f64, _>(Exp1),
        false => random.sample(skewed),
    });
    let mut pass = Pass {
        at_ms: n * 3,
        connect: 0.0,
        parts,
        extra: 0.0,
        new: random.random_bool(0.02),
        peer: random.random_range(0..3),
        region: random.random_range(0..3),
        row: random.random_range(0..100),
        bytes: random.random_range(900..1_100),
    };
    let rarely = random.random_bool(0.04);
    let slow = 60_000.0 * (1.0 + 0.2 * random.random::<f64>());
    match plant {
        Plant::Peer if pass.peer == 2 && rarely => pass.extra = slow,
        Plant::Row if pass.row == 17 => pass.extra = slow,
        Plant::Connection if pass.new => pass.connect = slow,
        Plant::Part if rarely => pass.parts[0] += slow,
        Plant::Silent if rarely => pass.extra = slow,
        Plant::Tag if pass.region == 0 && rarely => pass.extra = slow,
        Plant::Size if rarely => (pass.bytes, pass.extra) = (90_000, slow),
        Plant::Time if (20_000..20_500).contains(&pass.at_ms) => pass.extra = slow,
        _ => {}
    }
    pass
}

impl Pass {
    fn wait(&self) -> f64 {
        self.parts.iter().sum::<f64>() + self.extra
    }

    fn micros(&self) -> u32 {
        (self.connect + self.wait()) as u32 + 200
    }
}

/// What is known of it.
fn entry(micros: u32, pass: Pass) -> Entry {
    let fact = |kind: &str, value: &str| (Arc::from(kind), Arc::from(value));
    let part = |name: &str, micros: f64| (Arc::from(name), micros as u32);
    let [db, app, render] = pass.parts;
    Entry {
        at_ms: pass.at_ms,
        micros,
        phases: Phases {
            blocked: pass.connect as u32,
            connect: pass.connect as u32,
            wait: pass.wait() as u32,
            receive: 200,
            ..Phases::default()
        },
        parts: [part("db", db), part("app", app), part("render", render)].into(),
        facts: [
            fact("connection", if pass.new { "new" } else { "reused" }),
            fact("peer", PEERS[pass.peer]),
            fact("row of users.csv", &pass.row.to_string()),
            fact("tag region", REGIONS[pass.region]),
        ]
        .into(),
        bytes: pass.bytes,
        plain: pass.bytes > 50_000,
    }
}

/// So many passes, by one worker of two.
fn ledger(worker: u32, passes: u32, plant: Plant, seed: u64) -> Ledger {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed * 2 + u64::from(worker));
    let own = (0..passes).filter(|n| n % 2 == worker);
    let pass = |n| {
        let pass = pass(n, plant, seed.is_multiple_of(2), &mut random);
        (pass.micros(), pass)
    };
    written(seed * 2 + u64::from(worker), own.map(pass), entry)
}

/// What is found of a call that two workers made.
fn tail_of(passes: u32, plant: Plant, seed: u64) -> Option<Tail> {
    let window = |ledger| Window { ledgers: vec![ledger], ..Window::default() };
    let mut totals = window(ledger(0, passes, plant, seed));
    totals.absorb(&window(ledger(1, passes, plant, seed)));
    tails(&totals, &fixture::run()).pop()
}

#[test]
fn a_planted_cause_is_named_first_in_each_of_20_runs() {
    for (plant, words) in [
        (Plant::Peer, "of them were answered by 127.0.0.3:80"),
        (Plant::Row, "of them had row 17 of users.csv"),
        (Plant::Connection, "of them came on a new connection"),
        (Plant::Part, "of their time is db"),
        (Plant::Tag, "of them are tagged region=eu"),
        (Plant::Size, "their bodies have 87.9 KiB"),
        (Plant::Time, "of them are from 0:20 to 0:21"),
    ] {
        for seed in 0..20 {
            let tail = tail_of(PASSES, plant, seed).expect("there are enough");
            let told = tail.causes.first().map_or_else(|| "nothing".to_owned(), Cause::told);
            assert!(told.contains(words), "{plant:?} {seed}: {told}");
        }
    }
}

#[test]
fn without_a_cause_nothing_is_named_in_any_of_100_runs() {
    for seed in 0..100 {
        let tail = tail_of(PASSES, Plant::Nothing, seed).expect("there are enough");
        assert_eq!(tail.causes, [], "{seed}");
        assert!(tail.slowest_from_ms > 1.5 * tail.rest_p50_ms, "there is a tail");
    }
}

#[test]
fn of_a_tail_that_nothing_sets_apart_it_is_told_where_its_time_goes() {
    for seed in 0..20 {
        let tail = tail_of(PASSES, Plant::Silent, seed).expect("there are enough");
        assert_eq!(tail.causes, [], "{seed}");
        let mostly = tail.mostly.expect("phases are known");
        assert!(mostly.phase == "wait" && mostly.share > 0.95, "{mostly:?}");
        assert!(mostly.slowest_p50_ms > 60.0 && mostly.rest_p50_ms < 15.0, "{mostly:?}");
    }
    let mostly =
        Mostly { phase: "wait".into(), share: 0.988, slowest_p50_ms: 207.0, rest_p50_ms: 1.0 };
    let tail =
        Tail { slowest_from_ms: 200.0, rest_p50_ms: 1.1, mostly: Some(mostly), ..Tail::default() };
    assert_eq!(
        tail.told().join("; "),
        "nothing that is known of them sets them apart; 99 % of their time is wait: 207 ms \
         (median), the rest's 1.00 ms"
    );
    let short = Tail { slowest_from_ms: 10.9, ..tail.clone() };
    let quick = Tail { slowest_from_ms: 5.0, rest_p50_ms: 0.1, ..tail.clone() };
    let caused = Tail { causes: vec![Cause::default()], ..short.clone() };
    let all = [short, tail.clone(), quick, caused.clone()];
    assert_eq!(told(&all), [&caused, &tail], "what is set apart comes first");
}

/// Passes of which some take long outside the request that is known, as a call or as a step.
fn beside(subject: impl Fn(&mut Ledger)) -> Tail {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let pass = |n| {
        let pass = pass(n, Plant::Nothing, true, &mut random);
        (pass.micros() + if n % 50 == 0 { 80_000 } else { 0 }, pass)
    };
    let mut ledger = written(1, (0..PASSES).map(pass), |micros, pass| Entry {
        parts: [].into(),
        ..entry(micros, pass)
    });
    subject(&mut ledger);
    let totals = Window { ledgers: vec![ledger], ..Window::default() };
    tails(&totals, &fixture::run()).pop().expect("there are enough")
}

#[test]
fn what_a_step_does_beside_its_longest_request_is_no_redirect() {
    let call = beside(|_| {});
    assert_eq!(call.causes[0].name, "redirects and retries", "{call:?}");
    let step = beside(|ledger| {
        let Subject { step, name, method, .. } = &mut ledger.subject;
        (*step, *name, *method) = ("look up".into(), "".into(), "".into());
    });
    assert_eq!((step.title().as_str(), &step.causes[..]), ("step look up", &[][..]));
    assert_eq!(step.mostly.map(|mostly| mostly.phase).as_deref(), Some("wait"));
}

#[test]
fn the_slowest_are_a_hundredth_and_their_bound_is_the_p99() {
    let tail = tail_of(PASSES, Plant::Nothing, 2).expect("there are enough");
    assert_eq!((tail.count, tail.looked_at.slowest), (10_000, 100));
    assert!((tail.slowest_share - 0.01).abs() < 1e-9, "{}", tail.slowest_share);
    // Three exponential times of 3 ms: the p99 is at 25.4 ms, the median at 8.2 ms.
    assert!((23.5..27.5).contains(&tail.slowest_from_ms), "{}", tail.slowest_from_ms);
    assert!((7.2..9.2).contains(&tail.rest_p50_ms), "{}", tail.rest_p50_ms);
}

#[test]
fn of_few_passes_the_slowest_20_are_held_against_the_rest_if_these_are_enough() {
    assert_eq!(tail_of(399, Plant::Row, 1), None);
    let few = tail_of(400, Plant::Row, 1).expect("there are just enough");
    assert_eq!((few.looked_at.slowest, few.slowest_share), (20, 0.05));
    assert!(few.figures().starts_with("the slowest 5 % took "), "{}", few.figures());
}

#[test]
fn calls_have_the_share_of_their_answers_that_came_uncompressed() {
    let run = fixture::run();
    let request = |name: &str| Request {
        scenario: run.scenarios[0].name.to_string(),
        name: name.to_owned(),
        method: "GET".into(),
        ..Request::default()
    };
    let totals = Window { ledgers: vec![ledger(0, 4_000, Plant::Size, 1)], ..Window::default() };
    let requests = with_plain_shares(vec![request("/login"), request("/other")], &totals, &run);
    let percent = requests[0].uncompressed_percent.expect("a sample");
    assert!((1.0..9.0).contains(&percent), "{percent}");
    assert_eq!(requests[1].uncompressed_percent, None);
}

#[test]
fn a_tail_is_told_with_its_figures() {
    let tail = Tail {
        step: "checkout".into(),
        name: "/orders".into(),
        method: "POST".into(),
        slowest_share: 0.01,
        slowest_from_ms: 210.0,
        rest_p50_ms: 12.0,
        causes: vec![
            Cause {
                kind: "part".into(),
                name: "db".into(),
                slowest: 0.82,
                rest: 0.09,
                ..Cause::default()
            },
            Cause {
                kind: "fact".into(),
                name: "peer".into(),
                value: "127.0.0.2:80".into(),
                slowest: 1.0,
                rest: 0.331,
            },
        ],
        ..Tail::default()
    };
    assert_eq!(
        tail.sentence(),
        "POST /orders in checkout: the slowest 1 % took 210 ms or more, the rest 12.0 ms (median): \
         82 % of their time is db (of the rest's 9 %); all of them were answered by 127.0.0.2:80 \
         (of the rest 33 %)"
    );
    let step = Tail { step: "pay".into(), slowest_share: 0.004, ..Tail::default() };
    assert!(step.sentence().starts_with("step pay: the slowest 0.4 % took"), "{}", step.sentence());
}
