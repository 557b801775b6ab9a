//! How busy this thread is: the processor time it took, of the time that passed.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// Reads the calling thread's effort now and then.
#[derive(Debug)]
pub struct Effort {
    at: Instant,
    worked: Duration,
}

impl Effort {
    /// From now on.
    pub fn begin() -> Effort {
        Effort { at: Instant::now(), worked: worked() }
    }

    /// Percent of a core since the last reading, 0 to 100.
    pub fn percent(&mut self) -> u16 {
        let now = Effort::begin();
        let worked = now.worked.saturating_sub(self.worked).as_secs_f64();
        let passed = (now.at - self.at).as_secs_f64();
        *self = now;
        if passed > 0.0 { (100.0 * worked / passed).clamp(0.0, 100.0).round() as u16 } else { 0 }
    }
}

/// Processor time of this thread since it began.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sleeps_is_not_busy() {
        let mut effort = Effort::begin();
        std::thread::sleep(Duration::from_millis(50));
        assert!(effort.percent() < 50);
    }
}
