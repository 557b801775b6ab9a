//! What is known about a run besides its numbers.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

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
    /// In the plan's order; a `Place`'s scenario is an index into it.
    pub scenarios: Vec<ScenarioInfo>,
}

/// What is known about one scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioInfo {
    /// Unique in the run.
    pub name: Arc<str>,
    /// As `kind = "…"` spells it.
    pub kind: &'static str,
    /// Largest number of users the plan allows.
    pub vus_max: u64,
    /// Actual length of its phase `load`: what rates divide by.
    pub load: Duration,
    /// Users whose `on_start` failed to the last try: they were no part of the load.
    pub unable: u64,
    /// When its load began, since the run's start.
    pub began: Duration,
    /// Whether iterations start at planned times, whatever became of those before.
    pub open: bool,
    /// Whether each iteration has a start fixed by the plan: open kinds, and closed with `pace`.
    pub paced: bool,
    /// Stages of a ramp, as tagged.
    pub stages: Vec<StageInfo>,
}

/// One stage of a ramp.
#[derive(Debug, Clone, PartialEq)]
pub struct StageInfo {
    /// The `stage` tag.
    pub name: String,
    /// Planned length.
    pub length: Duration,
}

impl ScenarioInfo {
    /// What the plan says. `load` is as planned: whoever drives the run corrects it with what came
    /// to be.
    pub fn of(scenario: &Scenario) -> ScenarioInfo {
        ScenarioInfo {
            name: scenario.name.clone(),
            kind: scenario.load.kind(),
            vus_max: scenario.load.peak_vus(),
            load: scenario.load.length().saturating_sub(scenario.warmup),
            unable: 0,
            began: scenario.start.offset,
            open: scenario.load.is_open(),
            paced: scenario.pace.is_some() || scenario.load.is_open(),
            stages: stages(&scenario.load),
        }
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

fn stages(load: &Load) -> Vec<StageInfo> {
    let info =
        |stage: &crate::plan::Stage| StageInfo { name: stage.name.clone(), length: stage.duration };
    load.stages().iter().map(info).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
