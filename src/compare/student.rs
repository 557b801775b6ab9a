//! Student's t distribution, for whole degrees of freedom.

use std::f64::consts::PI;

/// The probability that |t| is larger, of a t with so many degrees of freedom (at least 1).
///
/// The finite sums of Abramowitz and Stegun, *Handbook of Mathematical Functions* (1964), 26.7.3 and
/// 26.7.4, with θ = arctan(t / √ν).
pub fn beyond(t: f64, degrees: u32) -> f64 {
    let theta = (t.abs() / f64::from(degrees).sqrt()).atan();
    let (sine, cosine) = theta.sin_cos();
    let odd = degrees % 2 == 1;
    // The sum's terms, each from the one before: of odd ν from cos θ, of even ν from 1.
    let mut term = if odd { cosine } else { 1.0 };
    let mut sum = if degrees == 1 { 0.0 } else { term };
    let mut k = if odd { 3 } else { 2 };
    while k + 2 <= degrees {
        term *= cosine * cosine * f64::from(k - 1) / f64::from(k);
        sum += term;
        k += 2;
    }
    let within = match odd {
        true => 2.0 / PI * (theta + sine * sum),
        false => sine * sum,
    };
    (1.0 - within).clamp(0.0, 1.0)
}

/// The t that is exceeded, on either side, with probability `p`, from above 0 to below 1.
pub fn exceeded(p: f64, degrees: u32) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while beyond(high, degrees) > p && high < 1e9 {
        high *= 2.0;
    }
    for _ in 0..80 {
        let middle = (low + high) / 2.0;
        if beyond(middle, degrees) > p { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_tables() {
        for (degrees, t, p) in [
            (1, 12.706, 0.05),
            (2, 4.303, 0.05),
            (3, 3.182, 0.05),
            (4, 8.610, 0.001),
            (5, 4.032, 0.01),
            (10, 2.228, 0.05),
            (28, 3.674, 0.001),
            (120, 1.980, 0.05),
        ] {
            assert!(
                (beyond(t, degrees) / p - 1.0).abs() < 2e-3,
                "{degrees}: {}",
                beyond(t, degrees)
            );
            assert!((exceeded(p, degrees) / t - 1.0).abs() < 1e-3, "{degrees}");
        }
        assert_eq!(beyond(0.0, 7), 1.0);
        assert_eq!(beyond(f64::INFINITY, 7), 0.0);
    }
}
