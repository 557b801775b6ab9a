//! Series whose changes are known.

use std::fmt::Write as _;

use rand::SeedableRng;
use rand_distr::{Distribution, LogNormal, Normal};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;

/// Runs of these levels, with so much noise as a part of them.
fn series(levels: &[(usize, f64)], noise: f64, seed: u64) -> Vec<f64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let around = Normal::new(1.0, noise).expect("a deviation");
    let levels = levels.iter().flat_map(|&(count, level)| std::iter::repeat_n(level, count));
    levels.map(|level| level * around.sample(&mut random)).collect()
}

fn places(series: &[f64]) -> Vec<usize> {
    change_points(series, 0.02).iter().map(|change| change.at).collect()
}

#[test]
fn a_step_is_found_where_it_is_and_noise_is_none() {
    let (mut alarms, mut exact) = (0, 0);
    for seed in 0..40 {
        alarms += places(&series(&[(30, 100.0)], 0.02, seed)).len();
        exact += usize::from(places(&series(&[(15, 100.0), (15, 110.0)], 0.02, seed)) == [15]);
    }
    assert!(alarms <= 1, "{alarms} changes in 40 series of none");
    assert!(exact >= 36, "{exact} of 40 steps of 10 % were found where they are");
}

#[test]
fn steps_up_and_down_are_told_apart_with_their_sizes() {
    let changes = change_points(&series(&[(12, 100.0), (8, 130.0), (10, 90.0)], 0.01, 3), 0.02);
    assert_eq!(changes.iter().map(|change| change.at).collect::<Vec<_>>(), [12, 20]);
    assert!((changes[0].relative() - 0.30).abs() < 0.02, "{changes:?}");
    assert!((changes[1].relative() + 0.31).abs() < 0.02, "{changes:?}");
}

#[test]
fn what_is_small_or_short_is_no_change() {
    assert!(
        places(&series(&[(15, 100.0), (15, 101.0)], 0.0001, 1)).is_empty(),
        "1 % is less than 2 %"
    );
    for few in [&[][..], &[1.0], &[1.0, 9.0], &[1.0, 1.0, 9.0], &[5.0; 30]] {
        assert!(places(few).is_empty(), "{few:?}");
    }
    assert_eq!(places(&[1.0, 1.0, 1.0, 9.0, 9.0, 9.0]), [3], "without noise none is needed");
}

/// Runs of each series of the table, and after how many of them its step comes.
const RUNS: usize = 30;
const AT: usize = 15;

/// 30 runs with log-normal noise of that deviation and a step after the fifteenth.
fn stepped(noise: f64, step: f64, seed: u64) -> Vec<f64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let around = LogNormal::new(0.0, noise).expect("a deviation");
    let level = |run| if run < AT { 100.0 } else { 100.0 * (1.0 + step) };
    (0..RUNS).map(|run| level(run) * around.sample(&mut random)).collect()
}

/// What was found in the series of one line of the table.
#[derive(Debug, Default)]
struct Found {
    /// Within a run of where it is, and at the very one.
    near: usize,
    exact: usize,
    /// How many runs of the new level that took.
    late: Vec<usize>,
    /// Series with a change that is none.
    elsewhere: usize,
}

impl Found {
    fn add(&mut self, series: &[f64], step: f64) {
        let is_near = |at: &usize| step > 0.0 && at.abs_diff(AT) <= 1;
        let all = places(series);
        self.near += usize::from(all.iter().any(is_near));
        self.exact += usize::from(step > 0.0 && all.contains(&AT));
        self.elsewhere += usize::from(!all.iter().all(is_near));
        let mut ends = AT + 1..=series.len();
        let first = ends.find(|end| places(&series[..*end]).iter().any(is_near));
        self.late.extend(first.map(|end| end - AT));
    }

    fn late(&self) -> f64 {
        let late: Vec<f64> = self.late.iter().map(|runs| *runs as f64).collect();
        crate::metrics::statistics::median(&late).unwrap_or(f64::NAN)
    }
}

/// The table of docs/compare.md is this with `STEPS=200 STEPS_FILE=/tmp/steps.json cargo test --lib
/// planted_steps -- --nocapture`; `benches/steps.py /tmp/steps.json` then makes its other half, of
/// the same series.
#[test]
fn planted_steps_are_found_as_the_table_says() {
    let many = std::env::var("STEPS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_u64);
    let mut file = String::new();
    println!("| noise | step | found | at the very run | late | elsewhere |");
    let (mut large, mut alarms) = (0, 0);
    for (noise, step) in
        [0.02, 0.05].into_iter().flat_map(|n| [0.0, 0.05, 0.1, 0.2].map(|s| (n, s)))
    {
        let mut found = Found::default();
        for seed in 0..many {
            let series = stepped(noise, step, seed + (step * 1e5) as u64 + (noise * 1e7) as u64);
            found.add(&series, step);
            let line =
                serde_json::json!({ "noise": noise, "step": step, "at": AT, "runs": series });
            writeln!(file, "{line}").expect("a String takes all");
        }
        let Found { near, exact, elsewhere, .. } = found;
        let late = found.late();
        println!("| {noise} | {step} | {near} | {exact} | {late} | {elsewhere} of {many} |");
        large += if step == 0.2 { near as u64 } else { 0 };
        alarms += if step == 0.0 { elsewhere as u64 } else { 0 };
    }
    if let Some(path) = std::env::var_os("STEPS_FILE") {
        std::fs::write(path, file).expect("it can be written");
    }
    assert!(large >= 2 * many - many / 10, "{large} of {} steps of a fifth", 2 * many);
    assert!(alarms <= many.div_ceil(5), "{alarms} changes where none are");
}
