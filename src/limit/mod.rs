//! `loadtool limit`: the highest load that holds, with its evidence.
//!
//! [`search`] decides what to try, [`judge`] what a hold says, also by what the target says of itself
//! ([`signals`]); [`pilot`] flies one run through it.

mod hold;
pub mod judge;
pub mod pilot;
pub mod search;
pub mod signals;

use std::time::Duration;

use crate::plan::Threshold;
pub use crate::plan::search::Axis;
use search::Strategy;
use signals::Probes;

/// What is searched for, and how.
pub struct LimitSpec {
    /// What a level counts.
    pub axis: Axis,
    /// The scenario to steer; the only one, if it is not said.
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
    /// Most users that may be made for a rate.
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
        match &self.strategy {
            Strategy::Listed { levels, .. } => levels.first().copied().unwrap_or_default(),
            Strategy::Adaptive { from, .. } => *from,
            Strategy::Assert { level } => level / 2.0,
        }
    }

    /// The highest level that may be tried.
    pub fn to_level(&self) -> f64 {
        match &self.strategy {
            Strategy::Listed { levels, .. } => levels.last().copied().unwrap_or_default(),
            Strategy::Adaptive { to, .. } => *to,
            Strategy::Assert { level } => *level,
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

    /// What will be tried, and how long that may take, as text.
    pub fn schedule(&self) -> String {
        let one = |hold: Duration| (self.warmup + hold + self.cooldown).as_secs_f64() + 2.0;
        let (short, full) = (one(self.short_hold()), one(self.hold));
        let (text, seconds) = match &self.strategy {
            Strategy::Listed { levels, run_all } => {
                let until = if *run_all { "" } else { ", until the first trip" };
                let levels_told: Vec<String> = levels.iter().map(f64::to_string).collect();
                (
                    format!("{} {}{until}\n", levels_told.join(", "), self.axis.unit()),
                    full * levels.len() as f64,
                )
            }
            Strategy::Adaptive { from, to, precision, .. } => {
                let ramp = (to / from).ln() / 1.5f64.ln();
                let narrow = (1.5f64.ln() / (1.0 + precision).ln()).log2().ceil();
                let text = format!(
                    "ramp from {from} by × 1.5 to at most {to} {}: up to {} short holds\n\
                     narrow the bracket to {} %: about {narrow} short holds\n\
                     confirm both bounds by majority: 4 to 6 full holds\n\
                     the first level that held once more: 1 full hold\n",
                    self.axis.unit(),
                    ramp.ceil() + 1.0,
                    precision * 100.0,
                );
                (text, short * (ramp.ceil() + narrow) + full * 8.0)
            }
            Strategy::Assert { level } => (
                format!("{level} {}: 2 or 3 full holds, the majority decides\n", self.axis.unit()),
                3.0 * full,
            ),
        };
        let most = crate::units::print_duration(Duration::from_secs_f64(seconds.ceil()));
        let cap =
            self.max_time.map(|cap| format!("; at most {}", crate::units::print_duration(cap)));
        format!("{text}about {most} at the longest{}\n", cap.unwrap_or_default())
    }
}
