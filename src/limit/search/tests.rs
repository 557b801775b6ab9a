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
    let rounded = [302.4000001, 50.0 * 1.5 * 1.5, 8.123456, 123_456.0].map(|it| search.round(it));
    assert_eq!(rounded, [302.4, 112.5, 8.123, 123_500.0]);
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
    let (answer, steps) = run(list(true), |step| match step.level {
        20.0 => Judgement::Trip,
        _ => Judgement::Pass,
    });
    assert_eq!((answer.non_monotone, steps), (true, 4));
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

/// How many of 400 seeded searches give a bracket that holds the truth, within `tolerance`
/// of it on either side.
fn found(tolerance: f64, target: impl Fn(&mut Xoshiro256PlusPlus, f64, Step) -> bool) -> usize {
    (0..400)
        .filter(|&seed| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let capacity = 100.0 * 50f64.powf(rng.random::<f64>());
            let (answer, _) = run(adaptive(50.0, false), |step| {
                if target(&mut rng, capacity, step) { Judgement::Pass } else { Judgement::Trip }
            });
            let (Some(lower), Some(upper)) = (answer.lower, answer.upper) else { return false };
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
    assert!(soft >= 390, "soft: {soft} of 400");
    // One verdict in thirty is wrong.
    let noisy = found(0.05, |rng, capacity, step| {
        (step.level <= capacity) != (rng.random::<f64>() < 1.0 / 30.0)
    });
    assert!(noisy >= 350, "noisy: {noisy} of 400");
    // Short holds err by up to 10 %.
    let hasty = found(0.05, |rng, capacity, step| {
        let error = if step.full { 0.0 } else { 0.2 * (rng.random::<f64>() - 0.5) };
        step.level * (1.0 + error) <= capacity
    });
    assert!(hasty >= 380, "hasty: {hasty} of 400");
}
