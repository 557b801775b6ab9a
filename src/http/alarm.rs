//! Deadlines of one user's exchanges without a timer each.
//!
//! Nearly every exchange is over long before its deadline, and the next one's is later. So one
//! timer stays registered: set for the deadline of some exchange, it rings when that is long over,
//! and is then set for the one under way. Only a deadline that is earlier than the timer's sets it
//! anew at once.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of one user while none of its exchanges uses it.
#[derive(Debug, Default)]
pub struct Alarm(RefCell<Option<Pin<Box<Sleep>>>>);

impl Alarm {
    /// What `work` gives, or `None` at `deadline`. Exchanges at the same time have timers of their
    /// own.
    ///
    /// `work` is borrowed, since a future that an async function takes is in its state twice.
    pub async fn race<F: Future>(
        &self,
        deadline: Instant,
        mut work: Pin<&mut F>,
    ) -> Option<F::Output> {
        let kept = self.0.borrow_mut().take();
        let mut sleep = kept.unwrap_or_else(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        let outcome = poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => ring(&mut sleep, deadline, context).map(|()| None),
        })
        .await;
        *self.0.borrow_mut() = Some(sleep);
        outcome
    }
}

/// Ready at `deadline`; a timer that rings for an earlier exchange is set anew.
fn ring(sleep: &mut Pin<Box<Sleep>>, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
    while sleep.as_mut().poll(context).is_ready() {
        if sleep.deadline() >= deadline {
            return Poll::Ready(());
        }
        sleep.as_mut().reset(deadline);
    }
    Poll::Pending
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn each_exchange_has_its_own_deadline() {
        let alarm = Alarm::default();
        let began = Instant::now();
        // Quick: the timer stays set for 100 ms.
        assert_eq!(alarm.race(began + ms(100), pin!(async { 1 })).await, Some(1));
        // It rings for the first while this one goes on.
        let slow = alarm.race(began + ms(200), pin!(sleep(ms(150)))).await;
        assert_eq!((slow, began.elapsed()), (Some(()), ms(150)));
        // It rang for none, and is too late for this one.
        let cut = alarm.race(began + ms(170), pin!(sleep(ms(500)))).await;
        assert_eq!((cut, began.elapsed()), (None, ms(170)));
        // A deadline that has passed.
        assert_eq!(alarm.race(began, pin!(sleep(ms(1)))).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn exchanges_at_the_same_time_do_not_share_a_timer() {
        let alarm = Alarm::default();
        let began = Instant::now();
        let (one, other) = (pin!(sleep(ms(100))), pin!(sleep(ms(100))));
        let short = alarm.race(began + ms(10), one);
        let long = alarm.race(began + ms(50), other);
        assert_eq!(tokio::join!(short, long), (None, None));
        assert_eq!(began.elapsed(), ms(50));
    }
}
