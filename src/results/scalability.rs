//! The Universal Scalability Law, fitted to the holds of a search over users: advice, no measurement.
//!
//! N. J. Gunther, *Guerrilla Capacity Planning* (2007), chapters 4 and 5: throughput at N users is
//! X(N) = λN / (1 + σ(N − 1) + κN(N − 1)), where σ is what users wait for each other (contention) and
//! κ what they spend on agreeing (coherency). N/X is linear in (N − 1) and N(N − 1), so ordinary least
//! squares find the three.

use serde::{Deserialize, Serialize};

/// Fewer levels than this say nothing about three unknowns.
const LEAST: usize = 4;

/// The fitted law.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scalability {
    /// Throughput of one user alone [1/s].
    pub lambda: f64,
    /// Contention, from 0.
    pub sigma: f64,
    /// Coherency, from 0.
    pub kappa: f64,
    /// Share of the variance of throughput that it explains; 1 is all.
    pub r2: f64,
}

impl Scalability {
    /// Fits the law to users and throughputs; `None` for fewer than four levels, or where no such
    /// law goes through them.
    pub fn fit(points: &[(f64, f64)]) -> Option<Scalability> {
        let points: Vec<_> =
            points.iter().copied().filter(|(n, x)| *n >= 1.0 && *x > 0.0).collect();
        let mut levels: Vec<f64> = points.iter().map(|(n, _)| *n).collect();
        levels.sort_by(f64::total_cmp);
        levels.dedup();
        if levels.len() < LEAST {
            return None;
        }
        let both = |n: f64| vec![1.0, n - 1.0, n * (n - 1.0)];
        let contention = |n: f64| vec![1.0, n - 1.0];
        // A negative cost of agreeing is noise: then there is none.
        let found = solve(&points, both).filter(|found| found[2] >= 0.0);
        let found = found.or_else(|| solve(&points, contention))?;
        let lambda = 1.0 / found[0];
        let sigma = (found[1] * lambda).max(0.0);
        let kappa = found.get(2).map_or(0.0, |found| found * lambda);
        let law = Scalability { lambda, sigma, kappa, r2: 0.0 };
        let fits = lambda.is_finite() && lambda > 0.0 && sigma.is_finite() && kappa.is_finite();
        fits.then(|| Scalability { r2: law.explained(&points), ..law })
    }

    /// Throughput at `users`.
    pub fn at(&self, users: f64) -> f64 {
        let waits = 1.0 + self.sigma * (users - 1.0) + self.kappa * users * (users - 1.0);
        self.lambda * users / waits
    }

    /// Users beyond which more bring less; `None` if there is no such number.
    pub fn peak(&self) -> Option<f64> {
        (self.kappa > 0.0 && self.sigma < 1.0).then(|| ((1.0 - self.sigma) / self.kappa).sqrt())
    }

    fn explained(&self, points: &[(f64, f64)]) -> f64 {
        let mean = points.iter().map(|(_, x)| x).sum::<f64>() / points.len() as f64;
        let left: f64 = points.iter().map(|(n, x)| (x - self.at(*n)).powi(2)).sum();
        let all: f64 = points.iter().map(|(_, x)| (x - mean).powi(2)).sum();
        if all > 0.0 { 1.0 - left / all } else { 0.0 }
    }
}

/// The coefficients of N/X in these terms of N, by the normal equations.
fn solve(points: &[(f64, f64)], terms: impl Fn(f64) -> Vec<f64>) -> Option<Vec<f64>> {
    let size = terms(1.0).len();
    let mut rows = vec![vec![0.0; size + 1]; size];
    for &(n, x) in points {
        let terms = terms(n);
        for (i, row) in rows.iter_mut().enumerate() {
            for (j, term) in terms.iter().enumerate() {
                row[j] += terms[i] * term;
            }
            row[size] += terms[i] * n / x;
        }
    }
    eliminate(rows)
}

/// Gaussian elimination with partial pivoting; each row ends with its right side.
fn eliminate(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let size = rows.len();
    for column in 0..size {
        let pivot = (column..size)
            .max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
        if rows[pivot][column].abs() < 1e-12 {
            return None;
        }
        rows.swap(column, pivot);
        let top = rows[column].clone();
        for row in &mut rows[column + 1..] {
            let factor = row[column] / top[column];
            row.iter_mut().zip(&top).for_each(|(cell, top)| *cell -= factor * top);
        }
    }
    let mut found = vec![0.0; size];
    for i in (0..size).rev() {
        let known: f64 = (i + 1..size).map(|j| rows[i][j] * found[j]).sum();
        found[i] = (rows[i][size] - known) / rows[i][i];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(law: Scalability) -> Vec<(f64, f64)> {
        [1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0].map(|n| (n, law.at(n))).into()
    }

    #[test]
    fn a_law_is_found_again_in_what_it_gives() {
        let law = Scalability { lambda: 40.0, sigma: 0.03, kappa: 0.0004, r2: 1.0 };
        let found = Scalability::fit(&points(law)).unwrap();
        for (found, planted) in [
            (found.lambda, law.lambda),
            (found.sigma, law.sigma),
            (found.kappa, law.kappa),
            (found.r2, 1.0),
        ] {
            assert!((found - planted).abs() < 1e-6 * planted.max(1e-3), "{found} for {planted}");
        }
        assert!((found.peak().unwrap() - (0.97_f64 / 0.0004).sqrt()).abs() < 0.1);
    }

    #[test]
    fn noise_makes_no_cost_negative_and_too_few_levels_make_no_law() {
        let law = Scalability { lambda: 10.0, sigma: 0.1, kappa: 0.0, r2: 1.0 };
        let noisy: Vec<_> = points(law)
            .into_iter()
            .enumerate()
            .map(|(i, (n, x))| (n, x * if i % 2 == 0 { 1.05 } else { 0.95 }))
            .collect();
        let found = Scalability::fit(&noisy).unwrap();
        assert!(found.kappa >= 0.0 && found.sigma >= 0.0 && found.r2 > 0.9, "{found:?}");
        assert_eq!(Scalability::fit(&noisy[..3]), None);
        assert_eq!(Scalability::fit(&[(5.0, 1.0); 9]), None, "one level, often");
        assert_eq!(Scalability::fit(&[]), None);
    }
}
