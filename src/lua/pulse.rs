//! Signs of life of one worker, for the control thread: that it goes on, and for whom.
//!
//! The worker alone writes, without a lock but for a script that computes long; a beat costs two
//! stores, about a nanosecond.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// What is seen of one worker.
#[derive(Debug, Default)]
pub struct Pulse {
    beats: AtomicU64,
    /// The user whose coroutine ran last; 0 before the first.
    user: AtomicU64,
    /// Where a script was that had computed for long, and in which beat.
    at: Mutex<(u64, Option<String>)>,
    ended: AtomicBool,
}

/// Whom a worker works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The user whose coroutine ran last; `None` before the first.
    pub user: Option<u64>,
    /// Where its script was, if it had computed for long; else nobody looked.
    pub at: Option<String>,
}

impl Pulse {
    /// It goes on.
    pub fn beat(&self) {
        self.beats.store(self.beats.load(Relaxed) + 1, Relaxed);
    }

    /// It goes on, for this user.
    pub(super) fn enter(&self, user: u64) {
        self.beat();
        self.user.store(user, Relaxed);
    }

    /// The running script has computed for long, and is here.
    pub(super) fn show(&self, at: Option<String>) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = (self.beats.load(Relaxed), at);
    }

    /// It has nothing more to do.
    pub fn end(&self) {
        self.ended.store(true, Relaxed);
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    /// How often it went on; only ever rises.
    pub fn beats(&self) -> u64 {
        self.beats.load(Relaxed)
    }

    /// Whom it works for, or worked for last.
    pub fn seen(&self) -> Seen {
        let (beat, at) = self.at.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let user = self.user.load(Relaxed);
        Seen { user: (user > 0).then_some(user), at: at.filter(|_| beat == self.beats()) }
    }
}
