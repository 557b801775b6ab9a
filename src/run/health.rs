//! What this process costs its machine, read from Linux's `/proc`; nothing on other systems.

use std::fs;

use tokio::time::Instant;

use crate::aggregator::Health;

/// Reads the process's health now and then.
#[derive(Debug, Default)]
pub struct Reader {
    last: Option<(Instant, u64)>,
}

impl Reader {
    /// The health now, as far as the system tells; CPU since the last reading. About 50 µs, and
    /// 1 ms per 10,000 open descriptors.
    pub fn read(&mut self) -> Health {
        self.try_read().unwrap_or_default()
    }

    fn try_read(&mut self) -> Option<Health> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let (ticks, threads) = parse_stat(&stat)?;
        let resident: u64 =
            fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
        let now = Instant::now();
        let cpu_percent = self.last.replace((now, ticks)).and_then(|(then, before)| {
            let seconds = (now - then).as_secs_f64();
            let hertz = rustix::param::clock_ticks_per_second() as f64;
            (seconds > 0.0).then(|| 100.0 * ticks.saturating_sub(before) as f64 / hertz / seconds)
        });
        Some(Health {
            cpu_percent,
            memory_bytes: Some((resident * rustix::param::page_size() as u64) as f64),
            threads: Some(threads as f64),
            open_fds: Some(fs::read_dir("/proc/self/fd").ok()?.count() as f64),
        })
    }
}

/// CPU ticks, user and system, and the number of threads; the name before them may hold blanks.
fn parse_stat(stat: &str) -> Option<(u64, u64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some((number(11)? + number(12)?, number(17)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 9 0 0 0 30 12 0 0 20 0 5 0 100 1 1";
        assert_eq!(parse_stat(stat), Some((42, 5)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_threads_memory_and_descriptors() {
        let health = Reader::default().read();
        assert!(health.threads >= Some(1.0) && health.memory_bytes > Some(0.0));
        assert!(health.open_fds > Some(2.0));
        assert_eq!(health.cpu_percent, None);
    }
}
