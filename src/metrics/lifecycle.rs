//! The life of a scenario's arrivals, counted at each boundary (measurement.md, section 3), so
//! that a shortfall shows where it arose.

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
    /// For whatever reason.
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, count)| count).sum()
    }

    /// Each reason as reports spell it, with its count.
    pub fn by_reason(&self) -> [(&'static str, u64); 5] {
        [
            ("users", self.users),
            ("queue_full", self.queue_full),
            ("generator", self.generator),
            ("overrun", self.overrun),
            ("end", self.end),
        ]
    }

    fn merge(&mut self, other: &Dropped) {
        self.users += other.users;
        self.queue_full += other.queue_full;
        self.generator += other.generator;
        self.overrun += other.overrun;
        self.end += other.end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
