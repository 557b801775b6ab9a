//! Slots of a paced user: iteration `k` is meant to start at `start + k · pace`.
//!
//! An iteration that overruns its slot makes the next one start at once. Slots that passed
//! altogether meanwhile are missed, never caught up in a burst.

use std::time::Duration;

/// The slot to start in, and what was missed before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// When it was meant to start.
    pub due: Duration,
    /// Slots before the end that were passed over since the one before.
    pub missed: Missed,
}

/// Slots that were passed over, one after the other; times as [`Slots`] has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missed {
    first: Duration,
    pace: Duration,
    count: u64,
}

impl Missed {
    /// How many.
    pub fn count(self) -> u64 {
        self.count
    }

    /// When each was due, the earliest first.
    pub fn dues(self) -> impl Iterator<Item = Duration> {
        (0..self.count).map(move |n| self.first + duration_times(self.pace, n))
    }
}

/// The slots of one user.
#[derive(Debug, Clone)]
pub struct Slots {
    start: Duration,
    pace: Duration,
    next: u64,
}

impl Slots {
    /// Slots at `start`, `start + pace`, …; `pace` above 0.
    pub fn new(start: Duration, pace: Duration) -> Slots {
        Slots { start, pace, next: 0 }
    }

    /// The slot to use at `now`: the next one if it lies ahead, else the latest that is due. What
    /// is due from `end` on is not meant to be used, nor missed.
    pub fn take(&mut self, now: Duration, end: Duration) -> Slot {
        let slot = self.next.max(self.latest(now));
        let missed = self.pass_over(slot.min(self.before(end)));
        self.next = slot + 1;
        Slot { due: self.due(slot), missed }
    }

    /// Passes over those that are left and due by `now`, but for the latest; which they were. They
    /// went by while their user was free.
    pub fn oversleep(&mut self, now: Duration, end: Duration) -> Missed {
        self.pass_over(self.latest(now).min(self.before(end)))
    }

    /// Passes over the slots before `at` that are left: nobody was meant to use them.
    pub fn skip(&mut self, at: Duration) {
        self.miss(at);
    }

    /// Passes over the slots before `until` that are left; which they were.
    pub fn miss(&mut self, until: Duration) -> Missed {
        self.pass_over(self.before(until))
    }

    /// Passes over those before the slot `until`.
    fn pass_over(&mut self, until: u64) -> Missed {
        let count = until.saturating_sub(self.next);
        let missed = Missed { first: self.due(self.next), pace: self.pace, count };
        self.next += count;
        missed
    }

    fn due(&self, slot: u64) -> Duration {
        self.start + duration_times(self.pace, slot)
    }

    /// The one that is due at `now`, or was due last.
    fn latest(&self, now: Duration) -> u64 {
        narrow(now.saturating_sub(self.start).as_nanos() / self.pace.as_nanos())
    }

    /// How many slots there are before `at`.
    fn before(&self, at: Duration) -> u64 {
        narrow(at.saturating_sub(self.start).as_nanos().div_ceil(self.pace.as_nanos()))
    }
}

fn narrow(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// `duration · factor`, which the `u32` of the standard operator would overflow.
fn duration_times(duration: Duration, factor: u64) -> Duration {
    let nanos = duration.as_nanos() * u128::from(factor);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn take(slots: &mut Slots, now: u64, end: u64) -> (u128, Vec<u128>) {
        let Slot { due, missed } = slots.take(ms(now), ms(end));
        (due.as_millis(), missed.dues().map(|due| due.as_millis()).collect())
    }

    #[test]
    fn a_user_in_time_gets_every_slot() {
        let mut slots = Slots::new(ms(100), ms(50));
        let taken: Vec<_> = [0, 120, 170].map(|now| take(&mut slots, now, 1_000)).to_vec();
        assert_eq!(taken, [100, 150, 200].map(|due| (due, vec![])));
    }

    #[test]
    fn an_overrun_starts_the_latest_slot_at_once_and_tells_the_missed() {
        let mut slots = Slots::new(ms(0), ms(50));
        assert_eq!(take(&mut slots, 0, 1_000), (0, vec![]));
        assert_eq!(take(&mut slots, 60, 1_000), (50, vec![]));
        assert_eq!(take(&mut slots, 260, 1_000), (250, vec![100, 150, 200]));
        assert_eq!(take(&mut slots, 261, 1_000), (300, vec![]));
        // 450 is not meant to be used any more.
        assert_eq!(take(&mut slots, 520, 450), (500, vec![350, 400]));
    }

    #[test]
    fn who_wakes_late_misses_what_was_due_meanwhile_but_for_the_latest() {
        let mut slots = Slots::new(ms(0), ms(50));
        assert_eq!(take(&mut slots, 0, 1_000), (0, vec![]));
        assert_eq!(take(&mut slots, 10, 1_000), (50, vec![]));
        let missed: Vec<_> = slots.oversleep(ms(210), ms(1_000)).dues().collect();
        assert_eq!(missed, [ms(100), ms(150)]);
        assert_eq!(take(&mut slots, 220, 1_000), (200, vec![]));
        assert_eq!(slots.oversleep(ms(220), ms(1_000)).count(), 0);
    }

    #[test]
    fn slots_that_nobody_was_meant_to_use_are_not_missed_and_those_that_are_left_are() {
        let mut slots = Slots::new(ms(0), ms(50));
        slots.take(ms(0), ms(100));
        slots.skip(ms(1_000));
        assert_eq!(take(&mut slots, 1_000, 2_000), (1_000, vec![]));
        let missed = [1_201, 1_201].map(|until| slots.miss(ms(until)).dues().count());
        assert_eq!(missed, [4, 0]);
    }
}
