//! One virtual user's way through its scenario: start, iterate while it is wanted, stop.
//!
//! ```text
//! wait for the scenario's start ─▶ for each interval of its course:
//!     wait for it ─▶ on_start (once) ─▶ iterate until its end ─▶ …    ─▶ on_stop
//! ```

use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use tokio::time::{Instant, Sleep, timeout_at};

use super::course::Quota;
use super::post::Post;
use crate::lua::error::{Ended, Stopped};
use crate::lua::vu::Vu;
use crate::metrics::{IterationSample, Outcome, Pass, Phase, Place};
use crate::pace::Interval;
use crate::pace::Slots;
use crate::stop::StopReason;
use crate::stop::cancel::{Cancel, Level};

/// How often `on_start` is tried before the user gives up, and the first pause between tries.
const START_TRIES: u32 = 5;
const START_PAUSE: Duration = Duration::from_millis(500);

/// Iterations after which a user lets the others run, even if none of them waited.
const BREATHER: u64 = 64;

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

/// The start of one iteration, since the run's start: when it was meant to be, when a user was
/// sought for it, from when on that user was free, and when it was.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) due: Duration,
    pub(super) called: Duration,
    pub(super) free: Duration,
    pub(super) begun: Duration,
}

impl Start {
    fn lag(&self) -> Duration {
        self.begun.saturating_sub(self.due)
    }

    /// As far as its user was not free yet when it was sought: the target's doing. The rest is ours.
    fn lag_users(&self) -> Duration {
        self.free.saturating_sub(self.called).min(self.lag())
    }

    /// Whether we held it up for longer than that.
    fn is_late(&self, after: Duration) -> bool {
        self.lag() - self.lag_users() > after
    }
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
        loop {
            if self.cancel.level() >= Level::Stopping {
                self.miss_rest(slots, now, end);
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
                Some(slots) => self.take_slot(slots, now, end),
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
            }
            if !self.take_quota() {
                return Next::Leave;
            }
            self.post.lifecycle(|life| {
                life.planned += 1;
                life.due += 1;
            });
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
                    self.miss_rest(slots, now, end);
                    return next;
                }
                Next::Leave => {
                    if self.cancel.level() >= Level::Stopping {
                        self.miss_rest(slots, now, end);
                    }
                    return next;
                }
            }
        }
    }

    /// Whether whoever steers the scenario wants this user at `now`.
    fn is_wanted(&self, now: Duration) -> bool {
        self.post.running.helm.at(now).is_none_or(|setting| (self.number as f64) < setting.level)
    }

    /// Rests while it is not wanted, at most until `end`.
    async fn stand_by(&self, end: Duration) -> Next {
        self.post.leave();
        let next = self.turn(end).await;
        self.post.enter();
        next
    }

    /// Waits until whoever steers wants it, at most until `end`.
    async fn turn(&self, end: Duration) -> Next {
        let mut changes = self.post.running.helm.follow();
        loop {
            let now = self.post.desk.now();
            changes.mark_unchanged();
            if now >= end {
                return Next::EndInterval;
            }
            if self.is_wanted(now) {
                return Next::GoOn;
            }
            let until = self.post.running.helm.next_after(now).map_or(end, |next| next.min(end));
            let mut wait = pin!(async {
                tokio::select! {
                    _ = changes.changed() => true,
                    goes_on = self.wait_until(until) => goes_on,
                }
            });
            match self.cancel.race(Level::Stopping, wait.as_mut()).await {
                Some(true) => {}
                Some(false) | None => return Next::Leave,
            }
        }
    }

    /// Accounts for the slots that passed while the user was busy until it was told to end: those
    /// before `end`, `now` and the stop.
    fn miss_rest(&self, slots: &mut Option<Slots>, now: Duration, end: Duration) {
        if let Some(slots) = slots {
            let until = end.min(now).min(self.post.running.cut_at().unwrap_or(now));
            self.overrun(slots.miss(until));
        }
    }

    /// The next slot of a paced user; missed ones are accounted for.
    fn take_slot(&self, slots: &mut Slots, now: Duration, end: Duration) -> Duration {
        let slot = slots.take(now, end);
        self.overrun(slot.missed);
        slot.due
    }

    fn overrun(&self, missed: u64) {
        if missed > 0 {
            self.post.lifecycle(|life| {
                life.planned += missed;
                life.due += missed;
                life.dropped.overrun += missed;
            });
        }
    }

    async fn wait_until(&self, at: Duration) -> bool {
        self.post.wait_until(&self.cancel, at).await
    }

    /// Takes one iteration of the quota; `false` if none is left.
    fn take_quota(&self) -> bool {
        match self.post.course.quota {
            Quota::Time => true,
            Quota::Each(iterations) => self.started.get() < iterations,
            Quota::Shared(_) => self.post.running.take(),
        }
    }

    /// One iteration, which starts now; when it ended, and what comes next.
    pub(super) async fn iteration(
        &self,
        origin: Duration,
        start: Start,
        cutoff: Pin<&mut Sleep>,
    ) -> (Duration, Next) {
        let number = self.started.replace(self.started.get() + 1);
        let is_omen = self.post.running.is_omen();
        let place = self.post.place_at(start.due, origin);
        self.refresh();
        self.post.lifecycle(|life| {
            life.started += 1;
            life.late += u64::from(start.is_late(self.post.late_after));
            life.iterating.begin(start.begun);
        });
        if place.phase == Phase::Load {
            self.vu.begin_trace(self.post.desk.recorder.borrow_mut().lend_trace());
        }
        let branch = self.draw_branch();
        let ended = {
            let pass = pin!(async {
                tokio::select! {
                    biased;
                    ended = self.vu.iterate(number, branch, place) => Some(ended),
                    () = cutoff => None,
                }
            });
            self.cancel.race(Level::Now, pass).await.flatten()
            // Here what was cut off ends, and tells how far it came.
        };
        let now = self.post.desk.now();
        self.book(place, start, now, ended.as_ref());
        if number % BREATHER == BREATHER - 1 {
            tokio::task::yield_now().await;
        }
        if is_omen {
            self.take_for_omen(ended.as_ref());
        }
        (now, self.judge(ended))
    }

    /// Gives the scenario up if its first iterations all ended as this one did, by the script's
    /// own fault.
    #[cold]
    fn take_for_omen(&self, ended: Option<&Ended>) {
        let broken = match ended {
            Some(Ended::Failed(failure)) if failure.category == "script" => Some(&failure.message),
            _ => None,
        };
        if self.post.running.hopeless(broken.is_some()) {
            let why = broken.map(String::as_str).unwrap_or_default();
            self.post.give_up(&format!("its first 20 iterations all failed in the script: {why}"));
        }
    }

    /// What `session = "fresh"` and `connections = "fresh"` ask for at each iteration.
    fn refresh(&self) {
        if self.post.fresh_session {
            self.vu.fresh_session();
        }
        if self.post.fresh_connections {
            self.vu.fresh_connections();
        }
    }

    fn draw_branch(&self) -> usize {
        match self.post.weights.len() {
            0 | 1 => 0,
            _ => self.post.branch(self.rng.borrow_mut().random::<f64>()),
        }
    }

    /// Accounts for an iteration; `None` is one that was cut off.
    fn book(&self, place: Place, start: Start, now: Duration, ended: Option<&Ended>) {
        if ended.is_none() {
            self.vu.interrupt();
        }
        let place = self.vu.tagged(place);
        let outcome = ended.map_or(Outcome::Interrupted, Ended::outcome);
        if ended.is_some_and(Ended::is_out_of_data) {
            self.leave_out(place);
        } else {
            self.record(place, start, now, outcome);
        }
        self.post.lifecycle(|life| {
            life.iterating.end(now);
            match outcome {
                Outcome::Completed => life.completed += 1,
                Outcome::Failed => life.failed += 1,
                Outcome::Interrupted => life.interrupted += 1,
            }
        });
    }

    /// Counts an iteration that found no row: how long that took is no latency.
    #[cold]
    fn leave_out(&self, place: Place) {
        let mut recorder = self.post.desk.recorder.borrow_mut();
        recorder.out_of_data(&place);
        if let Some(trace) = self.vu.end_trace() {
            recorder.discard_trace(trace);
        }
    }

    fn record(&self, place: Place, start: Start, now: Duration, outcome: Outcome) {
        let lasted = now.saturating_sub(start.begun);
        let sample = IterationSample {
            duration: lasted.saturating_sub(self.vu.thought()),
            lag: start.lag(),
            lag_users: start.lag_users(),
            late: start.is_late(self.post.late_after),
            outcome,
        };
        let mut recorder = self.post.desk.recorder.borrow_mut();
        recorder.iteration(&place, &sample);
        if let Some(trace) = self.vu.end_trace() {
            let pass = Pass {
                user: self.vu.id(),
                iteration: self.started.get() - 1,
                started: start.begun,
                response_time: sample.lag + sample.duration,
                lag: sample.lag,
                outcome,
                trace: self.vu.trace_id(),
            };
            recorder.end_trace(place.scenario, pass, trace);
        }
    }

    /// What the end of an iteration means for the user, the scenario and the run.
    fn judge(&self, ended: Option<Ended>) -> Next {
        match ended {
            Some(Ended::Completed | Ended::Failed(_)) => Next::GoOn,
            Some(Ended::Stopped(Stopped::Vu)) => Next::Leave,
            Some(Ended::Stopped(Stopped::Scenario)) => {
                self.post.running.halt();
                Next::Leave
            }
            Some(Ended::Stopped(Stopped::Run(message))) => {
                self.post.desk.switch.now(StopReason::Abort(message));
                Next::Leave
            }
            None if self.cancel.level() == Level::Now => Next::Leave,
            None => Next::EndInterval,
        }
    }

    /// `on_start`, tried again with growing pauses until `end`, the last try cut off `grace` after
    /// it; `false` if it never came to its end.
    pub(super) async fn wake(&self, end: Duration, grace: Duration) -> bool {
        if !self.vu.has_on_start() {
            return true;
        }
        let cutoff = self.post.desk.instant(end.saturating_add(grace));
        let mut failure = String::new();
        for attempt in 1..=START_TRIES {
            match self.try_start(cutoff).await {
                Ok(started) => return started,
                Err(why) => failure = why,
            }
            let again = self.post.desk.now() + START_PAUSE * 2u32.pow(attempt - 1);
            if attempt == START_TRIES || again >= end {
                break;
            }
            if !self.wait_until(again).await {
                return false;
            }
        }
        if self.post.running.user_gave_up(self.post.users) {
            self.post.give_up(&format!("no user could start: {failure}"));
        }
        false
    }

    /// `on_start` once: whether the user has started, or why it may be tried again.
    async fn try_start(&self, cutoff: Instant) -> Result<bool, String> {
        let place = Place { phase: Phase::OnStart, ..self.post.place };
        let start = pin!(timeout_at(cutoff, self.vu.on_start(place)));
        match self.cancel.race(Level::Now, start).await {
            Some(Ok(Ended::Completed)) => Ok(true),
            Some(Ok(Ended::Failed(failed))) => Err(failed.message),
            Some(Err(_)) => {
                self.vu.interrupt();
                Err("on_start had not ended when the load had".to_owned())
            }
            stopped => {
                self.judge(stopped.and_then(Result::ok));
                Ok(false)
            }
        }
    }

    /// `on_stop`, within the scenario's `graceful_stop`.
    pub(super) async fn part(&self) {
        let place = Place { phase: Phase::Drain, ..self.post.place };
        let stop = pin!(tokio::time::timeout(self.post.graceful_stop, self.vu.on_stop(place)));
        if !matches!(self.cancel.race(Level::Now, stop).await, Some(Ok(_))) {
            self.vu.interrupt();
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
        self.post.lifecycle(|life| {
            life.planned += never;
            life.due += never;
            life.dropped.end += never;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_late_by_us_as_far_as_its_user_was_free() {
        let lags_of = |due, called, free, begun| {
            let start = Start {
                due: Duration::from_millis(due),
                called: Duration::from_millis(called),
                free: Duration::from_millis(free),
                begun: Duration::from_millis(begun),
            };
            (start.lag().as_millis(), start.lag_users().as_millis())
        };
        let lags = |due, free, begun| lags_of(due, due, free, begun);
        assert_eq!(lags_of(100, 3_100, 3_150, 3_160), (3_060, 50)); // the dispatcher stood still
        assert_eq!(lags(100, 60, 130), (30, 0)); // it waited for its slot: the timer was late
        assert_eq!(lags(100, 180, 190), (90, 80));
        assert_eq!(lags(100, 100, 100), (0, 0));
    }
}
