//! Readings of what only grows, such as processor time: between two of them lies what happened.
//!
//! A process that was stopped closes the seconds that it missed at once, one after the other. Of the
//! moment between two such readings a thread may have worked all: that says nothing of a second. So
//! what happened is always told over [`LEAST`] or more, if there is so much.

use std::time::Duration;

use tokio::time::Instant;

/// Less is no part of a second that could stand for it.
const LEAST: Duration = Duration::from_millis(500);

/// The last readings.
#[derive(Debug)]
pub struct Readings<T> {
    last: Option<(Instant, T)>,
    /// The one before, at least [`LEAST`] earlier.
    before: Option<(Instant, T)>,
}

impl<T> Default for Readings<T> {
    fn default() -> Self {
        Readings { last: None, before: None }
    }
}

impl<T: Copy> Readings<T> {
    /// Notes what was read now; gives the reading to hold against it and the time in between. `None`
    /// for the first one.
    pub fn note(&mut self, now: Instant, read: T) -> Option<(Duration, T)> {
        let passed = |(then, _): &(Instant, T)| now.saturating_duration_since(*then);
        if self.last.is_none_or(|last| passed(&last) >= LEAST) {
            self.before = self.last.replace((now, read));
            return self.before.map(|before| (passed(&before), before.1));
        }
        self.before.or(self.last).map(|from| (passed(&from), from.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_happened_is_told_over_half_a_second_or_more() {
        let start = Instant::now();
        let mut readings = Readings::default();
        let mut note = |ms, read| {
            let told = readings.note(start + Duration::from_millis(ms), read);
            told.map(|(passed, from)| (passed.as_millis(), from))
        };
        assert_eq!(note(0, 'a'), None);
        assert_eq!(note(20, 'b'), Some((20, 'a')), "there is no more than that");
        assert_eq!(note(1_000, 'c'), Some((1_000, 'a')));
        // It stood still, closed two seconds at once, and the next one soon after.
        assert_eq!(note(3_800, 'd'), Some((2_800, 'c')));
        assert_eq!(note(3_801, 'e'), Some((2_801, 'c')));
        assert_eq!(note(4_000, 'f'), Some((3_000, 'c')));
        assert_eq!(note(5_000, 'g'), Some((1_200, 'd')));
    }
}
