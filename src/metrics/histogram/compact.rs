//! A histogram in few bytes, for who keeps one per series and second: a byte or two per bucket.
//!
//! ```text
//! SATURATED BUCKETS { DELTA·2 + MORE [COUNT − 2] } MIN MAX SUM          (each a varint)
//! ```
//!
//! `DELTA` is how far a bucket's index lies beyond the last one's, `MORE` whether it holds more than
//! one sample; `MIN`, `MAX` and `SUM` are what the exact ones are more than the lower ends of the
//! buckets make them. Index *i* below 2¹¹ is the value *i*; above, octave *e* (from 1) has 2¹⁰
//! buckets of width 2ᵉ, and a value *v* of it the index 2¹⁰·e + ⌊v / 2ᵉ⌋.

use super::{Body, EXACT_BITS, FEW, HIGHEST_NUMBER, Histogram, MOST_SAMPLES, put, top_of_bucket};
use crate::metrics::varint;

/// Buckets per octave.
const OCTAVE: u64 = 1 << (EXACT_BITS - 1);

impl Histogram {
    /// Appends it. Count, minimum, maximum and sum are exact, samples to the bucket.
    pub fn write_compact(&self, out: &mut Vec<u8>) {
        let buckets = self.indexed();
        varint::put(self.saturated, out);
        varint::put(buckets.len() as u64, out);
        let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return };
        let (mut before, mut low_sum) = (0, 0_u128);
        for &(index, count) in &buckets {
            varint::put((index - before) << 1 | u64::from(count > 1), out);
            if count > 1 {
                varint::put(count - 2, out);
            }
            before = index;
            low_sum += u128::from(low(index)) * u128::from(count);
        }
        varint::put(self.min - low(first.0), out);
        varint::put(self.max - low(last.0), out);
        let more = self.sum.saturating_sub(low_sum);
        varint::put(u64::try_from(more).unwrap_or(u64::MAX), out);
    }

    /// Adds the samples of one that was written, with its minimum, maximum and sum; the deviation is
    /// that of the buckets. `None` if it is none; then nothing has changed.
    pub fn add_compact(&mut self, bytes: &[u8]) -> Option<()> {
        let written = Written::read(bytes)?;
        if written.count == 0 {
            return Some(());
        }
        let count = self.count.checked_add(written.count).filter(|&sum| sum <= MOST_SAMPLES)?;
        self.put_all(&written, count);
        self.count = count;
        self.sum = self.sum.saturating_add(written.sum);
        self.squares = self.squares.saturating_add(written.squares());
        self.min = self.min.min(written.min);
        self.max = self.max.max(written.max);
        self.saturated += written.saturated;
        Some(())
    }

    fn put_all(&mut self, written: &Written, count: u64) {
        let values = written.buckets.iter().map(|&(index, count)| {
            // The top of a bucket, as quantiles tell it; no larger than what was there.
            (top_of_bucket(low(index)).min(written.max), count)
        });
        match &mut self.body {
            Body::Few(list) if count <= FEW as u64 && written.max <= u64::from(u32::MAX) => {
                for (value, count) in values {
                    list.extend((0..count).map(|_| value as u32));
                }
            }
            _ if count >= u64::from(u32::MAX) => {
                let buckets = self.huge();
                values.for_each(|(value, count)| put(buckets, value, count));
            }
            _ => {
                let buckets = self.many();
                values.for_each(|(value, count)| put(buckets, value, count));
            }
        }
    }

    /// Buckets with samples, by index, and how many each has.
    fn indexed(&self) -> Vec<(u64, u64)> {
        let mut buckets = Vec::new();
        self.each(|value, count| buckets.push((index(value), count)));
        buckets.sort_unstable_by_key(|&(index, _)| index); // a list of samples is in no order
        buckets.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        buckets
    }
}

/// What the bytes say.
struct Written {
    buckets: Vec<(u64, u64)>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
    saturated: u64,
}

impl Written {
    fn read(mut bytes: &[u8]) -> Option<Written> {
        let bytes = &mut bytes;
        let saturated = varint::take(bytes)?;
        let many = usize::try_from(varint::take(bytes)?).ok().filter(|&n| n <= bytes.len())?;
        let (mut buckets, mut at, mut all, mut sum) = (Vec::with_capacity(many), 0_u64, 0_u64, 0);
        for _ in 0..many {
            let head = varint::take(bytes)?;
            let count = if head & 1 == 1 { varint::take(bytes)?.checked_add(2)? } else { 1 };
            at = at.checked_add(head >> 1).filter(|&at| at <= index(HIGHEST_NUMBER))?;
            all = all.checked_add(count).filter(|&all| all <= MOST_SAMPLES)?;
            sum += u128::from(low(at)) * u128::from(count);
            buckets.push((at, count));
        }
        let (mut min, mut max) = (u64::MAX, 0);
        if let (Some(first), Some(last)) = (buckets.first(), buckets.last()) {
            min = within(first.0, varint::take(bytes)?)?;
            max = within(last.0, varint::take(bytes)?)?;
            sum += u128::from(varint::take(bytes)?);
        }
        (bytes.is_empty() && min <= max || all == 0).then_some(Written {
            buckets,
            count: all,
            sum,
            min,
            max,
            saturated,
        })
    }

    /// The sum of the squares, as far as buckets tell: their spread about the exact mean.
    fn squares(&self) -> u128 {
        let (mut sum, mut squares) = (0_u128, 0_u128);
        for &(index, count) in &self.buckets {
            let middle = u128::from(low(index) + (width(index) - 1) / 2);
            let count = u128::from(count);
            sum += middle * count;
            squares = squares.saturating_add((middle * middle).saturating_mul(count));
        }
        let (exact, sum) = (self.sum as f64, sum as f64);
        let moved = (exact - sum) * (exact + sum) / self.count as f64;
        match moved >= 0.0 {
            true => squares.saturating_add(moved as u128),
            false => squares.saturating_sub(-moved as u128),
        }
    }
}

/// A value of a bucket, so far above its lower end.
fn within(index: u64, more: u64) -> Option<u64> {
    (more < width(index)).then(|| low(index) + more)
}

fn index(value: u64) -> u64 {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(EXACT_BITS);
    u64::from(shift) * OCTAVE + (value >> shift)
}

/// The smallest value of a bucket.
fn low(index: u64) -> u64 {
    let octave = octave(index);
    (index - octave * OCTAVE) << octave
}

fn width(index: u64) -> u64 {
    1 << octave(index)
}

fn octave(index: u64) -> u64 {
    (index / OCTAVE).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::metrics::Unit;

    fn of(micros: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        micros.iter().for_each(|&value| histogram.record(Duration::from_micros(value)));
        histogram
    }

    fn written(histogram: &Histogram) -> Vec<u8> {
        let mut bytes = Vec::new();
        histogram.write_compact(&mut bytes);
        bytes
    }

    #[test]
    fn every_value_lies_in_its_bucket_and_buckets_follow_each_other() {
        for value in (0..40).flat_map(|bit| [1_u64 << bit, (1 << bit) - 1, (3 << bit) + 1]) {
            let index = index(value);
            assert!((low(index)..low(index) + width(index)).contains(&value), "{value}");
            assert_eq!(low(index) + width(index), low(index + 1), "{value}");
            assert_eq!(top_of_bucket(value), low(index) + width(index) - 1, "{value}");
        }
    }

    #[test]
    fn a_second_of_samples_takes_about_a_byte_each() {
        let micros: Vec<u64> = (0..100).map(|n| 9_000 + n * n % 4_001).collect();
        let length = written(&of(&micros)).len();
        assert!(length < 130, "{length} bytes for 100 samples");
        assert_eq!(written(&Histogram::default()), [0, 0]);
    }

    #[test]
    fn what_is_no_histogram_changes_nothing() {
        let whole = written(&of(&[5, 70_000]));
        let mut histogram = of(&[1]);
        for bytes in
            [&whole[..whole.len() - 1], &[][..], &[0, 9], &[0, 1, 0xff], b"\0\x01\x02\x09\0\0"]
        {
            assert_eq!(histogram.add_compact(bytes), None, "{bytes:?}");
        }
        assert_eq!(histogram, of(&[1]));
        assert_eq!(histogram.add_compact(&whole), Some(()));
        assert_eq!(histogram.count(), 3);
    }

    proptest! {
        #[test]
        fn what_was_written_and_added_is_what_was_recorded(
            parts in proptest::collection::vec(
                proptest::collection::vec(0_u64..4_000_000_000, 0..400), 1..4)
        ) {
            let (mut whole, mut added) = (Histogram::default(), Histogram::default());
            for part in &parts {
                whole.merge(&of(part));
                prop_assert_eq!(added.add_compact(&written(&of(part))), Some(()));
            }
            prop_assert_eq!(added.buckets(), whole.buckets());
            prop_assert_eq!((added.min(), added.max()), (whole.min(), whole.max()));
            prop_assert_eq!((added.count(), added.saturated()), (whole.count(), whole.saturated()));
            let (ours, exact) = (added.of_unit(Unit::Ms), whole.of_unit(Unit::Ms));
            prop_assert_eq!(ours.mean(), exact.mean());
            for ppm in [1, 500_000, 990_000, 1_000_000] {
                prop_assert_eq!(added.quantile(ppm), whole.quantile(ppm));
            }
            if let (Some(told), Some(true_one)) = (ours.stddev(), exact.stddev()) {
                let bound = 1e-3 * (true_one + exact.mean().unwrap_or(0.0)) + 1e-3;
                prop_assert!((told - true_one).abs() <= bound, "{} {}", told, true_one);
            }
        }
    }
}
