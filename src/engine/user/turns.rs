//! When a user may iterate: as long as whoever steers wants it, and, if it is paced, at its slots.

use std::pin::pin;
use std::time::Duration;

use super::{Member, Next};
use crate::pace::Slots;
use crate::stop::cancel::Level;

impl Member {
    /// Whether whoever steers the scenario wants this user at `now`.
    pub(super) fn is_wanted(&self, now: Duration) -> bool {
        self.post.running.helm.at(now).is_none_or(|setting| (self.number as f64) < setting.level)
    }

    /// Rests while it is not wanted, at most until `end`.
    pub(super) async fn stand_by(&self, end: Duration) -> Next {
        self.post.leave();
        let next = self.turn(end).await;
        self.post.enter();
        next
    }

    /// Waits until whoever steers wants it, at most until `end`.
    pub(super) async fn turn(&self, end: Duration) -> Next {
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
    pub(super) fn miss_rest(&self, slots: &mut Option<Slots>, now: Duration, end: Duration) {
        if let Some(slots) = slots {
            let until = end.min(now).min(self.post.running.cut_at().unwrap_or(now));
            self.overrun(slots.miss(until));
        }
    }

    /// The next slot of a paced user; missed ones are accounted for.
    pub(super) fn take_slot(&self, slots: &mut Slots, now: Duration, end: Duration) -> Duration {
        let slot = slots.take(now, end);
        self.overrun(slot.missed);
        slot.due
    }

    pub(super) fn overrun(&self, missed: u64) {
        if missed > 0 {
            self.post.lifecycle(|life| {
                life.planned += missed;
                life.due += missed;
                life.dropped.overrun += missed;
            });
        }
    }
}
