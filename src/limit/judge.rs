//! What a hold says about its level: a pure function of what was seen, in this precedence:
//!
//! 1. This tool was the bottleneck → inconclusive, except that failures the target answered with
//!    still trip, if they are more than the iterations that this tool started late: those come in
//!    bursts, and a burst may be what was refused. A call that timed out, or for which something ran out here, is none of these.
//! 2. A gate is crossed, the backlog or what is in flight grows, arrivals wait at the end, (users)
//!    more of them bring no more, or a signal of the target's says so → trip, with every reason.
//! 3. Less was achieved than asked for though the target was healthy → inconclusive.
//! 4. No call at all, no or too few samples for a gate, or a target that was restarted →
//!    inconclusive: what was not seen is no proof that it holds.
//! 5. Pass.
//!
//! A trip is judged before the shortfall, so that back-pressure of the target does not pass for a
//! weak tool.

use std::cmp::Ordering;

use super::search::Judgement;
use super::signals::Told;
use crate::metrics::Selector;
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
    /// Calls that failed in ways that this tool may have caused: see [`fitness::perhaps_ours`].
    ///
    /// [`fitness::perhaps_ours`]: crate::results::fitness::perhaps_ours
    pub unanswered: u64,
    /// Why this tool may have been the bottleneck, as sentences.
    pub measurement: &'s [String],
    /// The gates, judged over the hold.
    pub gates: &'s [Threshold],
    /// By how many arrivals per second the backlog grew to the hold's end, if it did.
    pub growth: Option<f64>,
    /// By how many per second iterations in flight grew to its end, if they did.
    pub piling: Option<f64>,
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
        crossed.partition(|gate| gate.on_failures() && gate.failures() <= seen.late);
    if !seen.measurement.is_empty() {
        let answered = crossed.iter().filter(|gate| gate.is_crossed_by_answers(seen.unanswered));
        let answered: Vec<String> = answered.map(|gate| gate.told()).collect();
        return match answered.is_empty() {
            true => (Judgement::Inconclusive, seen.measurement.to_vec()),
            false => (Judgement::Trip, answered),
        };
    }
    let mut trips: Vec<String> = crossed.into_iter().map(Threshold::told).collect();
    trips.extend(
        seen.growth.map(|growth| format!("unstable: the backlog grows by {}/s", rate(growth))),
    );
    trips.extend(
        seen.piling
            .map(|growth| format!("unstable: iterations in flight grow by {}/s", rate(growth))),
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
        format!("{}, but this tool started {late} late, and a burst may be refused", gate.told())
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

/// What broke first in a hold that tripped: `p95 of "add to cart" 143 ms > 100 ms` of a gate, else
/// its first reason.
pub fn broken(gates: &[Threshold], reasons: &[String]) -> Option<String> {
    let first = reasons.first()?;
    let gate = gates.iter().find(|gate| gate.told() == *first);
    Some(gate.and_then(exceeded).unwrap_or_else(|| first.clone()))
}

fn exceeded(gate: &Threshold) -> Option<String> {
    let observed = gate.observed?;
    let sign = match observed.total_cmp(&gate.limit) {
        Ordering::Less => "<",
        Ordering::Equal => "=",
        Ordering::Greater => ">",
    };
    let statistic = gate.expression.split(['<', '>', '=', '!']).next()?.trim();
    let named = Selector::parse(&gate.metric).ok();
    let named = named.and_then(|of| of.wanted("step").or_else(|| of.wanted("name")));
    let series = named.map_or_else(|| gate.metric.clone(), |name| format!("\"{name}\""));
    let (observed, limit) = (quantity(observed, &gate.unit), quantity(gate.limit, &gate.unit));
    Some(format!("{statistic} of {series} {observed} {sign} {limit}"))
}

/// How far each gate is from being crossed.
fn margins(gates: &[Threshold]) -> Vec<String> {
    gates.iter().map(Threshold::told).collect()
}

#[cfg(test)]
mod tests;
