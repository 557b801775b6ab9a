//! Runs made up second by second: quiet ones, of which next to none may say anything, and ones with
//! something in them, which must be named.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp1, Normal, Poisson};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;
use crate::metrics::Window;
use crate::results::course::{Course, Moment};
use crate::results::fixture;
use crate::results::tick::{Health, Tick};

const SECONDS: u32 = 60;
const CALLS: usize = 8;

/// How a quiet target's latencies vary.
#[derive(Debug, Clone, Copy)]
enum Noise {
    /// By 5 %, evenly.
    Even,
    /// By 25 %, with a tail.
    Skewed,
    /// As the percentiles of a hundred exponential times do.
    Percentiles,
    /// By 10 %, each second like the one before.
    Sluggish,
}

const NOISES: [Noise; 4] = [Noise::Even, Noise::Skewed, Noise::Percentiles, Noise::Sluggish];

struct Run {
    courses: Vec<Course>,
    timeline: Vec<Tick>,
}

/// p50 and p95 of each second [ms] around 20 and 60.
fn latencies(noise: Noise, random: &mut Xoshiro256PlusPlus) -> Vec<(f64, f64)> {
    let normal = Normal::new(0.0, 1.0).expect("a deviation");
    let mut before = 0.0;
    let mut second = || -> (f64, f64) {
        let mut draw = || normal.sample(random);
        match noise {
            Noise::Even => (20.0 * (1.0 + 0.05 * draw()), 60.0 * (1.0 + 0.05 * draw())),
            Noise::Skewed => (20.0 * (0.25 * draw()).exp(), 60.0 * (0.25 * draw()).exp()),
            Noise::Sluggish => {
                before = 0.5 * before + 0.75_f64.sqrt() * draw();
                (20.0 * (0.1 * before).exp(), 60.0 * (0.1 * before).exp())
            }
            Noise::Percentiles => {
                let mut times: Vec<f64> =
                    (0..100).map(|_| 20.0 * random.sample::<f64, _>(Exp1)).collect();
                times.sort_by(f64::total_cmp);
                (times[49], times[94])
            }
        }
    };
    (0..SECONDS).map(|_| second()).collect()
}

fn quiet(noise: Noise, seed: u64) -> Run {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let rate = Poisson::new(100.0).expect("a rate");
    let mut courses = Vec::new();
    for call in 0..CALLS {
        let moment = |(p50, p95): (f64, f64), random: &mut Xoshiro256PlusPlus| {
            let calls = random.sample(rate) as u32;
            let failed = (0..calls).filter(|_| random.random_bool(0.005)).count() as u32;
            Moment { calls, failed, p50_us: (p50 * 1e3) as u32, p95_us: (p95 * 1e3) as u32 }
        };
        let latencies = latencies(noise, &mut random);
        courses.push(Course {
            scenario: "buyers".into(),
            step: "".into(),
            name: format!("/{call}").into(),
            method: "GET".into(),
            seconds: latencies.into_iter().map(|both| moment(both, &mut random)).collect(),
        });
    }
    let tick = |second: u32| Tick {
        second,
        calls: courses.iter().map(|one| u64::from(one.seconds[second as usize].calls)).sum(),
        health: Health {
            cpu_percent: Some(40.0 + 10.0 * random.random::<f64>()),
            memory_bytes: Some(60e6 + 1e5 * f64::from(second)),
            ..Health::default()
        },
        ..Tick::default()
    };
    let timeline = (0..SECONDS).map(tick).collect();
    Run { courses, timeline }
}

impl Run {
    fn anomalies(&self) -> Vec<Anomaly> {
        self.anomalies_of(vec![Duration::ZERO..Duration::from_secs(SECONDS.into())])
    }

    fn anomalies_of(&self, steady: Vec<Range<Duration>>) -> Vec<Anomaly> {
        let mut info = fixture::run();
        info.scenarios.truncate(1);
        info.scenarios[0].ended = Duration::from_secs(SECONDS.into());
        info.scenarios[0].steady = steady;
        unusual(&Sources {
            timeline: &self.timeline,
            courses: &self.courses,
            ..fixture::sources(&info, &Window::default())
        })
    }

    /// Makes a call's latencies so many times longer.
    fn slow(&mut self, call: usize, seconds: Range<usize>, factor: impl Fn(usize) -> f64) {
        for second in seconds {
            let moment = &mut self.courses[call].seconds[second];
            let slower = |micros: u32| (f64::from(micros) * factor(second)) as u32;
            (moment.p50_us, moment.p95_us) = (slower(moment.p50_us), slower(moment.p95_us));
        }
    }
}

fn kinds(anomalies: &[Anomaly]) -> Vec<&str> {
    anomalies.iter().map(|anomaly| anomaly.kind.as_str()).collect()
}

fn spans(anomalies: &[Anomaly]) -> Vec<(u32, u32)> {
    let span = |anomaly: &Anomaly| {
        let episode = anomaly.episode.as_ref().expect("it has a time");
        (episode.from_s, episode.to_s)
    };
    anomalies.iter().map(span).collect()
}

/// Quiet minutes with 8 calls. The bar is set to one false alarm in a hundred runs for seconds and
/// as much for levels; what must matter to somebody, too, is told less often.
#[test]
fn of_400_quiet_runs_next_to_none_says_anything() {
    let spoke: Vec<(Noise, u64, String)> = NOISES
        .into_iter()
        .flat_map(|noise| (0..100).map(move |seed| (noise, seed)))
        .flat_map(|(noise, seed)| {
            let anomalies = quiet(noise, seed).anomalies();
            anomalies.into_iter().map(move |anomaly| (noise, seed, anomaly.message))
        })
        .collect();
    assert!(spoke.len() <= 4, "{} of 400: {spoke:#?}", spoke.len());
}

#[test]
fn a_slow_spell_of_one_call_is_named_with_its_time_and_its_figures() {
    for noise in NOISES {
        for seed in 0..10 {
            let mut run = quiet(noise, 1000 + seed);
            run.slow(3, 41..44, |_| 6.0);
            let found = run.anomalies();
            let words = "from 0:41 to 0:44: p95 of GET /3 ";
            let is_named = found.iter().any(|anomaly| anomaly.message.starts_with(words));
            assert!(is_named, "{noise:?} {seed}: {found:#?}");
        }
    }
}

#[test]
fn what_is_just_past_the_bar_is_a_warning_and_twice_as_much_critical() {
    let severities = |factor: f64| -> Vec<Severity> {
        let of_seed = |seed: u64| {
            let mut run = quiet(Noise::Skewed, 4000 + seed);
            run.slow(3, 41..44, |_| factor);
            let found = run.anomalies();
            let spell = found.iter().find(|one| one.message.contains("p95 of GET /3 "))?;
            Some(spell.episode.as_ref()?.severity)
        };
        (0_u64..10).filter_map(of_seed).collect()
    };
    let warnings = severities(5.0).iter().filter(|one| **one == Severity::Warning).count();
    assert!(warnings >= 6, "{:?}", severities(5.0));
    assert_eq!(severities(60.0), [Severity::Critical; 10]);
}

#[test]
fn what_hits_all_calls_at_once_is_told_once() {
    let mut run = quiet(Noise::Even, 7);
    (0..CALLS).for_each(|call| run.slow(call, 30..32, |_| 5.0));
    let found = run.anomalies();
    assert_eq!(spans(&found), [(30, 32)]);
    assert!(found[0].message.ends_with(", and those of 7 other calls"), "{}", found[0].message);
    let severity = found[0].episode.as_ref().map(|episode| episode.severity);
    assert_eq!(severity, Some(Severity::Critical));
}

#[test]
fn a_level_that_changes_and_one_that_drifts_are_told_apart() {
    let (mut steps, mut drifts) = (0, 0);
    for seed in 0..40 {
        let mut run = quiet(NOISES[seed as usize % 4], 2000 + seed);
        run.slow(2, 35..60, |_| 1.8);
        steps += usize::from(kinds(&run.anomalies()) == ["level_changed"]);
        let mut run = quiet(NOISES[seed as usize % 4], 3000 + seed);
        run.slow(2, 0..60, |second| 1.0 + second as f64 / 60.0);
        drifts += usize::from(kinds(&run.anomalies()) == ["drift"]);
    }
    assert!(steps >= 36, "{steps} of 40 steps");
    assert!(drifts >= 36, "{drifts} of 40 drifts");
}

#[test]
fn failures_fewer_calls_and_a_busy_generator_have_kinds_of_their_own() {
    let mut run = quiet(Noise::Even, 5);
    run.courses[0].seconds[20].failed = 30;
    run.timeline[30].calls = 100;
    run.timeline[40].health.cpu_percent = Some(190.0);
    run.timeline[50].health.memory_bytes = Some(900e6);
    let found = run.anomalies();
    assert_eq!(kinds(&found), ["high_error_rate", "low_throughput", "high_cpu", "high_memory"]);
    assert_eq!(spans(&found), [(20, 21), (30, 31), (40, 41), (50, 51)]);
}

#[test]
fn what_lies_in_warm_up_ramp_or_drain_is_left_out() {
    let mut run = quiet(Noise::Even, 9);
    run.slow(0, 0..12, |_| 9.0);
    run.slow(0, 55..60, |_| 9.0);
    let s = Duration::from_secs;
    assert_ne!(run.anomalies(), []);
    assert_eq!(run.anomalies_of(vec![s(10)..s(55)]), []);
    assert_eq!(run.anomalies_of(Vec::new()), []);
}

#[test]
fn levels_are_looked_at_one_by_one() {
    let mut run = quiet(Noise::Even, 11);
    run.slow(0, 30..60, |_| 3.0);
    let s = Duration::from_secs;
    assert_eq!(run.anomalies_of(vec![s(0)..s(30), s(30)..s(60)]), []);
    run.slow(0, 50..51, |_| 5.0);
    assert_eq!(spans(&run.anomalies_of(vec![s(0)..s(30), s(30)..s(60)])), [(50, 51)]);
}

#[test]
fn a_run_without_a_second_is_quiet() {
    let none = Run { courses: Vec::new(), timeline: Vec::new() };
    assert_eq!(none.anomalies(), []);
}
