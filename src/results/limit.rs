//! What a search for the highest load that holds came to; part of the summary of such a run.

use serde::{Deserialize, Serialize};

use super::Summary;
use super::format::{number, percent};
use super::scalability::Scalability;
use super::verdict::{BUG, Outcome};

/// The answer and its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// `rate` (iterations started per second) or `users`.
    pub axis: String,
    /// The scenario that was steered.
    pub scenario: String,
    /// The highest level that held; null if none did.
    pub lower: Option<f64>,
    /// The lowest level above it that did not; null if all did.
    pub upper: Option<f64>,
    /// Iterations that completed per second at `lower`.
    pub goodput_per_s: Option<f64>,
    /// Calls per second at `lower`.
    pub calls_per_s: Option<f64>,
    /// `pass`, `fail` or `inconclusive`.
    pub verdict: String,
    /// What broke first above `lower`, in words.
    pub next_limit: Option<String>,
    /// Whether the search came to its end.
    pub complete: bool,
    /// Whether some level held above one that did not.
    pub non_monotone: bool,
    /// By what part the p95 of the first level that held had moved at the end; null if it was not
    /// held again.
    pub drift: Option<f64>,
    /// The law of scalability through the holds of a search over users; null where none was found.
    #[serde(default)]
    pub scalability: Option<Scalability>,
    /// In the order in which they were held.
    pub steps: Vec<LimitStep>,
}

/// One hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitStep {
    /// `ramp`, `narrow`, `lower`, `upper`, `drift`, `listed`, `assert`.
    pub purpose: String,
    /// In units of the axis.
    pub target: f64,
    /// Since the run's start.
    pub from_s: f64,
    /// How long it was held.
    pub hold_s: f64,
    /// Iterations that ended per second.
    pub achieved_per_s: f64,
    /// Iterations that completed per second.
    pub goodput_per_s: f64,
    /// Calls per second.
    pub calls_per_s: f64,
    /// Share of calls that failed; null if there was none.
    pub error_rate: Option<f64>,
    /// Most users at once.
    pub vus: u64,
    /// Of expected answers [ms].
    pub p50_ms: Option<f64>,
    /// Likewise.
    pub p95_ms: Option<f64>,
    /// Likewise.
    pub p99_ms: Option<f64>,
    /// `pass`, `trip` or `inconclusive`.
    pub verdict: String,
    /// Why, with figures; the gates' margins where it passed.
    pub reasons: Vec<String>,
    /// What the target said of itself.
    #[serde(default)]
    pub signals: Vec<SignalRow>,
    /// Iterations in flight on average by Little's law (completed per second times their mean
    /// duration), over those that were counted; null where nothing completed.
    #[serde(default)]
    pub littles_law: Option<f64>,
}

/// A signal over one hold: of the series that it selects, the worst.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalRow {
    /// As written.
    pub signal: String,
    /// By how much it changed.
    pub change: f64,
    /// Whether that was allowed.
    pub ok: bool,
}

impl Summary {
    /// Makes the search's verdict that of the run, unless the run itself went wrong.
    pub fn judge_limit(&mut self, limit: Limit) {
        let judged = match limit.verdict.as_str() {
            "pass" => (Outcome::Pass, 0),
            "fail" => (Outcome::Fail, 3),
            _ => (Outcome::Inconclusive, 4),
        };
        if !matches!(self.verdict.result, Outcome::Aborted) && self.verdict.exit_code != BUG {
            (self.verdict.result, self.verdict.exit_code) = judged;
            self.verdict.reasons = limit.doubts();
        }
        self.limit = Some(limit);
    }
}

impl Limit {
    /// Why the answer is less than certain, as sentences.
    fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if !self.complete {
            doubts.push("the search was ended before its end".to_owned());
        }
        if let Some(drift) = self.drift.filter(|_| self.complete && self.verdict == "inconclusive")
        {
            doubts.push(format!(
                "environment drifted: p95 of the first level moved by {}",
                percent(drift)
            ));
        }
        let undecided = self.steps.iter().rfind(|step| step.verdict == "inconclusive");
        if self.verdict == "inconclusive"
            && let Some(step) = undecided
        {
            doubts.push(format!("at {}: {}", number(step.target), step.reasons.join("; ")));
        }
        if self.non_monotone {
            doubts.push("a level held above one that did not".to_owned());
        }
        doubts
    }

    /// The largest change of a signal over all holds, in words.
    pub fn worst_signal(&self) -> Option<String> {
        let told =
            self.steps.iter().flat_map(|step| step.signals.iter().map(move |row| (step, row)));
        let worst = told.max_by(|(_, a), (_, b)| a.change.abs().total_cmp(&b.change.abs()));
        worst.map(|(step, row)| {
            format!("{} was {} at {}", row.signal, number(row.change), number(step.target))
        })
    }

    /// Where users at work were not what throughput times duration says, by Little's law.
    pub fn littles_remark(&self) -> Option<String> {
        let off = |step: &&LimitStep| step.littles_law.is_some_and(|law| (law - 1.0).abs() > 0.1);
        let step = self.steps.iter().filter(|step| step.verdict == "pass").find(off)?;
        Some(format!(
            "Little's law is off by {} at {}: what was measured does not fit together",
            percent((step.littles_law? - 1.0).abs()),
            number(step.target)
        ))
    }

    /// The answer in one sentence.
    pub fn sentence(&self) -> String {
        let unit = if self.axis == "rate" { "iterations/s" } else { "users" };
        match (self.lower, self.upper) {
            (Some(lower), Some(upper)) => {
                format!("{} {unit} hold ({} did not)", number(lower), number(upper))
            }
            (Some(lower), None) => {
                format!("{} {unit} hold, and nothing above was tried", number(lower))
            }
            (None, Some(upper)) => format!("nothing held: {} {unit} did not", number(upper)),
            (None, None) => "nothing is known: no hold came to its end".to_owned(),
        }
    }
}
