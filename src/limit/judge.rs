//! What a hold says about its level: a pure function of what was seen, in this precedence:
//!
//! 1. This tool was the bottleneck → inconclusive, except that failures the target answered with
//!    still trip, if they are more than the iterations that this tool started late: those come in
//!    bursts, and a burst may be what was refused.
//! 2. A gate is crossed, the backlog grows or waits at the end, (users) more of them bring no more,
//!    or a signal of the target's says so → trip, with every reason.
//! 3. Less was achieved than asked for though the target was healthy → inconclusive.
//! 4. No call at all, no or too few samples for a gate, or a target that was restarted →
//!    inconclusive: what was not seen is no proof that it holds.
//! 5. Pass.
//!
//! A trip is judged before the shortfall, so that back-pressure of the target does not pass for a
//! weak tool.

use super::search::Judgement;
use super::signals::Told;
use crate::results::format::{counted, quantity, rate, share};
use crate::results::summary::Threshold;

/// What was seen of one hold.
#[derive(Debug, Clone)]
pub struct Seen<'s> {
    /// What was asked for and what came of it; empty on the axis of users.
    pub rates: &'s [Rate],
    /// How much less than the target may be achieved, as a part of it.
    pub tolerance: f64,
    /// Calls that ended.
    pub calls: u64,
    /// Iterations that this tool started late.
    pub late: u64,
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

/// Arrivals over a hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    /// Which scenario's, where there are several.
    pub of: Option<String>,
    /// So many were asked for.
    pub wanted: f64,
    /// So many iterations ended.
    pub ended: f64,
    /// How long it was held [s].
    pub seconds: f64,
}

impl Rate {
    /// That less was achieved than asked for, as a sentence. One arrival more or less is where the
    /// hold begins among them.
    fn short(&self, tolerance: f64) -> Option<String> {
        let short = self.ended + 1.0 < (1.0 - tolerance) * self.wanted;
        let (achieved, target) =
            (rate(self.ended / self.seconds), rate(self.wanted / self.seconds));
        let of = self.of.as_ref().map_or(String::new(), |name| format!("{name}: "));
        let told =
            format!("{of}{achieved}/s of {target}/s were achieved though the target was healthy");
        short.then_some(told)
    }
}

/// What more users brought.
///
/// A level is on the plateau where 20 % more users brought less than 2 % more goodput than the
/// level below, or as little over a wider gap: the gap's logarithm sets both. It is compared with
/// the nearest level that held and lies low enough; one that is nearer could not tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    /// More users, as a part of those before.
    pub users: f64,
    /// More goodput, as a part of that before.
    pub goodput: f64,
}

/// So many times the users are to bring so many times the goodput.
const MORE_USERS: f64 = 1.2;
const MORE_GOODPUT: f64 = 1.02;

impl Gain {
    /// Of a level with that goodput over what held before, each with its own.
    pub fn over(
        level: f64,
        goodput: f64,
        before: impl Iterator<Item = (f64, f64)> + Clone,
    ) -> Option<Gain> {
        let low_enough = before.clone().filter(|(lower, _)| lower * MORE_USERS <= level + 1e-9);
        let nearest = low_enough.map(|(lower, _)| lower).max_by(f64::total_cmp)?;
        let there: Vec<f64> =
            before.filter(|(lower, _)| *lower == nearest).map(|(_, goodput)| goodput).collect();
        let mean = there.iter().sum::<f64>() / there.len() as f64;
        Some(Gain { users: level / nearest - 1.0, goodput: goodput / mean - 1.0 })
    }

    /// Whether they brought next to nothing.
    fn is_plateau(self) -> bool {
        let gaps = (1.0 + self.users).ln() / MORE_USERS.ln();
        gaps > 1.0 - 1e-9 && 1.0 + self.goodput < MORE_GOODPUT.powf(gaps)
    }
}

/// The verdict and its reasons.
pub fn judge(seen: &Seen) -> (Judgement, Vec<String>) {
    let crossed = seen.gates.iter().filter(|gate| is_crossed(gate));
    let (ours, crossed): (Vec<&Threshold>, Vec<_>) =
        crossed.partition(|gate| gate.on_failures() && failures(gate) <= seen.late);
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
        let (goodput, users) = (share(gain.goodput), share(gain.users));
        format!("plateau: {goodput} more goodput for {users} more users")
    }));
    trips.extend(seen.signals.trips.iter().cloned());
    if !trips.is_empty() {
        return (Judgement::Trip, trips);
    }
    let mut doubts = doubts(seen);
    doubts.extend(ours.into_iter().map(|gate| {
        let late = counted(seen.late, "iteration");
        format!("{}, but this tool started {late} late, and a burst may be refused", told(gate))
    }));
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
    doubts.extend(seen.rates.iter().filter_map(|rate| rate.short(seen.tolerance)));
    doubts.extend(seen.gates.iter().filter_map(unproven));
    doubts
}

/// That a gate has not the samples it needs, as a sentence; an optional one needs none.
fn unproven(gate: &Threshold) -> Option<String> {
    let gate_told = || format!("{} {}", gate.metric, gate.expression);
    match gate.observed {
        None => (!gate.ok).then(|| format!("{}: no data", gate_told())),
        Some(_) => (gate.samples < gate.min_samples).then(|| {
            let samples = counted(gate.samples, "sample");
            format!("{}: {samples}, at least {} are needed", gate_told(), gate.min_samples)
        }),
    }
}

/// Fewer samples than a gate needs are no trip, as they are no pass.
fn is_crossed(gate: &Threshold) -> bool {
    !gate.ok && gate.observed.is_some() && gate.samples >= gate.min_samples
}

/// How many samples of a gate on failures or checks were bad.
fn failures(gate: &Threshold) -> u64 {
    if gate.unit != "fraction" {
        return gate.samples; // a counter of them
    }
    let share = gate.observed.unwrap_or_default();
    let bad = if gate.metric.starts_with("checks") { 1.0 - share } else { share };
    (bad * gate.samples as f64).round() as u64
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
    use super::super::search::{Search, Strategy};
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

    fn share_of(metric: &str, observed: f64, ok: bool) -> Threshold {
        let unit = "fraction".to_owned();
        Threshold { observed: Some(observed), unit, ok, ..gate(metric, 0.0, 0.0, 500) }
    }

    const SILENT: &Told =
        &Told { rows: Vec::new(), trips: Vec::new(), doubts: Vec::new(), missing: Vec::new() };

    fn rate_of(of: Option<&str>, wanted: f64, ended: f64) -> Rate {
        Rate { of: of.map(str::to_owned), wanted, ended, seconds: 10.0 }
    }

    fn seen(gates: &[Threshold]) -> Seen<'_> {
        Seen {
            rates: &[],
            tolerance: 0.05,
            calls: 1_000,
            late: 0,
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
        let failing = [share_of("http_call_failed", 0.02, false)]; // 10 of 500
        let unchecked = [share_of("checks", 0.98, false)];
        let few = [gate("http_call_duration", 50.0, 100.0, 79)];
        let few_slow = [gate("http_call_duration", 143.0, 100.0, 79)];
        let none = Threshold { observed: None, samples: 0, ..gate("hits", 143.0, 100.0, 0) };
        let unasked = [Threshold { ok: true, ..none.clone() }]; // optional
        let unseen = [none];
        let busy = ["a worker was busy".to_owned()];
        let full = Told { trips: vec!["depth growth <= 9: 10".to_owned()], ..Told::default() };
        let anew = Told { doubts: vec!["the target was restarted".to_owned()], ..Told::default() };
        let gain = |users, goodput| Some(Gain { users, goodput });
        let rates = |ended: f64| [rate_of(None, 1_000.0, ended)];
        let mixed = [rate_of(Some("browse"), 900.0, 900.0), rate_of(Some("buy"), 100.0, 93.0)];
        let cases = [
            (seen(&fast), Pass, "http_call_duration p95 < 100ms: 50.0 ms"),
            (seen(&slow), Trip, "143 ms"),
            (Seen { measurement: &busy, ..seen(&fast) }, Inconclusive, "busy"),
            (Seen { measurement: &busy, ..seen(&slow) }, Inconclusive, "busy"),
            (Seen { measurement: &busy, ..seen(&failing) }, Trip, "http_call_failed"),
            (Seen { late: 9, ..seen(&failing) }, Trip, "http_call_failed"),
            (Seen { late: 10, ..seen(&failing) }, Inconclusive, "10 iterations late"),
            (Seen { late: 10, ..seen(&unchecked) }, Inconclusive, "10 iterations late"),
            (Seen { late: 10, measurement: &busy, ..seen(&failing) }, Inconclusive, "busy"),
            (Seen { late: 10, ..seen(&slow) }, Trip, "143 ms"),
            (Seen { growth: Some(7.0), ..seen(&fast) }, Trip, "unstable"),
            (Seen { waiting: Some(70), ..seen(&fast) }, Trip, "70 arrivals waited"),
            (Seen { gain: gain(0.2, 0.019), ..seen(&fast) }, Trip, "plateau"),
            (Seen { gain: gain(0.2, 0.021), ..seen(&fast) }, Pass, ""),
            (Seen { gain: gain(0.19, 0.0), ..seen(&fast) }, Pass, ""),
            (Seen { gain: gain(0.44, 0.039), ..seen(&fast) }, Trip, "3.90 % more goodput for 44 %"),
            (Seen { gain: gain(0.44, 0.041), ..seen(&fast) }, Pass, ""),
            (Seen { rates: &rates(949.0), ..seen(&fast) }, Pass, ""),
            (Seen { rates: &rates(948.0), ..seen(&fast) }, Inconclusive, "94.8/s of 100/s"),
            (Seen { rates: &rates(500.0), ..seen(&slow) }, Trip, "143 ms"),
            (Seen { rates: &mixed, ..seen(&fast) }, Inconclusive, "buy: 9.30/s of 10/s"),
            (Seen { rates: &[rate_of(None, 4.0, 3.0)], ..seen(&fast) }, Pass, ""),
            (Seen { calls: 0, ..seen(&[]) }, Inconclusive, "no call"),
            (seen(&few), Inconclusive, "at least 80 are needed"),
            (seen(&few_slow), Inconclusive, "79 samples, at least 80 are needed"),
            (seen(&unseen), Inconclusive, "hits p95 < 100ms: no data"),
            (seen(&unasked), Pass, ""),
            (Seen { growth: Some(7.0), ..seen(&unseen) }, Trip, "unstable"),
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

    /// Users of whom so many keep the target busy: those beyond wait for each other.
    #[test]
    fn a_plateau_is_found_wherever_it_begins() {
        for busy in [3.0, 7.0, 13.0, 40.0, 111.0, 300.0, 1_234.0] {
            let mut search = Search::new(Strategy::Adaptive {
                from: 1.0,
                to: 1e5,
                precision: 0.05,
                whole: true,
            });
            let mut held: Vec<(f64, f64)> = Vec::new();
            let mut steps = 0;
            while let Some(step) = search.step() {
                // A queue's throughput, of which the corner at `busy` users is a little rounded.
                let goodput = (step.level.powi(-12) + f64::powi(busy, -12)).powf(-1.0 / 12.0);
                let gain = Gain::over(step.level, goodput, held.iter().copied());
                let tripped = gain.is_some_and(Gain::is_plateau);
                if !tripped {
                    held.push((step.level, goodput));
                }
                search.note(if tripped { Judgement::Trip } else { Judgement::Pass });
                steps += 1;
            }
            let answer = search.answer();
            let (lower, upper) = (answer.lower.unwrap(), answer.upper.unwrap());
            assert!(answer.complete && !answer.inconclusive && steps < 80, "{busy}: {answer:?}");
            // It shows 20 % above, and the level that it shows against may lie as much lower again.
            assert!(busy * 0.95 <= lower && upper <= busy * 1.5 + 1.0, "{busy}: {answer:?}");
        }
    }
}
