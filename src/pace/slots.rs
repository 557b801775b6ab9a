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
    pub missed: u64,
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
        let since = now.saturating_sub(self.start);
        let slot = self.next.max(narrow(since.as_nanos() / self.pace.as_nanos()));
        let missed = slot.min(self.before(end)).saturating_sub(self.next);
        self.next = slot + 1;
        Slot { due: self.start + duration_times(self.pace, slot), missed }
    }

    /// Passes over the slots before `at` that are left: nobody was meant to use them.
    pub fn skip(&mut self, at: Duration) {
        self.miss(at);
    }

    /// Passes over the slots before `until` that are left; how many.
    pub fn miss(&mut self, until: Duration) -> u64 {
        let before = self.before(until);
        let missed = before.saturating_sub(self.next);
        self.next = self.next.max(before);
        missed
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

    #[test]
    fn a_user_in_time_gets_every_slot() {
        let mut slots = Slots::new(ms(100), ms(50));
        let due: Vec<_> = [0, 120, 170].map(|now| slots.take(ms(now), ms(1_000))).to_vec();
        let expected = [100, 150, 200].map(|due| Slot { due: ms(due), missed: 0 });
        assert_eq!(due, expected);
    }

    #[test]
    fn an_overrun_starts_the_latest_slot_at_once_and_counts_the_missed() {
        let mut slots = Slots::new(ms(0), ms(50));
        assert_eq!(slots.take(ms(0), ms(1_000)), Slot { due: ms(0), missed: 0 });
        assert_eq!(slots.take(ms(60), ms(1_000)), Slot { due: ms(50), missed: 0 });
        assert_eq!(slots.take(ms(260), ms(1_000)), Slot { due: ms(250), missed: 3 });
        assert_eq!(slots.take(ms(261), ms(1_000)), Slot { due: ms(300), missed: 0 });
        // 350 and 400 are missed; 450 is not meant to be used any more.
        assert_eq!(slots.take(ms(520), ms(450)), Slot { due: ms(500), missed: 2 });
    }

    #[test]
    fn slots_that_nobody_was_meant_to_use_are_not_missed_and_those_that_are_left_are() {
        let mut slots = Slots::new(ms(0), ms(50));
        slots.take(ms(0), ms(100));
        slots.skip(ms(1_000));
        assert_eq!(slots.take(ms(1_000), ms(2_000)), Slot { due: ms(1_000), missed: 0 });
        assert_eq!((slots.miss(ms(1_201)), slots.miss(ms(1_201))), (4, 0));
    }
}
