//! What this machine has left for a run; `None` where it does not tell.

use std::fs;

use rlimit::Resource;

use crate::run::health::tcp_sockets;

/// Room for a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Machine {
    /// Descriptors that this process may have open.
    pub descriptors: Option<u64>,
    /// Ports for connections to one address, from one address.
    pub ports: Option<u64>,
    /// Memory that is free, or can be made so, within the control group [bytes].
    pub memory: Option<u64>,
}

impl Machine {
    /// This one, now.
    pub fn here() -> Machine {
        let descriptors = Resource::NOFILE.get_soft().ok();
        let taken = tcp_sockets().unwrap_or(0);
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
        let ports = range.and_then(|range| ports(&range)).map(|all| all.saturating_sub(taken));
        let meminfo = fs::read_to_string("/proc/meminfo").ok();
        let available = meminfo.and_then(|meminfo| available(&meminfo));
        Machine { descriptors, ports, memory: available.into_iter().chain(left_of_group()).min() }
    }
}

/// How many there are from the first to the last.
fn ports(range: &str) -> Option<u64> {
    let mut bounds = range.split_whitespace().map(|bound| bound.parse::<u64>().ok());
    let (first, last) = (bounds.next()??, bounds.next()??);
    Some((last + 1).saturating_sub(first))
}

/// `MemAvailable` [bytes].
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// What the control group that a container sees as its root has left.
fn left_of_group() -> Option<u64> {
    let number = |file: &str| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    let left = |limit, used| Some(number(limit)?.saturating_sub(number(used)?));
    left("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current").or_else(|| {
        left(
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_system_are_numbers() {
        assert_eq!(ports("32768\t60999\n"), Some(28_232));
        assert_eq!(ports("60999"), None);
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(available("MemTotal: 9 kB\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_tells() {
        let here = Machine::here();
        assert!(here.descriptors > Some(0) && here.memory > Some(0), "{here:?}");
        assert!(here.ports.is_some());
    }
}
