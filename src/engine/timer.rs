//! Waiting for an instant, finer than tokio's milliseconds where that counts.
//!
//! Arrivals at 10,000/s are 0.1 ms apart. Linux tells of a `timerfd` as of a socket, to the
//! microsecond; where there is none, and under paused time, tokio's sleep serves.

use std::io;

use tokio::time::{Instant, sleep_until};

/// How exact waits are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// As fine as the system allows.
    #[default]
    Fine,
    /// tokio's milliseconds, which tests can pause.
    Coarse,
}

/// Waits, one after the other.
#[derive(Debug)]
pub enum Timer {
    /// tokio's own.
    Tokio,
    /// Linux's.
    #[cfg(target_os = "linux")]
    Descriptor(tokio::net::unix::pipe::Receiver),
}

impl Timer {
    /// Needs one descriptor if it is to be fine; without one it is coarse. To be called within a
    /// runtime.
    pub fn new(precision: Precision) -> Timer {
        match precision {
            Precision::Coarse => Timer::Tokio,
            Precision::Fine => Timer::fine().unwrap_or(Timer::Tokio),
        }
    }

    /// Waits until `at`.
    pub async fn until(&mut self, at: Instant) {
        match self {
            Timer::Tokio => sleep_until(at).await,
            #[cfg(target_os = "linux")]
            Timer::Descriptor(timer) => {
                if linux::wait(timer, at).await.is_err() {
                    sleep_until(at).await;
                }
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn fine() -> io::Result<Timer> {
        linux::timer().map(Timer::Descriptor)
    }

    #[cfg(not(target_os = "linux"))]
    fn fine() -> io::Result<Timer> {
        Ok(Timer::Tokio)
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::AsyncReadExt;
    use tokio::net::unix::pipe::Receiver;
    use tokio::time::Instant;

    /// A `timerfd` is read like a pipe, and pipes are what tokio takes in without `unsafe`.
    pub fn timer() -> io::Result<Receiver> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Receiver::from_owned_fd_unchecked(timerfd_create(TimerfdClockId::Monotonic, flags)?)
    }

    pub async fn wait(timer: &mut Receiver, at: Instant) -> io::Result<()> {
        loop {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let value = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            let once = Itimerspec { it_interval: never, it_value: value };
            // Setting it also takes back an expiry that nobody waited for to its end.
            timerfd_settime(&*timer, TimerfdTimerFlags::empty(), &once)?;
            // A count of expiries has eight bytes. As there is room for more, tokio knows that it
            // has read all, and does not try again before the next.
            let _eight = timer.read(&mut [0; 16]).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_is_never_early_and_can_be_used_again_after_a_wait_was_given_up() {
        let mut timer = Timer::new(Precision::Fine);
        let far = Instant::now() + Duration::from_secs(3600);
        let given_up = tokio::time::timeout(Duration::from_millis(2), timer.until(far)).await;
        assert!(given_up.is_err());
        for micros in [0, 50, 700, 3_000] {
            let at = Instant::now() + Duration::from_micros(micros);
            timer.until(at).await;
            assert!(Instant::now() >= at, "{micros}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_coarse_one_follows_paused_time() {
        let began = Instant::now();
        Timer::new(Precision::Coarse).until(began + Duration::from_secs(60)).await;
        assert_eq!(began.elapsed(), Duration::from_secs(60));
    }
}
