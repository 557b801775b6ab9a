//! The verdict: one word, an exit code, and every reason in words. A pure function of facts.
//!
//! What applies is collected as [`Finding`]s; their order is the order of precedence, so that the
//! first decides and the others are told after it:
//!
//! | finding | result | exit |
//! | --- | --- | --- |
//! | a bug in this tool | as far as it got, but never `pass` | 70 |
//! | the run could not be carried out | `aborted` | 6 |
//! | a signal ended it | `aborted` | 5 |
//! | a threshold on failures or checks is crossed by what the target answered | `fail` | 3 |
//! | seconds of a worker are lost | `inconclusive` | 4 |
//! | this tool was late or too busy, unless that flatters nobody | `inconclusive` | 4 |
//! | any other threshold is crossed, or has no data | `fail` | 3 |
//! | of several targets, one is worse than the first | `fail` | 3 |
//! | too few users, samples or starts in time; nothing completed | `inconclusive` | 4 |
//! | none of these: nothing judged / all hold | `unjudged` / `pass` | 0 |
//!
//! Exit 2 (a mistake before any load) never gets here; 7 (a report could not be written) is found
//! out only when the summary is complete: [`Verdict::exit_code_after`].

use serde::{Deserialize, Serialize};

use super::format;
use super::summary::Threshold;
use crate::stop::StopReason;

/// How a run is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// In one word.
    pub result: Outcome,
    /// Of the process, unless a report cannot be written.
    pub exit_code: u8,
    /// All that applies, what decided first.
    pub reasons: Vec<String>,
}

/// The verdict's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All thresholds hold.
    Pass,
    /// The script says `thresholds = {}`.
    Unjudged,
    /// A threshold is crossed.
    Fail,
    /// The run cannot say.
    Inconclusive,
    /// It was ended before its time.
    Aborted,
}

/// What a verdict rests on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Broken laws and other faults of this tool, in words.
    pub bugs: &'a [String],
    /// Why the run ended before its plan did, if so.
    pub stop: Option<&'a StopReason>,
    /// Judged.
    pub thresholds: &'a [Threshold],
    /// Targets that are worse than the one they are held against, as sentences.
    pub worse: &'a [String],
    /// Whether targets were held against each other, and anything could be told.
    pub compared: bool,
    /// Iterations that completed, in all scenarios.
    pub completed: u64,
    /// Calls that failed in ways that this tool may have caused: see [`fitness::perhaps_ours`].
    ///
    /// [`fitness::perhaps_ours`]: super::fitness::perhaps_ours
    pub unanswered: u64,
    /// Seconds of a worker whose samples are in no number.
    pub lost_windows: u64,
    /// Why this tool may have bent the numbers, as sentences.
    pub measurement: &'a [String],
    /// Whether that can only have made them look worse, and they were good enough all the same.
    pub excused: bool,
    /// What else keeps the numbers from saying what was asked, as sentences.
    pub unfit: &'a [String],
    /// Scenarios whose load was not delivered, as sentences.
    pub short: &'a [String],
}

/// Exit code when a report that was asked for could not be written.
pub const UNWRITTEN: u8 = 7;

/// Exit code of a bug in this tool.
pub const BUG: u8 = 70;

/// Something that bears on the verdict; the smaller, the weightier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Finding {
    Bug,
    Abort,
    Signal,
    FailuresCrossed,
    Lost,
    Measurement,
    Crossed,
    Worse,
    Short,
    Unfit,
    TooFewSamples,
    NothingCompleted,
    Excused,
}

impl Finding {
    fn outcome(self) -> (Outcome, u8) {
        match self {
            Finding::Bug => (Outcome::Inconclusive, BUG),
            Finding::Abort => (Outcome::Aborted, 6),
            Finding::Signal => (Outcome::Aborted, 5),
            Finding::FailuresCrossed | Finding::Crossed | Finding::Worse => (Outcome::Fail, 3),
            Finding::Lost
            | Finding::Measurement
            | Finding::Short
            | Finding::Unfit
            | Finding::TooFewSamples
            | Finding::NothingCompleted => (Outcome::Inconclusive, 4),
            Finding::Excused => (Outcome::Pass, 0),
        }
    }
}

impl Verdict {
    /// Judges a run.
    pub fn of(facts: &Facts) -> Verdict {
        let mut findings = findings(facts);
        findings.sort_by_key(|(finding, _)| *finding);
        let (result, exit_code) = match findings.first() {
            Some((finding, _)) => finding.outcome(),
            None if facts.thresholds.is_empty() && !facts.compared => (Outcome::Unjudged, 0),
            None => (Outcome::Pass, 0),
        };
        let reasons = findings.into_iter().map(|(_, reason)| reason).collect();
        Verdict { result: result.beside(&facts.stop), exit_code, reasons }
    }

    /// The process's exit code, once it is known whether every report could be written.
    pub fn exit_code_after(&self, unwritten: bool) -> u8 {
        if unwritten && self.exit_code != BUG { UNWRITTEN } else { self.exit_code }
    }
}

impl Outcome {
    /// As the summary spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Unjudged => "unjudged",
            Outcome::Fail => "fail",
            Outcome::Inconclusive => "inconclusive",
            Outcome::Aborted => "aborted",
        }
    }

    /// A bug outweighs an abort in the exit code, but aborted it was.
    fn beside(self, stop: &Option<&StopReason>) -> Outcome {
        match stop {
            Some(StopReason::Signal | StopReason::Abort(_)) => Outcome::Aborted,
            Some(StopReason::Threshold(_) | StopReason::Finished) | None => self,
        }
    }
}

fn findings(facts: &Facts) -> Vec<(Finding, String)> {
    let mut findings: Vec<_> =
        facts.bugs.iter().map(|bug| (Finding::Bug, format!("bug in loadtool: {bug}"))).collect();
    match facts.stop {
        // A worker that panicked ends the run by an abort.
        Some(StopReason::Abort(message)) if facts.bugs.contains(message) => {}
        Some(StopReason::Abort(message)) => findings.push((Finding::Abort, message.clone())),
        Some(StopReason::Signal) => {
            findings.push((Finding::Signal, "stopped by a signal before its end".to_owned()));
        }
        Some(StopReason::Threshold(_) | StopReason::Finished) | None => {}
    }
    let on = |threshold| finding_on(threshold, facts.unanswered);
    findings.extend(facts.thresholds.iter().filter_map(on));
    findings.extend(facts.worse.iter().map(|worse| (Finding::Worse, worse.clone())));
    if facts.lost_windows > 0 {
        let lost = format::counted(facts.lost_windows, "second");
        findings.push((Finding::Lost, format!("the samples of {lost} of a worker are lost")));
    }
    findings.extend(facts.measurement.iter().map(|why| match facts.excused {
        true => (Finding::Excused, format!("{why}, which made the latencies worse than the truth")),
        false => (Finding::Measurement, why.clone()),
    }));
    findings.extend(facts.unfit.iter().map(|why| (Finding::Unfit, why.clone())));
    findings.extend(facts.short.iter().map(|short| (Finding::Short, short.clone())));
    if facts.completed == 0 {
        findings.push((Finding::NothingCompleted, "no iteration completed".to_owned()));
    }
    findings
}

/// What a judged threshold says against the run, if anything.
fn finding_on(threshold: &Threshold, unanswered: u64) -> Option<(Finding, String)> {
    let name = format!("{} {}", threshold.metric, threshold.condition());
    match threshold.observed {
        _ if threshold.ok && threshold.samples >= threshold.min_samples => None,
        None if threshold.ok => None,
        None => Some((Finding::Crossed, format!("{name}: no data"))),
        Some(_) if threshold.ok => {
            let (samples, least) = (threshold.samples, threshold.min_samples);
            let samples = format::counted(samples, "sample");
            Some((
                Finding::TooFewSamples,
                format!("{name}: {samples}, at least {least} are needed"),
            ))
        }
        Some(observed) => {
            let observed = format::quantity(observed, &threshold.unit);
            let finding = match threshold.is_crossed_by_answers(unanswered) {
                true => Finding::FailuresCrossed,
                false => Finding::Crossed,
            };
            Some((finding, format!("{name}: observed {observed}{}", threshold.crossing())))
        }
    }
}

impl Threshold {
    /// Whether it is about what failed, rather than how long it took.
    pub fn on_failures(&self) -> bool {
        let metric = self.metric.split('{').next().unwrap_or_default();
        ["checks", "errors", "iterations_failed"].contains(&metric) || metric.ends_with("_failed")
    }

    /// Whether it is, and crossed also without those calls that this tool may have failed itself: what
    /// it ran out of looks like a target that fails.
    pub fn is_crossed_by_answers(&self, unanswered: u64) -> bool {
        let answered = self.failures().saturating_sub(unanswered) as f64;
        let borne = match self.unit.as_str() {
            "fraction" => self.bad(self.limit) * self.samples as f64,
            _ => self.limit, // a counter of them
        };
        self.on_failures() && (unanswered == 0 || answered > borne)
    }

    /// How many of its samples were bad, if it is on failures or checks.
    pub fn failures(&self) -> u64 {
        if self.unit != "fraction" {
            return self.samples; // a counter of them
        }
        (self.bad(self.observed.unwrap_or_default()) * self.samples as f64).round() as u64
    }

    /// The bad part, where a share of its samples is so much.
    fn bad(&self, share: f64) -> f64 {
        if self.metric.starts_with("checks") { 1.0 - share } else { share }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold(metric: &str, observed: Option<f64>, ok: bool, samples: u64) -> Threshold {
        Threshold {
            metric: metric.into(),
            expression: "p95 < 200ms".into(),
            observed,
            limit: 200.0,
            unit: "ms".into(),
            ok,
            default: false,
            samples,
            min_samples: 80,
            window_s: None,
            crossed_at_s: None,
            ended_run: false,
        }
    }

    fn judge(stop: Option<&StopReason>, thresholds: &[&Threshold], completed: u64) -> Verdict {
        let thresholds: Vec<_> = thresholds.iter().copied().cloned().collect();
        Verdict::of(&Facts { stop, thresholds: &thresholds, completed, ..Facts::default() })
    }

    fn verdict(result: Outcome, exit_code: u8, reasons: &[&str]) -> Verdict {
        let reasons = reasons.iter().map(|reason| reason.to_string()).collect();
        Verdict { result, exit_code, reasons }
    }

    #[test]
    fn the_weightiest_finding_decides_and_all_are_told() {
        use Outcome::{Aborted, Fail, Inconclusive, Pass, Unjudged};
        let holds = threshold("step_duration", Some(150.0), true, 100);
        let few = threshold("step_duration", Some(150.0), true, 12);
        let slow = threshold("http_call_duration{step=a}", Some(231.4), false, 100);
        let failing = Threshold {
            expression: "rate < 1%".into(),
            unit: "fraction".into(),
            default: true,
            ..threshold("http_call_failed", Some(0.5), false, 100)
        };
        let no_data = threshold("step_duration{step=b}", None, false, 0);
        let no_data_but_optional = Threshold { ok: true, ..no_data.clone() };

        let few_says = "step_duration p95 < 200ms: 12 samples, at least 80 are needed";
        let slow_says = "http_call_duration{step=a} p95 < 200ms: observed 231 ms";
        let failing_says = "http_call_failed rate < 1% (default): observed 50.00 %";
        let no_data_says = "step_duration{step=b} p95 < 200ms: no data";
        let nothing = "no iteration completed";
        let signal_says = "stopped by a signal before its end";
        let signal = StopReason::Signal;
        let abort = StopReason::Abort("setup failed: no".into());
        let crossing = StopReason::Threshold("step_duration p95 < 200ms".into());

        for (given, expected) in [
            (judge(None, &[&holds], 9), verdict(Pass, 0, &[])),
            (judge(None, &[&no_data_but_optional], 9), verdict(Pass, 0, &[])),
            (judge(None, &[], 9), verdict(Unjudged, 0, &[])),
            (judge(None, &[], 0), verdict(Inconclusive, 4, &[nothing])),
            (judge(None, &[&holds], 0), verdict(Inconclusive, 4, &[nothing])),
            (judge(None, &[&few], 9), verdict(Inconclusive, 4, &[few_says])),
            (judge(None, &[&no_data], 9), verdict(Fail, 3, &[no_data_says])),
            (judge(None, &[&holds, &slow], 9), verdict(Fail, 3, &[slow_says])),
            (judge(None, &[&slow, &failing], 9), verdict(Fail, 3, &[failing_says, slow_says])),
            (judge(None, &[&few, &slow], 9), verdict(Fail, 3, &[slow_says, few_says])),
            (judge(Some(&crossing), &[&slow], 9), verdict(Fail, 3, &[slow_says])),
            (judge(Some(&signal), &[&slow], 9), verdict(Aborted, 5, &[signal_says, slow_says])),
            (judge(Some(&abort), &[], 0), verdict(Aborted, 6, &["setup failed: no", nothing])),
        ] {
            assert_eq!(given, expected);
        }
    }

    #[test]
    fn a_late_tool_is_excused_only_where_that_flatters_nobody() {
        let holds = threshold("iteration_response_time", Some(150.0), true, 100);
        let thresholds = [holds];
        let late = ["this tool started iterations late".to_owned()];
        let facts = Facts {
            thresholds: &thresholds,
            completed: 100,
            measurement: &late,
            excused: true,
            ..Facts::default()
        };
        let excused =
            "this tool started iterations late, which made the latencies worse than the truth";
        assert_eq!(Verdict::of(&facts), verdict(Outcome::Pass, 0, &[excused]));
        let strict = Verdict::of(&Facts { excused: false, ..facts });
        assert_eq!(strict, verdict(Outcome::Inconclusive, 4, &[&late[0]]));
        let unfit = ["the backlog grows".to_owned()];
        let unstable = Verdict::of(&Facts { measurement: &[], unfit: &unfit, ..facts });
        assert_eq!(unstable, verdict(Outcome::Inconclusive, 4, &["the backlog grows"]));
    }

    #[test]
    fn a_target_that_is_worse_fails_and_a_comparison_judges() {
        let worse = ["B is worse than A".to_owned()];
        let facts = Facts { completed: 9, compared: true, ..Facts::default() };
        assert_eq!(Verdict::of(&facts), verdict(Outcome::Pass, 0, &[]));
        let given = Verdict::of(&Facts { worse: &worse, ..facts });
        assert_eq!(given, verdict(Outcome::Fail, 3, &["B is worse than A"]));
        let late = ["this tool started iterations late".to_owned()];
        let given = Verdict::of(&Facts { worse: &worse, measurement: &late, ..facts });
        assert_eq!((given.result, given.exit_code), (Outcome::Inconclusive, 4));
    }

    #[test]
    fn a_bug_never_passes() {
        let bugs = ["planned ≠ started + dropped".to_owned()];
        let facts = Facts { bugs: &bugs, completed: 9, ..Facts::default() };
        let bug_says = "bug in loadtool: planned ≠ started + dropped";
        assert_eq!(Verdict::of(&facts), verdict(Outcome::Inconclusive, 70, &[bug_says]));
        let stopped = Verdict::of(&Facts { stop: Some(&StopReason::Signal), ..facts });
        assert_eq!((stopped.result, stopped.exit_code), (Outcome::Aborted, 70));
    }

    #[test]
    fn a_load_without_its_users_is_inconclusive_unless_a_threshold_is_crossed() {
        let short = ["9 of 10 users of a could not start".to_owned()];
        let holds = [threshold("step_duration", Some(150.0), true, 100)];
        let facts = Facts { short: &short, completed: 9, ..Facts::default() };
        let given = Verdict::of(&Facts { thresholds: &holds, ..facts });
        assert_eq!(given, verdict(Outcome::Inconclusive, 4, &[&short[0]]));
        let slow = [threshold("step_duration", Some(231.0), false, 100)];
        assert_eq!(Verdict::of(&Facts { thresholds: &slow, ..facts }).exit_code, 3);
    }

    #[test]
    fn lost_seconds_outweigh_a_slow_answer_but_not_a_failed_one() {
        let slow = threshold("step_duration", Some(231.0), false, 100);
        let failing = threshold("http_call_failed", Some(0.5), false, 100);
        for (crossed, exit_code) in [(slow, 4), (failing, 3)] {
            let facts = Facts { lost_windows: 2, completed: 9, ..Facts::default() };
            let verdict = Verdict::of(&Facts { thresholds: &[crossed], ..facts });
            assert_eq!((verdict.exit_code, verdict.reasons.len()), (exit_code, 2));
        }
    }

    #[test]
    fn calls_without_an_answer_are_no_failures_of_the_target_where_this_tool_ran_out() {
        let failing = Threshold {
            unit: "fraction".into(),
            limit: 0.01,
            ..threshold("http_call_failed", Some(0.5), false, 100)
        };
        let ran_out = ["this tool ran out of descriptors".to_owned()];
        for (unanswered, measurement, exit_code) in
            [(50, &ran_out[..], 4), (40, &ran_out[..], 3), (50, &[][..], 3)]
        {
            let thresholds = std::slice::from_ref(&failing);
            let facts =
                Facts { thresholds, measurement, unanswered, completed: 9, ..Facts::default() };
            assert_eq!(Verdict::of(&facts).exit_code, exit_code, "{unanswered}");
        }
    }

    #[test]
    fn a_report_that_could_not_be_written_outweighs_all_but_a_bug() {
        for (exit_code, unwritten) in [(0, 7), (3, 7), (6, 7), (70, 70)] {
            let verdict = Verdict { result: Outcome::Pass, exit_code, reasons: Vec::new() };
            assert_eq!(verdict.exit_code_after(true), unwritten);
            assert_eq!(verdict.exit_code_after(false), exit_code);
        }
    }
}
