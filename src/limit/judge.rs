//! What a hold says about its level: a pure function of what was seen, in this precedence:
//!
//! 1. This tool was the bottleneck → inconclusive, except that failures the target answered with
//!    still trip.
//! 2. A gate is crossed, the backlog grows or waits at the end, (users) more of them bring no more,
//!    or a signal of the target's says so → trip, with every reason.
//! 3. Less was achieved than asked for though the target was healthy → inconclusive.
//! 4. No call at all, too few samples for a gate, or a target that was restarted → inconclusive.
//! 5. Pass.
//!
//! A trip is judged before the shortfall, so that back-pressure of the target does not pass for a
//! weak tool.

use super::search::Judgement;
use super::signals::Told;
use crate::results::format::{counted, percent, quantity, rate};
use crate::results::summary::Threshold;

/// What was seen of one hold.
#[derive(Debug, Clone)]
pub struct Seen<'s> {
    /// Arrivals/s that were asked for; `None` on the axis of users.
    pub target_per_s: Option<f64>,
    /// Iterations that ended, per second.
    pub achieved_per_s: f64,
    /// How much less than the target may be achieved, as a part of it.
    pub tolerance: f64,
    /// Calls that ended.
    pub calls: u64,
    /// Why this tool may have been the bottleneck, as sentences.
    pub measurement: &'s [String],
    /// The gates, judged over the hold.
    pub gates: &'s [Threshold],
    /// By how many arrivals per second the backlog grew to the hold's end, if it did.
    pub growth: Option<f64>,
    /// Arrivals that waited for a user at its end, if more than may.
    pub waiting: Option<u64>,
    /// On the axis of users: by what part users and goodput had risen since a lower hold.
    pub gain: Option<Gain>,
    /// What the target said of itself.
    pub signals: &'s Told,
}

/// What more users brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    /// More users, as a part of those before.
    pub users: f64,
    /// More goodput, as a part of that before.
    pub goodput: f64,
}

impl Gain {
    /// Under 2 % more goodput for 20 % more users.
    fn is_plateau(self) -> bool {
        self.users >= 0.2 && self.goodput < 0.02
    }
}

/// The verdict and its reasons.
pub fn judge(seen: &Seen) -> (Judgement, Vec<String>) {
    let crossed: Vec<&Threshold> = seen.gates.iter().filter(|gate| is_crossed(gate)).collect();
    if !seen.measurement.is_empty() {
        let failures = crossed.iter().filter(|gate| gate.on_failures());
        let answered: Vec<String> = failures.map(|gate| told(gate)).collect();
        return match answered.is_empty() {
            true => (Judgement::Inconclusive, seen.measurement.to_vec()),
            false => (Judgement::Trip, answered),
        };
    }
    let mut trips: Vec<String> = crossed.into_iter().map(told).collect();
    trips.extend(
        seen.growth.map(|growth| format!("unstable: the backlog grows by {}/s", rate(growth))),
    );
    trips.extend(seen.waiting.map(|waiting| {
        format!("backlog: {} waited for a user at the end", counted(waiting, "arrival"))
    }));
    trips.extend(seen.gain.filter(|gain| gain.is_plateau()).map(|gain| {
        let (goodput, users) = (percent(gain.goodput), percent(gain.users));
        format!("plateau: {goodput} more goodput for {users} more users")
    }));
    trips.extend(seen.signals.trips.iter().cloned());
    if !trips.is_empty() {
        return (Judgement::Trip, trips);
    }
    let doubts = doubts(seen);
    if doubts.is_empty() {
        (Judgement::Pass, margins(seen.gates))
    } else {
        (Judgement::Inconclusive, doubts)
    }
}

fn doubts(seen: &Seen) -> Vec<String> {
    let mut doubts = seen.signals.doubts.clone();
    if seen.calls == 0 {
        doubts.push("no call was made".to_owned());
    }
    if let Some(target) = seen.target_per_s
        && seen.achieved_per_s < (1.0 - seen.tolerance) * target
    {
        let (achieved, target) = (rate(seen.achieved_per_s), rate(target));
        doubts.push(format!(
            "{achieved}/s of {target}/s were achieved though the target was healthy"
        ));
    }
    let few =
        seen.gates.iter().filter(|gate| gate.observed.is_some() && gate.samples < gate.min_samples);
    doubts.extend(few.map(|gate| {
        let samples = counted(gate.samples, "sample");
        format!(
            "{} {}: {samples}, at least {} are needed",
            gate.metric, gate.expression, gate.min_samples
        )
    }));
    doubts
}

/// No data is no proof that a gate holds, but no trip either.
fn is_crossed(gate: &Threshold) -> bool {
    !gate.ok && gate.observed.is_some() && gate.samples >= gate.min_samples.min(1)
}

fn told(gate: &Threshold) -> String {
    let observed = gate.observed.map_or_else(|| "no data".to_owned(), |v| quantity(v, &gate.unit));
    format!("{} {}: {observed}", gate.metric, gate.expression)
}

/// How far each gate is from being crossed.
fn margins(gates: &[Threshold]) -> Vec<String> {
    gates.iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(metric: &str, observed: f64, limit: f64, samples: u64) -> Threshold {
        Threshold {
            metric: metric.into(),
            expression: format!("p95 < {limit}ms"),
            observed: Some(observed),
            limit,
            unit: "ms".into(),
            ok: observed < limit,
            default: false,
            samples,
            min_samples: 80,
            window_s: None,
            crossed_at_s: None,
            ended_run: false,
        }
    }

    const SILENT: &Told =
        &Told { rows: Vec::new(), trips: Vec::new(), doubts: Vec::new(), missing: Vec::new() };

    fn seen(gates: &[Threshold]) -> Seen<'_> {
        Seen {
            target_per_s: Some(100.0),
            achieved_per_s: 100.0,
            tolerance: 0.05,
            calls: 1_000,
            measurement: &[],
            gates,
            growth: None,
            waiting: None,
            gain: None,
            signals: SILENT,
        }
    }

    #[test]
    fn each_rule_decides_where_those_before_it_do_not() {
        use Judgement::{Inconclusive, Pass, Trip};
        let fast = [gate("http_call_duration", 50.0, 100.0, 500)];
        let slow = [gate("http_call_duration", 143.0, 100.0, 500)];
        let failing = [gate("http_call_failed", 143.0, 100.0, 500)];
        let few = [gate("http_call_duration", 50.0, 100.0, 79)];
        let busy = ["a worker was busy".to_owned()];
        let full = Told { trips: vec!["depth growth <= 9: 10".to_owned()], ..Told::default() };
        let anew = Told { doubts: vec!["the target was restarted".to_owned()], ..Told::default() };
        let gain = |users, goodput| Some(Gain { users, goodput });
        let cases = [
            (seen(&fast), Pass, "http_call_duration p95 < 100ms: 50.0 ms"),
            (seen(&slow), Trip, "143 ms"),
            (Seen { measurement: &busy, ..seen(&fast) }, Inconclusive, "busy"),
            (Seen { measurement: &busy, ..seen(&slow) }, Inconclusive, "busy"),
            (Seen { measurement: &busy, ..seen(&failing) }, Trip, "http_call_failed"),
            (Seen { growth: Some(7.0), ..seen(&fast) }, Trip, "unstable"),
            (Seen { waiting: Some(70), ..seen(&fast) }, Trip, "70 arrivals waited"),
            (Seen { gain: gain(0.2, 0.019), ..seen(&fast) }, Trip, "plateau"),
            (Seen { gain: gain(0.2, 0.021), ..seen(&fast) }, Pass, ""),
            (Seen { gain: gain(0.19, 0.0), ..seen(&fast) }, Pass, ""),
            (Seen { achieved_per_s: 95.0, ..seen(&fast) }, Pass, ""),
            (Seen { achieved_per_s: 94.9, ..seen(&fast) }, Inconclusive, "94.9/s of 100/s"),
            (Seen { achieved_per_s: 50.0, ..seen(&slow) }, Trip, "143 ms"),
            (Seen { calls: 0, ..seen(&[]) }, Inconclusive, "no call"),
            (seen(&few), Inconclusive, "at least 80 are needed"),
            (Seen { signals: &full, ..seen(&fast) }, Trip, "depth growth <= 9: 10"),
            (Seen { signals: &full, measurement: &busy, ..seen(&fast) }, Inconclusive, "busy"),
            (Seen { signals: &anew, ..seen(&fast) }, Inconclusive, "restarted"),
            (Seen { signals: &anew, ..seen(&slow) }, Trip, "143 ms"),
        ];
        for (seen, judgement, reason) in cases {
            let (judged, reasons) = judge(&seen);
            let reasons = reasons.join("; ");
            assert_eq!(judged, judgement, "{reasons}");
            assert!(reasons.contains(reason), "wanted {reason:?} in {reasons:?}");
        }
    }
}
