//! Runs of the same, repeated: what a number is of all of them, and how far it may be off.
//!
//! Runs differ by more than their seconds show: a warm cache, another machine. Where there are
//! several, how they scatter is what counts (resampling whole runs comes to the same, and is too
//! narrow for a few); of one run alone, the scatter of the other group's is taken, if that is known.

use super::bootstrap::{Spread, normal_quantile};
use super::student;

/// A number of a group of runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pooled {
    /// The mean; of a number that is compared by ratio the geometric one.
    pub value: f64,
    /// Of one run: of its seconds, or of how runs scatter, whichever is larger. Of the logarithm,
    /// unless the number is absolute.
    variance: f64,
    runs: u32,
}

impl Pooled {
    /// Of what each run has; `None` of no run.
    pub fn of(spreads: &[Spread], absolute: bool) -> Option<Pooled> {
        let scale = |value: f64| if absolute { value } else { value.ln() };
        let count = spreads.len() as f64;
        let mean = spreads.iter().map(|one| scale(one.value)).sum::<f64>() / count;
        let within = spreads.iter().map(|one| one.deviation.powi(2)).sum::<f64>() / count;
        let scatter: f64 = spreads.iter().map(|one| (scale(one.value) - mean).powi(2)).sum();
        let variance = match spreads.len() {
            0 => return None,
            1 => within,
            _ => within.max(scatter / (count - 1.0)),
        };
        let value = match spreads {
            [one] => one.value,
            _ if absolute => mean,
            _ => mean.exp(),
        };
        Some(Pooled { value, variance, runs: spreads.len() as u32 })
    }

    /// How far the difference to another may be off, either way, but for the probability `alpha`.
    ///
    /// With repeated runs it is Student's t at the degrees of freedom of Welch and Satterthwaite, in
    /// whole ones.
    pub fn noise(&self, other: &Pooled, alpha: f64) -> f64 {
        let (ours, theirs) = (self.beside(other), other.beside(self));
        let variance = ours + theirs;
        let quantile = match (self.runs, other.runs) {
            (1, 1) => normal_quantile(1.0 - alpha / 2.0),
            _ if variance <= 0.0 => 0.0,
            // The one run's scatter is the others', so there is no more to know it by.
            (1, several) | (several, 1) => student::exceeded(alpha, several - 1),
            (m, n) => {
                let part = |variance: f64, runs: u32| variance.powi(2) / f64::from(runs - 1);
                let degrees = variance.powi(2) / (part(ours, m) + part(theirs, n));
                student::exceeded(alpha, (degrees as u32).max(1))
            }
        };
        quantile * variance.sqrt()
    }

    /// The variance of the mean.
    fn beside(&self, other: &Pooled) -> f64 {
        let of_one = match self.runs {
            1 if other.runs > 1 => self.variance.max(other.variance),
            _ => self.variance,
        };
        of_one / f64::from(self.runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(values: &[f64], deviation: f64) -> Pooled {
        let spreads: Vec<Spread> =
            values.iter().map(|&value| Spread { value, deviation }).collect();
        Pooled::of(&spreads, false).expect("there are runs")
    }

    #[test]
    fn one_run_each_is_judged_by_its_seconds() {
        let (a, b) = (pooled(&[100.0], 0.03), pooled(&[110.0], 0.04));
        assert_eq!((a.value, b.value), (100.0, 110.0));
        assert!((a.noise(&b, 0.05) / (1.96 * 0.05) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn several_are_judged_by_how_they_scatter() {
        let a = pooled(&[100.0, 110.0, 105.0, 95.0, 90.0], 0.001);
        let b = pooled(&[100.0, 101.0, 100.5, 99.5, 99.0], 0.001);
        assert!((a.value - 99.75).abs() < 0.1, "{}", a.value);
        // s = 0.079 and 0.008: four degrees and a bit, t = 2.776.
        let noise = a.noise(&b, 0.05);
        assert!((noise / (2.776 * 0.0792 / 5_f64.sqrt()) - 1.0).abs() < 0.03, "{noise}");
        assert!(b.noise(&pooled(&[100.0], 0.001), 0.05) < noise);
        assert!(a.noise(&pooled(&[100.0], 0.001), 0.05) > 2.0 * noise, "one run of such a group");
        assert_eq!(Pooled::of(&[], true), None);
    }
}
