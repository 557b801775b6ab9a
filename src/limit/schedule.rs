//! What a search may come to: found by walking it against a target that holds everything, or all up
//! to just below the highest level, and of which one full hold in three says the contrary: the longest
//! way there is but for bounds that are overturned and levels that must be tried again.

use std::time::Duration;

use super::LimitSpec;
use super::pilot::{EXTENSIONS, SURE};
use super::search::{Judgement, Purpose, Search, Step, Strategy};
use crate::plan::search::Part;
use crate::plan::{Plan, Threshold};
use crate::results::format::share;
use crate::units::print_duration;

/// Between two steps: settings lie ahead, and stragglers are waited for.
const BETWEEN: Duration = Duration::from_secs(2);

impl LimitSpec {
    /// How long a step is held; at a low rate that is longer, until there are samples enough.
    fn hold_of(&self, step: Step) -> Duration {
        let hold = if step.full { self.hold } else { self.short_hold() };
        if !self.axis.is_rate() {
            return hold; // how fast users iterate is not known
        }
        let samples = self.gates.iter().map(Threshold::least_samples).max().unwrap_or_default();
        let needed = samples as f64 / (step.level * SURE);
        let times = (needed / hold.as_secs_f64()).ceil().clamp(1.0, f64::from(1 + EXTENSIONS));
        hold * times as u32
    }

    /// How long it may take.
    pub fn length(&self) -> Duration {
        let of_step = |step| self.warmup + self.hold_of(step) + self.rest() + BETWEEN;
        longest(&self.strategy).into_iter().map(of_step).sum()
    }

    /// How many iterations a search by `strategy` may start, on the axis of rates.
    pub(super) fn most_iterations_of(&self, strategy: &Strategy) -> f64 {
        let between = strategy.lowest() * (self.rest() + BETWEEN).as_secs_f64();
        let of_step =
            |step: Step| step.level * (self.warmup + self.hold_of(step)).as_secs_f64() + between;
        longest(strategy).into_iter().map(of_step).sum()
    }

    /// Each scenario's part, as a line, where several are scaled together.
    pub fn parts(&self, plan: &Plan) -> String {
        let told = |part: &Part| {
            format!("{} {}", plan.scenarios()[part.scenario].name(), share(part.share))
        };
        match plan.steered() {
            [] | [_] => String::new(),
            parts => {
                let parts: Vec<String> = parts.iter().map(told).collect();
                format!("in proportion: {}\n", parts.join(", "))
            }
        }
    }

    /// What will be tried, and how long that may take, as text.
    pub fn schedule(&self) -> String {
        let unit = self.axis.unit();
        let text = match &self.strategy {
            Strategy::Listed { levels, run_all } => {
                let until = if *run_all { "" } else { ", until the first trip" };
                let levels: Vec<String> = levels.iter().map(f64::to_string).collect();
                format!("{} {unit}{until}\n", levels.join(", "))
            }
            Strategy::Adaptive { from, to, precision, .. } => {
                let factor = self.strategy.ramp();
                let ramp = ((to / from).ln() / factor.ln()).ceil() + 1.0;
                let narrow = (factor.ln() / (1.0 + precision).ln()).log2().ceil().max(0.0);
                format!(
                    "ramp from {from} by × {factor} to at most {to} {unit}: up to {ramp} short holds\n\
                     narrow the bracket to {} %: about {narrow} short holds\n\
                     confirm both bounds by majority: 4 to 6 full holds\n\
                     the first level that held once more: 1 full hold\n",
                    precision * 100.0,
                )
            }
            Strategy::Assert { level } => {
                format!("{level} {unit}: 2 or 3 full holds, the majority decides\n")
            }
        };
        let seconds = Duration::from_secs(self.length().as_secs());
        let cap = self.max_time.map(|cap| format!("; at most {}", print_duration(cap)));
        format!(
            "{text}usually {} at the longest{} (more where levels must be tried again, iterations take \
             long, or the target is slow to recover)\n",
            print_duration(seconds),
            cap.unwrap_or_default()
        )
    }
}

/// The steps of the longest way.
fn longest(strategy: &Strategy) -> Vec<Step> {
    let highest = strategy.highest();
    let walked = |holds: &dyn Fn(f64) -> bool| {
        let mut search = Search::new(strategy.clone());
        let mut steps: Vec<Step> = Vec::new();
        while let Some(step) = search.step() {
            let is_vote = matches!(step.purpose, Purpose::Lower | Purpose::Upper | Purpose::Assert);
            let same = |other: &&Step| other.level == step.level && other.purpose == step.purpose;
            // The second vote is against the first, so that a third decides.
            let contrary = is_vote && steps.iter().filter(same).count() == 1;
            steps.push(step);
            search.note(if holds(step.level) == contrary {
                Judgement::Trip
            } else {
                Judgement::Pass
            });
        }
        steps
    };
    let ways = [walked(&|_| true), walked(&|level| level < highest)];
    ways.into_iter().max_by_key(Vec::len).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::plan::search::Axis;

    /// A search of iterations, with holds of 9 s.
    pub fn spec(strategy: Strategy) -> LimitSpec {
        LimitSpec {
            axis: Axis::Rate,
            scenario: None,
            strategy,
            gates: Vec::new(),
            tolerance: 0.05,
            warmup: Duration::from_secs(1),
            hold: Duration::from_secs(9),
            cooldown: Duration::from_secs(3),
            probes: None,
            max_time: None,
            max_vus: None,
            tell: Box::new(|_| {}),
        }
    }

    #[test]
    fn listed_levels_are_counted_one_by_one() {
        let listed = spec(Strategy::Listed { levels: vec![10.0, 100.0], run_all: false });
        assert_eq!(listed.length(), Duration::from_secs(2 * 15));
        assert_eq!(listed.most_iterations_of(&listed.strategy), 110.0 * 10.0 + 2.0 * 10.0 * 5.0);
        let asserted = spec(Strategy::Assert { level: 50.0 });
        assert_eq!(
            asserted.most_iterations_of(&asserted.strategy),
            3.0 * (50.0 * 10.0 + 25.0 * 5.0)
        );
        assert_eq!(asserted.length(), Duration::from_secs(3 * 15));
    }

    #[test]
    fn a_low_rate_is_held_until_it_has_its_samples() {
        let gates = vec![Threshold::parse("http_call_duration", "p95 < 1s").expect("a gate")];
        let listed = spec(Strategy::Listed { levels: vec![4.0, 100.0], run_all: true });
        let listed = LimitSpec { gates, ..listed };
        // 80 samples at 4/s are 20 s; at 100/s they are soon there. Each is followed by 30 calls at 4/s.
        let (warmup, rest) = (1.0, 7.5 + 2.0);
        let expected = (warmup + 27.0 + rest) + (warmup + 9.0 + rest);
        assert_eq!(listed.length(), Duration::from_secs_f64(expected));
    }

    #[test]
    fn the_longest_way_goes_to_the_top_and_is_confirmed_there() {
        let adaptive = |to| Strategy::Adaptive { from: 10.0, to, precision: 0.05, whole: false };
        let steps = longest(&adaptive(100.0));
        let of = |purpose| steps.iter().filter(|step| step.purpose == purpose).count();
        assert_eq!(
            [Purpose::Lower, Purpose::Upper, Purpose::Drift].map(of),
            [3, 3, 1],
            "{steps:?}"
        );
        assert!(steps.iter().any(|step| step.level == 100.0), "{steps:?}");
        let spec = spec(adaptive(200.0));
        let iterations = |to| spec.most_iterations_of(&adaptive(to));
        assert!(iterations(200.0) > 1.5 * iterations(100.0));
        assert!(spec.schedule().contains("4 to 6 full holds"));
    }
}
