//! What to do about a run, from what it showed: each rule is a pure function of the summary that
//! tells the figures and then what to try, or says nothing.
//!
//! A rule speaks where a figure is past its boundary and there is enough of it; what is well known to
//! depend on the target alone (is 30 ms slow?) is left to thresholds. The boundaries stand with the
//! rules, and a table in the tests holds each of them from both sides.

mod latency;
mod load;
mod traffic;

use super::format;
use super::summary::Summary;

/// Of one kind of advice, about calls, steps or scenarios, only the worst is told, and of how many.
type Rule = fn(&Summary) -> Option<String>;

/// First what bends the numbers, then the load, then the target.
const RULES: [Rule; 13] = [
    load::too_many_series,
    load::busy_generator,
    latency::too_few_samples,
    load::backlog,
    load::missing_users,
    load::failing_from_a_rate,
    load::closed_by_waiting,
    latency::slow_step,
    latency::long_tail,
    traffic::few_connections_kept,
    traffic::costly_redirects,
    traffic::growing_requests,
    traffic::uncompressed_bodies,
];

/// All that applies; nothing to a run with nothing to mend.
pub fn advice(summary: &Summary) -> Vec<String> {
    RULES.iter().filter_map(|rule| rule(summary)).collect()
}

/// `, and 3 others`: those that the same could be said of.
fn and_others(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => ", and another one".to_owned(),
        more => format!(", and {more} others"),
    }
}

/// `43 %`; small ones as exactly as tables have them.
fn percent(fraction: f64) -> String {
    match fraction {
        0.1.. => format!("{:.0} %", fraction * 100.0),
        _ => format::percent(fraction),
    }
}

#[cfg(test)]
mod tests;
