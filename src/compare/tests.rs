//! Runs whose difference is known, by the hundred.

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::series::even;
use super::*;

const METHOD: Method = Method { least: 0.05, seed: 1 };

fn key(call: &str) -> Key {
    Key { scenario: "shop".to_owned(), step: String::new(), call: call.to_owned() }
}

/// Seconds of calls that take 10 ms or so times `factor`; each second has a mood of its own, which
/// the next one half keeps.
fn series(seed: u64, seconds: usize, rate: usize, factor: f64, failing: f64) -> Series {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let times = LogNormal::new(10_f64.ln(), 0.4).expect("a deviation above 0");
    let (mut series, mut mood) = (Series::default(), 0.0);
    for _ in 0..seconds {
        mood = 0.5 * mood + 0.03 * (random.random::<f64>() - 0.5);
        let mut took = |_| times.sample(&mut random) * factor * (1.0 + mood);
        let times: Vec<f64> = (0..rate).map(&mut took).collect();
        let failed = (0..rate).filter(|_| random.random::<f64>() < failing).count() as u64;
        series.push(&times, failed);
    }
    series
}

fn run(all: Vec<(&str, Series)>) -> Run {
    let series = all.into_iter().map(|(call, series)| (key(call), series)).collect();
    Run { series, ..Run::default() }
}

fn verdicts(base: Series, candidate: Series) -> Vec<(&'static str, Verdict)> {
    let (base, candidate) = (run(vec![("GET /", base)]), run(vec![("GET /", candidate)]));
    let compared = compare(&[base], &[candidate], METHOD);
    compared.rows.iter().map(|row| (row.stat.as_str(), row.verdict)).collect()
}

fn is_alarm(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Regression | Verdict::Improvement)
}

#[test]
fn two_runs_of_the_same_are_the_same_and_a_tenth_slower_is_found() {
    let (mut alarms, mut found) = (0, 0);
    for n in 0..16 {
        let base = series(n, 60, 60, 1.0, 0.0);
        let same = verdicts(base.clone(), series(n + 1000, 60, 60, 1.0, 0.0));
        alarms += u32::from(same.iter().any(|(_, verdict)| is_alarm(*verdict)));
        let slower = verdicts(base, series(n + 2000, 60, 60, 1.1, 0.0));
        found += u32::from(slower.contains(&("p95", Verdict::Regression)));
    }
    assert!(alarms <= 1, "{alarms} of 16 pairs of equals were told apart");
    assert!(found >= 15, "{found} of 16 slowdowns were found");
}

#[test]
fn better_is_told_from_worse_and_errors_and_rates_count() {
    use Verdict::{Improvement, Regression, Same};
    let faster = verdicts(series(1, 40, 100, 1.0, 0.0), series(2, 40, 100, 0.7, 0.0));
    assert_eq!(faster[..3], [("p50", Improvement), ("p95", Improvement), ("p99", Improvement)]);
    let failing = verdicts(series(1, 40, 100, 1.0, 0.01), series(2, 40, 100, 1.0, 0.2));
    assert!(failing.contains(&("errors", Regression)), "{failing:?}");
    assert!(failing.contains(&("p50", Same)), "{failing:?}");
    let fewer = verdicts(series(1, 40, 100, 1.0, 0.0), series(2, 40, 80, 1.0, 0.0));
    assert!(fewer.contains(&("rate", Regression)), "{fewer:?}");
    let little = verdicts(series(1, 400, 200, 1.0, 0.0), series(2, 400, 200, 1.03, 0.0));
    assert!(little.iter().all(|(_, verdict)| *verdict == Same), "3 % is not enough: {little:?}");
}

#[test]
fn what_cannot_be_told_is_not() {
    let short = verdicts(series(1, 5, 100, 1.0, 0.0), series(2, 5, 100, 2.0, 0.0));
    assert!(short.iter().all(|(_, verdict)| *verdict == Verdict::TooFew), "{short:?}");
    let few = verdicts(series(1, 20, 3, 1.0, 0.0), series(2, 20, 3, 1.0, 0.0));
    assert!(few.contains(&("p99", Verdict::TooFew)), "{few:?}");
    let base =
        run(vec![("GET /a", series(1, 20, 9, 1.0, 0.0)), ("GET /b", series(1, 20, 9, 1.0, 0.0))]);
    let other =
        run(vec![("GET /b", series(1, 20, 9, 1.0, 0.0)), ("GET /c", series(1, 20, 9, 1.0, 0.0))]);
    let compared = compare(&[base], &[other], METHOD);
    assert_eq!(compared.only_base, [key("GET /a")]);
    assert_eq!(compared.only_candidate, [key("GET /c")]);
    assert!(compared.rows.iter().all(|row| row.series == key("GET /b")));
    assert!(compared.rows.iter().all(|row| row.change == 0.0), "a run against itself");
}

/// A run whose seconds have so many calls each, and which was under load from then to then.
fn loaded(counts: &[usize], from_s: f64, to_s: f64) -> Run {
    let mut series = Series::default();
    counts.iter().for_each(|count| series.push(&vec![10.0; *count], 0));
    let mut run = run(vec![("GET /", series)]);
    run.loads.insert("shop".to_owned(), from_s..to_s);
    even(std::slice::from_mut(&mut run));
    run
}

fn rate_of(compared: &Comparison) -> &Row {
    compared.rows.iter().find(|row| row.stat == Stat::Rate).expect("there is a rate")
}

#[test]
fn a_rate_is_over_the_load_whenever_its_last_answers_come() {
    let in_time = || loaded(&[40; 9], 0.0, 9.0);
    let late = [&[40; 8][..], &[39, 1]].concat();
    let drained = [&[40; 8][..], &[20, 10, 5, 5]].concat();
    let halved = [&[20][..], &[40; 8], &[20]].concat();
    for (counts, from_s, to_s) in
        [(&late, 0.0, 9.0), (&drained, 0.0, 9.0), (&halved, 0.5, 9.5), (&late, 0.01, 9.005)]
    {
        let rows = compare(&[in_time()], &[loaded(counts, from_s, to_s)], METHOD);
        let row = rate_of(&rows);
        assert!((row.candidate - 40.0).abs() < 0.1 && row.base == 40.0, "{counts:?}: {row:?}");
        assert_ne!(row.verdict, Verdict::Regression, "{counts:?}");
    }
    let compared = compare(&[in_time()], &[loaded(&late, 0.0, 9.0)], METHOD);
    assert_eq!(rate_of(&compared).verdict, Verdict::Same);
    let compared = compare_paired(&in_time(), &loaded(&late, 0.0, 9.0), METHOD);
    assert_eq!(rate_of(&compared).verdict, Verdict::Same);
}

#[test]
fn seconds_in_which_a_target_says_nothing_more_are_part_of_its_rate() {
    let hung = loaded(&[40; 10], 0.0, 20.0);
    let row = compare(&[loaded(&[40; 20], 0.0, 20.0)], &[hung], METHOD);
    assert_eq!((rate_of(&row).base, rate_of(&row).candidate), (40.0, 20.0));
}

#[test]
fn a_rate_of_few_full_seconds_is_not_judged() {
    let short = || loaded(&[40; 9], 0.5, 8.5);
    let compared = compare(&[short()], &[short()], METHOD);
    assert_eq!(rate_of(&compared).verdict, Verdict::TooFew);
}

/// Four runs each, whose level also moves from run to run, as that of machines does.
fn repeated(factor: f64, seed: u64) -> Vec<Run> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut one = |n: u64| {
        let level = factor * (1.0 + 0.06 * (random.random::<f64>() - 0.5));
        run(vec![("GET /", series(seed + n, 20, 60, level, 0.0))])
    };
    (0..4).map(&mut one).collect()
}

#[test]
fn repeated_runs_are_judged_by_how_runs_scatter() {
    let alarm = |base: &[Run], candidate: &[Run]| {
        compare(base, candidate, METHOD).rows.iter().any(|row| is_alarm(row.verdict))
    };
    let (mut alone, mut together, mut found) = (0, 0, 0);
    for n in 0..10 {
        let (base, same, slower) =
            (repeated(1.0, 100 * n), repeated(1.0, 100 * n + 50), repeated(1.4, 100 * n + 70));
        alone += u32::from(alarm(&base[..1], &same[..1]));
        together += u32::from(alarm(&base, &same));
        found += u32::from(alarm(&base, &slower));
    }
    assert!(together <= 1, "{together} of 10 groups of equals were told apart, alone {alone}");
    assert!(found >= 9, "{found} of 10 slowdowns were found");
}

/// Two variants in the same seconds, the second slower by `factor`. What goes on around them slows
/// both, by up to a half for seconds on end.
fn sides(seed: u64, seconds: usize, rate: usize, factor: f64) -> [Run; 2] {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let times = LogNormal::new(10_f64.ln(), 0.4).expect("a deviation above 0");
    let (mut both, mut mood) = ([Series::default(), Series::default()], 0.0);
    for _ in 0..seconds {
        mood = 0.8 * mood + 0.25 * (random.random::<f64>() - 0.5);
        for (series, factor) in both.iter_mut().zip([1.0, factor]) {
            let mut took = |_| times.sample(&mut random) * factor * (1.0_f64 + mood).max(0.5);
            series.push(&(0..rate).map(&mut took).collect::<Vec<_>>(), 0);
        }
    }
    both.map(|series| run(vec![("GET /", series)]))
}

#[test]
fn variants_that_share_their_seconds_are_told_apart_where_runs_are_not() {
    let verdicts = |compared: &Comparison| -> Vec<Verdict> {
        compared.rows.iter().map(|row| row.verdict).collect()
    };
    let (mut alarms, mut found, mut apart) = (0, 0, 0);
    for n in 0..16 {
        let [a, b] = sides(n, 30, 60, 1.0);
        let same = compare_paired(&a, &b, METHOD);
        alarms += u32::from(verdicts(&same).into_iter().any(is_alarm));
        let [a, b] = sides(100 + n, 30, 60, 1.12);
        let paired = compare_paired(&a, &b, METHOD);
        found += u32::from(paired.has(Verdict::Regression));
        let width = |compared: &Comparison| {
            compared.rows[0].interval.map_or(f64::MAX, |(low, high)| high - low)
        };
        let alone = compare(&[a], &[b], METHOD);
        apart += u32::from(alone.has(Verdict::Regression));
        assert!(width(&paired) < width(&alone), "pairing narrows the bounds of the median");
    }
    assert!(alarms <= 1, "{alarms} of 16 pairs of equals were told apart");
    assert!(found >= 15, "{found} of 16 slowdowns were found, {apart} of them without pairing");
    assert!(apart < found, "{apart} without pairing");
}

/// The second table of docs/compare.md is this with `GRID_PAIRS=100 cargo test --lib the_grid_of_
/// variants -- --nocapture`: how many are found in pairs, and how many as two runs.
#[test]
fn the_grid_of_variants_holds() {
    let pairs = std::env::var("GRID_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_u64);
    println!("| seconds × calls a second | none | 3 % | 5 % | 7 % | 10 % | 20 % |");
    let (mut false_alarms, mut sure) = (0, 0);
    let sizes = [(10, 20), (20, 50), (60, 50)];
    for (seconds, rate) in sizes {
        let found = [1.0, 1.03, 1.05, 1.07, 1.1, 1.2].map(|factor| {
            let is_worse = |n| {
                let [a, b] = sides(3_000 + n, seconds, rate, factor);
                let paired = compare_paired(&a, &b, METHOD).has(Verdict::Regression);
                (paired, compare(&[a], &[b], METHOD).has(Verdict::Regression))
            };
            (0..pairs).map(is_worse).fold((0, 0), |(paired, alone), (in_pairs, as_runs)| {
                (paired + u64::from(in_pairs), alone + u64::from(as_runs))
            })
        });
        let percent = |found: u64| found * 100 / pairs;
        let cells =
            found.map(|(paired, alone)| format!(" {}, {} |", percent(paired), percent(alone)));
        println!("| {seconds} × {rate} |{}", cells.concat());
        false_alarms += found[0].0;
        sure += if seconds * rate >= 3_000 { found[5].0 } else { 0 };
    }
    let most = (pairs * sizes.len() as u64).div_ceil(20);
    assert!(false_alarms <= most, "{false_alarms} of equal pairs were told to be worse");
    assert!(sure >= pairs - pairs / 10, "{sure} of {pairs} were found");
}

#[test]
fn a_series_that_only_one_variant_has_is_told_beside() {
    let [a, _] = sides(1, 20, 9, 1.0);
    let b = run(vec![("GET /other", series(1, 20, 9, 1.0, 0.0))]);
    let compared = compare_paired(&a, &b, METHOD);
    assert_eq!(compared.only_base, [key("GET /")]);
    assert_eq!((compared.rows.len(), compared.only_candidate), (0, vec![key("GET /other")]));
}

/// The table of docs/compare.md is this with `GRID_PAIRS=100 cargo test --lib the_grid -- --nocapture`.
#[test]
fn the_grid_of_changes_and_lengths_holds() {
    let pairs = std::env::var("GRID_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_u64);
    let changes = [1.0, 1.03, 1.05, 1.07, 1.1, 1.2];
    println!("| seconds × calls a second | none | 3 % | 5 % | 7 % | 10 % | 20 % |");
    let (mut false_alarms, mut sure) = (0, 0);
    let sizes = [(10, 20), (20, 50), (60, 50), (60, 200)];
    for (seconds, rate) in sizes {
        let found = changes.map(|factor| {
            let is_found = |n: &u64| {
                let base = series(7_000 + n, seconds, rate, 1.0, 0.0);
                let candidate = series(9_000 + n, seconds, rate, factor, 0.0);
                let verdicts = verdicts(base, candidate);
                verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Regression)
            };
            (0..pairs).filter(is_found).count()
        });
        let cells = found.map(|found| format!(" {} |", found as u64 * 100 / pairs));
        println!("| {seconds} × {rate} |{}", cells.concat());
        false_alarms += found[0];
        sure += if seconds * rate >= 3_000 { found[5] } else { 0 };
    }
    let most = (pairs as usize * sizes.len()).div_ceil(20);
    assert!(false_alarms <= most, "{false_alarms} of equal pairs were told to be worse");
    assert!(sure as u64 >= pairs * 2 - pairs / 10, "{sure} of {} were found", pairs * 2);
}
