//! How busy this thread is: the processor time it took, of the time that passed.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::metrics::readings::Readings;

/// Reads the calling thread's effort now and then.
#[derive(Debug)]
pub struct Effort(Readings<Duration>);

impl Effort {
    /// From now on.
    pub fn begin() -> Effort {
        let mut readings = Readings::default();
        readings.note(Instant::now(), worked());
        Effort(readings)
    }

    /// Percent of a core since the last reading, 0 to 100; of half a second at least, for what a
    /// thread does in a moment is all or nothing.
    pub fn percent(&mut self) -> u16 {
        self.percent_of(Instant::now(), worked())
    }

    fn percent_of(&mut self, now: Instant, worked: Duration) -> u16 {
        let Some((passed, before)) = self.0.note(now, worked) else { return 0 };
        let (worked, passed) = (worked.saturating_sub(before).as_secs_f64(), passed.as_secs_f64());
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

    #[tokio::test]
    async fn who_makes_up_for_a_standstill_was_not_busy_in_the_seconds_of_it() {
        let start = Instant::now();
        let mut effort = Effort(Readings::default());
        let ms = Duration::from_millis;
        let mut percent = |at, worked| effort.percent_of(start + ms(at), ms(worked));
        percent(0, 0);
        assert_eq!(percent(1_000, 200), 20);
        // Stopped at 1.0 s for 2.8 s: the second is told late, the next one at once, and until 4.0 s
        // all the thread does is to catch up.
        let told = [percent(3_800, 210), percent(3_810, 220), percent(4_000, 410)];
        assert_eq!(told, [0, 1, 7]);
        assert_eq!(percent(5_000, 610), 33);
    }
}
