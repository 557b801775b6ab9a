//! What a search for the highest load that holds came to; part of the summary of such a run.

use serde::{Deserialize, Serialize};

use super::Summary;
use super::format::{number, percent, share};
use super::scalability::Scalability;
use super::summary::Threshold;
use super::verdict::{BUG, Outcome};

/// A p95 of the first level that held which moved by more than that part: the environment drifted.
pub const DRIFT: f64 = 0.2;

/// The answer and its evidence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// `rate` (iterations started per second) or `users`.
    pub axis: String,
    /// The scenario that was steered, or the names of several.
    pub scenario: String,
    /// Each one's part, where several were scaled in proportion.
    #[serde(default)]
    pub parts: Vec<PartOfLimit>,
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

/// One of several scenarios that were scaled in proportion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartOfLimit {
    /// Its name.
    pub scenario: String,
    /// Of each level; those of all parts add up to 1.
    pub share: f64,
    /// Its part of the highest level that held.
    pub lower: Option<f64>,
}

/// One of them in a hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartOfStep {
    /// Its name.
    pub scenario: String,
    /// Its part of the level.
    pub target: f64,
    /// Its iterations that ended per second.
    pub achieved_per_s: f64,
    /// Of its expected answers [ms].
    pub p95_ms: Option<f64>,
}

/// One hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitStep {
    /// `ramp`, `narrow`, `lower`, `upper`, `again`, `drift`, `listed`, `assert`.
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
    /// The objectives over it, with what was observed.
    #[serde(default)]
    pub gates: Vec<Threshold>,
    /// The latencies that objectives are about, but for that of all calls.
    #[serde(default)]
    pub series: Vec<SeriesOfStep>,
    /// What the target said of itself.
    #[serde(default)]
    pub signals: Vec<SignalRow>,
    /// Iterations in flight on average by Little's law (ended per second times their mean
    /// duration), over the average that came of when they began and ended; null where none ended.
    #[serde(default)]
    pub littles_law: Option<f64>,
    /// Each scenario's figures, where several were scaled in proportion.
    #[serde(default)]
    pub parts: Vec<PartOfStep>,
}

/// One series of latencies over one hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SeriesOfStep {
    /// Its selector, as the objective writes it.
    pub series: String,
    /// Samples.
    pub count: u64,
    /// Null without a sample [ms].
    pub p50_ms: Option<f64>,
    /// Likewise.
    pub p95_ms: Option<f64>,
    /// Likewise.
    pub p99_ms: Option<f64>,
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

impl LimitStep {
    /// Of the signals that it has, one that was not as allowed, else the first.
    pub fn worst_signal(&self) -> Option<&SignalRow> {
        self.signals.iter().find(|signal| !signal.ok).or(self.signals.first())
    }
}

impl SignalRow {
    /// Of the same signal.
    fn is_worse_than(&self, other: &SignalRow) -> bool {
        if self.signal.contains('>') {
            self.change < other.change
        } else if self.signal.contains("==") {
            self.change.abs() > other.change.abs()
        } else {
            self.change > other.change
        }
    }
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
        // Its objectives are judged hold by hold: of nothing can a stage be said.
        self.anomalies.retain(|anomaly| anomaly.kind != "threshold_over_ramp");
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
        if let Some(drift) = self.drift.filter(|drift| drift.abs() > DRIFT && self.complete) {
            doubts.push(format!(
                "environment drifted: p95 of the first level moved by {}",
                percent(drift)
            ));
        }
        let gone = |step: &&LimitStep| step.purpose == "drift" && step.verdict == "trip";
        if let Some(step) = self.steps.iter().find(gone) {
            doubts.push(format!(
                "environment drifted: {} held at first, and not at the end: {}",
                number(step.target),
                step.reasons.join("; ")
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

    /// The worst change of each signal over all holds, in words; a change of one says nothing of
    /// another's.
    pub fn worst_signals(&self) -> Vec<String> {
        let mut worst: Vec<(f64, &SignalRow)> = Vec::new();
        for step in &self.steps {
            for row in &step.signals {
                match worst.iter_mut().find(|(_, known)| known.signal == row.signal) {
                    Some(known) if row.is_worse_than(known.1) => *known = (step.target, row),
                    Some(_) => {}
                    None => worst.push((step.target, row)),
                }
            }
        }
        let told = |(target, row): (f64, &SignalRow)| {
            format!("{}: {} at worst, at {}", row.signal, number(row.change), number(target))
        };
        worst.into_iter().map(told).collect()
    }

    /// Each scenario's part of the answer, in words, where there are several.
    pub fn parts_told(&self) -> Option<String> {
        let unit = if self.axis == "rate" { "/s" } else { " users" };
        let told = |part: &PartOfLimit| {
            let share = share(part.share);
            match part.lower {
                Some(lower) => format!("{} {}{unit} ({share})", part.scenario, number(lower)),
                None => format!("{} {share}", part.scenario),
            }
        };
        let parts: Vec<String> = self.parts.iter().map(told).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
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
                let (lower, upper) = (number(lower), number(upper));
                format!("{lower} {unit} hold ({lower} … {upper})")
            }
            (Some(lower), None) => {
                format!("{} {unit} hold, and nothing above was tried", number(lower))
            }
            (None, Some(upper)) => format!("nothing held: {} {unit} did not", number(upper)),
            (None, None) => "nothing is known: no hold could be judged".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::summary::Anomaly;

    #[test]
    fn each_signal_has_its_own_worst_change() {
        let row = |signal: &str, change| SignalRow { signal: signal.to_owned(), change, ok: true };
        let step = |target, signals| LimitStep { target, signals, ..LimitStep::default() };
        let (queue, spare) = ("queue growth <= 9", "spare growth >= -3");
        let steps = vec![
            step(10.0, vec![row(queue, -40.0), row(spare, 2.0)]),
            step(20.0, vec![row(queue, 5.0), row(spare, -2.0)]),
            step(30.0, vec![row(queue, 1.0), row(spare, 500.0)]),
        ];
        let limit = Limit { steps, ..Limit::default() };
        let told =
            ["queue growth <= 9: 5 at worst, at 20", "spare growth >= -3: -2 at worst, at 20"];
        assert_eq!(limit.worst_signals(), told);
    }

    #[test]
    fn a_search_has_no_remark_on_thresholds_over_its_holds() {
        let mut summary = crate::results::example::bad();
        let others = summary.anomalies.clone();
        summary.anomalies.push(Anomaly::told("threshold_over_ramp", String::new()));
        summary.judge_limit(Limit::default());
        assert_eq!(summary.anomalies, others);
    }

    #[test]
    fn parts_are_told_with_their_share_of_the_answer() {
        let part =
            |name: &str, share, lower| PartOfLimit { scenario: name.to_owned(), share, lower };
        let parts = vec![part("browse", 0.8, Some(232.0)), part("buy", 0.2, Some(58.0))];
        let limit = Limit { axis: "rate".to_owned(), parts, ..Limit::default() };
        let told = "browse 232/s (80 %), buy 58/s (20 %)";
        assert_eq!(limit.parts_told().as_deref(), Some(told));
        let nothing = Limit { parts: vec![part("browse", 1.0, None)], ..Limit::default() };
        assert_eq!(nothing.parts_told().as_deref(), Some("browse 100 %"));
        assert_eq!(Limit::default().parts_told(), None);
    }
}
