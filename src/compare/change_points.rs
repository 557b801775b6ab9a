//! Where a series of runs changed its level: E-divisive means with Student's t.
//!
//! Matteson and James, *A Nonparametric Approach for Multiple Change Point Analysis of Multivariate
//! Data* (2014), split a series where the energy distance between what is before and after is
//! largest, and so on within the parts. Fleming et al., *Hunter: Using Change Point Detection to Hunt
//! for Performance Regressions* (2023; now Apache Otava), ask Student's t test instead of
//! permutations whether a split is real: there are few runs, and the answer must not depend on chance.
//! As they do, splits are first believed too easily, so that two changes that hide each other are
//! found; then those that do not stand between their neighbours are taken away, the weakest first.

use super::student;

/// A change is one if chance makes it with less than this probability.
const SURE: f64 = 0.001;

/// The same while splitting.
const SUSPECTED: f64 = 10.0 * SURE;

/// A part is of so many runs at least.
const LEAST: usize = 2;

/// The level of a series changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The first of the new level.
    pub at: usize,
    /// Mean of those since the change before.
    pub before: f64,
    /// Mean of those until the next one.
    pub after: f64,
    /// How likely chance does that.
    pub p: f64,
}

impl Change {
    /// How much more, as a part of what was before.
    pub fn relative(&self) -> f64 {
        self.after / self.before - 1.0
    }
}

/// All changes of a series, in order, that are at least `least` as a part of what was before.
/// Takes n² steps for each.
pub fn change_points(series: &[f64], least: f64) -> Vec<Change> {
    let mut places = Vec::new();
    split(series, 0, &mut places);
    places.sort_unstable();
    loop {
        let changes: Vec<Change> =
            (0..places.len()).map(|index| change(series, &places, index)).collect();
        let weak = |change: &Change| change.p >= SURE || change.relative().abs() < least;
        let weakest = (0..changes.len())
            .filter(|index| weak(&changes[*index]))
            .max_by(|a, b| changes[*a].p.total_cmp(&changes[*b].p));
        match weakest {
            Some(index) => places.remove(index),
            None => return changes,
        };
    }
}

/// Notes where to split `part`, which begins at `from`, and splits what comes of it.
fn split(part: &[f64], from: usize, places: &mut Vec<usize>) {
    let Some(at) = most_distant(part) else { return };
    let (before, after) = part.split_at(at);
    if probability(before, after) < SUSPECTED {
        places.push(from + at);
        split(before, from, places);
        split(after, from + at, places);
    }
}

/// The split into X and Y, of m and n, with the largest energy distance
///
/// Q = mn/(m+n) · (2/mn Σ|xᵢ−yⱼ| − (m choose 2)⁻¹ Σ|xᵢ−xₖ| − (n choose 2)⁻¹ Σ|yⱼ−yₖ|).
///
/// A value that goes over from Y to X changes each sum by its distances alone.
fn most_distant(part: &[f64]) -> Option<usize> {
    let distances = |value: f64, others: &[f64]| -> f64 {
        others.iter().map(|other| (value - other).abs()).sum()
    };
    let pairs = |count: f64| (count * (count - 1.0) / 2.0).max(1.0);
    let within = |all: &[f64]| -> f64 {
        (0..all.len()).map(|index| distances(all[index], &all[index + 1..])).sum()
    };
    let (all, mut left, mut right) = (within(part), 0.0, within(part));
    let mut best = None;
    for at in 1..part.len() {
        let moved = part[at - 1];
        left += distances(moved, &part[..at - 1]);
        right -= distances(moved, &part[at..]);
        if at < LEAST || part.len() - at < LEAST {
            continue;
        }
        let (m, n) = (at as f64, (part.len() - at) as f64);
        let between = all - left - right;
        let q = m * n / (m + n) * (2.0 * between / (m * n) - left / pairs(m) - right / pairs(n));
        if best.is_none_or(|(_, most)| q > most) {
            best = Some((at, q));
        }
    }
    best.map(|(at, _)| at)
}

fn change(series: &[f64], places: &[usize], index: usize) -> Change {
    let start = index.checked_sub(1).map_or(0, |before| places[before]);
    let end = places.get(index + 1).copied().unwrap_or(series.len());
    let (before, after) = series[start..end].split_at(places[index] - start);
    Change {
        at: places[index],
        before: mean(before),
        after: mean(after),
        p: probability(before, after),
    }
}

/// Of two means at least so far apart, if all were of one level: Student's test, variances pooled.
fn probability(before: &[f64], after: &[f64]) -> f64 {
    let (m, n) = (before.len() as f64, after.len() as f64);
    let Some(degrees) = (before.len() + after.len()).checked_sub(2).filter(|&d| d > 0) else {
        return 1.0;
    };
    let squares = |part: &[f64]| -> f64 {
        let mean = mean(part);
        part.iter().map(|value| (value - mean).powi(2)).sum()
    };
    let pooled = (squares(before) + squares(after)) / degrees as f64;
    let apart = (mean(after) - mean(before)).abs();
    match pooled > 0.0 {
        true => student::beyond(apart / (pooled * (1.0 / m + 1.0 / n)).sqrt(), degrees as u32),
        false => f64::from(u8::from(apart == 0.0)), // not a digit of noise
    }
}

fn mean(part: &[f64]) -> f64 {
    part.iter().sum::<f64>() / part.len() as f64
}

#[cfg(test)]
mod tests;
