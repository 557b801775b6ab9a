//! Which process writes a run, so that others can tell whether it still does.

use std::fs;

use rustix::process::{Pid, test_kill_process};

/// This one: `BOOT ID START`. The start time tells it from a later process of that number; where the
/// system does not tell boots and starts, they are `-`.
pub fn this() -> String {
    let id = std::process::id();
    format!("{} {id} {}", boot(), start(id).as_deref().unwrap_or("-"))
}

/// Whether a process that [`this`] told of is there, on this machine.
pub fn lives(process: &str) -> bool {
    let parts: Vec<&str> = process.split(' ').collect();
    let [there, id, began] = parts[..] else { return false };
    let Ok(id) = id.parse::<u32>() else { return false };
    if there != boot() {
        return false;
    }
    match start(id) {
        Some(start) => start == began,
        None if began == "-" => {
            let id = i32::try_from(id).ok().and_then(Pid::from_raw);
            id.is_some_and(|id| test_kill_process(id).is_ok())
        }
        None => false,
    }
}

fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    match id.trim() {
        "" => "-".to_owned(),
        id => id.to_owned(),
    }
}

/// When a process began, in ticks since the machine did.
fn start(id: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in parentheses, may hold anything; from there on it is the twentieth.
    let rest = &stat[stat.rfind(')')? + 1..];
    rest.split_ascii_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_others_do_not() {
        let this = this();
        assert!(lives(&this), "{this}");
        let mut parts: Vec<&str> = this.split(' ').collect();
        parts[2] = "1";
        assert!(!lives(&parts.join(" ")) || start(1).is_none());
        assert!(!lives(""));
        assert!(!lives("another-boot 1 1"));
        assert!(!lives("- nonsense -"));
    }
}
