//! `loadtool limit`: the highest load that holds, with its evidence.
//!
//! [`search`] decides what to try, [`judge`] what a hold says, also by what the target says of itself
//! ([`signals`]); [`pilot`] flies one run through it.

mod claims;
mod conclusion;
mod hold;
pub mod judge;
mod measurement;
mod mix;
pub mod pilot;
mod pools;
mod reachable;
mod recovery;
mod schedule;
pub mod search;
pub mod signals;

use std::time::Duration;

use crate::plan::Threshold;
pub use crate::plan::search::Axis;
use crate::plan::search::Reach;
use search::Strategy;
use signals::Probes;

/// Nobody's search lasts longer, and the run must end some time.
const AGES: Duration = Duration::from_secs(7 * 86_400);

/// What is searched for, and how.
pub struct LimitSpec {
    /// What a level counts.
    pub axis: Axis,
    /// The scenario to steer; if it is not said, all of them in proportion.
    pub scenario: Option<String>,
    /// Which levels to try.
    pub strategy: Strategy,
    /// What must hold in each hold.
    pub gates: Vec<Threshold>,
    /// How much less than a target may be achieved, as a part of it.
    pub tolerance: f64,
    /// Before each hold.
    pub warmup: Duration,
    /// Of a full hold.
    pub hold: Duration,
    /// After each hold, at least.
    pub cooldown: Duration,
    /// What the target says of itself, if that is asked for.
    pub probes: Option<Probes>,
    /// The search ends then with what it knows.
    pub max_time: Option<Duration>,
    /// Most users of each scenario that may be made for a rate.
    pub max_vus: Option<u64>,
    /// Tells a line of progress.
    pub tell: Box<dyn Fn(&str)>,
}

impl LimitSpec {
    /// A hold that only steers.
    fn short_hold(&self) -> Duration {
        (self.hold / 3).max(Duration::from_secs(3))
    }

    /// Where the search begins, and to which it cools down.
    pub fn from_level(&self) -> f64 {
        self.strategy.lowest()
    }

    /// What the plan must be able to follow.
    pub fn reach(&self) -> Reach {
        Reach {
            axis: self.axis,
            scenario: self.scenario.clone(),
            from: self.from_level(),
            to: self.strategy.highest(),
            max_vus: self.max_vus,
            length: AGES,
        }
    }

    /// What is judged if nothing else is said.
    pub fn default_gates() -> Vec<Threshold> {
        [
            ("http_call_duration", "p95 < 100ms"),
            ("http_call_duration", "p99 < 250ms"),
            ("http_call_failed", "rate < 0.1%"),
        ]
        .into_iter()
        .map(|(selector, expression)| {
            Threshold::parse(selector, expression).expect("the defaults are well-formed")
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_judged_if_nothing_else_is_said() {
        let gates = LimitSpec::default_gates();
        let told: Vec<(String, u64)> =
            gates.iter().map(|gate| (gate.to_string(), gate.least_samples())).collect();
        let expected = [
            ("http_call_duration p95 < 100ms", 80),
            ("http_call_duration p99 < 250ms", 400),
            ("http_call_failed rate < 0.1%", 1),
        ];
        assert_eq!(told, expected.map(|(gate, samples)| (gate.to_owned(), samples)));
        let limits: Vec<f64> = gates.iter().map(|gate| gate.condition.limit).collect();
        assert_eq!(limits, [100.0, 250.0, 0.001]);
    }
}
