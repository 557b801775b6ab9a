//! A shop that is slower than it could be, in known ways: by a delay, or by one clerk,
//! who takes the same time for everyone: a queue of known capacity, which tools that search for a
//! limit can be tried on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::time::{Instant, sleep_until};

/// The clerk: when he is free again, and how long he takes.
#[derive(Debug)]
struct Clerk {
    free: Mutex<Instant>,
    service: Duration,
}

/// Serves what `routes` answer one after the other, `per_second` of them.
pub fn limited(routes: Router, per_second: f64) -> Router {
    let service = Duration::from_secs_f64(1.0 / per_second);
    let clerk = Arc::new(Clerk { free: Mutex::new(Instant::now()), service });
    routes.layer(from_fn_with_state(clerk, wait_for_turn))
}

async fn wait_for_turn(State(clerk): State<Arc<Clerk>>, request: Request, next: Next) -> Response {
    // Timers are exact to a millisecond; the queue is exact, for each turn begins where the last
    // one was planned to end.
    sleep_until(clerk.turn()).await;
    next.run(request).await
}

/// Serves what `routes` answer, each so much later.
pub fn delayed(routes: Router, delay: Duration) -> Router {
    routes.layer(from_fn_with_state(delay, wait_for))
}

async fn wait_for(State(delay): State<Duration>, request: Request, next: Next) -> Response {
    tokio::time::sleep(delay).await;
    next.run(request).await
}

impl Clerk {
    /// When whoever comes now has been served.
    fn turn(&self) -> Instant {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = Instant::now().max(*free) + self.service;
        *free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_follow_each_other_and_an_idle_clerk_saves_nothing_up() {
        let clerk = Clerk { free: Mutex::new(Instant::now()), service: Duration::from_millis(10) };
        let began = Instant::now();
        let turns = || (clerk.turn() - began).as_millis();
        assert_eq!([turns(), turns(), turns()], [10, 20, 30]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!([turns(), turns()], [1_010, 1_020]);
    }
}
