//! Seconds that lie far from what is usual in the same series.
//!
//! A second is held against the median and the median deviation, which what is unusual cannot bend,
//! and with its neighbours that are far off too against mean and standard deviation of all the others.
//! By the first every one must be far off, by the second the worst: where noise has a heavy tail the
//! mean knows, and the median does not. Of three in a row the first is enough, for noise does not come
//! in rows.
//!
//! Three deviations would be passed by one second of 740 by chance. So the bar is raised to where a
//! quiet run of so many series and seconds passes it in one of a hundred.

use crate::metrics::statistics::{median, median_deviation, student_quantile};

/// Fewer seconds do not say what is usual.
pub const LEAST_SECONDS: usize = 20;

/// Deviations that a second must lie off at least.
const LEAST_DEVIATIONS: f64 = 3.0;

/// How often a quiet run is told to be none: all its series and seconds together.
pub const FALSE_ALARMS: f64 = 0.01;

/// So many in a row are no accident of a mean.
const IN_A_ROW: usize = 3;

/// Quiet seconds within an excursion that do not end it.
const GAP: usize = 2;

/// What lasts longer than this part of a series is no excursion but another level.
const LONGEST: f64 = 0.25;

/// A series on the scale on which its noise is even: more is worse, NaN is no second of it.
#[derive(Debug, Clone, Copy)]
pub struct Scaled<'s> {
    /// Second by second.
    pub values: &'s [f64],
    /// Less is no deviation.
    pub floor: f64,
}

/// Seconds that were unusual, one after another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Excursion {
    /// The first.
    pub from: usize,
    /// The last.
    pub last: usize,
    /// The worst.
    pub worst: usize,
    /// How far off that was, as a multiple of the bar.
    pub score: f64,
}

/// All excursions of a series, which is one of those that share so many `tests`.
pub fn excursions(series: Scaled, tests: usize) -> Vec<Excursion> {
    let present: Vec<f64> = series.values.iter().copied().filter(|v| v.is_finite()).collect();
    let n = present.len();
    let (true, Some(middle)) = (n >= LEAST_SECONDS, median(&present)) else { return Vec::new() };
    let bar = bar(n, tests);
    let spread = median_deviation(&present, middle).max(series.floor);
    let robust: Vec<f64> = series.values.iter().map(|value| (value - middle) / spread).collect();
    let is_far = |index: usize| robust.get(index).is_some_and(|score| *score >= bar);
    let sums = Sums::of(series.values, middle);
    let mut found: Vec<Excursion> = Vec::new();
    for index in (0..robust.len()).filter(|index| is_far(*index)) {
        let score = robust[index] / bar;
        match found.last_mut() {
            Some(open) if index - open.last <= GAP + 1 => {
                open.last = index;
                if score > open.score {
                    (open.worst, open.score) = (index, score);
                }
            }
            _ => found.push(Excursion { from: index, last: index, worst: index, score }),
        }
    }
    found.retain(|one| {
        let seconds = one.from..=one.last;
        let in_a_row = |from: usize| (from..from + IN_A_ROW).all(is_far);
        let short = seconds.clone().count() as f64 <= LONGEST * n as f64;
        short && (seconds.clone().any(in_a_row) || sums.against_others(series, middle, one) >= bar)
    });
    found.iter_mut().for_each(|one| one.widen(&robust));
    found
}

impl Excursion {
    /// What lies beside it and is three deviations off belongs to it: that it is one is known.
    fn widen(&mut self, scores: &[f64]) {
        let is_off = |index: usize| scores.get(index).is_some_and(|s| *s >= LEAST_DEVIATIONS);
        while self.from > 0 && is_off(self.from - 1) {
            self.from -= 1;
        }
        while is_off(self.last + 1) {
            self.last += 1;
        }
    }
}

/// Sums from which follow mean and deviation of a series without some of its seconds.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Sums {
    /// Of the seconds that there are. Around their middle, lest large numbers swallow small ones.
    fn of(values: &[f64], middle: f64) -> Sums {
        let mut sums = Sums::default();
        for off in values.iter().map(|value| value - middle).filter(|off| off.is_finite()) {
            sums.count += 1.0;
            sums.sum += off;
            sums.squares += off * off;
        }
        sums
    }

    /// How many deviations the worst second of an excursion lies above the mean of all that are in
    /// none of it: of normal noise this has Student's distribution.
    fn against_others(&self, series: Scaled, middle: f64, one: &Excursion) -> f64 {
        let own = Sums::of(&series.values[one.from..=one.last], middle);
        let n = self.count - own.count;
        let mean = (self.sum - own.sum) / n;
        let squares = (self.squares - own.squares - n * mean * mean).max(0.0);
        let deviation = (squares / (n - 1.0)).sqrt().max(series.floor);
        (series.values[one.worst] - middle - mean) / (deviation * (1.0 + 1.0 / n).sqrt())
    }
}

/// How many deviations a second must lie off.
fn bar(seconds: usize, tests: usize) -> f64 {
    let chance = FALSE_ALARMS / tests.max(1) as f64;
    student_quantile(chance, (seconds - 2) as f64).max(LEAST_DEVIATIONS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(values: &[f64]) -> Vec<(usize, usize, usize)> {
        let all = excursions(Scaled { values, floor: 0.01 }, values.len());
        all.iter().map(|one| (one.from, one.last, one.worst)).collect()
    }

    /// 0 … 0.6, in no order.
    fn calm(seconds: usize) -> Vec<f64> {
        (0..seconds).map(|second| (second * 37 % 7) as f64 / 10.0).collect()
    }

    #[test]
    fn neighbours_fold_into_one_and_others_are_told_apart() {
        let mut values = calm(60);
        assert_eq!(found(&values), []);
        (values[41], values[42], values[44], values[50]) = (6.0, 9.0, 6.0, 9.0);
        assert_eq!(found(&values), [(41, 44, 42), (50, 50, 50)]);
    }

    #[test]
    fn a_row_is_found_where_it_spoils_the_mean_and_a_level_is_no_excursion() {
        let mut values = calm(60);
        values[20..34].fill(4.0);
        assert_eq!(found(&values), [(20, 33, 20)]);
        values[20..36].fill(4.0);
        assert_eq!(found(&values), []);
    }

    #[test]
    fn seconds_without_a_value_and_short_series_say_nothing() {
        let mut values = calm(30);
        values[7] = f64::NAN;
        values[9] = 20.0;
        assert_eq!(found(&values), [(9, 9, 9)]);
        let mut few = calm(19);
        few[9] = 20.0;
        assert_eq!(found(&few), []);
        assert_eq!(found(&[f64::NAN; 40]), []);
        assert_eq!(found(&[1.0; 40]), [], "without any noise");
    }

    #[test]
    fn an_excursion_is_held_against_the_others_without_it() {
        let values = [1.0, 2.0, 9.0, 10.0, 3.0];
        let one = Excursion { from: 2, last: 3, worst: 3, score: 1.0 };
        let (mean, deviation) = (2.0, 1.0);
        let expected = (10.0 - mean) / (deviation * f64::sqrt(1.0 + 1.0 / 3.0));
        let scaled = Scaled { values: &values, floor: 0.0 };
        let found = Sums::of(&values, 5.0).against_others(scaled, 5.0, &one);
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }

    proptest! {
        #[test]
        fn neither_scale_nor_offset_changes_what_is_found(
            values in prop::collection::vec(0.0..1.0_f64, 20..50),
            peak in 0..20_usize,
            height in 0.0..30.0_f64,
            scale in 0.1..100.0_f64,
            offset in -50.0..50.0_f64,
        ) {
            let mut values = values;
            values[peak] += height;
            let moved: Vec<f64> = values.iter().map(|value| value * scale + offset).collect();
            let here = excursions(Scaled { values: &values, floor: 1e-6 }, 500);
            let there = excursions(Scaled { values: &moved, floor: 1e-6 * scale }, 500);
            prop_assert_eq!(here.len(), there.len());
            for (a, b) in here.iter().zip(&there) {
                prop_assert_eq!((a.from, a.last, a.worst), (b.from, b.last, b.worst));
            }
        }

        #[test]
        fn excursions_lie_apart_and_hold_their_worst(
            values in prop::collection::vec(-3.0..9.0_f64, 20..80),
        ) {
            let all = excursions(Scaled { values: &values, floor: 0.1 }, 1);
            for one in &all {
                prop_assert!(one.from <= one.worst && one.worst <= one.last && one.score >= 1.0);
            }
            prop_assert!(all.windows(2).all(|pair| pair[0].last < pair[1].from));
        }
    }
}
