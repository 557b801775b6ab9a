//! A gate that opens when enough have come: all who wait go on together, and the next round begins.

use tokio::sync::watch;

/// How many make a round, and who has come for the one that gathers.
#[derive(Debug)]
pub struct Barrier {
    parties: usize,
    round: watch::Sender<Round>,
}

#[derive(Debug, Default)]
struct Round {
    number: u64,
    arrived: usize,
}

impl Barrier {
    pub(super) fn new(parties: usize) -> Barrier {
        Barrier { parties, round: watch::Sender::new(Round::default()) }
    }

    /// How many make a round.
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// Waits until the round is complete. Who gives up before that has not come.
    pub async fn wait(&self) {
        let mut watch = self.round.subscribe();
        let place = self.arrive();
        // The sender is `self.round`, so it cannot be gone.
        let _ = watch.wait_for(|round| round.number != place.number).await;
    }

    /// Counts who comes; the last one opens the gate.
    fn arrive(&self) -> Place<'_> {
        let mut number = 0;
        self.round.send_if_modified(|round| {
            number = round.number;
            round.arrived += 1;
            let complete = round.arrived >= self.parties;
            if complete {
                *round = Round { number: number + 1, arrived: 0 };
            }
            complete
        });
        Place { barrier: self, number }
    }
}

/// A place in a round; given up if it is dropped before the round is complete.
struct Place<'b> {
    barrier: &'b Barrier,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.barrier.round.send_if_modified(|round| {
            if round.number == self.number {
                round.arrived -= 1;
            }
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::time::{sleep, timeout};

    use super::*;

    #[test]
    fn threads_go_through_each_round_together() {
        let (barrier, passed) = (Barrier::new(4), AtomicUsize::new(0));
        let walk = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                for round in 0..300 {
                    barrier.wait().await;
                    let through = passed.fetch_add(1, SeqCst) + 1;
                    // Nobody is a whole round ahead of anybody.
                    assert!((4 * round + 1..=4 * (round + 2)).contains(&through), "{through}");
                }
            });
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(walk);
            }
        });
        assert_eq!(passed.into_inner(), 1_200);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gave_up_does_not_count() {
        let barrier = Barrier::new(2);
        assert!(timeout(Duration::from_secs(1), barrier.wait()).await.is_err());
        let late = async {
            sleep(Duration::from_secs(1)).await;
            barrier.wait().await;
        };
        assert!(barrier.wait().now_or_never().is_none());
        let begun = tokio::time::Instant::now();
        tokio::join!(barrier.wait(), late);
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test]
    async fn one_alone_never_waits() {
        assert!(Barrier::new(1).wait().now_or_never().is_some());
    }
}
