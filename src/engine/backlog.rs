//! Arrivals of one scenario that wait for a free user, over all workers of the process.
//!
//! Whoever becomes free takes the oldest. A worker whose users are all busy pushes; if another one
//! has idle users, its bell rings. A user announces itself as idle *before* it looks whether
//! somebody waits, and a pusher looks for idle users *after* it has pushed: whichever is second
//! sees the other, so no arrival waits beside an idle user.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// A planned start for which a user is sought. The older, the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// When it was meant to be, since the run's start.
    pub due: Duration,
    /// When the dispatcher came to it: later than that only by its own doing.
    pub called: Duration,
}

/// The queue, and a bell for each worker that has users of the scenario.
#[derive(Debug)]
pub struct Backlog {
    /// Oldest first.
    waiting: Mutex<VecDeque<Arrival>>,
    length: AtomicUsize,
    bells: Vec<Bell>,
}

#[derive(Debug, Default)]
struct Bell {
    idle: AtomicUsize,
    rung: Notify,
}

impl Backlog {
    /// Of a scenario with users on `workers` workers.
    pub fn new(workers: usize) -> Backlog {
        let bells = (0..workers).map(|_| Bell::default()).collect();
        Backlog { waiting: Mutex::default(), length: AtomicUsize::new(0), bells }
    }

    /// How many wait now.
    pub fn len(&self) -> usize {
        self.length.load(SeqCst)
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one; `false` if `limit` wait already.
    pub fn push(&self, arrival: Arrival, limit: u64) -> bool {
        let mut waiting = self.waiting();
        if waiting.len() as u64 >= limit {
            return false;
        }
        self.insert(&mut waiting, arrival);
        drop(waiting);
        self.ring();
        true
    }

    /// Adds one if there are more idle users, of whatever worker, than wait for them; whether there
    /// were.
    pub fn hand_over(&self, arrival: Arrival) -> bool {
        let idle: usize = self.bells.iter().map(|bell| bell.idle.load(SeqCst)).sum();
        self.push(arrival, idle as u64)
    }

    /// Adds one and takes the oldest.
    pub fn exchange(&self, arrival: Arrival) -> Arrival {
        if self.is_empty() {
            return arrival;
        }
        self.insert(&mut self.waiting(), arrival);
        self.pop().unwrap_or(arrival)
    }

    /// Tells a worker that has idle users that somebody waits; `false` if there is none.
    pub fn ring(&self) -> bool {
        let idle = self.bells.iter().find(|bell| bell.idle.load(SeqCst) > 0);
        if let Some(bell) = idle {
            bell.rung.notify_one();
        }
        idle.is_some()
    }

    /// Takes the oldest.
    pub fn pop(&self) -> Option<Arrival> {
        if self.is_empty() {
            return None;
        }
        let mut waiting = self.waiting();
        let oldest = waiting.pop_front();
        self.length.store(waiting.len(), SeqCst);
        oldest
    }

    /// Takes all of them, the oldest first.
    pub fn take(&self) -> VecDeque<Arrival> {
        let mut waiting = self.waiting();
        self.length.store(0, SeqCst);
        std::mem::take(&mut *waiting)
    }

    /// `worker` has so many idle users.
    pub fn idle(&self, worker: usize, users: usize) {
        self.bells[worker].idle.store(users, SeqCst);
    }

    /// Waits until somebody waits while `worker` has idle users; may return for nothing.
    pub async fn rung(&self, worker: usize) {
        self.bells[worker].rung.notified().await;
    }

    /// Workers push in their own order: the oldest is taken first all the same.
    fn insert(&self, waiting: &mut VecDeque<Arrival>, arrival: Arrival) {
        let behind = waiting.partition_point(|&other| other <= arrival);
        waiting.insert(behind, arrival);
        self.length.store(waiting.len(), SeqCst);
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Arrival>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_taken_first_and_a_full_queue_refuses() {
        let backlog = Backlog::new(1);
        let at = |ms| {
            let due = Duration::from_millis(ms);
            Arrival { due, called: due }
        };
        let pushed = [20, 10, 30, 40].map(|due| backlog.push(at(due), 3));
        assert_eq!(pushed, [true, true, true, false]);
        assert_eq!((backlog.pop(), backlog.pop(), backlog.len()), (Some(at(10)), Some(at(20)), 1));
        assert_eq!((backlog.take().len(), backlog.len(), backlog.pop()), (1, 0, None));
    }

    #[test]
    fn an_arrival_is_handed_over_only_where_somebody_is_idle() {
        let backlog = Backlog::new(2);
        let at = |ms| Arrival { due: Duration::from_millis(ms), called: Duration::from_millis(ms) };
        assert!(!backlog.hand_over(at(10)));
        assert_eq!((backlog.len(), backlog.exchange(at(20))), (0, at(20)));
        backlog.idle(1, 1);
        assert!(backlog.hand_over(at(10)));
        assert!(!backlog.hand_over(at(11)), "there is one user for both");
        assert_eq!((backlog.exchange(at(20)), backlog.pop()), (at(10), Some(at(20))));
    }

    #[tokio::test]
    async fn a_bell_rings_for_the_worker_that_has_idle_users() {
        let backlog = Backlog::new(2);
        backlog.idle(1, 1);
        backlog.push(Arrival { due: Duration::ZERO, called: Duration::ZERO }, 1);
        tokio::select! {
            biased;
            () = backlog.rung(0) => panic!("its users are busy"),
            () = backlog.rung(1) => {}
        }
    }
}
