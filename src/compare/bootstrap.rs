//! How much a number of a run moves by itself: the moving-block bootstrap over its seconds.
//!
//! Seconds of a load depend on those before (a slow one fills queues), so they are drawn in blocks of
//! neighbours (Künsch 1989), of n^⅓ seconds each, as Hall, Horowitz and Jing (1995) find for variances;
//! the ends are joined (Politis and Romano 1992), lest the first and the last second be drawn less.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::student;

/// Draws; a deviation of so many is known to 4 %.
const DRAWS: usize = 300;

/// A number and how it moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Of the whole run.
    pub value: f64,
    /// Its standard deviation; of its logarithm, unless it is absolute.
    pub deviation: f64,
}

impl Spread {
    /// Of a number and what it was in each draw; `None` where a ratio makes no sense.
    pub fn of(value: f64, moved: &[f64], absolute: bool) -> Option<Spread> {
        if !value.is_finite() || (!absolute && value <= 0.0) {
            return None;
        }
        let scaled: Vec<f64> = match absolute {
            true => moved.to_vec(),
            false => moved.iter().filter(|one| **one > 0.0).map(|one| one.ln()).collect(),
        };
        let mean = scaled.iter().sum::<f64>() / scaled.len().max(1) as f64;
        let squares: f64 = scaled.iter().map(|one| (one - mean).powi(2)).sum();
        let deviation = (squares / scaled.len().saturating_sub(1).max(1) as f64).sqrt();
        Some(Spread { value, deviation })
    }
}

/// Places of seconds, drawn with repetition: each as many as there are.
pub fn draws(seconds: usize, seed: u64) -> Vec<Vec<usize>> {
    if seconds == 0 {
        return Vec::new();
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let block = block(seconds);
    let mut draw = || {
        let mut places = Vec::with_capacity(seconds + block);
        while places.len() < seconds {
            let from = random.random_range(0..seconds);
            places.extend((from..from + block).map(|place| place % seconds));
        }
        places.truncate(seconds);
        places
    };
    (0..DRAWS).map(|_| draw()).collect()
}

/// As many neighbours are drawn together.
fn block(seconds: usize) -> usize {
    (seconds as f64).cbrt().ceil() as usize
}

/// The quantile by which a deviation from draws of so few seconds is to be multiplied, that a change
/// lies beyond it with probability `alpha`: Student's, since the deviation is not known well, and
/// wider by as much as the draws' own is too narrow (by 1 − b/n, as blocks of b scatter around the
/// mean of the same n seconds).
pub fn small_sample_quantile(seconds: usize, alpha: f64) -> f64 {
    let degrees = u32::try_from(seconds.saturating_sub(1).max(1)).unwrap_or(u32::MAX);
    let kept = 1.0 - block(seconds) as f64 / seconds.max(1) as f64;
    student::exceeded(alpha, degrees) / kept.max(0.1).sqrt()
}

/// The quantile of the standard normal distribution, for p from 0.5 to below 1, to 4.5e-4:
/// Abramowitz and Stegun, *Handbook of Mathematical Functions* (1964), 26.2.23.
pub fn normal_quantile(p: f64) -> f64 {
    let t = (-2.0 * (1.0 - p).ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    t - above / below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_of_neighbours_and_the_same_seed_draws_the_same() {
        let all = draws(64, 7);
        assert_eq!(all.len(), DRAWS);
        assert_eq!(all, draws(64, 7));
        assert_ne!(all, draws(64, 8));
        for places in &all {
            assert_eq!(places.len(), 64);
            for block in places.chunks(4) {
                assert!(block.windows(2).all(|pair| pair[1] == (pair[0] + 1) % 64), "{block:?}");
            }
        }
        assert_eq!(draws(1, 1)[0], [0]);
        assert!(draws(0, 1).is_empty());
    }

    #[test]
    fn the_deviation_of_a_mean_is_what_theory_says() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let samples: Vec<f64> = (0..400).map(|_| 100.0 + random.random::<f64>()).collect();
        let mean = |places: &[usize]| {
            places.iter().map(|place| samples[*place]).sum::<f64>() / places.len() as f64
        };
        let moved: Vec<f64> = draws(400, 3).iter().map(|draw| mean(draw)).collect();
        let spread = Spread::of(100.5, &moved, true).unwrap();
        let theory = (1.0_f64 / 12.0 / 400.0).sqrt();
        assert!((spread.deviation / theory - 1.0).abs() < 0.25, "{} {theory}", spread.deviation);
    }

    #[test]
    fn few_seconds_widen_bounds_and_many_do_not() {
        let many = small_sample_quantile(3_600, 0.05) / normal_quantile(0.975);
        assert!((1.0..1.01).contains(&many), "{many}");
        // t of 9 degrees is 2.262; blocks of 3 of 10 seconds.
        let few = small_sample_quantile(10, 0.05);
        assert!((few / (2.262 / 0.7_f64.sqrt()) - 1.0).abs() < 1e-3, "{few}");
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, z) in [(0.5, 0.0), (0.975, 1.959_96), (0.995, 2.575_83), (0.9995, 3.290_53)] {
            assert!((normal_quantile(p) - z).abs() < 1e-3, "{p}: {}", normal_quantile(p));
        }
    }
}
