//! A histogram in buckets whose bounds grow by 2^(1/16), about 4.4 %: what OpenTelemetry calls
//! exponential histograms and Prometheus native ones.
//!
//! Nobody has to guess bounds beforehand, and a percentile that is read from them is off by 2 % at
//! most, from a microsecond to an hour. An hour has some 500 of these buckets, one second of a
//! usual target 50. Bounds are powers of two in the base unit: bucket `i` holds what is above
//! 2^(i/16) and at most 2^((i+1)/16).

use std::collections::BTreeMap;

use crate::metrics::Histogram;

/// Sixteen buckets double a value.
pub const SCALE: i32 = 4;

/// What is at most this counts as nothing, as Prometheus' libraries have it: 2^-128.
pub const ZERO: f64 = 2.938_735_877_055_719e-39;

/// Counts by bucket.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Exponential {
    /// Samples of exactly nothing, which are in no bucket.
    pub zeros: u64,
    /// Only those that hold something.
    pub buckets: BTreeMap<i32, u64>,
}

/// Neighbouring buckets, and how many empty ones are before them.
#[derive(Debug, PartialEq, Eq)]
pub struct Span {
    /// Since the end of the span before; of the first, its bucket.
    pub gap: i32,
    /// How many there are.
    pub length: u32,
}

impl Exponential {
    /// Of samples of which `whole` are one of the base unit.
    pub fn of(samples: &Histogram, whole: f64) -> Exponential {
        let mut exponential = Exponential::default();
        samples.each(|value, count| match value {
            0 => exponential.zeros += count,
            value => *exponential.buckets.entry(bucket(value as f64 / whole)).or_default() += count,
        });
        exponential
    }

    /// The first bucket, and the counts of all from there to the last.
    pub fn dense(&self) -> (i32, Vec<u64>) {
        let (Some((&first, _)), Some((&last, _))) =
            (self.buckets.first_key_value(), self.buckets.last_key_value())
        else {
            return (0, Vec::new());
        };
        let count = |bucket| self.buckets.get(&bucket).copied().unwrap_or(0);
        (first, (first..=last).map(count).collect())
    }

    /// Where buckets hold something, for those who count the upper bound's power.
    pub fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::<Span>::new();
        let mut next = None;
        for &bucket in self.buckets.keys() {
            match (next, spans.last_mut()) {
                (Some(next), Some(span)) if next == bucket => span.length += 1,
                (next, _) => {
                    let gap = next.map_or(bucket + 1, |next: i32| bucket - next);
                    spans.push(Span { gap, length: 1 });
                }
            }
            next = Some(bucket + 1);
        }
        spans
    }

    /// The counts of these buckets, each less the one before.
    pub fn deltas(&self) -> Vec<i64> {
        let mut before = 0;
        let delta = |&count: &u64| {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            count - std::mem::replace(&mut before, count)
        };
        self.buckets.values().map(delta).collect()
    }
}

fn bucket(value: f64) -> i32 {
    let power = value.log2() * f64::from(1 << SCALE);
    // A power of two is the upper bound of its bucket, whatever the logarithm's last digit says.
    let nearest = power.round();
    let power = if (power - nearest).abs() < 1e-9 { nearest } else { power };
    power.ceil() as i32 - 1
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn of(micros: &[u64]) -> Exponential {
        let mut samples = Histogram::default();
        micros.iter().for_each(|&micros| samples.record(Duration::from_micros(micros)));
        Exponential::of(&samples, 1e6)
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let quarter = of(&[250_000, 500_000, 1_000_000, 2_000_000]);
        assert_eq!(quarter.buckets.keys().copied().collect::<Vec<_>>(), [-33, -17, -1, 15]);
        assert_eq!(of(&[0, 0, 1_000_001]).zeros, 2);
    }

    #[test]
    fn spans_and_differences_hold_the_same_counts() {
        let exponential =
            Exponential { zeros: 0, buckets: [(-3, 5), (-2, 2), (4, 7)].into_iter().collect() };
        let spans = [Span { gap: -2, length: 2 }, Span { gap: 5, length: 1 }];
        assert_eq!(exponential.spans(), spans);
        assert_eq!(exponential.deltas(), [5, -3, 5]);
        assert_eq!(exponential.dense(), (-3, vec![5, 2, 0, 0, 0, 0, 0, 7]));
        assert_eq!(Exponential::default().dense(), (0, Vec::new()));
    }

    proptest! {
        #[test]
        fn every_sample_is_in_one_bucket_near_its_bounds(
            micros in prop::collection::vec(0..4_000_000_000_u64, 0..400),
        ) {
            let exponential = of(&micros);
            let counted: u64 = exponential.zeros + exponential.buckets.values().sum::<u64>();
            prop_assert_eq!(counted, micros.len() as u64);
            for value in micros.iter().filter(|&&value| value > 0) {
                let power = (*value.min(&3_600_000_000) as f64 / 1e6).log2() * 16.0;
                // The samples are known to 0.1 %, which is 0.023 of a bucket.
                let near = |bucket: i32| {
                    power > f64::from(bucket) - 0.03 && power < f64::from(bucket) + 1.03
                };
                prop_assert!(exponential.buckets.keys().any(|&bucket| near(bucket)));
            }
        }
    }
}
