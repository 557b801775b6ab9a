//! How many arrivals there are when: a rate over time, its area and the inverse of that.
//!
//! The rate follows straight lines between given points, so that everything has a closed form.
//! With N(t) the area under the rate from 0 to t, arrival `n` (from 0) is due where N reaches
//! `n + first`: `first` is 0 for a constant rate, whose first arrival is due at once, and 1 for
//! everything else, as in k6, so that a ramp from nothing does not begin with an arrival.
//!
//! No clock and no state: the same `n` is due at the same time on whichever machine asks.

use std::time::Duration;

/// What rounding may cost when an area is compared with a whole number.
fn slack(area: f64) -> f64 {
    (1e-12 * area).max(1e-9)
}

/// A rate over time: pieces of straight line.
#[derive(Debug, Clone, PartialEq)]
pub struct RateProfile {
    pieces: Vec<Piece>,
    first: f64,
    duration: Duration,
    total: u64,
}

/// From `from` arrivals/s to `to` arrivals/s within `length` seconds from `start` on; `before` is
/// the area of all pieces before.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    start: f64,
    length: f64,
    from: f64,
    to: f64,
    before: f64,
}

impl RateProfile {
    /// `rate` arrivals/s for `duration`, the first at 0.
    pub fn constant(rate: f64, duration: Duration) -> RateProfile {
        Self::of(&[(Duration::ZERO, rate), (duration, rate)], 0.0)
    }

    /// From `start` arrivals/s along `stages` of (duration, arrivals/s at its end); a duration of
    /// 0 is a jump.
    pub fn ramp(start: f64, stages: &[(Duration, f64)]) -> RateProfile {
        let mut at = Duration::ZERO;
        let ends = stages.iter().map(|&(length, rate)| {
            at += length;
            (at, rate)
        });
        let points: Vec<_> = std::iter::once((Duration::ZERO, start)).chain(ends).collect();
        Self::of(&points, 1.0)
    }

    /// Straight lines between points of (offset, arrivals/s), which are sorted by offset.
    pub fn curve(points: &[(Duration, f64)]) -> RateProfile {
        Self::of(points, 1.0)
    }

    fn of(points: &[(Duration, f64)], first: f64) -> RateProfile {
        let mut pieces = Vec::with_capacity(points.len());
        let mut area = 0.0;
        for pair in points.windows(2) {
            let [(start, from), (end, to)] = [pair[0], pair[1]];
            let length = (end - start).as_secs_f64();
            if length > 0.0 {
                let piece = Piece { start: start.as_secs_f64(), length, from, to, before: area };
                area += piece.area(length);
                pieces.push(piece);
            }
        }
        let duration = points.last().map_or(Duration::ZERO, |(end, _)| *end);
        let slack = slack(area);
        // From 0 on every whole number below the area, from 1 on every one up to it.
        let total = if first == 0.0 { (area - slack).ceil() } else { (area + slack).floor() };
        RateProfile { pieces, first, duration, total: total.max(0.0) as u64 }
    }

    /// The length of all pieces together.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// How many arrivals there are in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Arrivals/s at `t`; none from the end on.
    pub fn rate_at(&self, t: Duration) -> f64 {
        let t = t.as_secs_f64();
        let piece = self.pieces.get(self.pieces.partition_point(|piece| piece.end() <= t));
        piece.map_or(0.0, |piece| piece.rate(t - piece.start))
    }

    /// The largest rate [arrivals/s].
    pub fn peak(&self) -> f64 {
        self.pieces.iter().map(|piece| piece.from.max(piece.to)).fold(0.0, f64::max)
    }

    /// N(t): the area under the rate up to `t`.
    pub fn area(&self, t: Duration) -> f64 {
        let t = t.as_secs_f64();
        let begun = self.pieces.partition_point(|piece| piece.start <= t);
        let piece = begun.checked_sub(1).and_then(|index| self.pieces.get(index));
        piece.map_or(0.0, |piece| piece.before + piece.area((t - piece.start).min(piece.length)))
    }

    /// How many arrivals of an even load are due up to and with `t`.
    pub fn count_by(&self, t: Duration) -> u64 {
        let area = self.area(t);
        let count = area + slack(area) - self.first + 1.0;
        (count.floor().max(0.0) as u64).min(self.total)
    }

    /// When arrival `n` (from 0) of an even load is due; `None` once there is none.
    pub fn due(&self, n: u64) -> Option<Duration> {
        (n < self.total).then(|| self.reach(n as f64 + self.first))
    }

    /// Where the area reaches `area`; the end if it never does.
    pub fn reach(&self, area: f64) -> Duration {
        let slack = slack(area);
        let passed = |piece: &Piece| piece.before + piece.area(piece.length) < area - slack;
        match self.pieces.get(self.pieces.partition_point(passed)) {
            Some(piece) => {
                let t = piece.start + piece.reach(area - piece.before);
                Duration::from_secs_f64(t).min(self.duration)
            }
            None => self.duration,
        }
    }

    /// The area under all of it.
    pub fn whole(&self) -> f64 {
        self.area(self.duration)
    }
}

impl Piece {
    fn end(&self) -> f64 {
        self.start + self.length
    }

    /// Change of the rate per second [1/s²].
    fn slope(&self) -> f64 {
        (self.to - self.from) / self.length
    }

    fn rate(&self, t: f64) -> f64 {
        self.from + self.slope() * t
    }

    /// r₀·t + (r₁ − r₀)·t² / 2T.
    fn area(&self, t: f64) -> f64 {
        t * (self.from + self.slope() * t / 2.0)
    }

    /// The t at which the area is `area`, at most the length: 2N / (r₀ + √(r₀² + 2aN)) with
    /// a = (r₁ − r₀)/T, which loses no digits as a → 0.
    fn reach(&self, area: f64) -> f64 {
        if area <= 0.0 {
            return 0.0;
        }
        let root = (self.from * self.from + 2.0 * self.slope() * area).max(0.0).sqrt();
        (2.0 * area / (self.from + root)).min(self.length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn due(profile: &RateProfile) -> Vec<f64> {
        let round = |due: Duration| (due.as_secs_f64() * 1e6).round() / 1e6;
        (0..).map_while(|n| profile.due(n)).map(round).collect()
    }

    #[test]
    fn a_constant_rate_starts_at_once_and_ends_before_the_end() {
        let profile = RateProfile::constant(2.0, s(2.0));
        assert_eq!(due(&profile), [0.0, 0.5, 1.0, 1.5]);
        assert_eq!(RateProfile::constant(500.0, s(10.0)).total(), 5_000);
        assert_eq!(RateProfile::constant(0.1, s(30.0)).total(), 3);
        assert_eq!(RateProfile::constant(1.0 / 3.0, s(3.0)).total(), 1);
        assert_eq!(RateProfile::constant(100_000.0, s(86_400.0)).total(), 8_640_000_000);
    }

    #[test]
    fn a_ramp_is_due_where_its_area_reaches_the_next_whole_number() {
        // 0 to 2 per second within 4 s: N(t) = t²/4.
        let profile = RateProfile::ramp(0.0, &[(s(4.0), 2.0)]);
        assert_eq!(due(&profile), [2.0, 2.828_427, 3.464_102, 4.0]);
        assert_eq!((profile.count_by(s(2.9)), profile.total()), (2, 4));
        assert_eq!((profile.rate_at(s(1.0)), profile.peak()), (0.5, 2.0));
    }

    #[test]
    fn fractions_of_arrivals_are_carried_into_the_next_stage() {
        // Areas 0.75, nothing, 0.75: the one arrival falls into the third stage.
        let stages = [(s(0.75), 1.0), (s(0.0), 0.0), (s(5.0), 0.0), (s(0.0), 1.0), (s(0.75), 1.0)];
        assert_eq!(due(&RateProfile::ramp(1.0, &stages)), [6.0]);
    }

    #[test]
    fn a_falling_ramp_and_a_rate_of_nothing_lose_no_arrival() {
        let profile = RateProfile::ramp(4.0, &[(s(2.0), 0.0), (s(10.0), 0.0)]);
        assert_eq!(due(&profile).len(), 4);
        assert_eq!(due(&profile)[3], 2.0);
        assert_eq!(due(&RateProfile::ramp(0.0, &[(s(5.0), 0.0)])), Vec::<f64>::new());
    }

    proptest! {
        #[test]
        fn due_is_the_inverse_of_count_by_and_never_falls(
            start in 0.0..50.0_f64,
            stages in prop::collection::vec((0_u64..8, 0.0..50.0_f64), 1..6),
        ) {
            let stages: Vec<_> =
                stages.into_iter().map(|(d, rate)| (Duration::from_secs(d), rate)).collect();
            let profile = RateProfile::ramp(start, &stages);
            let mut last = Duration::ZERO;
            for n in 0..profile.total() {
                let due = profile.due(n).expect("n is below the total");
                prop_assert!(last <= due && due <= profile.duration());
                prop_assert!(profile.count_by(due + s(1e-6)) > n, "{n} at {due:?}");
                prop_assert!(profile.count_by(due.saturating_sub(s(1e-5))) <= n, "{n} at {due:?}");
                last = due;
            }
            prop_assert_eq!(profile.due(profile.total()), None);
            prop_assert_eq!(profile.count_by(profile.duration()), profile.total());
        }
    }
}
