//! What a search came to, for the summary.

use super::judge::broken;
use super::mix::{Mix, Part};
use super::pilot::LimitPilot;
use crate::plan::condition::Measure;
use crate::results::limit::{Limit, LimitStep, PartOfLimit};
use crate::results::scalability::Scalability;

pub(super) use crate::results::limit::DRIFT;

/// A p95 that moved by less than that is no drift.
pub(super) const DRIFT_MS: f64 = 0.5;

/// Nor is one that moved by less than this part of the shortest time that an objective asks for:
/// it says nothing of where the limit is.
const DRIFT_OF_OBJECTIVE: f64 = 0.05;

impl LimitPilot {
    /// All that is known so far.
    pub(super) fn conclusion(&mut self) -> Limit {
        let answer = self.search.answer();
        let drift = self.drift();
        let drifted = drift.is_some_and(|drift| drift.abs() > DRIFT);
        let complete = answer.complete && self.over;
        let verdict = match (complete, answer.lower) {
            (true, _) if answer.inconclusive || drifted => "inconclusive",
            (true, Some(_)) => "pass",
            (true, None) => "fail",
            (false, _) => "inconclusive",
        };
        let at =
            |level: Option<f64>| self.steps.iter().filter(move |row| Some(row.target) == level);
        let mean = |value: fn(&LimitStep) -> f64| {
            let held: Vec<f64> =
                at(answer.lower).filter(|row| row.verdict == "pass").map(value).collect();
            (!held.is_empty()).then(|| held.iter().sum::<f64>() / held.len() as f64)
        };
        Limit {
            axis: self.spec.axis.name().to_owned(),
            scenario: self.mix.as_ref().map_or_else(String::new, Mix::names),
            parts: self.parts(answer.lower),
            lower: answer.lower,
            upper: answer.upper,
            goodput_per_s: mean(|row| row.goodput_per_s),
            calls_per_s: mean(|row| row.calls_per_s),
            verdict: verdict.to_owned(),
            next_limit: at(answer.upper)
                .find(|row| row.verdict == "trip")
                .and_then(|row| broken(&row.gates, &row.reasons)),
            complete,
            non_monotone: answer.non_monotone,
            drift,
            scalability: self.scalability(),
            steps: std::mem::take(&mut self.steps),
        }
    }

    /// The law through all holds, where levels are users.
    fn scalability(&self) -> Option<Scalability> {
        let users = !self.spec.axis.is_rate();
        let points: Vec<_> = self.steps.iter().map(|row| (row.target, row.goodput_per_s)).collect();
        users.then(|| Scalability::fit(&points)).flatten()
    }

    /// Each scenario's part of the answer, if there are several.
    fn parts(&self, lower: Option<f64>) -> Vec<PartOfLimit> {
        let Some(mix) = self.mix.as_ref().filter(|mix| mix.is_mixed()) else { return Vec::new() };
        let levels = mix.at(lower.unwrap_or_default());
        let part = |(part, level): (&Part, f64)| PartOfLimit {
            scenario: part.name().to_owned(),
            share: part.share,
            lower: lower.map(|_| level),
        };
        levels.map(part).collect()
    }

    /// The p95 of the first level that held, when it did.
    pub(super) fn first_p95(&self) -> Option<f64> {
        let first = self.search.first_pass()?;
        self.steps.iter().find(|row| row.target == first && row.verdict == "pass")?.p95_ms
    }

    /// By what part it had moved at the end.
    fn drift(&self) -> Option<f64> {
        let before = self.first_p95()?;
        let judged = |row: &&LimitStep| row.purpose == "drift" && row.verdict != "inconclusive";
        let moved = self.steps.iter().rev().find(judged)?.p95_ms? - before;
        Some(if moved.abs() < self.unnoticed_ms() { 0.0 } else { moved / before })
    }

    /// What a p95 may move by.
    fn unnoticed_ms(&self) -> f64 {
        let times = self.spec.gates.iter().map(|gate| &gate.condition);
        let times = times.filter(|condition| condition.measure == Measure::Ms);
        let shortest = times.map(|condition| condition.limit).fold(f64::INFINITY, f64::min);
        let of_objective = if shortest.is_finite() { shortest * DRIFT_OF_OBJECTIVE } else { 0.0 };
        of_objective.max(DRIFT_MS)
    }
}
