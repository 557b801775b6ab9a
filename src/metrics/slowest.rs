//! The slowest iterations of a scenario, kept whole: what shows where the time of a high
//! percentile went.
//!
//! A worker turns a trace into a [`Journey`] only if its iteration is among the ten slowest it has
//! seen; those since the last flip leave with the [`Window`](super::Window). Keeping the ten
//! slowest of two sets is associative and commutative, so that the ten of a run are exact.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use super::names::Names;
use super::sample::Outcome;
use super::span::TraceId;
use super::trace::{Event, Trace};

/// How many of each scenario are kept.
pub const MOST: usize = 10;

/// One iteration as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Journey {
    /// What is known of it beside its events.
    pub pass: Pass,
    /// What took time, in the order of beginnings.
    pub events: Vec<Event<Arc<str>>>,
    /// Further events that were too many to keep.
    pub truncated: u32,
}

/// An iteration that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// `lt.vu.id`.
    pub user: u64,
    /// `lt.vu.iteration`.
    pub iteration: u64,
    /// Its actual start, since the run's.
    pub started: Duration,
    /// From the intended start, less `lt.think`: by this it is ranked.
    pub response_time: Duration,
    /// Between the intended and the actual start.
    pub lag: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// If its requests carried one.
    pub trace: Option<TraceId>,
}

impl Pass {
    /// Slower ones first; no two of a run are equal.
    fn rank(&self) -> impl Ord + use<> {
        (Reverse(self.response_time), self.user, self.iteration)
    }
}

/// At most ten, the slowest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slowest(Vec<Arc<Journey>>);

impl Slowest {
    /// They, the slowest first.
    pub fn iter(&self) -> impl Iterator<Item = &Journey> {
        self.0.iter().map(|journey| &**journey)
    }

    /// Keeps the slowest of both.
    pub fn merge(&mut self, other: &Slowest) {
        if !other.0.is_empty() {
            self.0.extend(other.0.iter().cloned());
            self.settle();
        }
    }

    fn add(&mut self, journey: Journey) {
        self.0.push(Arc::new(journey));
        self.settle();
    }

    fn settle(&mut self) {
        self.0.sort_by_key(|journey| journey.pass.rank());
        self.0.truncate(MOST);
    }
}

/// What one worker knows of one scenario's slowest.
#[derive(Debug, Default)]
pub(super) struct Podium {
    /// Response times of the slowest so far, the shortest last.
    times: Vec<Duration>,
    /// Those of them that have not left yet.
    fresh: Slowest,
}

impl Podium {
    /// Whether so long a time is among the slowest so far.
    #[inline]
    pub fn admits(&self, time: Duration) -> bool {
        self.times.len() < MOST || self.times.last().is_some_and(|&shortest| time > shortest)
    }

    /// Keeps an iteration that was admitted.
    #[cold]
    pub fn keep(&mut self, pass: Pass, trace: &Trace, names: &Names) {
        let place = self.times.partition_point(|&time| time >= pass.response_time);
        self.times.insert(place, pass.response_time);
        self.times.truncate(MOST);
        let told = |event: &Event<_>| event.told(pass.started, |&id| names.text(id).clone());
        let mut events: Vec<_> = trace.events().iter().map(told).collect();
        events.sort_by_key(|event| event.at); // stable: a step stays before what it holds
        self.fresh.add(Journey { pass, events, truncated: trace.truncated() });
    }

    /// Those kept since the last call.
    pub fn flip(&mut self) -> Slowest {
        std::mem::take(&mut self.fresh)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::trace::Traces;
    use super::*;

    fn pass(user: u64, ms: u64) -> Pass {
        Pass {
            user,
            iteration: 0,
            started: Duration::ZERO,
            response_time: Duration::from_millis(ms),
            lag: Duration::ZERO,
            outcome: Outcome::Completed,
            trace: None,
        }
    }

    fn slowest(times: &[u64], first_user: u64) -> Slowest {
        let mut slowest = Slowest::default();
        for (user, &ms) in (first_user..).zip(times) {
            slowest.add(Journey { pass: pass(user, ms), events: Vec::new(), truncated: 0 });
        }
        slowest
    }

    fn both(one: &Slowest, other: &Slowest) -> Slowest {
        let mut both = one.clone();
        both.merge(other);
        both
    }

    fn times(slowest: &Slowest) -> Vec<u64> {
        slowest.iter().map(|one| one.pass.response_time.as_millis() as u64).collect()
    }

    proptest! {
        #[test]
        fn the_ten_slowest_are_the_same_in_whatever_order_they_are_merged(
            a in prop::collection::vec(0..40_u64, 0..20),
            b in prop::collection::vec(0..40_u64, 0..20),
            c in prop::collection::vec(0..40_u64, 0..20),
        ) {
            let (x, y, z) = (slowest(&a, 0), slowest(&b, 100), slowest(&c, 200));
            let whole = both(&both(&x, &y), &z);
            prop_assert_eq!(&whole, &both(&x, &both(&y, &z)));
            prop_assert_eq!(&whole, &both(&z, &both(&y, &x)));
            let mut all = [a, b, c].concat();
            all.sort_by_key(|&time| Reverse(time));
            all.truncate(MOST);
            prop_assert_eq!(times(&whole), all);
        }
    }

    #[test]
    fn over_all_seconds_a_worker_hands_out_its_ten_slowest() {
        let (mut podium, mut whole) = (Podium::default(), Slowest::default());
        let (names, trace) = (Names::default(), Traces::default().lend());
        let mut kept = 0;
        for n in 0..1000_u64 {
            let pass = pass(n, n * 7919 % 1000);
            if podium.admits(pass.response_time) {
                podium.keep(pass, &trace, &names);
                kept += 1;
            }
            if n % 100 == 0 {
                whole.merge(&podium.flip());
            }
        }
        whole.merge(&podium.flip());
        assert_eq!(times(&whole), (990..1000).rev().collect::<Vec<_>>());
        assert!(kept < 100, "{kept} of 1,000 were made whole");
    }
}
