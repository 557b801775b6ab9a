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
        let count = self.count;
        let Histogram { sum, min, max, saturated, .. } = *self;
        Buckets { buckets, count, sum, min, max, saturated }.write(out);
    }

    /// Adds the samples of one that was written, with its minimum, maximum and sum; the deviation is
    /// that of the buckets. `None` if it is none; then nothing has changed.
    pub fn add_compact(&mut self, bytes: &[u8]) -> Option<()> {
        self.add_buckets(&Buckets::read(bytes)?)
    }

    /// The same of what was read already; `None` if they are too many.
    pub fn add_buckets(&mut self, added: &Buckets) -> Option<()> {
        if added.count == 0 {
            return Some(());
        }
        let count = self.count.checked_add(added.count).filter(|&sum| sum <= MOST_SAMPLES)?;
        self.put_all(added, count);
        self.count = count;
        self.sum = self.sum.saturating_add(added.sum);
        self.squares = self.squares.saturating_add(added.squares());
        self.min = self.min.min(added.min);
        self.max = self.max.max(added.max);
        self.saturated += added.saturated;
        Some(())
    }

    fn put_all(&mut self, added: &Buckets, count: u64) {
        let values = added.buckets.iter().map(|&(index, count)| {
            // The top of a bucket, as quantiles tell it; no larger than what was there.
            (top_of_bucket(low(index)).min(added.max), count)
        });
        match &mut self.body {
            Body::Few(list) if count <= FEW as u64 && added.max <= u64::from(u32::MAX) => {
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
        gather(&mut buckets); // a list of samples is in no order
        buckets
    }
}

/// Into the order of indices, each of them once.
pub(super) fn gather(buckets: &mut Vec<(u64, u64)>) {
    buckets.sort_unstable_by_key(|&(index, _)| index);
    buckets.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
}

/// A histogram as the bytes have it.
#[derive(Debug, Clone)]
pub struct Buckets {
    /// Indices, ascending, and how many samples each has.
    pub(super) buckets: Vec<(u64, u64)>,
    pub(super) count: u64,
    pub(super) sum: u128,
    pub(super) min: u64,
    pub(super) max: u64,
    pub(super) saturated: u64,
}

impl Buckets {
    /// Without a sample.
    pub(super) fn none() -> Buckets {
        Buckets { buckets: Vec::new(), count: 0, sum: 0, min: u64::MAX, max: 0, saturated: 0 }
    }

    pub(super) fn read(mut bytes: &[u8]) -> Option<Buckets> {
        let bytes = &mut bytes;
        let saturated = varint::take(bytes)?;
        let many = usize::try_from(varint::take(bytes)?).ok().filter(|&n| n <= bytes.len())?;
        let (mut buckets, mut all, mut sum) = (Vec::with_capacity(many), 0_u64, 0);
        let mut gaps = Gaps::default();
        for _ in 0..many {
            let (at, count) = gaps.take(bytes)?;
            all = all.checked_add(count).filter(|&all| all <= MOST_SAMPLES)?;
            if at > index(HIGHEST_NUMBER) {
                return None;
            }
            sum += u128::from(low(at)) * u128::from(count);
            buckets.push((at, count));
        }
        let Buckets { mut min, mut max, .. } = Buckets::none();
        if let (Some(first), Some(last)) = (buckets.first(), buckets.last()) {
            min = within(first.0, varint::take(bytes)?)?;
            max = within(last.0, varint::take(bytes)?)?;
            sum += u128::from(varint::take(bytes)?);
        }
        let sound = bytes.is_empty() && min <= max || all == 0;
        sound.then_some(Buckets { buckets, count: all, sum, min, max, saturated })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        varint::put(self.saturated, out);
        varint::put(self.buckets.len() as u64, out);
        let (Some(first), Some(last)) = (self.buckets.first(), self.buckets.last()) else { return };
        let (mut gaps, mut low_sum) = (Gaps::default(), 0_u128);
        for &(index, count) in &self.buckets {
            gaps.put(index, count, out);
            low_sum += u128::from(low(index)) * u128::from(count);
        }
        varint::put(self.min - low(first.0), out);
        varint::put(self.max - low(last.0), out);
        let more = self.sum.saturating_sub(low_sum);
        varint::put(u64::try_from(more).unwrap_or(u64::MAX), out);
    }

    /// The sum of the squares, as far as buckets tell: their spread about the exact mean.
    fn squares(&self) -> u128 {
        let (mut sum, mut squares) = (0_u128, 0_u128);
        for &(index, count) in &self.buckets {
            let (middle, count) = (u128::from(middle(index)), u128::from(count));
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

/// Numbers that ascend, each with a count from 1: `DELTA·2 + MORE [COUNT − 2]`.
#[derive(Default)]
pub(super) struct Gaps {
    before: u64,
}

impl Gaps {
    pub fn put(&mut self, at: u64, count: u64, out: &mut Vec<u8>) {
        varint::put((at - self.before) << 1 | u64::from(count > 1), out);
        if count > 1 {
            varint::put(count - 2, out);
        }
        self.before = at;
    }

    pub fn take(&mut self, bytes: &mut &[u8]) -> Option<(u64, u64)> {
        let head = varint::take(bytes)?;
        let count = if head & 1 == 1 { varint::take(bytes)?.checked_add(2)? } else { 1 };
        self.before = self.before.checked_add(head >> 1)?;
        Some((self.before, count))
    }
}

/// A value of a bucket, so far above its lower end.
fn within(index: u64, more: u64) -> Option<u64> {
    (more < width(index)).then(|| low(index) + more)
}

fn index(value: u64) -> u64 {
    index_of(value, EXACT_BITS)
}

/// The index of a value's bucket if so many leading bits of it are told.
pub(super) fn index_of(value: u64, bits: u32) -> u64 {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(bits);
    (u64::from(shift) << (bits - 1)) + (value >> shift)
}

/// The smallest value of a bucket.
pub(super) fn low(index: u64) -> u64 {
    let octave = octave(index);
    (index - octave * OCTAVE) << octave
}

/// What stands for all values of a bucket.
pub(super) fn middle(index: u64) -> u64 {
    low(index) + (width(index) - 1) / 2
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
