//! Searches against targets whose capacity is known: sharp, soft, noisy, sluggish.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;

fn adaptive(from: f64, whole: bool) -> Search {
    Search::new(Strategy::Adaptive { from, to: 1e6, precision: 0.05, whole })
}

/// Runs a search against a target; the answer and the number of steps.
fn run(mut search: Search, mut target: impl FnMut(Step) -> Judgement) -> (Answer, usize) {
    let mut steps = 0;
    while let Some(step) = search.step() {
        steps += 1;
        assert!(steps < 500, "it does not end: {search:?}");
        search.note(target(step));
    }
    (search.answer(), steps)
}

fn sharp(capacity: f64) -> impl FnMut(Step) -> Judgement {
    move |step| if step.level <= capacity { Judgement::Pass } else { Judgement::Trip }
}

#[test]
fn a_sharp_limit_is_bracketed_as_narrowly_as_asked() {
    for capacity in [51.0, 300.0, 777.7, 1_000.0, 99_999.0] {
        let (answer, steps) = run(adaptive(50.0, false), sharp(capacity));
        let (lower, upper) = (answer.lower.expect("passed"), answer.upper.expect("tripped"));
        assert!(lower <= capacity && capacity < upper, "{capacity}: {answer:?}");
        assert!(upper <= lower * 1.0501 && answer.complete, "{capacity}: {answer:?}");
        assert!(!answer.inconclusive && !answer.non_monotone && steps < 40, "{answer:?}");
    }
}

#[test]
fn users_are_whole() {
    let (answer, _) = run(adaptive(1.0, true), sharp(7.0));
    assert_eq!((answer.lower, answer.upper), (Some(7.0), Some(8.0)));
}

#[test]
fn levels_have_four_digits_and_no_dust() {
    let search = adaptive(50.0, false);
    let rounded =
        [302.4000001, 50.0 * 1.5 * 1.5, 8.123456, 123_456.0].map(|it| search.strategy.round(it));
    assert_eq!(rounded, [302.4, 112.5, 8.123, 123_500.0]);
    // Below a bound that failed, never so far that the bracket would be wider than asked.
    let below = [310.1, 105.0, 123_500.0].map(|it| search.strategy.below(it, 0.05));
    assert_eq!(below, [295.4, 100.0, 117_700.0]);
    let users = adaptive(1.0, true);
    assert_eq!([8.0, 2.0, 100.0].map(|it| users.strategy.below(it, 0.05)), [7.0, 1.0, 96.0]);
}

#[test]
fn evidence_is_sought_in_turn_and_the_first_pass_is_held_again() {
    let mut purposes = Vec::new();
    run(adaptive(100.0, false), |step| {
        purposes.push((step.purpose, step.full));
        sharp(120.0)(step)
    });
    assert_eq!(purposes[0], (Purpose::Ramp, true));
    assert_eq!(purposes[1], (Purpose::Ramp, false));
    let last: Vec<Purpose> = purposes.iter().rev().take(5).rev().map(|one| one.0).collect();
    use Purpose::{Drift, Lower, Upper};
    assert_eq!(last, [Lower, Upper, Lower, Upper, Drift]);
}

#[test]
fn nothing_passed_and_nothing_tripped_are_answers_too() {
    let (answer, steps) = run(adaptive(100.0, false), sharp(10.0));
    assert_eq!((answer.lower, answer.upper, steps), (None, Some(100.0), 1));
    let all = Strategy::Adaptive { from: 100.0, to: 1_000.0, precision: 0.05, whole: false };
    let (answer, _) = run(Search::new(all), sharp(1e9));
    assert_eq!((answer.lower, answer.upper, answer.complete), (Some(1_000.0), None, true));
}

#[test]
fn a_list_stops_at_the_first_trip_unless_all_shall_run() {
    let list =
        |run_all| Search::new(Strategy::Listed { levels: vec![10.0, 20.0, 30.0, 40.0], run_all });
    let (answer, steps) = run(list(false), sharp(25.0));
    assert_eq!((answer.lower, answer.upper, steps), (Some(20.0), Some(30.0), 3));
}

#[test]
fn a_level_that_trips_below_one_that_passes_is_tried_again_and_bounds_the_answer() {
    // What the level of 20 says each time, and what comes of it.
    for (verdicts, lower, upper, steps) in [
        ("ff", Some(10.0), Some(20.0), 5),
        ("fpf", Some(10.0), Some(20.0), 6),
        ("fpp", Some(40.0), None, 6),
    ] {
        let levels = vec![10.0, 20.0, 30.0, 40.0];
        let mut next = verdicts.chars();
        let mut purposes = Vec::new();
        let (answer, count) =
            run(Search::new(Strategy::Listed { levels, run_all: true }), |step| {
                purposes.push(step.purpose);
                match step.level == 20.0 && next.next() == Some('f') {
                    true => Judgement::Trip,
                    false => Judgement::Pass,
                }
            });
        assert_eq!((answer.lower, answer.upper, count), (lower, upper, steps), "{verdicts}");
        assert_eq!(answer.non_monotone, upper.is_some(), "{verdicts}");
        assert!(answer.complete && !answer.inconclusive);
        assert_eq!(purposes[3..5], [Purpose::Listed, Purpose::Again]);
    }
}

#[test]
fn a_target_that_is_gone_at_the_end_or_cannot_be_judged_leaves_no_answer() {
    for (last, tries) in [(Judgement::Trip, 1), (Judgement::Inconclusive, 3)] {
        let mut drifts = 0;
        let (answer, _) = run(adaptive(100.0, false), |step| match step.purpose {
            Purpose::Drift => {
                drifts += 1;
                last
            }
            _ => sharp(120.0)(step),
        });
        assert_eq!((answer.inconclusive, answer.complete, drifts), (true, true, tries));
        assert!(answer.lower.is_some(), "{answer:?}");
    }
}

#[test]
fn what_cannot_be_judged_is_tried_again_and_then_given_up() {
    let mut tries = 0;
    let (answer, _) = run(adaptive(100.0, false), |step| {
        if step.level > 200.0 {
            tries += 1;
            return Judgement::Inconclusive;
        }
        Judgement::Pass
    });
    assert_eq!((answer.inconclusive, answer.lower, tries), (true, Some(150.0), 3));
}

#[test]
fn an_assertion_is_decided_by_the_majority_of_three() {
    for (verdicts, holds) in [("pp", 2), ("pfp", 3), ("ff", 2), ("fpf", 3)] {
        let mut next = verdicts.chars();
        let (answer, steps) = run(Search::new(Strategy::Assert { level: 5.0 }), |_| {
            if next.next() == Some('p') { Judgement::Pass } else { Judgement::Trip }
        });
        assert_eq!((answer.lower.is_some(), steps), (verdicts.ends_with('p'), holds));
    }
}

/// Searches against each kind of target.
const SEEDS: u64 = 2_000;

/// How many of them give a bracket that holds the truth, within `tolerance` of it on either side.
/// Each is as narrow as asked, or says that it cannot tell.
fn found(tolerance: f64, target: impl Fn(&mut Xoshiro256PlusPlus, f64, Step) -> bool) -> usize {
    (0..SEEDS)
        .filter(|&seed| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let capacity = 100.0 * 50f64.powf(rng.random::<f64>());
            let (answer, _) = run(adaptive(50.0, false), |step| {
                if target(&mut rng, capacity, step) { Judgement::Pass } else { Judgement::Trip }
            });
            let (Some(lower), Some(upper)) = (answer.lower, answer.upper) else { return false };
            let narrow = upper <= lower * (1.05 + 1e-9);
            assert!(narrow || answer.inconclusive, "{seed}: {answer:?}");
            lower <= capacity * (1.0 + tolerance) && upper >= capacity * (1.0 - tolerance)
        })
        .count()
}

#[test]
fn soft_noisy_and_sluggish_limits_are_found_by_majority() {
    // Passes with a probability that falls from 1 to 0 within ± 5 % of the capacity.
    let soft = found(0.05, |rng, capacity, step| {
        let odds = 1.0 / (1.0 + ((step.level / capacity - 1.0) * 100.0).exp());
        rng.random::<f64>() < odds
    });
    assert!(soft >= 1_950, "soft: {soft} of {SEEDS}");
    // One verdict in thirty is wrong.
    let noisy = found(0.05, |rng, capacity, step| {
        (step.level <= capacity) != (rng.random::<f64>() < 1.0 / 30.0)
    });
    assert!(noisy >= 1_750, "noisy: {noisy} of {SEEDS}");
    // Short holds err by up to 10 %.
    let hasty = found(0.05, |rng, capacity, step| {
        let error = if step.full { 0.0 } else { 0.2 * (rng.random::<f64>() - 0.5) };
        step.level * (1.0 + error) <= capacity
    });
    assert!(hasty >= 1_900, "hasty: {hasty} of {SEEDS}");
}

/// A target that is hysteretic: overloaded by more than a tenth it bears less for the next few
/// holds, as one does whose queues or caches must recover.
#[test]
fn a_target_that_overload_weakens_for_a_while_is_still_bracketed() {
    let found = (0..SEEDS).filter(|&seed| {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let capacity = 100.0 * 50f64.powf(rng.random::<f64>());
        let mut weak = 0u32;
        let (answer, _) = run(adaptive(50.0, false), |step| {
            let bearable = if weak > 0 { 0.95 * capacity } else { capacity };
            weak = if step.level > 1.1 * capacity { 2 } else { weak.saturating_sub(1) };
            if step.level <= bearable { Judgement::Pass } else { Judgement::Trip }
        });
        let (Some(lower), Some(upper)) = (answer.lower, answer.upper) else { return false };
        // At worst it is what the weakened target bears.
        lower <= capacity && upper >= 0.95 * capacity && upper <= lower * 1.0501
    });
    assert_eq!(found.count() as u64, SEEDS);
}

#[test]
fn searches_end_whatever_the_target_says() {
    for seed in 0..SEEDS {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let levels = vec![10.0, 20.0, 30.0, 40.0, 50.0];
        let strategies = [
            Strategy::Adaptive { from: 10.0, to: 1e4, precision: 0.05, whole: seed % 2 == 0 },
            Strategy::Listed { levels, run_all: true },
            Strategy::Assert { level: 10.0 },
        ];
        for strategy in strategies {
            let (answer, _) = run(Search::new(strategy), |_| match rng.random_range(0..5) {
                0..2 => Judgement::Pass,
                2..4 => Judgement::Trip,
                _ => Judgement::Inconclusive,
            });
            assert!(answer.complete, "{seed}: {answer:?}");
            let ordered = answer.lower.zip(answer.upper).is_none_or(|(low, high)| low < high);
            assert!(ordered, "{seed}: {answer:?}");
        }
    }
}
