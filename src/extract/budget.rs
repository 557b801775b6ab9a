//! What one extraction may cost. A document is written by a stranger: whatever is in it, reading it
//! ends, and soon.
//!
//! The libraries below have no limit of their own on time, so the work is counted in *steps* (a node
//! that was looked at, a few kilobytes that were parsed) and every [`LOOK`] steps the thread's CPU
//! clock is read. CPU time, because a busy machine makes no document hostile.

use std::cell::Cell;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time of one extraction. 10 MB of ordinary HTML take a tenth of it.
const LIMIT: Duration = Duration::from_secs(2);
/// Steps between two looks at the clock, which takes 0.3 µs.
const LOOK: u32 = 256;
/// Deepest nesting of elements; browsers build no deeper trees either.
pub(super) const MAX_DEPTH: usize = 512;
/// Most bytes of all texts that one extraction gives.
pub(super) const MAX_TEXT: usize = 64 << 20;

/// The steps that are left.
#[derive(Debug)]
pub(super) struct Budget {
    began: Duration,
    limit: Duration,
    steps: Cell<u32>,
    text: Cell<usize>,
}

/// The document asks for too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exhausted;

impl Exhausted {
    /// For a message that names the document.
    pub(super) fn why(what: &str) -> String {
        format!("{what} is too much work: over {LIMIT:?} of computing, or 64 MiB of text")
    }
}

impl Budget {
    /// A whole one.
    pub(super) fn new() -> Budget {
        Budget::of(LIMIT)
    }

    pub(super) fn of(limit: Duration) -> Budget {
        Budget { began: cpu_time(), limit, steps: Cell::new(0), text: Cell::new(0) }
    }

    /// Takes `steps` of it.
    pub(super) fn spend(&self, steps: u32) -> Result<(), Exhausted> {
        let spent = self.steps.get() + steps;
        if spent < LOOK {
            self.steps.set(spent);
            return Ok(());
        }
        self.steps.set(0);
        match cpu_time().saturating_sub(self.began) > self.limit {
            true => Err(Exhausted),
            false => Ok(()),
        }
    }

    /// Takes the memory of a text that is given to the script.
    pub(super) fn give(&self, text: String) -> Result<String, Exhausted> {
        self.text.set(self.text.get() + text.len());
        if self.text.get() > MAX_TEXT { Err(Exhausted) } else { Ok(text) }
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// An expression of the author's is parsed recursively: none nests deeper, or is longer, than what
/// the stack bears.
pub(super) fn modest(what: &str, text: &str) -> Result<(), String> {
    const LENGTH: usize = 2_000;
    if text.len() > LENGTH {
        return Err(format!("{what} is longer than {LENGTH} bytes"));
    }
    shallow(what, text)
}

/// Of [`modest`] the half that any recursive parser needs.
pub(super) fn shallow(what: &str, text: &str) -> Result<(), String> {
    const NESTING: usize = 32;
    let mut depth = 0usize;
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING {
            return Err(format!("{what} nests deeper than {NESTING} levels"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends() {
        let budget = Budget::of(Duration::ZERO);
        assert!((0..LOOK).any(|_| budget.spend(1).is_err()));
        let budget = Budget::new();
        assert_eq!(budget.give(" ".repeat(MAX_TEXT)).map(|_| ()), Ok(()));
        assert_eq!(budget.give("x".into()), Err(Exhausted));
    }

    #[test]
    fn expressions_are_modest() {
        assert_eq!(modest("it", "a[(b)]"), Ok(()));
        assert!(modest("it", &"(".repeat(33)).is_err_and(|why| why.contains("32 levels")));
        assert!(modest("it", &"a".repeat(2_001)).is_err_and(|why| why.contains("2000 bytes")));
    }
}
