//! Latencies as an HDR histogram: the only file that knows hdrhistogram.
//!
//! 1 µs to 1 h at 3 significant digits, so that a quantile is at most 0.1 % above the truth;
//! what is longer counts as an hour, and is counted. Count, sum, sum of squares, minimum and
//! maximum are exact. Merging adds bucket by bucket and loses nothing. The author's own numbers
//! are kept the same way as whole ones up to [`HIGHEST_NUMBER`], whatever one of them is.
//!
//! One type serves workers, Windows and totals, by growing as samples come: up to [`FEW`] of them
//! are a plain list (1 KB where buckets take 8 to 94), then buckets of 32 bits, then of 64 once
//! 2³² samples have met, so that no bucket can overflow.

mod compact;

use std::mem;
use std::time::Duration;

use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use hdrhistogram::{Counter, Histogram as Hdr};

use super::hdr_text;
use super::metric::Unit;

/// One hour in µs: what is longer counts as this.
const HIGHEST: u64 = 3_600_000_000;
/// The largest of the author's own numbers; what is larger counts as this.
pub const HIGHEST_NUMBER: u64 = 1 << 53;
/// Significant decimal digits.
const DIGITS: u8 = 3;
/// Values below 2¹¹ have a bucket each; above, each octave has 2¹⁰ buckets.
const EXACT_BITS: u32 = 11;
/// How many samples are kept as a list.
const FEW: usize = 256;
/// What [`Histogram::from_base64`] believes: more than any run has, and exact in a float.
const MOST_SAMPLES: u64 = 1 << 53;

/// A distribution of durations, in µs, or of other numbers. An empty one costs no allocation.
#[derive(Debug, Clone)]
pub struct Histogram {
    count: u64,
    sum: u128,
    squares: u128,
    min: u64,
    max: u64,
    saturated: u64,
    body: Body,
}

/// The samples, in the cheapest form that holds them exactly to the bucket.
#[derive(Debug, Clone)]
enum Body {
    /// In the order of recording; none of them beyond 32 bits.
    Few(Vec<u32>),
    /// Buckets that grow with the largest value.
    Many(Box<Hdr<u32>>),
    /// The same, once a 32-bit bucket might overflow.
    Huge(Box<Hdr<u64>>),
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            count: 0,
            sum: 0,
            squares: 0,
            min: u64::MAX,
            max: 0,
            saturated: 0,
            body: Body::Few(Vec::new()),
        }
    }
}

impl Histogram {
    /// Adds one sample, rounded to the nearest µs. About 8 ns.
    #[inline]
    pub fn record(&mut self, duration: Duration) {
        let micros = duration
            .as_secs()
            .saturating_mul(1_000_000)
            .saturating_add(u64::from((duration.subsec_nanos() + 500) / 1000));
        let value = self.clamped(micros, HIGHEST);
        self.note(value, 1);
        match &mut self.body {
            // An hour of µs is below 2³².
            Body::Few(values) if values.len() < FEW => values.push(value as u32),
            Body::Many(buckets) if self.count < u64::from(u32::MAX) => put(buckets, value, 1),
            _ => self.record_growing(value),
        }
    }

    /// Adds one of the author's own numbers.
    pub fn record_number(&mut self, number: u64) {
        let value = self.clamped(number, HIGHEST_NUMBER);
        self.note(value, 1);
        match (&mut self.body, u32::try_from(value)) {
            (Body::Few(values), Ok(value)) if values.len() < FEW => values.push(value),
            (Body::Many(buckets), _) if self.count < u64::from(u32::MAX) => put(buckets, value, 1),
            _ => self.record_growing(value),
        }
    }

    /// Statistics of samples beside their buckets.
    #[inline]
    fn note(&mut self, value: u64, count: u64) {
        self.count = self.count.saturating_add(count);
        self.sum = self.sum.saturating_add(u128::from(value) * u128::from(count));
        let squares = u128::from(value) * u128::from(value);
        self.squares = self.squares.saturating_add(squares.saturating_mul(u128::from(count)));
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Adds all samples of another. Exact; associative and commutative.
    pub fn merge(&mut self, other: &Histogram) {
        let count = self.count.saturating_add(other.count);
        match (&mut self.body, &other.body) {
            _ if count >= u64::from(u32::MAX) => {
                let buckets = self.huge();
                other.each(|value, n| put(buckets, value, n));
            }
            (Body::Few(ours), Body::Few(theirs)) if count <= FEW as u64 => {
                ours.extend_from_slice(theirs);
            }
            (Body::Few(ours), Body::Many(theirs)) => {
                let mut buckets = theirs.clone();
                ours.iter().for_each(|&value| put(&mut buckets, u64::from(value), 1));
                self.body = Body::Many(buckets);
            }
            (_, Body::Many(theirs)) => {
                self.many().add(&**theirs).expect("an hour fits a histogram that grows");
            }
            (_, _) => {
                let buckets = self.many();
                other.each(|value, n| put(buckets, value, n));
            }
        }
        self.count = count;
        self.sum = self.sum.saturating_add(other.sum);
        self.squares = self.squares.saturating_add(other.squares);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.saturated += other.saturated;
    }

    /// Hands out the samples and stays behind empty, in a shape that fits as many again.
    pub fn take(&mut self) -> Histogram {
        let body = match &self.body {
            Body::Many(buckets) if self.count > FEW as u64 => {
                Body::Many(Box::new(buckets_up_to(buckets.high())))
            }
            _ => Body::Few(Vec::new()),
        };
        mem::replace(self, Histogram { body, ..Histogram::default() })
    }

    /// How many samples.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many samples were longer than an hour, or numbers beyond the highest, and count as that.
    pub fn saturated(&self) -> u64 {
        self.saturated
    }

    /// The smallest sample, exactly; `None` without samples, as in all that follow.
    pub fn min(&self) -> Option<Duration> {
        self.some(|| Duration::from_micros(self.min))
    }

    /// The largest sample, exactly.
    pub fn max(&self) -> Option<Duration> {
        self.some(|| Duration::from_micros(self.max))
    }

    /// The nearest-rank quantile: the smallest value with at least `ppm` parts per million of the
    /// samples at or below it (p99.9 is 999,000). At most 0.1 % above the sample at that rank.
    pub fn quantile(&self, ppm: u32) -> Option<Duration> {
        self.some(|| Duration::from_micros(self.ranked(ppm)))
    }

    /// The same samples as numbers of `unit`.
    pub fn of_unit(&self, unit: Unit) -> Numbers<'_> {
        Numbers { histogram: self, ones: unit.ones() }
    }

    /// What [`quantile`](Self::quantile) gives, if there are samples.
    fn ranked(&self, ppm: u32) -> u64 {
        let rank = rank(self.count, ppm);
        let value = match &self.body {
            Body::Few(values) => nth_smallest(values, rank),
            Body::Many(buckets) => value_at(buckets, rank),
            Body::Huge(buckets) => value_at(buckets, rank),
        };
        value.clamp(self.min, self.max)
    }

    /// For each of `bounds`, ascending, how many samples are at or below it; a sample within the
    /// same bucket as a bound counts as at it, so the bounds are exact to 0.1 %.
    pub fn at_most(&self, bounds: &[u64]) -> Vec<u64> {
        let tops: Vec<u64> = bounds.iter().map(|&bound| top_of_bucket(bound)).collect();
        let mut counts = vec![0; bounds.len()];
        self.each(|value, count| {
            let first = tops.partition_point(|&top| top < value);
            if let Some(counted) = counts.get_mut(first) {
                *counted += count;
            }
        });
        let mut below = 0;
        for count in &mut counts {
            below += *count;
            *count = below;
        }
        counts
    }

    /// HdrHistogram's V2 encoding, compressed, as base64 (`HISTFAAA…`): what its log tools read.
    /// The same samples give the same text, however they were recorded and merged.
    pub fn to_base64(&self) -> String {
        let mut whole: Hdr<u64> = buckets_up_to(HIGHEST);
        self.each(|value, count| put(&mut whole, value, count));
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&whole, &mut bytes)
            .expect("writing to memory succeeds, and no count reaches 2^63");
        hdr_text::close(&bytes)
    }

    /// Reads what [`to_base64`](Self::to_base64) wrote, or any V2 text of µs at 3 digits. Counts
    /// and quantiles are those of the buckets; sum, minimum and maximum are then theirs too.
    pub fn from_base64(text: &str) -> Result<Histogram, String> {
        let bytes = hdr_text::open(text)?;
        let read: Hdr<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|fault| format!("a histogram is not in HDR V2 format: {fault}"))?;
        if read.len() > MOST_SAMPLES {
            return Err(format!("a histogram claims {} samples", read.len()));
        }
        let mut histogram = Histogram::default();
        for step in read.iter_recorded() {
            histogram.record_many(step.value_iterated_to(), step.count_at_value());
        }
        Ok(histogram)
    }

    /// A value, at most the highest; a cut is counted.
    #[inline]
    fn clamped(&mut self, value: u64, highest: u64) -> u64 {
        self.saturated += u64::from(value > highest);
        value.min(highest)
    }

    /// The samples no longer fit the present form (they are counted already).
    #[cold]
    fn record_growing(&mut self, value: u64) {
        if self.count >= u64::from(u32::MAX) {
            put(self.huge(), value, 1);
        } else {
            put(self.many(), value, 1);
        }
    }

    /// Adds `count` samples that share a bucket with `value`.
    fn record_many(&mut self, value: u64, count: u64) {
        // What counts as an hour is told as the top of its bucket.
        let hour = top_of_bucket(value) == top_of_bucket(HIGHEST);
        let value = if hour { value.min(HIGHEST) } else { value.min(HIGHEST_NUMBER) };
        self.note(value, count);
        if self.count >= u64::from(u32::MAX) {
            put(self.huge(), value, count);
        } else {
            put(self.many(), value, count);
        }
    }

    /// The samples as buckets of 32 bits, made so from a list.
    fn many(&mut self) -> &mut Hdr<u32> {
        if let Body::Few(values) = &self.body {
            let top = values.iter().max().map_or(2, |&value| u64::from(value).max(2));
            let mut buckets = buckets_up_to(top);
            values.iter().for_each(|&value| put(&mut buckets, u64::from(value), 1));
            self.body = Body::Many(Box::new(buckets));
        }
        match &mut self.body {
            Body::Many(buckets) => buckets,
            _ => unreachable!("lists were just turned into buckets, and 2^32 samples checked for"),
        }
    }

    /// The samples as buckets of 64 bits.
    fn huge(&mut self) -> &mut Hdr<u64> {
        if !matches!(self.body, Body::Huge(_)) {
            let mut buckets = buckets_up_to(HIGHEST);
            self.each(|value, count| put(&mut buckets, value, count));
            self.body = Body::Huge(Box::new(buckets));
        }
        match &mut self.body {
            Body::Huge(buckets) => buckets,
            _ => unreachable!("just made so"),
        }
    }

    /// Every value (any of its bucket's) with its count; a value may come more than once.
    pub fn each(&self, mut visit: impl FnMut(u64, u64)) {
        match &self.body {
            Body::Few(values) => values.iter().for_each(|&value| visit(u64::from(value), 1)),
            Body::Many(buckets) => {
                for step in buckets.iter_recorded() {
                    visit(step.value_iterated_to(), u64::from(step.count_at_value()));
                }
            }
            Body::Huge(buckets) => {
                for step in buckets.iter_recorded() {
                    visit(step.value_iterated_to(), step.count_at_value());
                }
            }
        }
    }

    /// Buckets by their top, sorted: what two histograms are compared by.
    fn buckets(&self) -> std::collections::BTreeMap<u64, u64> {
        let mut buckets = std::collections::BTreeMap::new();
        self.each(|value, count| *buckets.entry(top_of_bucket(value)).or_default() += count);
        buckets
    }

    fn some<T>(&self, value: impl FnOnce() -> T) -> Option<T> {
        (self.count > 0).then(value)
    }
}

/// Equal samples to the bucket and equal statistics, in whatever form.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        let facts = |h: &Self| (h.count, h.sum, h.squares, h.min, h.max, h.saturated);
        facts(self) == facts(other) && self.buckets() == other.buckets()
    }
}

/// A distribution in the unit in which its numbers are told; `None` without samples.
#[derive(Debug, Clone, Copy)]
pub struct Numbers<'h> {
    histogram: &'h Histogram,
    /// Of the unit.
    ones: f64,
}

impl Numbers<'_> {
    /// The smallest sample, exactly.
    pub fn min(&self) -> Option<f64> {
        self.histogram.some(|| self.histogram.min as f64 / self.ones)
    }

    /// The largest sample, exactly.
    pub fn max(&self) -> Option<f64> {
        self.histogram.some(|| self.histogram.max as f64 / self.ones)
    }

    /// All samples together; 0 without any.
    pub fn sum(&self) -> f64 {
        self.histogram.sum as f64 / self.ones
    }

    /// The arithmetic mean.
    pub fn mean(&self) -> Option<f64> {
        let Histogram { sum, count, .. } = *self.histogram;
        self.histogram.some(|| sum as f64 / count as f64 / self.ones)
    }

    /// The standard deviation of these samples (not an estimate for others): √(Σx²/n − x̄²).
    pub fn stddev(&self) -> Option<f64> {
        let Histogram { sum, squares, count, .. } = *self.histogram;
        self.histogram.some(|| {
            // n·x̄² = x̄·Σx, with x̄ split so that nothing overflows.
            let (mean, rest) = (sum / u128::from(count), sum % u128::from(count));
            let of_mean = mean.saturating_mul(sum) + rest.saturating_mul(sum) / u128::from(count);
            let spread = squares.saturating_sub(of_mean);
            (spread as f64 / count as f64).sqrt() / self.ones
        })
    }

    /// As [`Histogram::quantile`].
    pub fn quantile(&self, ppm: u32) -> Option<f64> {
        self.histogram.some(|| self.histogram.ranked(ppm) as f64 / self.ones)
    }
}

/// Empty buckets with room up to `top`, growing beyond.
fn buckets_up_to<T: Counter>(top: u64) -> Hdr<T> {
    let mut buckets = Hdr::new_with_bounds(1, top, DIGITS).expect("2 <= top, and 3 digits exist");
    buckets.auto(true);
    buckets
}

#[inline]
fn put<T: Counter>(buckets: &mut Hdr<T>, value: u64, count: u64) {
    let count = T::from_u64(count).expect("buckets of 32 bits hold fewer samples than that");
    buckets.record_n(value, count).expect("an hour fits a histogram that grows");
}

/// ⌈count · ppm / 10⁶⌉ in integers, from 1: in floats ⌈0.999 · 1000⌉ is 1,000.
fn rank(count: u64, ppm: u32) -> u64 {
    let rank = (u128::from(count) * u128::from(ppm)).div_ceil(1_000_000);
    u64::try_from(rank).unwrap_or(u64::MAX).clamp(1, count)
}

/// The top of the bucket of the sample at `rank` (from 1).
///
/// The library computes ⌈q · count⌉; with q half a rank below ours that is our rank, since its
/// rounding error stays below a half for all counts below 2⁵¹.
fn value_at<T: Counter>(buckets: &Hdr<T>, rank: u64) -> u64 {
    buckets.value_at_quantile((rank as f64 - 0.5) / buckets.len() as f64)
}

/// The same over a list.
fn nth_smallest(values: &[u32], rank: u64) -> u64 {
    let index = usize::try_from(rank - 1).expect("a list is short");
    top_of_bucket(u64::from(*values.to_vec().select_nth_unstable(index).1))
}

/// The largest value that shares a bucket with `value`.
fn top_of_bucket(value: u64) -> u64 {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(EXACT_BITS);
    (((value >> shift) + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(micros: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        micros.iter().for_each(|&value| histogram.record(Duration::from_micros(value)));
        histogram
    }

    fn merged(parts: &[&Histogram]) -> Histogram {
        let mut whole = Histogram::default();
        parts.iter().for_each(|part| whole.merge(part));
        whole
    }

    fn micros(of: Option<Duration>) -> u64 {
        u64::try_from(of.expect("samples").as_micros()).expect("at most an hour")
    }

    #[test]
    fn without_samples_there_is_no_statistic() {
        let empty = Histogram::default();
        let numbers = empty.of_unit(Unit::Ms);
        assert_eq!((empty.min(), empty.max(), empty.quantile(990_000)), (None, None, None));
        assert_eq!((numbers.mean(), numbers.stddev(), numbers.max()), (None, None, None));
    }

    #[test]
    fn statistics_are_exact() {
        let histogram = of(&[2_000_001, 4_000_003, 4_000_003, 6_000_001]);
        assert_eq!(micros(histogram.min()), 2_000_001);
        assert_eq!(micros(histogram.max()), 6_000_001);
        let ms = histogram.of_unit(Unit::Ms);
        assert_eq!(ms.mean(), Some(4_000.002));
        let stddev = ms.stddev().expect("samples") / 1e3;
        assert!((stddev - std::f64::consts::SQRT_2).abs() < 1e-6, "{stddev}");
    }

    #[test]
    fn samples_at_or_below_bounds_are_counted_in_every_form() {
        let bounds = [1, 250, 5_000, 3_600_000_000];
        let few = of(&[1, 250, 251, 5_000, 5_010, 70_000]);
        assert_eq!(few.at_most(&bounds), [1, 2, 4, 6]);
        let mut many = Histogram::default();
        (0..100).for_each(|_| many.merge(&few));
        assert_eq!(many.at_most(&bounds), [100, 200, 400, 600]);
        assert_eq!(Histogram::default().at_most(&bounds), [0; 4]);
        let ms = few.of_unit(Unit::Ms);
        assert_eq!((ms.sum(), Histogram::default().of_unit(Unit::Ms).sum()), (80.512, 0.0));
    }

    #[test]
    fn nearest_rank_is_computed_without_floats() {
        let thousand: Vec<u64> = (1..=1000).collect();
        for (count, ppm, expected) in [
            (1000, 999_000, 999),
            (1000, 999_001, 1000),
            (1000, 500_000, 500),
            (1000, 0, 1),
            (1000, 1_000_000, 1000),
            (4, 500_000, 2),
            (5, 500_000, 3),
            (1, 999_000, 1),
            (100, 290_000, 29),
        ] {
            let histogram = of(&thousand[..count]);
            assert_eq!(micros(histogram.quantile(ppm)), expected, "{ppm} ppm of {count}");
        }
    }

    #[test]
    fn longer_than_an_hour_counts_as_an_hour_and_is_counted() {
        let histogram = of(&[1, HIGHEST, HIGHEST + 1, u64::MAX]);
        assert_eq!(histogram.saturated(), 2);
        assert_eq!(micros(histogram.max()), HIGHEST);
        assert_eq!(histogram.count(), 4);
        assert_eq!(merged(&[&histogram, &histogram]).saturated(), 4);
        let mut forever = Histogram::default();
        forever.record(Duration::MAX);
        assert_eq!(forever.saturated(), 1);
    }

    #[test]
    fn numbers_that_are_no_times_go_far_beyond_an_hour() {
        let mut histogram = Histogram::default();
        let numbers = [0, 1, 5_000_000_000, 1 << 40, HIGHEST_NUMBER, HIGHEST_NUMBER + 1];
        numbers.into_iter().for_each(|number| histogram.record_number(number));
        let bytes = histogram.of_unit(Unit::Bytes);
        assert_eq!((bytes.min(), bytes.max()), (Some(0.0), Some(HIGHEST_NUMBER as f64)));
        assert_eq!((histogram.count(), histogram.saturated()), (6, 1));
        let half = bytes.quantile(500_000).expect("samples");
        assert!((5e9..5e9 * 1.001).contains(&half), "{half}");
        let read = Histogram::from_base64(&histogram.to_base64()).expect("our own text");
        assert_eq!(read.buckets(), histogram.buckets());
        let mut again = Histogram::default();
        numbers.iter().rev().for_each(|&number| again.record_number(number));
        assert_eq!((again.to_base64(), &again), (histogram.to_base64(), &histogram));
        let mean = numbers.iter().map(|&n| n.min(HIGHEST_NUMBER) as f64).sum::<f64>() / 6.0;
        assert!((bytes.mean().expect("samples") / mean - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_unit_says_what_a_whole_one_is() {
        let mut histogram = Histogram::default();
        [500_000, 1_500_000].into_iter().for_each(|number| histogram.record_number(number));
        for (unit, mean, stddev) in [
            (Unit::One, 1.0, 0.5),
            (Unit::Percent, 1.0, 0.5),
            (Unit::Ms, 1_000.0, 500.0),
            (Unit::Bytes, 1e6, 5e5),
        ] {
            let numbers = histogram.of_unit(unit);
            assert_eq!((numbers.mean(), numbers.stddev()), (Some(mean), Some(stddev)), "{unit:?}");
        }
    }

    #[test]
    fn durations_round_to_the_nearest_microsecond() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_nanos(1_500));
        histogram.record(Duration::from_nanos(1_499));
        histogram.record(Duration::from_nanos(400));
        assert_eq!((micros(histogram.min()), micros(histogram.max())), (0, 2));
    }

    #[test]
    fn no_bucket_overflows_when_more_samples_meet_than_32_bits_count() {
        let mut histogram = of(&[5]);
        for _ in 0..40 {
            let twin = histogram.clone();
            histogram.merge(&twin);
        }
        histogram.record(Duration::from_micros(7));
        assert_eq!(histogram.count(), (1 << 40) + 1);
        assert_eq!(micros(histogram.quantile(999_999)), 5);
        assert_eq!(micros(histogram.quantile(1_000_000)), 7);
        assert_eq!(histogram.clone(), merged(&[&of(&[]), &histogram]));
    }

    #[test]
    fn taking_leaves_an_empty_one_that_records_alike() {
        let values: Vec<u64> = (0..2_000).map(|n| n * 37).collect();
        let mut histogram = of(&values);
        assert_eq!(histogram.take(), of(&values));
        assert_eq!(histogram, Histogram::default());
        values.iter().for_each(|&value| histogram.record(Duration::from_micros(value)));
        assert_eq!(histogram, of(&values));
    }

    #[test]
    fn the_text_is_what_hdr_tools_read() {
        let text = of(&[1, 2, 3, 1_000_000]).to_base64();
        assert!(text.starts_with("HISTFAAA"), "{text}");
    }

    #[test]
    fn a_text_that_is_no_histogram_is_refused() {
        let head = |digits: u8, length: u8| {
            let mut bytes =
                vec![0x1c, 0x84, 0x93, 0x13, 0, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, digits];
            bytes.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 16, 0, 0x3f, 0xf0]);
            bytes.extend([0; 6]);
            hdr_text::close(&bytes)
        };
        assert_eq!(Histogram::from_base64(&head(3, 0)), Ok(Histogram::default()));
        for (text, reason) in [
            ("%", "not base64"),
            ("", "not in HDR V2 format"),
            ("HISTFA==", "not compressed"),
            (&head(5, 0), "3 significant digits"),
            (&head(3, 9), "not as long as it says"),
            (&"A".repeat(2 << 20), "too long"),
        ] {
            let fault = Histogram::from_base64(text).expect_err(reason);
            assert!(fault.contains(reason), "{fault}");
        }
    }

    /// Values over the whole range, and enough of them at times for every form.
    fn samples() -> impl Strategy<Value = Vec<u64>> {
        let value = prop_oneof![0..3_000_u64, 0..5_000_000_u64, 0..=HIGHEST];
        prop_oneof![
            prop::collection::vec(value.clone(), 0..20),
            prop::collection::vec(value, 200..600),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn quantiles_are_those_of_the_sorted_samples_within_a_thousandth(
            mut values in samples(), ppm in 0..=1_000_000_u32,
        ) {
            prop_assume!(!values.is_empty());
            let histogram = of(&values);
            values.sort_unstable();
            let rank = (values.len() as u128 * u128::from(ppm)).div_ceil(1_000_000).max(1);
            let truth = values[usize::try_from(rank).expect("small") - 1];
            let got = micros(histogram.quantile(ppm));
            prop_assert!(truth <= got && got - truth <= truth / 1000, "{} for {}", got, truth);
        }

        #[test]
        fn merging_is_recording_in_whatever_order(
            a in samples(), b in samples(), c in samples(),
        ) {
            let all = of(&[a.clone(), b.clone(), c.clone()].concat());
            let (a, b, c) = (of(&a), of(&b), of(&c));
            prop_assert_eq!(&merged(&[&a, &b, &c]), &all);
            prop_assert_eq!(&merged(&[&c, &a, &b]), &all);
            prop_assert_eq!(&merged(&[&a, &merged(&[&b, &c])]), &all);
        }

        #[test]
        fn a_text_carries_count_and_quantiles_and_does_not_depend_on_order(values in samples()) {
            let histogram = of(&values);
            let text = histogram.to_base64();
            let read = Histogram::from_base64(&text).expect("our own text");
            prop_assert_eq!(read.count(), histogram.count());
            prop_assert_eq!(read.buckets(), histogram.buckets());
            let reversed: Vec<u64> = values.into_iter().rev().collect();
            prop_assert_eq!(of(&reversed).to_base64(), text);
        }

        #[test]
        fn buckets_are_those_of_the_library(value in 0..=HIGHEST) {
            let hdr: Hdr<u32> = buckets_up_to(2);
            prop_assert_eq!(top_of_bucket(value), hdr.highest_equivalent(value));
        }

        #[test]
        fn no_text_makes_the_reader_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            for cookie in [0x13, 0x14] {
                bytes.splice(0..bytes.len().min(4), [0x1c, 0x84, 0x93, cookie]);
                let _ = Histogram::from_base64(&hdr_text::close(&bytes));
            }
        }
    }
}
