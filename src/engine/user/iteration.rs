//! One iteration of a user, from its intended start to the books.

use std::pin::{Pin, pin};
use std::time::Duration;

use rand::RngExt;
use tokio::time::Sleep;

use super::{Member, Next};
use crate::lua::error::{Ended, Stopped};
use crate::metrics::{IterationSample, Outcome, Pass, Phase, Place};
use crate::stop::StopReason;
use crate::stop::cancel::Level;

/// Iterations after which a user lets the others run, even if none of them waited.
const BREATHER: u64 = 64;

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

impl Member {
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
    pub(super) fn judge(&self, ended: Option<Ended>) -> Next {
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
