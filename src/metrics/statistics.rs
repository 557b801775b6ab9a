//! What chance does by itself: medians, ranks, and how likely something is that far out.
//!
//! Tails are computed as tails and never as one less the rest, for what is tested here is as
//! unlikely as one in a million.

use std::f64::consts::PI;

/// The median; `None` of nothing. Numbers are finite.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    if sorted.is_empty() {
        return None;
    }
    let (below, upper, _) = sorted.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if !values.len().is_multiple_of(2) {
        return Some(upper);
    }
    below.iter().copied().max_by(f64::total_cmp).map(|lower| f64::midpoint(lower, upper))
}

/// How far values lie from their median: the median distance, scaled so that of a normal
/// distribution it is the standard deviation.
pub fn median_deviation(values: &[f64], median: f64) -> f64 {
    let distances: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
    1.4826 * self::median(&distances).unwrap_or(0.0)
}

/// P(Z ≥ z) of the standard normal distribution, to some ten digits.
///
/// Below 2 by the series of its integral (Abramowitz and Stegun, 26.2.11), above by the continued
/// fraction of its tail (26.2.14).
pub fn normal_tail(z: f64) -> f64 {
    if z < 0.0 {
        return 1.0 - normal_tail(-z);
    }
    let density = (-z * z / 2.0).exp() / (2.0 * PI).sqrt();
    if z < 2.0 {
        let (mut term, mut sum) = (z, z);
        for n in 1..60 {
            term *= z * z / f64::from(2 * n + 1);
            sum += term;
        }
        return 0.5 - density * sum;
    }
    let fraction = (1..=80).rev().fold(z, |below, n| z + f64::from(n) / below);
    density / fraction
}

/// P(T ≥ t) of Student's distribution with `freedom` degrees, for t ≥ 0.
pub fn student_tail(t: f64, freedom: f64) -> f64 {
    0.5 * incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// The t with P(T ≥ t) = `p`, for p below ½.
pub fn student_quantile(p: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while student_tail(high, freedom) > p && high < 1e6 {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if student_tail(middle, freedom) > p { low = middle } else { high = middle }
    }
    high
}

/// P(X ≥ count) of a Poisson distribution.
pub fn poisson_tail(count: u64, mean: f64) -> f64 {
    if count as f64 <= mean || count == 0 {
        return 1.0; // no tail
    }
    if mean <= 0.0 {
        return 0.0;
    }
    let first = count as f64 * mean.ln() - mean - ln_gamma(count as f64 + 1.0);
    let (mut term, mut sum) = (1.0, 1.0);
    for n in count + 1.. {
        term *= mean / n as f64;
        sum += term;
        if term < sum * 1e-12 {
            break;
        }
    }
    (first.exp() * sum).min(1.0)
}

/// How likely it is that of `drawn` out of `all`, of which `marked` are marked, at least `hits`
/// are: Fisher's exact test, one-sided.
pub fn fisher_tail(hits: u64, drawn: u64, marked: u64, all: u64) -> f64 {
    let ln_choose = |n: u64, k: u64| {
        ln_gamma(n as f64 + 1.0) - ln_gamma(k as f64 + 1.0) - ln_gamma((n - k) as f64 + 1.0)
    };
    let whole = ln_choose(all, drawn);
    let least = (drawn + marked).saturating_sub(all);
    let ways = |k: u64| (ln_choose(marked, k) + ln_choose(all - marked, drawn - k) - whole).exp();
    (hits.max(least)..=drawn.min(marked)).map(ways).sum::<f64>().min(1.0)
}

/// How far `ones` lie above `others`: how often one of them is the larger of a pair (ties count
/// half), and how many standard deviations that is from half of the time, by the test of Mann and
/// Whitney with its correction for ties. `None` if either is empty.
pub fn rank_difference(ones: &[f64], others: &[f64]) -> Option<(f64, f64)> {
    let (m, n) = (ones.len() as f64, others.len() as f64);
    let both = [ones, others].concat();
    let ranked = ranks(&both);
    if ones.is_empty() || others.is_empty() {
        return None;
    }
    let above = ranked[..ones.len()].iter().sum::<f64>() - m * (m + 1.0) / 2.0;
    let (mean, all) = (m * n / 2.0, m + n);
    let middle = (all + 1.0) / 2.0;
    let spread: f64 = ranked.iter().map(|rank| (rank - middle).powi(2)).sum();
    let deviation = (m * n / (all * (all - 1.0)) * spread).sqrt();
    let z = if deviation > 0.0 { (above - mean) / deviation } else { 0.0 };
    Some((above / (m * n), z))
}

/// The rank of each value, from 1; equal ones share the middle of theirs.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut done = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = done as f64 + (equal.len() + 1) as f64 / 2.0;
        equal.iter().for_each(|&index| ranks[index] = rank);
        done += equal.len();
    }
    ranks
}

/// ln Γ(x) for x > 0: Stirling's series, from 8 on.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut product) = (x, 1.0);
    while x < 8.0 {
        product *= x;
        x += 1.0;
    }
    let square = x * x;
    let series = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * square)) / square) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln() + series - product.ln()
}

/// I_x(a, b), by its continued fraction (DLMF 8.17.22), evaluated as Lentz does.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = a * x.ln() + b * (1.0 - x).ln() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    let step = |n: f64| {
        let m = (n / 2.0).floor();
        match n % 2.0 == 0.0 {
            true => m * (b - m) * x / ((a + n - 1.0) * (a + n)),
            false => -(a + m) * (a + b + m) * x / ((a + n - 1.0) * (a + n)),
        }
    };
    let (mut c, mut d, mut fraction) = (1.0, 0.0, 1.0);
    for n in 1..300 {
        let part = step(f64::from(n));
        d = 1.0 / away_from_zero(1.0 + part * d);
        c = away_from_zero(1.0 + part / c);
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-14 {
            break;
        }
    }
    front.exp() / (a * fraction)
}

fn away_from_zero(value: f64) -> f64 {
    if value.abs() < 1e-300 { 1e-300 } else { value }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one / other - 1.0).abs() < 1e-4
    }

    #[test]
    fn tails_are_those_of_the_tables() {
        for (z, p) in [(0.0, 0.5), (1.0, 0.158_655), (1.959_964, 0.025), (3.0, 1.349_898e-3)] {
            assert!(near(normal_tail(z), p), "{z}: {}", normal_tail(z));
        }
        assert!(near(normal_tail(-1.0), 0.841_345));
        assert!(near(normal_tail(6.0), 9.865_876e-10));
        for (t, freedom, p) in
            [(2.228_139, 10.0, 0.025), (1.0, 1.0, 0.25), (3.850_0, 1e6, 5.906e-5)]
        {
            assert!((student_tail(t, freedom) / p - 1.0).abs() < 1e-3, "{t} {freedom}");
            assert!((student_quantile(p, freedom) / t - 1.0).abs() < 1e-3, "{p} {freedom}");
        }
        assert!(near(poisson_tail(3, 1.0), 0.080_301));
        assert!(near(poisson_tail(10, 1.0), 1.114_255e-7));
        assert_eq!((poisson_tail(0, 0.0), poisson_tail(1, 0.0)), (1.0, 0.0));
        // The lady who tastes tea: all four cups right, and at least three.
        assert!(near(fisher_tail(4, 4, 4, 8), 1.0 / 70.0));
        assert!(near(fisher_tail(3, 4, 4, 8), 17.0 / 70.0));
        assert!(near(fisher_tail(0, 4, 4, 8), 1.0));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert!(near(median_deviation(&[1.0, 2.0, 3.0, 4.0, 100.0], 3.0), 1.4826));
    }

    #[test]
    fn who_is_always_larger_wins_each_pair_and_who_is_the_same_half_of_them() {
        let (low, high): (Vec<f64>, Vec<f64>) =
            (0..20).map(|n| (f64::from(n), f64::from(n) + 50.0)).unzip();
        let (wins, z) = rank_difference(&high, &low).expect("samples");
        assert!(wins == 1.0 && z > 5.0, "{wins} {z}");
        let (wins, z) = rank_difference(&low, &low).expect("samples");
        assert!(near(wins, 0.5) && z.abs() < 1e-9, "{wins} {z}");
        assert_eq!(rank_difference(&[1.0; 9], &[1.0; 9]), Some((0.5, 0.0)));
        assert_eq!(rank_difference(&[], &low), None);
    }

    proptest! {
        #[test]
        fn ranks_add_up_and_follow_the_order(values in prop::collection::vec(0..9_u8, 1..40)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let ranks = ranks(&values);
            let n = values.len() as f64;
            prop_assert!((ranks.iter().sum::<f64>() - n * (n + 1.0) / 2.0).abs() < 1e-9);
            for (a, x) in values.iter().enumerate() {
                for (b, y) in values.iter().enumerate() {
                    prop_assert_eq!(x < y, ranks[a] < ranks[b]);
                }
            }
        }

        #[test]
        fn fishers_tail_falls_with_hits_and_begins_at_one(
            drawn in 1..30_u64, marked in 1..30_u64, more in 0..30_u64,
        ) {
            let all = drawn.max(marked) + more;
            let tails: Vec<f64> =
                (0..=drawn.min(marked)).map(|hits| fisher_tail(hits, drawn, marked, all)).collect();
            prop_assert!((tails[0] - 1.0).abs() < 1e-7, "{}", tails[0]);
            prop_assert!(tails.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12));
        }
    }
}
