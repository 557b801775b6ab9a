//! Whether the target is again what it was before a hold: no arrival waits, and 30 calls in a row
//! are as quick as in the first hold that passed.

use std::time::Duration;

use super::LimitSpec;
use super::conclusion::{DRIFT, DRIFT_MS};
use crate::results::Tick;
use crate::results::format::{counted, ms};

/// Calls in a row that must be as quick as at first.
const RECOVERED: u64 = 30;

/// A cool-down goes on at most so many times its length, or so long, for the target to recover: at
/// a low rate until twice as many calls may have come, but no longer than the last.
const PATIENCE: u32 = 4;
const LEAST_PATIENCE: Duration = Duration::from_secs(20);
const MOST_PATIENCE: Duration = Duration::from_secs(120);

/// What there is still to wait for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Unrest {
    /// The target is not what it was, in words.
    Troubled(String),
    /// All is well as far as it was seen, but too few calls were.
    Unseen,
}

impl LimitSpec {
    /// How long a target may take to recover.
    pub(super) fn patience(&self) -> Duration {
        let least = (self.cooldown * PATIENCE).max(LEAST_PATIENCE);
        match self.axis.is_rate() {
            true => least.max((self.calls_of_recovery() * 2).min(MOST_PATIENCE)),
            false => least,
        }
    }

    /// How long it takes a target that is as before to show it, as a rule.
    pub(super) fn rest(&self) -> Duration {
        match self.axis.is_rate() {
            true => self.cooldown.max(self.calls_of_recovery()),
            false => self.cooldown,
        }
    }

    /// Until as many calls as are needed have come, one of each iteration; nobody waits longer.
    fn calls_of_recovery(&self) -> Duration {
        let seconds = RECOVERED as f64 / self.from_level();
        Duration::from_secs_f64(seconds.min(MOST_PATIENCE.as_secs_f64()))
    }
}

/// Why the target is not what it was before the hold that ended at `since`, when its p95 was so
/// much; `None` for that if nothing has held yet.
pub(super) fn unrest(since: Duration, p95_ms: Option<f64>, timeline: &[Tick]) -> Option<Unrest> {
    let last = timeline.last()?;
    if last.backlog > 0 {
        return Some(Unrest::Troubled(format!("{} still wait", counted(last.backlog, "arrival"))));
    }
    let bearable = p95_ms? * (1.0 + DRIFT) + DRIFT_MS;
    let calm = |tick: &&Tick| tick.p95_ms.is_none_or(|p95| p95 <= bearable);
    let after = timeline.iter().rev().take_while(|tick| u64::from(tick.second) >= since.as_secs());
    let samples: u64 = after.clone().take_while(calm).map(|tick| tick.calls).sum();
    if samples >= RECOVERED {
        return None;
    }
    Some(match after.clone().find_map(|tick| tick.p95_ms) {
        Some(p95) if p95 > bearable => Unrest::Troubled(format!(
            "p95 is {}; at most {} was wanted over {RECOVERED} calls",
            ms(p95),
            ms(bearable)
        )),
        _ => Unrest::Unseen,
    })
}

#[cfg(test)]
mod tests {
    use super::super::schedule::tests::spec;
    use super::super::search::Strategy;
    use super::*;

    /// Seconds from 0, each with so many calls and such a p95.
    fn seconds(seen: &[(u64, f64)]) -> Vec<Tick> {
        let tick = |(second, &(calls, p95))| Tick {
            second,
            calls,
            p95_ms: (calls > 0).then_some(p95),
            ..Tick::default()
        };
        (0..).zip(seen).map(tick).collect()
    }

    #[test]
    fn thirty_calls_in_a_row_must_be_as_quick_as_at_first() {
        let since = Duration::from_secs(1);
        let unrest = |seen: &[(u64, f64)]| unrest(since, Some(100.0), &seconds(seen));
        assert_eq!(unrest(&[(90, 500.0), (15, 110.0), (15, 120.4)]), None);
        assert_eq!(unrest(&[(90, 90.0), (15, 110.0), (14, 90.0)]), Some(Unrest::Unseen));
        assert_eq!(unrest(&[(90, 90.0), (15, 110.0), (0, 0.0), (15, 90.0)]), None);
        let slow = unrest(&[(90, 90.0), (50, 110.0), (15, 140.0), (0, 0.0)]);
        let told = "p95 is 140 ms; at most 120 ms was wanted over 30 calls";
        assert_eq!(slow, Some(Unrest::Troubled(told.to_owned())));
        assert_eq!(unrest(&[(90, 90.0), (15, 140.0), (29, 90.0)]), Some(Unrest::Unseen));
    }

    #[test]
    fn arrivals_that_wait_are_unrest_whatever_was_before() {
        let mut seen = seconds(&[(90, 90.0)]);
        assert_eq!(unrest(Duration::ZERO, None, &seen), None);
        seen[0].backlog = 2;
        let waits = Some(Unrest::Troubled("2 arrivals still wait".to_owned()));
        assert_eq!(unrest(Duration::ZERO, None, &seen), waits);
    }

    #[test]
    fn a_low_rate_is_given_the_time_that_thirty_calls_take() {
        let patience = |level| spec(Strategy::Assert { level }).patience().as_secs();
        assert_eq!([1_000.0, 4.0, 1.0, 0.01].map(patience), [20, 30, 120, 120]);
        // Those of a claim come at half its level.
        let rest = |level| spec(Strategy::Assert { level }).rest().as_secs();
        assert_eq!([1_000.0, 2.0, 0.1].map(rest), [3, 30, 120]);
    }
}
