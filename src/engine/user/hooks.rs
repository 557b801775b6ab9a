//! What a user does before its first iteration and after its last one.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Member;
use crate::lua::error::Ended;
use crate::metrics::{Phase, Place};
use crate::stop::cancel::Level;

/// How often `on_start` is tried before the user gives up, and the first pause between tries.
const START_TRIES: u32 = 5;
const START_PAUSE: Duration = Duration::from_millis(500);

impl Member {
    /// `on_start`, tried again with growing pauses until `end`, the last try cut off `grace` after
    /// it; `false` if it never came to its end.
    pub(in crate::engine) async fn wake(&self, end: Duration, grace: Duration) -> bool {
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
    pub(in crate::engine) async fn part(&self) {
        let place = Place { phase: Phase::Drain, ..self.post.place };
        let stop = pin!(tokio::time::timeout(self.post.graceful_stop, self.vu.on_stop(place)));
        if !matches!(self.cancel.race(Level::Now, stop).await, Some(Ok(_))) {
            self.vu.interrupt();
        }
    }
}
