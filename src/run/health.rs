//! What this process costs its machine, and what the machine lets it have: from clocks, and from
//! Linux's `/proc` and `/sys`; what a system does not show is left out.

mod cgroup;
mod parse;

use std::fs::{self, File};
use std::io::Read;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use self::cgroup::Quota;
use crate::aggregator::Health;
use crate::metrics::readings::Readings;

/// Reads the health of process and machine now and then.
#[derive(Debug, Default)]
pub struct Reader {
    counts: Readings<Counts>,
    quota: Option<Quota>,
}

/// What only grows: between two readings lies what happened.
#[derive(Debug, Clone, Copy)]
struct Counts {
    cpu: Duration,
    /// Bytes given to the disk to write.
    written: Option<u64>,
    throttled: Option<Duration>,
    /// Of the machine's CPU time, what was stolen, and all of it [ticks].
    stolen: Option<(u64, u64)>,
}

impl Reader {
    /// The health now, as far as the system tells; CPU since the last reading, or over half a second
    /// if that was only just (see [`Readings`]). About 150 µs; on
    /// kernels before 6.2 and 1 ms more per 10,000 open descriptors.
    pub fn read(&mut self) -> Health {
        let counts = self.counts();
        let last = self.counts.note(Instant::now(), counts);
        let process = fs::read_to_string("/proc/self/stat").ok();
        let memory = fs::read_to_string("/proc/self/statm").ok();
        let memory = memory.and_then(|statm| parse::second_number(&statm));
        Health {
            cpu_percent: last
                .and_then(|(passed, last)| share(counts.cpu.saturating_sub(last.cpu), passed)),
            memory_bytes: memory.map(|pages| (pages * rustix::param::page_size() as u64) as f64),
            threads: process.and_then(|stat| parse::threads(&stat)).map(|threads| threads as f64),
            open_fds: open_fds().map(|fds| fds as f64),
            disk_write_bytes: last.and_then(|(passed, last)| {
                let written = counts.written?.saturating_sub(last.written?);
                (!passed.is_zero()).then(|| written as f64 / passed.as_secs_f64())
            }),
            tcp_sockets: tcp_sockets().map(|sockets| sockets as f64),
            throttled_percent: last.and_then(|(passed, last)| {
                share(counts.throttled?.saturating_sub(last.throttled?), passed)
            }),
            steal_percent: last.and_then(|(_, last)| {
                let ((stolen, all), (before, until)) = (counts.stolen?, last.stolen?);
                let passed = all.saturating_sub(until);
                (passed > 0).then(|| 100.0 * stolen.saturating_sub(before) as f64 / passed as f64)
            }),
        }
    }

    fn counts(&mut self) -> Counts {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let nanos = u32::try_from(cpu.tv_nsec).unwrap_or(0);
        Counts {
            cpu: Duration::new(cpu.tv_sec.unsigned_abs(), nanos),
            written: fs::read_to_string("/proc/self/io").ok().and_then(|io| parse::written(&io)),
            throttled: self.quota.get_or_insert_with(Quota::of_this_process).throttled(),
            stolen: first_line("/proc/stat").and_then(|line| parse::stolen(&line)),
        }
    }
}

/// A part of a time in percent.
fn share(part: Duration, whole: Duration) -> Option<f64> {
    let whole = whole.as_secs_f64();
    (whole > 0.0).then(|| 100.0 * part.as_secs_f64() / whole)
}

/// Newer kernels tell their number as the folder's size.
fn open_fds() -> Option<u64> {
    let size = fs::metadata("/proc/self/fd").ok()?.len();
    if size > 0 { Some(size) } else { Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64) }
}

/// Of this machine, or rather of its network namespace: in use, or in TIME_WAIT.
pub(super) fn tcp_sockets() -> Option<u64> {
    let v4 = fs::read_to_string("/proc/net/sockstat").ok()?;
    let v6 = fs::read_to_string("/proc/net/sockstat6").unwrap_or_default();
    let part = |text: &str, name, field| parse::sockets(text, name, field).unwrap_or(0);
    Some(part(&v4, "TCP:", "inuse") + part(&v4, "TCP:", "tw") + part(&v6, "TCP6:", "inuse"))
}

/// The file grows with the machine's interrupts, and only its beginning is asked for.
fn first_line(path: &str) -> Option<String> {
    let mut start = [0; 512];
    let length = File::open(path).ok()?.read(&mut start).ok()?;
    let text = std::str::from_utf8(&start[..length]).ok()?;
    text.lines().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_computes_is_seen_to() {
        let mut reader = Reader::default();
        assert_eq!(reader.read().cpu_percent, None);
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(20) {}
        assert!(reader.read().cpu_percent > Some(0.0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_threads_memory_and_descriptors() {
        let mut reader = Reader::default();
        reader.read();
        let health = reader.read();
        assert!(health.threads >= Some(1.0) && health.memory_bytes > Some(0.0));
        assert!(health.open_fds > Some(2.0));
        let few = health.open_fds;
        let files: Vec<_> =
            (0..50).map(|_| File::open("/dev/null").expect("it is there")).collect();
        assert!(reader.read().open_fds >= few.map(|few| few + 30.0), "others may have closed some");
        drop(files);
        assert!(health.tcp_sockets.is_some());
    }
}
