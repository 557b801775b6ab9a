//! When a closed load wants each of its users: a line of users over time, read per user.
//!
//! The number of users follows straight lines between the stages' targets. As in k6, a rising
//! line wants user `n` (from 0) from the moment it reaches n + 1, a falling one until it comes
//! down to n. So every user can work out its own intervals, and nobody hands out starts.

use std::time::Duration;

/// A stretch of time in which a user iterates: `start` included, `end` not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Offset from the scenario's start.
    pub start: Duration,
    /// Offset from the scenario's start.
    pub end: Duration,
}

/// A number of users over time: pieces of straight line from `start`.
#[derive(Debug, Clone, PartialEq)]
pub struct VuProfile {
    start: u64,
    /// (duration, target) of each piece; a duration of 0 is a jump.
    pieces: Vec<(Duration, u64)>,
}

impl VuProfile {
    /// From `start` users at time 0 along `pieces` of (duration, users at its end).
    pub fn new(start: u64, pieces: Vec<(Duration, u64)>) -> VuProfile {
        VuProfile { start, pieces }
    }

    /// `vus` users for `duration`.
    pub fn constant(vus: u64, duration: Duration) -> VuProfile {
        VuProfile::new(vus, vec![(duration, vus)])
    }

    /// The length of all pieces together.
    pub fn duration(&self) -> Duration {
        self.pieces.iter().map(|(duration, _)| *duration).sum()
    }

    /// The largest number of users.
    pub fn peak(&self) -> u64 {
        self.pieces.iter().map(|&(_, target)| target).fold(self.start, u64::max)
    }

    /// How many users are wanted at `t`; none from the end on.
    pub fn vus_at(&self, t: Duration) -> u64 {
        // The users wanted at t are 0..k for some k, so k is found by bisection.
        let (mut low, mut high) = (0, self.peak());
        while low < high {
            let middle = low + (high - low) / 2;
            let wanted = self.intervals(middle).iter().any(|i| i.start <= t && t < i.end);
            if wanted { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The intervals in which user `n` (from 0) is wanted, in order, none of them empty.
    pub fn intervals(&self, n: u64) -> Vec<Interval> {
        let mut intervals = Vec::new();
        let mut since = (n < self.start).then_some(Duration::ZERO);
        let (mut at, mut from) = (Duration::ZERO, self.start);
        for &(duration, target) in &self.pieces {
            if from <= n && n < target {
                since = Some(at + crossing(duration, from, target, n + 1));
            } else if target <= n
                && n < from
                && let Some(start) = since.take()
            {
                push(&mut intervals, start, at + crossing(duration, from, target, n));
            }
            at += duration;
            from = target;
        }
        if let Some(start) = since {
            push(&mut intervals, start, at);
        }
        intervals
    }
}

/// How far into a piece from `from` to `target` users the line is at `level`.
fn crossing(duration: Duration, from: u64, target: u64, level: u64) -> Duration {
    let part = level.abs_diff(from) as f64 / target.abs_diff(from) as f64;
    duration.mul_f64(part.min(1.0))
}

fn push(intervals: &mut Vec<Interval>, start: Duration, end: Duration) {
    if start < end {
        intervals.push(Interval { start, end });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn seconds(profile: &VuProfile, n: u64) -> Vec<(f64, f64)> {
        let pair = |i: &Interval| (i.start.as_secs_f64(), i.end.as_secs_f64());
        profile.intervals(n).iter().map(pair).collect()
    }

    #[test]
    fn a_constant_load_wants_each_user_all_the_time() {
        let profile = VuProfile::constant(3, s(10.0));
        assert_eq!(seconds(&profile, 2), [(0.0, 10.0)]);
        assert_eq!(seconds(&profile, 3), []);
        assert_eq!((profile.vus_at(s(0.0)), profile.vus_at(s(9.99))), (3, 3));
        assert_eq!(profile.vus_at(s(10.0)), 0);
    }

    #[test]
    fn a_ramp_adds_and_removes_users_one_by_one() {
        let profile = VuProfile::new(0, vec![(s(10.0), 10), (s(10.0), 10), (s(10.0), 0)]);
        assert_eq!(seconds(&profile, 0), [(1.0, 30.0)]);
        assert_eq!(seconds(&profile, 9), [(10.0, 21.0)]);
        assert_eq!(profile.vus_at(s(5.5)), 5);
        assert_eq!(profile.vus_at(s(25.5)), 5);
        assert_eq!((profile.duration(), profile.peak()), (s(30.0), 10));
    }

    #[test]
    fn a_stage_of_no_length_is_a_jump() {
        let profile = VuProfile::new(1, vec![(s(5.0), 1), (s(0.0), 4), (s(5.0), 4), (s(0.0), 2)]);
        assert_eq!(seconds(&profile, 0), [(0.0, 10.0)]);
        assert_eq!(seconds(&profile, 3), [(5.0, 10.0)]);
        assert_eq!(profile.vus_at(s(4.99)), 1);
        assert_eq!(profile.vus_at(s(5.0)), 4);
    }

    #[test]
    fn a_user_that_is_taken_away_comes_back_with_the_next_rise() {
        let profile = VuProfile::new(2, vec![(s(2.0), 0), (s(2.0), 2), (s(1.0), 2)]);
        assert_eq!(seconds(&profile, 0), [(0.0, 2.0), (3.0, 5.0)]);
        assert_eq!(seconds(&profile, 1), [(0.0, 1.0), (4.0, 5.0)]);
    }

    proptest::proptest! {
        #[test]
        fn intervals_are_ordered_disjoint_and_within_the_profile(
            start in 0u64..20,
            pieces in proptest::collection::vec((0u64..10, 0u64..20), 1..8),
            n in 0u64..20,
        ) {
            let pieces = pieces.into_iter().map(|(d, v)| (Duration::from_secs(d), v)).collect();
            let profile = VuProfile::new(start, pieces);
            let mut last = Duration::ZERO;
            for interval in profile.intervals(n) {
                proptest::prop_assert!(last <= interval.start && interval.start < interval.end);
                last = interval.end;
            }
            proptest::prop_assert!(last <= profile.duration());
        }
    }
}
