//! A user of an open load: it takes arrivals, one after the other, and rests between them.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use super::{Member, Next, Start};
use crate::engine::backlog::Arrival;
use crate::engine::board::{Board, Seat};
use crate::engine::post::Post;
use crate::metrics::lifecycle::Reason;
use crate::stop::cancel::Level;

/// What a user of a crew needs to know besides.
pub struct Shift {
    /// What the users of the crew share.
    pub post: Rc<Post>,
    /// Where they rest.
    pub board: Rc<Board>,
    /// Number of the worker.
    pub worker: usize,
    /// When the load began, since the run's start.
    pub origin: Duration,
    /// How long it lasts.
    pub length: Duration,
}

impl Member {
    /// Takes one arrival after the other, first of all `first`, until the load is over.
    pub(in crate::engine) async fn serve(self, shift: Shift, first: Option<Arrival>) {
        let end = shift.origin + shift.length;
        let grace = self.post.graceful_stop;
        self.cancel.closes_at(self.post.desk.instant(end));
        if !self.wake(end, grace).await {
            let due = first.map(|arrival| arrival.due);
            self.post.drop_due(due, shift.origin, Reason::Users);
            return;
        }
        let cutoff = tokio::time::sleep_until(self.post.desk.instant(end.saturating_add(grace)));
        let mut cutoff = pin!(cutoff);
        let seat = Rc::new(Seat::default());
        let mut free = self.post.desk.now();
        let mut next = first;
        loop {
            if next.is_none() {
                next = self.rest(&shift, &seat, end.saturating_add(grace)).await;
            }
            let Some(Arrival { due, called }) = next.take() else { break };
            self.post.enter();
            let begun = self.post.desk.now();
            let start = Start { due, called, free: free.min(begun), begun };
            let (now, then) = self.iteration(shift.origin, start, cutoff.as_mut()).await;
            self.post.leave();
            free = now;
            if then != Next::GoOn {
                break;
            }
            if self.vu.is_spent() {
                if !self.wake(end, grace).await {
                    return;
                }
                free = self.post.desk.now();
            }
        }
        if self.vu.has_on_stop() && self.cancel.level() < Level::Now {
            self.part().await;
        }
    }

    /// Waits for an arrival; `None` if there will be none for it before `cutoff`.
    async fn rest(&self, shift: &Shift, seat: &Rc<Seat>, cutoff: Duration) -> Option<Arrival> {
        let Shift { post, board, worker, .. } = shift;
        let backlog = post.backlog();
        loop {
            if self.cancel.level() >= Level::Stopping || post.desk.now() >= cutoff {
                return None;
            }
            if let Some(arrival) = backlog.pop() {
                return Some(arrival);
            }
            if board.is_closed() {
                return None;
            }
            board.rest(seat);
            backlog.idle(*worker, board.resting());
            if !backlog.is_empty() {
                let given = board.leave(seat);
                backlog.idle(*worker, board.resting());
                if given.is_some() {
                    return given;
                }
                continue;
            }
            match self.cancel.race(Level::Stopping, pin!(board.wait(seat))).await {
                Some(Some(arrival)) => return Some(arrival),
                Some(None) => {}
                None => {
                    let due = board.leave(seat).map(|arrival| arrival.due);
                    post.drop_due(due, shift.origin, Reason::End);
                    return None;
                }
            }
        }
    }
}
