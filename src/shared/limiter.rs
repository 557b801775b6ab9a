//! At most so many a second, evenly spread.
//!
//! Tokens have intended times: token k is due one interval after token k − 1, or now if that is
//! later, so that nobody gains by coming late, a late timer delays nobody but its own user, and
//! after an idle time there is one token at hand rather than a burst.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::lock;

/// A schedule of tokens.
#[derive(Debug)]
pub struct Limiter {
    per_s: f64,
    interval: Duration,
    /// When the next token is due; `None` before the first.
    next: Mutex<Option<Instant>>,
}

impl Limiter {
    /// Lowest and highest rates [1/s].
    pub const RATES: std::ops::RangeInclusive<f64> = 1e-5..=1e9;

    pub(super) fn new(per_s: f64) -> Limiter {
        Limiter { per_s, interval: Duration::from_secs_f64(1.0 / per_s), next: Mutex::default() }
    }

    /// Its rate [1/s].
    pub fn per_s(&self) -> f64 {
        self.per_s
    }

    /// Takes the next token and waits until it is due. The token is gone even if the wait is not
    /// seen through.
    pub async fn wait(&self) {
        sleep_until(self.take(Instant::now())).await;
    }

    /// When the token that is taken `now` is due.
    fn take(&self, now: Instant) -> Instant {
        let mut next = lock(&self.next);
        let due = next.map_or(now, |next| next.max(now));
        *next = Some(due + self.interval);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn tokens_keep_their_distance_whenever_they_are_taken() {
        let (limiter, start) = (Limiter::new(50.0), Instant::now());
        let taken = [0, 0, 0, 15, 59, 60, 500, 500, 530].map(|at| {
            let due = limiter.take(start + ms(at));
            (due - start).as_millis()
        });
        assert_eq!(taken, [0, 20, 40, 60, 80, 100, 500, 520, 540]);
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_at_once_come_through_at_the_rate() {
        let limiter = Limiter::new(100.0);
        let start = Instant::now();
        let waits = (0..101).map(|_| limiter.wait());
        futures_util::future::join_all(waits).await;
        assert_eq!(start.elapsed(), ms(1_000));
    }
}
