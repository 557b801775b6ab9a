//! Series that do not stay where they are: a level that changes at once, or one that drifts.
//!
//! A change is placed as by Pettitt (1979) and held against its noise by Student's test, a drift found
//! by the test of Mann and Kendall with Theil's slope. Both tests take seconds to be independent, and
//! those of a load are not; so their variance is widened by (1 + ρ) / (1 − ρ), with ρ the
//! correlation of neighbours in what is left when the change, or the line, is taken away.
//! If both are found, the one that leaves less behind is told.

use crate::metrics::statistics::{median, normal_tail, ranks, student_tail};

/// Seconds on either side of a change.
const LEAST_SIDE: usize = 8;

/// Longer series are thinned to so many medians: a day has 86,400 seconds.
const MOST_POINTS: usize = 240;

/// How a series moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Movement {
    /// From one level to another.
    Step {
        /// The first second of the new level.
        at: usize,
        /// The old level.
        before: f64,
        /// The new one.
        after: f64,
    },
    /// Along a line.
    Drift {
        /// Where it begins.
        from: f64,
        /// Where it ends.
        to: f64,
    },
}

/// How a series moves, if so much would be chance in less than `chance` of all cases. NaN is no
/// second of it.
pub fn movement(values: &[f64], chance: f64) -> Option<Movement> {
    let points = thinned(values);
    if points.len() < 2 * LEAST_SIDE {
        return None;
    }
    let ys: Vec<f64> = points.iter().map(|point| point.1).collect();
    let step = step(&ys).filter(|(_, likely)| *likely < chance);
    let drift = drift(&points).filter(|(_, likely)| *likely < chance);
    let step = step.map(|(at, _)| {
        let (before, after) = (middle(&ys[..at]), middle(&ys[at..]));
        let left = rest(&ys[..at], before) + rest(&ys[at..], after);
        (Movement::Step { at: points[at].0, before, after }, left)
    });
    let drift = drift.map(|(line, _)| {
        let left = points.iter().map(|point| (point.1 - line.at(point.0)).abs()).sum();
        let (first, last) = (points[0].0, points[points.len() - 1].0);
        (Movement::Drift { from: line.at(first), to: line.at(last) }, left)
    });
    step.into_iter().chain(drift).min_by(|a, b| f64::total_cmp(&a.1, &b.1)).map(|found| found.0)
}

/// The seconds that there are; of a long series medians of neighbours.
fn thinned(values: &[f64]) -> Vec<(usize, f64)> {
    let present = values.iter().copied().enumerate().filter(|(_, value)| value.is_finite());
    let present: Vec<(usize, f64)> = present.collect();
    let width = present.len().div_ceil(MOST_POINTS).max(1);
    let point = |chunk: &[(usize, f64)]| {
        (chunk[0].0, middle(&chunk.iter().map(|(_, value)| *value).collect::<Vec<_>>()))
    };
    present.chunks(width).map(point).collect()
}

fn middle(values: &[f64]) -> f64 {
    median(values).expect("a side has points")
}

fn rest(values: &[f64], level: f64) -> f64 {
    values.iter().map(|value| (value - level).abs()).sum()
}

/// Where the level most likely changes, and how likely so much of a change is by chance.
///
/// The place is where |2·Σᵢ₌₁..ₜ rᵢ − t·(n + 1)| over the ranks r is largest, as Pettitt has it. His own
/// test knows no more than that everything after lies above everything before, which neighbours
/// that resemble each other do now and then; so the two means are held against each other by
/// Student's test, for every place where the change might have been.
fn step(ys: &[f64]) -> Option<(usize, f64)> {
    let n = ys.len() as f64;
    let mut sum = 0.0;
    let mut largest: Option<(usize, f64)> = None;
    for (index, rank) in ranks(ys).iter().enumerate() {
        sum += rank;
        let t = index + 1;
        let distance = (2.0 * sum - t as f64 * (n + 1.0)).abs();
        let inside = (LEAST_SIDE..=ys.len() - LEAST_SIDE).contains(&t);
        if inside && largest.is_none_or(|(_, most)| distance > most) {
            largest = Some((t, distance));
        }
    }
    let (at, _) = largest?;
    let mean = |side: &[f64]| side.iter().sum::<f64>() / side.len() as f64;
    let (before, after) = (mean(&ys[..at]), mean(&ys[at..]));
    let level = |index| if index < at { before } else { after };
    let left: Vec<f64> = ys.iter().enumerate().map(|(index, y)| y - level(index)).collect();
    let squares: f64 = left.iter().map(|value| value * value).sum();
    let widening = widening(&left);
    let freedom = (n / widening - 2.0).max(1.0);
    let sides = 1.0 / at as f64 + 1.0 / (n - at as f64);
    let deviation = (squares / (n - 2.0) * sides * widening).sqrt();
    let distance = (after - before).abs();
    let t = if distance > 0.0 { distance / deviation } else { 0.0 };
    Some((at, (2.0 * n * student_tail(t, freedom)).min(1.0)))
}

/// A straight line.
#[derive(Debug, Clone, Copy)]
struct Line {
    slope: f64,
    offset: f64,
}

impl Line {
    fn at(self, x: usize) -> f64 {
        self.offset + self.slope * x as f64
    }
}

/// The line along which the points lie, and how likely so much of a trend is by chance.
fn drift(points: &[(usize, f64)]) -> Option<(Line, f64)> {
    let n = points.len();
    let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
    let mut rises = 0i64;
    for (index, (x, y)) in points.iter().enumerate() {
        for (later, above) in &points[index + 1..] {
            slopes.push((above - y) / (later - x) as f64);
            rises += i64::from(above > y) - i64::from(above < y);
        }
    }
    let slope = median(&slopes)?;
    let offsets: Vec<f64> = points.iter().map(|(x, y)| y - slope * *x as f64).collect();
    let line = Line { slope, offset: median(&offsets)? };
    let left = ranks(&offsets);
    let n = n as f64;
    let middle = (n + 1.0) / 2.0;
    let left: Vec<f64> = left.iter().map(|rank| rank - middle).collect();
    let deviation = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0 * widening(&left)).sqrt();
    let z = (rises.abs() as f64 - 1.0).max(0.0) / deviation;
    Some((line, 2.0 * normal_tail(z)))
}

/// By how much neighbours that resemble each other widen a variance: (1 + ρ) / (1 − ρ), with the
/// correlation ρ freed of the bias it has in short series (Marriott and Pope 1954).
fn widening(left: &[f64]) -> f64 {
    let squares: f64 = left.iter().map(|value| value * value).sum();
    let products: f64 = left.windows(2).map(|pair| pair[0] * pair[1]).sum();
    if squares <= 0.0 {
        return 1.0;
    }
    let found = products / squares;
    let correlation = (found + (1.0 + 4.0 * found) / left.len() as f64).clamp(0.0, 0.9);
    (1.0 + correlation) / (1.0 - correlation)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// -0.3 … 0.3, in no order.
    fn calm(second: usize) -> f64 {
        (second * 37 % 7) as f64 / 10.0 - 0.3
    }

    fn series(seconds: usize, level: impl Fn(usize) -> f64) -> Vec<f64> {
        (0..seconds).map(|second| level(second) + calm(second)).collect()
    }

    #[test]
    fn a_change_is_a_step_and_a_slope_is_a_drift() {
        let stepping = series(60, |second| if second < 40 { 5.0 } else { 7.0 });
        let Some(Movement::Step { at, before, after }) = movement(&stepping, 1e-4) else {
            panic!("{:?}", movement(&stepping, 1e-4));
        };
        assert!((39..=41).contains(&at), "{at}");
        assert!((before - 5.0).abs() < 0.2 && (after - 7.0).abs() < 0.2, "{before} {after}");
        let drifting = series(60, |second| 5.0 + second as f64 / 20.0);
        let Some(Movement::Drift { from, to }) = movement(&drifting, 1e-4) else {
            panic!("{:?}", movement(&drifting, 1e-4));
        };
        assert!((from - 5.0).abs() < 0.3 && (to - 8.0).abs() < 0.3, "{from} {to}");
    }

    #[test]
    fn what_stays_where_it_is_moves_not() {
        assert_eq!(movement(&series(60, |_| 5.0), 1e-3), None);
        assert_eq!(movement(&[1.0; 60], 1e-3), None);
        assert_eq!(movement(&series(15, |second| second as f64), 1e-3), None, "too short");
        assert_eq!(movement(&[f64::NAN; 60], 1e-3), None);
        let burst = series(60, |second| if (20..25).contains(&second) { 90.0 } else { 5.0 });
        assert_eq!(movement(&burst, 1e-3), None);
    }

    #[test]
    fn a_day_is_thinned_and_its_change_found() {
        let day = series(86_400, |second| if second < 50_000 { 5.0 } else { 6.0 });
        let Some(Movement::Step { at, .. }) = movement(&day, 1e-6) else { panic!("no step") };
        assert!(at.abs_diff(50_000) < 800, "{at}");
    }

    #[test]
    fn neighbours_that_resemble_each_other_widen_the_variance() {
        let slow: Vec<f64> = (0..60).map(|n| f64::from(n / 10 % 2) - 0.5).collect();
        let quick: Vec<f64> = (0..60).map(|n| f64::from(n % 2) - 0.5).collect();
        assert!(widening(&slow) > 5.0, "{}", widening(&slow));
        assert_eq!(widening(&quick), 1.0);
    }

    proptest! {
        #[test]
        fn backwards_it_moves_the_other_way(
            values in prop::collection::vec(0.0..1.0_f64, 30..60),
            height in -9.0..9.0_f64,
        ) {
            let n = values.len();
            let moved = |(second, value): (usize, &f64)| {
                if second >= n / 2 { value + height } else { *value }
            };
            let mut values: Vec<f64> = values.iter().enumerate().map(moved).collect();
            let up = |found| match found {
                Some(Movement::Step { before, after, .. }) => Some(after > before),
                Some(Movement::Drift { from, to }) => Some(to > from),
                None => None,
            };
            let forwards = up(movement(&values, 1e-3));
            values.reverse();
            if let (Some(one), Some(other)) = (forwards, up(movement(&values, 1e-3))) {
                prop_assert_ne!(one, other);
            }
            if height.abs() > 3.0 {
                prop_assert!(forwards.is_none_or(|up| up == (height > 0.0)));
            }
        }
    }
}
