//! The last line of defence: a worker that gives its thread back no more.
//!
//! Whatever a script does is bounded where it is done; what is left are bugs, of this tool or of
//! what it is built of. The control thread looks at each worker's [`Pulse`] now and then; one that
//! does not beat for [`PATIENCE`] is stuck. Time is counted in looks, each for at most a second:
//! whoever was suspended along with the worker looks once when it wakes, and convicts nobody.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::lua::pulse::{Pulse, Seen};

/// How long a worker may be silent.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Looks count no more often, and for no more, than this.
const LOOK: Duration = Duration::from_secs(1);

/// Watches the workers of one run.
#[derive(Debug)]
pub struct Watchdog {
    workers: Vec<Watched>,
    last_look: Instant,
}

#[derive(Debug)]
struct Watched {
    pulse: Arc<Pulse>,
    beats: u64,
    silent: Duration,
    stuck: bool,
}

/// A worker that is stuck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// From 0.
    pub worker: usize,
    /// Whom it worked for.
    pub seen: Seen,
}

impl Watchdog {
    /// Of these workers; begins now.
    pub fn new(pulses: Vec<Arc<Pulse>>) -> Watchdog {
        let watched = |pulse: Arc<Pulse>| Watched {
            beats: pulse.beats(),
            pulse,
            silent: Duration::ZERO,
            stuck: false,
        };
        Watchdog { workers: pulses.into_iter().map(watched).collect(), last_look: Instant::now() }
    }

    /// Looks at the workers, to be called every second or so; those that are found to be stuck.
    pub fn look(&mut self) -> Vec<Stuck> {
        if self.last_look.elapsed() < LOOK * 9 / 10 {
            return Vec::new();
        }
        self.last_look = Instant::now();
        let mut found = Vec::new();
        for (worker, watched) in self.workers.iter_mut().enumerate() {
            if watched.is_silent() && !watched.stuck {
                watched.silent += LOOK;
                watched.stuck = watched.silent >= PATIENCE;
                if watched.stuck {
                    found.push(Stuck { worker, seen: watched.pulse.seen() });
                }
            }
        }
        found
    }

    /// Whether this worker was found to be stuck.
    pub fn is_stuck(&self, worker: usize) -> bool {
        self.workers[worker].stuck
    }

    /// Whether one of them was, and all others have ended.
    pub fn is_left_alone(&self) -> bool {
        let stuck = |worker: &Watched| worker.stuck;
        self.workers.iter().any(stuck)
            && self.workers.iter().all(|worker| worker.stuck || worker.pulse.has_ended())
    }
}

impl Watched {
    fn is_silent(&mut self) -> bool {
        let beats = self.pulse.beats();
        let silent = beats == self.beats && !self.pulse.has_ended();
        if !silent {
            (self.beats, self.silent) = (beats, Duration::ZERO);
        }
        silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn watchdog(workers: usize) -> (Vec<Arc<Pulse>>, Watchdog) {
        let pulses: Vec<Arc<Pulse>> = (0..workers).map(|_| Arc::default()).collect();
        (pulses.clone(), Watchdog::new(pulses))
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_is_silent_for_ten_looks_is_stuck_and_told_once() {
        let (pulses, mut dog) = watchdog(3);
        let mut found = Vec::new();
        for second in 0..30 {
            advance(LOOK).await;
            pulses[0].beat();
            if second < 5 {
                pulses[1].beat();
            }
            pulses[2].end();
            found.extend(dog.look().into_iter().map(|stuck| (second, stuck.worker)));
        }
        assert_eq!(found, [(14, 1)]);
        assert!(dog.is_stuck(1) && !dog.is_left_alone());
        pulses[0].end();
        assert!(dog.is_left_alone());
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_looked_convicts_nobody() {
        let (_, mut dog) = watchdog(1);
        for _ in 0..9 {
            advance(LOOK * 3600).await;
            assert_eq!(dog.look(), []);
            assert_eq!(dog.look(), [], "a look at once is none");
        }
    }
}
