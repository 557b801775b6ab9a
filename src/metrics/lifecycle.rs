//! The life of a scenario's arrivals, counted at each boundary (measurement.md, section 3), so
//! that a shortfall shows where it arose.

use std::time::Duration;

/// How many arrivals of one scenario came how far.
///
/// Laws, once a run has ended: `planned = started + dropped` and
/// `started = completed + failed + interrupted`. `late` is part of `started`. From `prepared` to
/// `bodies` it is requests that are counted, of which an iteration makes any number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub struct Lifecycle {
    pub planned: u64,
    pub due: u64,
    pub started: u64,
    pub late: u64,
    pub prepared: u64,
    pub sent: u64,
    pub headers: u64,
    pub bodies: u64,
    pub completed: u64,
    pub failed: u64,
    pub interrupted: u64,
    pub dropped: Dropped,
    pub iterating: Moments,
    pub requesting: Moments,
}

/// When some things ended less when they began, summed [µs since the run began]. Beside how many
/// did that is the time that they were under way, exactly and without knowing which is which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moments(i64);

impl Moments {
    /// One began `at`.
    #[inline]
    pub fn begin(&mut self, at: Duration) {
        self.0 = self.0.wrapping_sub(at.as_micros() as i64);
    }

    /// One ended `at`.
    #[inline]
    pub fn end(&mut self, at: Duration) {
        self.0 = self.0.wrapping_add(at.as_micros() as i64);
    }

    /// Adds others.
    pub fn merge(&mut self, other: Moments) {
        self.0 = self.0.wrapping_add(other.0);
    }

    /// How long things were under way within `second` [s], all together: so many `before` it, and
    /// so many `more` after it.
    pub fn under_way(self, second: u32, before: u64, more: i64) -> f64 {
        const SECOND: i64 = 1_000_000;
        let until = (i64::from(second) + 1) * SECOND;
        let within = more.wrapping_mul(until).wrapping_add(self.0);
        (before as f64 * SECOND as f64 + within as f64) / SECOND as f64
    }
}

/// Arrivals that never started, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub struct Dropped {
    pub users: u64,
    pub queue_full: u64,
    pub generator: u64,
    pub overrun: u64,
    pub end: u64,
}

/// Why an arrival never started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nobody was free, and it was not to wait.
    Users,
    /// So many waited already that it could not.
    QueueFull,
    /// We came to it too late: whoever would have had it was free, or may have been.
    Generator,
    /// Its user was still at work on the one before, until the next was due.
    Overrun,
    /// It still waited when the load was over.
    End,
}

impl Reason {
    /// In the order of reports.
    pub const ALL: [Reason; 5] =
        [Reason::Users, Reason::QueueFull, Reason::Generator, Reason::Overrun, Reason::End];

    /// As reports spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Users => "users",
            Reason::QueueFull => "queue_full",
            Reason::Generator => "generator",
            Reason::Overrun => "overrun",
            Reason::End => "end",
        }
    }
}

impl Lifecycle {
    /// Adds what another counted.
    pub fn merge(&mut self, other: &Lifecycle) {
        self.planned += other.planned;
        self.due += other.due;
        self.started += other.started;
        self.late += other.late;
        self.prepared += other.prepared;
        self.sent += other.sent;
        self.headers += other.headers;
        self.bodies += other.bodies;
        self.completed += other.completed;
        self.failed += other.failed;
        self.interrupted += other.interrupted;
        self.dropped.merge(&other.dropped);
        self.iterating.merge(other.iterating);
        self.requesting.merge(other.requesting);
    }

    /// The laws that these counts break, each as a sentence; empty unless the tool has a bug.
    pub fn breaches(&self) -> Vec<String> {
        let dropped = self.dropped.total();
        let ended = self.completed + self.failed + self.interrupted;
        let mut breaches = Vec::new();
        if self.planned != self.started + dropped {
            breaches.push(format!(
                "planned {} is not started {} + dropped {dropped}",
                self.planned, self.started
            ));
        }
        if self.started != ended {
            breaches.push(format!(
                "started {} is not completed {} + failed {} + interrupted {}",
                self.started, self.completed, self.failed, self.interrupted
            ));
        }
        breaches
    }
}

impl Dropped {
    /// Adds `count` for `reason`.
    pub fn add(&mut self, reason: Reason, count: u64) {
        *match reason {
            Reason::Users => &mut self.users,
            Reason::QueueFull => &mut self.queue_full,
            Reason::Generator => &mut self.generator,
            Reason::Overrun => &mut self.overrun,
            Reason::End => &mut self.end,
        } += count;
    }

    /// For whatever reason.
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, count)| count).sum()
    }

    /// Each reason as reports spell it, with its count.
    pub fn by_reason(&self) -> [(&'static str, u64); 5] {
        Reason::ALL.map(|reason| (reason.as_str(), self.of(reason)))
    }

    fn of(&self, reason: Reason) -> u64 {
        match reason {
            Reason::Users => self.users,
            Reason::QueueFull => self.queue_full,
            Reason::Generator => self.generator,
            Reason::Overrun => self.overrun,
            Reason::End => self.end,
        }
    }

    fn merge(&mut self, other: &Dropped) {
        Reason::ALL.into_iter().for_each(|reason| self.add(reason, other.of(reason)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_give_the_time_that_things_were_under_way() {
        let at = Duration::from_millis;
        let mut moments = Moments::default();
        moments.end(at(7_250)); // it began before
        moments.begin(at(7_100));
        moments.end(at(7_200));
        moments.begin(at(7_500));
        moments.begin(at(7_600)); // and both go on
        assert_eq!(moments.under_way(7, 1, 1), 0.25 + 0.1 + 0.5 + 0.4);
        assert_eq!(Moments::default().under_way(7, 3, 0), 3.0);
    }

    #[test]
    fn a_breach_says_which_law_and_with_which_numbers() {
        let kept = Lifecycle {
            planned: 10,
            started: 8,
            completed: 5,
            failed: 2,
            interrupted: 1,
            dropped: Dropped { end: 2, ..Dropped::default() },
            ..Lifecycle::default()
        };
        assert_eq!(kept.breaches(), Vec::<String>::new());
        let broken = Lifecycle { planned: 11, failed: 3, ..kept };
        assert_eq!(
            broken.breaches(),
            [
                "planned 11 is not started 8 + dropped 2",
                "started 8 is not completed 5 + failed 3 + interrupted 1"
            ]
        );
    }
}
