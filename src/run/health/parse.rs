//! The texts of `/proc` and `/sys` as numbers.

use std::time::Duration;

/// The number of threads in `/proc/self/stat`; the name before it may hold blanks.
pub(super) fn threads(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(17)?.parse().ok()
}

/// The second number of a line.
pub(super) fn second_number(line: &str) -> Option<u64> {
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Bytes that were given to the disk to write, in `/proc/self/io`.
pub(super) fn written(io: &str) -> Option<u64> {
    io.lines().find_map(|line| line.strip_prefix("write_bytes: "))?.trim().parse().ok()
}

/// Of the first line of `/proc/stat`: ticks stolen, and all. (Those of guests are in the first
/// two, and so not counted again.)
pub(super) fn stolen(line: &str) -> Option<(u64, u64)> {
    let ticks: Vec<u64> = line
        .strip_prefix("cpu ")?
        .split_whitespace()
        .take(8)
        .map_while(|n| n.parse().ok())
        .collect();
    Some((*ticks.get(7)?, ticks.iter().sum()))
}

/// A field of a line of `/proc/net/sockstat`: `TCP: inuse 2 orphan 0 tw 230`.
pub(super) fn sockets(text: &str, name: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let mut words = line.split_whitespace().skip_while(|word| *word != field);
    words.nth(1)?.parse().ok()
}

/// For how long a control group had no quota left, of its `cpu.stat`: version 2 tells
/// microseconds, version 1 nanoseconds.
pub(super) fn throttled(stat: &str) -> Option<Duration> {
    let number = |name: &str| {
        let line = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse::<u64>().ok()
    };
    let v2 = number("throttled_usec").map(Duration::from_micros);
    v2.or_else(|| number("throttled_time").map(Duration::from_nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 9 0 0 0 30 12 0 0 20 0 5 0 100 1 1";
        assert_eq!(threads(stat), Some(5));
    }

    #[test]
    fn what_was_written_is_what_goes_to_the_disk() {
        let io = "rchar: 9\nwchar: 8\nread_bytes: 0\nwrite_bytes: 4096\ncancelled_write_bytes: 1\n";
        assert_eq!(written(io), Some(4096));
        assert_eq!(written("wchar: 8\n"), None);
    }

    #[test]
    fn what_was_stolen_is_told_with_all_there_was() {
        let line = "cpu  100 200 300 400 50 0 25 7 99 99";
        assert_eq!(stolen(line), Some((7, 1082)));
        assert_eq!(stolen("cpu  1 2 3"), None);
        assert_eq!(stolen("intr 1 2 3 4 5 6 7 8"), None);
    }

    #[test]
    fn sockets_are_those_of_the_line_and_field() {
        let text =
            "sockets: used 22\nTCP: inuse 2 orphan 0 tw 230 alloc 2 mem 55\nUDP: inuse 9 mem 0\n";
        assert_eq!(sockets(text, "TCP:", "inuse"), Some(2));
        assert_eq!(sockets(text, "TCP:", "tw"), Some(230));
        assert_eq!(sockets(text, "UDP:", "tw"), None);
        assert_eq!(sockets(text, "TCP6:", "inuse"), None);
    }

    #[test]
    fn both_versions_of_control_groups_tell_how_long_they_throttled() {
        let v2 = "usage_usec 9\nnr_throttled 3\nthrottled_usec 1500\n";
        let v1 = "nr_periods 9\nnr_throttled 3\nthrottled_time 1500000\n";
        assert_eq!(throttled(v2), Some(Duration::from_micros(1500)));
        assert_eq!(throttled(v1), throttled(v2));
        assert_eq!(throttled("usage_usec 9\n"), None);
    }
}
