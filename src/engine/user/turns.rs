//! When a user may iterate: as long as whoever steers wants it, and, if it is paced, at its slots.

use std::pin::pin;
use std::time::Duration;

use super::{Member, Next};
use crate::engine::course::Quota;
use crate::metrics::lifecycle::Reason;
use crate::pace::slots::{Missed, Slots};
use crate::stop::cancel::Level;

impl Member {
    /// Whether whoever steers the scenario wants this user at `now`.
    pub(super) fn is_wanted(&self, now: Duration) -> bool {
        self.post.running.helm.at(now).is_none_or(|setting| (self.number as f64) < setting.level)
    }

    /// Whether those who were wanted have done their part of a quota, and only others are left.
    fn is_left_over(&self, now: Duration) -> bool {
        let running = &self.post.running;
        let wants_some = running.helm.at(now).is_some_and(|setting| setting.level > 0.0);
        let has_quota = !matches!(self.post.course.quota, Quota::Time);
        has_quota && wants_some && running.all_stand()
    }

    /// Rests while it is not wanted, at most until `end`.
    pub(super) async fn stand_by(&self, end: Duration) -> Next {
        self.post.leave();
        let next = self.turn(end).await;
        self.post.enter();
        next
    }

    /// Waits until whoever steers wants it, at most until `end`, or until there is nothing left that
    /// it may be wanted for.
    pub(super) async fn turn(&self, end: Duration) -> Next {
        let running = &self.post.running;
        let mut changes = running.helm.follow();
        let mut stirs = running.watch_stirs();
        let _standing = running.stand();
        loop {
            let now = self.post.desk.now();
            changes.mark_unchanged();
            stirs.mark_unchanged();
            if now >= end {
                return Next::EndInterval;
            }
            if self.is_wanted(now) {
                return Next::GoOn;
            }
            if self.is_left_over(now) {
                return Next::Leave;
            }
            let until = running.helm.next_after(now).map_or(end, |next| next.min(end));
            let mut wait = pin!(async {
                tokio::select! {
                    _ = changes.changed() => true,
                    _ = stirs.changed() => true,
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
    pub(super) fn miss_rest(
        &self,
        slots: &mut Option<Slots>,
        now: Duration,
        end: Duration,
        origin: Duration,
    ) {
        if let Some(slots) = slots {
            let until = end.min(now).min(self.post.running.cut_at().unwrap_or(now));
            self.miss(slots.miss(until), origin, Reason::Overrun);
        }
    }

    /// Accounts for slots that nothing started in.
    pub(super) fn miss(&self, missed: Missed, origin: Duration, reason: Reason) {
        self.post.plan(missed.count());
        self.post.drop_due(missed.dues(), origin, reason);
    }
}
