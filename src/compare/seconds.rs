//! One series second by second: how many a second brought, how many of them failed, how long they
//! took, and which seconds its load filled.
//!
//! A load seldom begins or ends with a second, and its last answers come after its end. So a rate is
//! the report's, all that came of the load over its length, while how it moves by itself is read off
//! the seconds that lie in the load as a whole: an end that is cut off is no noise of the target's.

use std::ops::Range;

use crate::metrics::Histogram;

/// What one second adds to a series.
#[derive(Debug, Clone, Default)]
struct Part {
    /// How many took how long, by [`bucket`]: for what is drawn, of which only the spread matters.
    times: Vec<(u16, u32)>,
    count: u64,
    failed: u64,
}

impl Part {
    fn add(&mut self, bucket: u16, count: u32) {
        match self.times.binary_search_by_key(&bucket, |(known, _)| *known) {
            Ok(place) => self.times[place].1 = self.times[place].1.saturating_add(count),
            Err(place) => self.times.insert(place, (bucket, count)),
        }
    }

    fn merge(&mut self, other: &Part) {
        self.count += other.count;
        self.failed += other.failed;
        other.times.iter().for_each(|(bucket, count)| self.add(*bucket, *count));
    }
}

/// Buckets are so much wider than those before.
const WIDER: f64 = 1.01;

/// As many as an hour in µs needs.
const BUCKETS: usize = 2_300;

/// What of a second may lie outside the load: no clock is stopped to the microsecond.
const SLACK: f64 = 0.02;

/// The bucket of a time [µs].
fn bucket(micros: u64) -> u16 {
    ((micros.max(1) as f64).ln() / WIDER.ln()) as u16
}

/// Calls of one kind, passes of a step, or iterations of one scenario.
#[derive(Debug, Clone, Default)]
pub struct Series {
    parts: Vec<Part>,
    /// A part is 2ⁿ seconds long.
    halvings: u32,
    /// All times, to the microsecond.
    whole: Histogram,
    /// From when to when it was under load, in parts; where nobody knows, all of them.
    load: Option<Range<f64>>,
}

impl Series {
    /// Without a second so far; each will be 2ⁿ long.
    pub(super) fn of_longer(halvings: u32) -> Series {
        Series { halvings, ..Series::default() }
    }

    /// Makes room up to this second.
    pub(super) fn reach(&mut self, second: usize) {
        if self.parts.len() <= second {
            self.parts.resize_with(second + 1, Part::default);
        }
    }

    /// The first second in which there was anything.
    pub(super) fn first(&self) -> Option<usize> {
        self.parts.iter().position(|part| part.count > 0)
    }

    /// From now on places are those in `span`, and the load is this [s since the run began].
    pub(super) fn cut(&mut self, span: &Range<usize>, load: Option<&Range<f64>>) {
        self.parts.resize_with(span.end, Part::default);
        self.parts.drain(..span.start);
        let place = |second: f64| second / self.length_s() - span.start as f64;
        self.load = load.map(|load| place(load.start)..place(load.end));
    }

    pub(super) fn count(&mut self, second: usize, failed: u64, all: u64) {
        self.parts[second].count += all;
        self.parts[second].failed += failed;
    }

    pub(super) fn record(&mut self, second: usize, times: &Histogram) {
        self.whole.merge(times);
        let part = &mut self.parts[second];
        times.each(|micros, count| {
            part.add(bucket(micros), u32::try_from(count).unwrap_or(u32::MAX));
        });
    }

    pub(super) fn halve(&mut self) {
        let mut longer: Vec<Part> = Vec::with_capacity(self.parts.len().div_ceil(2));
        for (place, part) in self.parts.drain(..).enumerate() {
            match longer.last_mut() {
                Some(last) if place % 2 == 1 => last.merge(&part),
                _ => longer.push(part),
            }
        }
        self.parts = longer;
        self.halvings += 1;
    }

    /// How many seconds there are.
    pub fn seconds(&self) -> usize {
        self.parts.len()
    }

    /// Their places.
    pub fn all(&self) -> Vec<usize> {
        (0..self.parts.len()).collect()
    }

    /// Places of seconds that lie in the load as a whole.
    pub fn full(&self) -> Range<usize> {
        let Some(load) = &self.load else { return 0..self.parts.len() };
        let (from, to) = ((load.start - SLACK).ceil(), (load.end + SLACK).floor());
        from.max(0.0) as usize..(to.max(0.0) as usize).min(self.parts.len())
    }

    /// Over the whole run.
    pub fn samples(&self) -> u64 {
        self.whole.count()
    }

    /// All times.
    pub fn times(&self) -> &Histogram {
        &self.whole
    }

    /// Of the whole run [ms], exactly; `None` without samples.
    pub fn quantile(&self, ppm: u32) -> Option<f64> {
        Some(self.whole.quantile(ppm)?.as_secs_f64() * 1e3)
    }

    /// Of the seconds at these places together [ms], to a hundredth of it.
    pub fn drawn_quantile(&self, places: &[usize], ppm: u32) -> Option<f64> {
        let mut counts = vec![0_u64; BUCKETS];
        for (bucket, count) in places.iter().flat_map(|place| &self.parts[*place].times) {
            counts[usize::from(*bucket)] += u64::from(*count);
        }
        let all: u64 = counts.iter().sum();
        let rank = (all as f64 * f64::from(ppm) / 1e6).ceil().max(1.0) as u64;
        let mut below = 0;
        let found = counts.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        Some(WIDER.powf(found as f64 + 0.5) / 1e3)
    }

    /// Per second of the load, late answers among them; `None` without a load.
    pub fn rate(&self) -> Option<f64> {
        let parts =
            self.load.as_ref().map_or(self.parts.len() as f64, |load| load.end - load.start);
        let count: u64 = self.parts.iter().map(|part| part.count).sum();
        (parts > 0.0).then(|| count as f64 / (parts * self.length_s()))
    }

    /// Per second of the [`full`](Self::full) ones at these places; `None` without any.
    pub fn drawn_rate(&self, places: &[usize]) -> Option<f64> {
        let full = self.full();
        let drawn = places.iter().filter(|place| full.contains(place));
        let (count, parts) = drawn.fold((0, 0_u64), |(count, parts), place| {
            (count + self.parts[*place].count, parts + 1)
        });
        (parts > 0).then(|| count as f64 / (parts as f64 * self.length_s()))
    }

    /// The part that failed; `None` without any.
    pub fn errors(&self, places: &[usize]) -> Option<f64> {
        let (count, failed) = places.iter().fold((0, 0), |(count, failed), place| {
            let part = &self.parts[*place];
            (count + part.count, failed + part.failed)
        });
        (count > 0).then(|| failed as f64 / count as f64)
    }

    /// How long a part is.
    fn length_s(&self) -> f64 {
        f64::from(self.halvings).exp2()
    }

    /// One more second; for tests.
    #[cfg(test)]
    pub fn push(&mut self, times_ms: &[f64], failed: u64) {
        let count = times_ms.len() as u64 + failed;
        self.parts.push(Part { count, failed, ..Part::default() });
        let mut times = Histogram::default();
        for ms in times_ms {
            times.record(std::time::Duration::from_secs_f64(ms / 1e3));
        }
        self.record(self.parts.len() - 1, &times);
    }
}
