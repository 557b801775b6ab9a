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
pub mod spell;

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
mod tests;
