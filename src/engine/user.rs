//! One virtual user's way through its scenario: start, iterate while it is wanted, stop.
//!
//! ```text
//! wait for the scenario's start ─▶ for each interval of its course:
//!     wait for it ─▶ on_start (once) ─▶ iterate until its end ─▶ …    ─▶ on_stop
//! ```

mod hooks;
mod iteration;
mod shift;
mod turns;

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use rand_xoshiro::Xoshiro256PlusPlus;

use self::iteration::Start;
pub use self::shift::Shift;
use super::course::Quota;
use super::post::Post;
use crate::lua::vu::Vu;
use crate::metrics::lifecycle::Reason;
use crate::pace::{Interval, Slots};
use crate::stop::cancel::{Cancel, Level};

/// A user and what it needs to know of its scenario.
pub struct Member {
    /// Its coroutine, session and environment.
    pub vu: Vu,
    /// From 0, in the scenario.
    pub number: u64,
    /// What the users of this scenario on this worker share.
    pub post: Rc<Post>,
    /// Ends its waits.
    pub cancel: Rc<Cancel>,
    /// Draws the branch of the mix.
    pub rng: RefCell<Xoshiro256PlusPlus>,
    /// Iterations started.
    pub started: Cell<u64>,
}

/// What a user does next.
#[derive(PartialEq)]
pub(super) enum Next {
    GoOn,
    EndInterval,
    Leave,
}

impl Member {
    /// Lives until its course, its data or the run is over.
    pub async fn live(self) {
        if let Some(origin) = self.post.scenario_start(&self.cancel).await {
            self.attend(origin).await;
        }
        self.close_books();
    }

    /// Iterates in each interval of its course, between `on_start` and `on_stop`.
    async fn attend(&self, origin: Duration) {
        let delay = self.post.delay_of(self.number);
        let intervals = self.post.course.profile.intervals(self.number);
        let last = intervals.last().map(|interval| interval.end);
        let mut awake = false;
        let mut slots = None;
        let mut busy = Duration::ZERO; // with what outlived the interval before
        for interval in intervals {
            let from = interval.start.max(delay);
            let grace = self.post.grace(Some(interval.end) == last);
            if from >= interval.end || !self.wait_until(origin + from).await {
                continue;
            }
            self.cancel.closes_at(self.post.desk.instant(origin + interval.end));
            let mut free = busy.max(origin + from);
            if !self.is_wanted(free) {
                match self.turn(origin + interval.end).await {
                    Next::GoOn => free = self.post.desk.now(),
                    Next::EndInterval => continue,
                    Next::Leave => break,
                }
            }
            if !awake && self.vu.has_on_start() {
                if !self.wake(origin + interval.end, grace).await {
                    return;
                }
                free = self.post.desk.now();
            }
            awake = true;
            let slots = slots.get_or_insert_with(|| self.slots(origin + from));
            if let Some(slots) = slots {
                slots.skip(origin + from);
            }
            self.post.enter();
            let next = self.work(origin, interval, grace, free, slots).await;
            self.post.leave();
            busy = self.post.desk.now();
            if next == Next::Leave {
                break;
            }
        }
        if awake && self.vu.has_on_stop() && self.cancel.level() < Level::Now {
            self.part().await;
        }
    }

    fn slots(&self, start: Duration) -> Option<Slots> {
        self.post.pace.map(|pace| Slots::new(start, pace))
    }

    /// Iterates until the interval ends or there is nothing more to do; the user is `free` for its
    /// first iteration since then.
    async fn work(
        &self,
        origin: Duration,
        interval: Interval,
        grace: Duration,
        mut free: Duration,
        slots: &mut Option<Slots>,
    ) -> Next {
        let end = origin + interval.end;
        let cutoff = tokio::time::sleep_until(self.post.desk.instant(end.saturating_add(grace)));
        tokio::pin!(cutoff);
        let mut now = self.post.desk.now();
        if let Some(slots) = slots {
            // Those of its `on_start`, and those that it then slept over.
            self.miss(slots.oversleep(free, end), origin, Reason::Overrun);
            self.miss(slots.oversleep(now, end), origin, Reason::Generator);
        }
        loop {
            if self.cancel.level() >= Level::Stopping {
                self.miss_rest(slots, now, end, origin);
                return Next::Leave;
            }
            if !self.is_wanted(now) {
                match self.stand_by(end).await {
                    Next::GoOn => {
                        now = self.post.desk.now();
                        free = now;
                        if let Some(slots) = slots {
                            slots.skip(now);
                        }
                        continue;
                    }
                    next => return next,
                }
            }
            let due = match slots {
                Some(slots) => {
                    let slot = slots.take(now, end);
                    self.miss(slot.missed, origin, Reason::Overrun);
                    slot.due
                }
                None => now,
            };
            if due >= end {
                // A paced user whose slots are used up: its scenario is not over before its time.
                return if self.wait_until(end).await { Next::EndInterval } else { Next::Leave };
            }
            if due > now {
                if !self.wait_until(due).await {
                    return Next::Leave;
                }
                now = self.post.desk.now();
                if let Some(slots) = slots {
                    self.miss(slots.oversleep(now, end), origin, Reason::Generator);
                }
            }
            if !self.take_quota() {
                return Next::Leave;
            }
            self.post.plan(1);
            let start = Start { due, called: due, free: free.min(now), begun: now };
            let next;
            (now, next) = self.iteration(origin, start, cutoff.as_mut()).await;
            free = now;
            match next {
                Next::GoOn if self.vu.is_spent() => {
                    if !self.wake(end, grace).await {
                        return Next::Leave;
                    }
                    now = self.post.desk.now();
                    free = now;
                }
                Next::GoOn => {}
                Next::EndInterval => {
                    self.miss_rest(slots, now, end, origin);
                    return next;
                }
                Next::Leave => {
                    if self.cancel.level() >= Level::Stopping {
                        self.miss_rest(slots, now, end, origin);
                    }
                    return next;
                }
            }
        }
    }

    /// Waits until `at`, sending nothing; `false` if nothing more may start.
    async fn wait_until(&self, at: Duration) -> bool {
        let length = at.saturating_sub(self.post.desk.now());
        self.vu.idle(length, pin!(self.post.wait_until(&self.cancel, at))).await
    }

    /// Takes one iteration of the quota; `false` if none is left.
    fn take_quota(&self) -> bool {
        match self.post.course.quota {
            Quota::Time => true,
            Quota::Each(iterations) => self.started.get() < iterations,
            Quota::Shared(_) => self.post.running.take(),
        }
    }

    /// Accounts for what was planned for this user and never started.
    fn close_books(&self) {
        let last = self.post.running.user_ended(self.post.desk.now());
        let never = match self.post.course.quota {
            Quota::Time => 0,
            Quota::Each(iterations) => iterations.saturating_sub(self.started.get()),
            Quota::Shared(_) if last => self.post.running.take_rest(),
            Quota::Shared(_) => 0,
        };
        if never > 0 {
            self.post.plan(never);
            self.post.drop_iterations(&self.post.place, Reason::End, never);
        }
    }
}
