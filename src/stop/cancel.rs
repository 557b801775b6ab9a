//! How the waits of one user are cut short: a flag that costs a comparison per poll.
//!
//! A timer or a channel per iteration would be paid by every request; a stop comes once. Only what
//! waits for other users, who may never come again, asks for the time from which nothing more
//! starts ([`Cancel::closing`]).

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, Waker};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// How far a user has been told to end; it only ever rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// Go on.
    #[default]
    Go,
    /// Start nothing more; an iteration under way may finish.
    Stopping,
    /// Drop what is under way.
    Now,
}

/// One user's flag.
#[derive(Debug, Default)]
pub struct Cancel {
    level: Cell<Level>,
    waker: RefCell<Option<Waker>>,
    /// When nothing more starts even if nobody says so.
    closes: Cell<Option<Instant>>,
    raised: Notify,
}

impl Cancel {
    /// How far it has been told to end.
    pub fn level(&self) -> Level {
        self.level.get()
    }

    /// Tells it to end at least that far.
    pub fn raise(&self, level: Level) {
        if level > self.level.get() {
            self.level.set(level);
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
            self.raised.notify_waiters();
        }
    }

    /// Sets when nothing more starts for this user: the end of what it works on now.
    pub fn closes_at(&self, end: Instant) {
        self.closes.set(Some(end));
    }

    /// Waits until nothing more starts for this user.
    pub async fn closing(&self) {
        let told = async {
            while self.level.get() == Level::Go {
                self.raised.notified().await;
            }
        };
        match self.closes.get() {
            // It is over in either case.
            Some(end) => drop(timeout_at(end, told).await),
            None => told.await,
        }
    }

    /// What `future` gives, or `None` once the flag stands at `level` or above. It is borrowed,
    /// since a future that an async function takes is in its state twice.
    pub async fn race<F: Future>(
        &self,
        level: Level,
        mut future: Pin<&mut F>,
    ) -> Option<F::Output> {
        poll_fn(|context| {
            if self.level.get() >= level {
                return Poll::Ready(None);
            }
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            let mut waker = self.waker.borrow_mut();
            match &*waker {
                Some(kept) if kept.will_wake(context.waker()) => {}
                _ => *waker = Some(context.waker().clone()),
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_raised_flag_ends_a_wait_and_a_lower_level_does_not() {
        let cancel = Cancel::default();
        cancel.raise(Level::Stopping);
        let quick = cancel.race(Level::Now, pin!(async { 1 })).await;
        assert_eq!(quick, Some(1));
        let never = pin!(std::future::pending::<()>());
        let wait = cancel.race(Level::Now, never);
        let stop = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            cancel.raise(Level::Now);
        };
        assert_eq!(tokio::join!(wait, stop).0, None);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_more_starts_once_it_is_told_or_the_time_has_come() {
        let (cancel, begun) = (Cancel::default(), Instant::now());
        cancel.closes_at(begun + Duration::from_secs(3));
        tokio::join!(cancel.closing(), cancel.closing());
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
        cancel.closes_at(begun + Duration::from_secs(60));
        let stop = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            cancel.raise(Level::Stopping);
        };
        tokio::join!(cancel.closing(), cancel.closing(), stop);
        assert_eq!(begun.elapsed(), Duration::from_secs(4));
    }
}
