//! What is known about a run besides its numbers.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::summary::Environment;
use crate::plan::{Load, Plan, Scenario};

/// Which run it was.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunInfo {
    /// Unique.
    pub id: String,
    /// The test's name.
    pub name: String,
    /// The script's file, as the user named it.
    pub script: String,
    /// Of its text, in hex.
    pub script_sha256: String,
    /// RFC 3339, in UTC.
    pub started_at: String,
    /// From the start of the load to the end of the last iteration.
    pub duration: Duration,
    /// For how long any scenario was in phase `load`.
    pub load: Duration,
    /// Decided every random choice.
    pub seed: u64,
    /// Worker threads.
    pub threads: usize,
    /// Machines.
    pub agents: u32,
    /// The command line, as it may be told.
    pub command: Vec<String>,
    /// The plan, in words.
    pub plan: String,
    /// The script's text, as it may be told.
    pub source: String,
    /// Where it ran.
    pub environment: Environment,
    /// In the plan's order; a `Place`'s scenario is an index into it.
    pub scenarios: Vec<ScenarioInfo>,
}

/// What is known about one scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioInfo {
    /// Unique in the run.
    pub name: Arc<str>,
    /// As `kind = "…"` spells it.
    pub kind: Cow<'static, str>,
    /// Largest number of users the plan allows.
    pub vus_max: u64,
    /// Actual length of its phase `load`: what rates divide by.
    pub load: Duration,
    /// Users whose `on_start` failed to the last try: they were no part of the load.
    pub unable: u64,
    /// When its load began, since the run's start.
    pub began: Duration,
    /// When its load ended, since the run's start.
    pub ended: Duration,
    /// Whether iterations start at planned times, whatever became of those before.
    pub open: bool,
    /// Whether each iteration has a start fixed by the plan: open kinds, and closed with `pace`.
    pub paced: bool,
    /// Stages of a ramp, as tagged.
    pub stages: Vec<StageInfo>,
    /// Parts of its phase `load`, since the run's start, in which its level stayed as it was: of
    /// these alone can it be said that a second was unusual.
    pub steady: Vec<Range<Duration>>,
}

/// One stage of a ramp.
#[derive(Debug, Clone, PartialEq)]
pub struct StageInfo {
    /// The `stage` tag.
    pub name: String,
    /// Planned length.
    pub planned: Duration,
    /// What of it lies in phase `load` as it came to be, since the run's start, the earliest first:
    /// what rates divide by.
    pub when: Vec<Range<Duration>>,
}

impl StageInfo {
    /// How long it was measured.
    pub fn length(&self) -> Duration {
        self.when.iter().map(|span| span.end - span.start).sum()
    }
}

impl ScenarioInfo {
    /// What the plan says. `load` is as planned: whoever drives the run corrects it with what came
    /// to be.
    pub fn of(scenario: &Scenario) -> ScenarioInfo {
        let begin = scenario.start.offset;
        ScenarioInfo {
            name: scenario.name.clone(),
            kind: scenario.load.kind().into(),
            vus_max: scenario.load.peak_vus(),
            load: scenario.load.length().saturating_sub(scenario.warmup),
            unable: 0,
            began: begin,
            ended: begin + scenario.load.length(),
            open: scenario.load.is_open(),
            paced: scenario.pace().is_some() || scenario.load.is_open(),
            stages: stages(&scenario.load, begin, scenario.warmup..scenario.load.length()),
            steady: steady(scenario, &(begin..begin + scenario.load.length())),
        }
    }

    /// Corrects it with what came to be: it was under load in `span`, warm-up included, and so many
    /// users were `unable` to start. Gives when it was in phase `load`.
    pub fn deliver(
        &mut self,
        scenario: &Scenario,
        span: &Range<Duration>,
        unable: u64,
    ) -> Range<Duration> {
        let lasted = span.end - span.start;
        self.load = lasted.saturating_sub(scenario.warmup);
        self.unable = unable;
        self.began = span.start;
        self.ended = span.end;
        self.stages = stages(&scenario.load, span.start, scenario.warmup..lasted);
        self.steady = steady(scenario, span);
        span.start + scenario.warmup..span.end
    }

    /// When it was in phase `load`, since the run's start.
    pub fn measured(&self) -> Range<Duration> {
        self.ended.saturating_sub(self.load)..self.ended
    }

    /// All scenarios of a plan, in its order.
    pub fn all(plan: &Plan) -> Vec<ScenarioInfo> {
        plan.scenarios.iter().map(Self::of).collect()
    }
}

/// How long at least one of the spans lasted: what overlaps counts once, and gaps do not.
pub fn together(mut spans: Vec<Range<Duration>>) -> Duration {
    spans.sort_by_key(|span| span.start);
    let mut covered = Duration::ZERO;
    let mut sum = Duration::ZERO;
    for span in spans {
        sum += span.end.saturating_sub(span.start.max(covered));
        covered = covered.max(span.end);
    }
    sum
}

/// Where the level of a scenario that was under load in `span` stayed as it was, after its warm-up
/// and once all users had begun.
fn steady(scenario: &Scenario, span: &Range<Duration>) -> Vec<Range<Duration>> {
    let (begin, end) = (span.start + scenario.warmup.max(scenario.spread()), span.end);
    let within = |held: Range<Duration>| {
        let (from, to) = (span.start + held.start, span.start.saturating_add(held.end));
        (from.max(begin) < to.min(end)).then(|| from.max(begin)..to.min(end))
    };
    scenario.load.holds().into_iter().filter_map(within).collect()
}

/// The stages of a load that began then, and was measured in `span` of it.
fn stages(load: &Load, began: Duration, span: Range<Duration>) -> Vec<StageInfo> {
    let stages = load.stages().iter().map(|stage| (stage.name.as_str(), stage.duration));
    measured(stages, began, span)
}

/// Stages, one after the other, of a load that `began` then and was measured in `span` of it, by
/// name: those of one name are one.
pub fn measured<'s>(
    all: impl Iterator<Item = (&'s str, Duration)>,
    began: Duration,
    span: Range<Duration>,
) -> Vec<StageInfo> {
    let mut stages: Vec<StageInfo> = Vec::new();
    let mut start = Duration::ZERO;
    for (name, planned) in all {
        let end = start.saturating_add(planned);
        let (from, to) = (start.max(span.start), end.min(span.end));
        add(&mut stages, name, planned, began + from..began.saturating_add(to));
        start = end;
    }
    stages
}

/// Adds what was planned of a stage, and measured, if anything, to what there is of that name.
pub fn add(stages: &mut Vec<StageInfo>, name: &str, planned: Duration, when: Range<Duration>) {
    let known = stages.iter().position(|stage| stage.name == name).unwrap_or_else(|| {
        let name = name.to_owned();
        stages.push(StageInfo { name, planned: Duration::ZERO, when: Vec::new() });
        stages.len() - 1
    });
    let stage = &mut stages[known];
    stage.planned += planned;
    stage.when.extend((!when.is_empty()).then_some(when));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Stage;

    #[test]
    fn a_stage_is_measured_after_the_warm_up_and_until_the_load_ended() {
        let s = Duration::from_secs;
        let stage = |name: &str, seconds| Stage {
            duration: s(seconds),
            target: 5.0,
            name: name.to_owned(),
        };
        let stages = vec![stage("up", 10), stage("hold", 20), stage("up", 5), stage("hold", 20)];
        let load = Load::RampingVus { start_vus: 1, stages, graceful_ramp_down: s(0) };
        let stages = super::stages(&load, s(100), s(4)..s(40));
        let told: Vec<_> = stages
            .iter()
            .map(|one| (one.name.as_str(), one.planned.as_secs(), one.length().as_secs()))
            .collect();
        assert_eq!(told, [("up", 15, 11), ("hold", 40, 25)]);
        assert_eq!(stages[0].when, [s(104)..s(110), s(130)..s(135)]);
    }

    #[test]
    fn scenarios_one_after_another_last_longer_than_side_by_side() {
        let span = |from, to| Duration::from_secs(from)..Duration::from_secs(to);
        let seconds = |spans| together(spans).as_secs();
        assert_eq!(seconds(vec![]), 0);
        assert_eq!(seconds(vec![span(10, 20), span(0, 10)]), 20);
        assert_eq!(seconds(vec![span(0, 10), span(2, 5), span(8, 12)]), 12);
        assert_eq!(seconds(vec![span(0, 10), span(15, 20), span(9, 3)]), 15);
    }
}
