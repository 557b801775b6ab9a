//! What must be known of a plan, as JSON, to judge its run when the script is gone.

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::loads::Load;
use crate::metrics::own::OwnMetrics;
use crate::metrics::window::Lifecycle;
use crate::plan::{self, Plan};
use crate::results::ScenarioInfo;
use crate::results::run_info::measured;
use crate::results::variants::{Target, Targets};
use crate::results::watch::Timetable;
use crate::secrets::Secrets;

/// A plan in outline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// In the plan's order.
    pub scenarios: Vec<Scenario>,
    /// Likewise.
    pub thresholds: Vec<Threshold>,
    /// What is compared within the run, if anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Targets>,
}

/// One scenario, as planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Without secrets.
    pub name: String,
    kind: String,
    vus_max: u64,
    open: bool,
    paced: bool,
    warmup_s: f64,
    /// Of its load, warm-up included.
    length_s: f64,
    /// Names and lengths.
    stages: Vec<(String, f64)>,
    /// From when to when its load keeps its level, after the warm-up; since it began.
    #[serde(default)]
    steady: Vec<(f64, f64)>,
}

/// One threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    selector: String,
    expression: String,
    min_samples: Option<u64>,
    each: bool,
    optional: bool,
    default: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<u32>,
    #[serde(default)]
    after_s: f64,
}

impl Outline {
    /// Of a plan.
    pub fn of(plan: &Plan, secrets: &Secrets) -> Outline {
        let shown = |text: &str| secrets.mask(text).into_owned();
        let scenario = |scenario: &plan::Scenario| {
            let info = ScenarioInfo::of(scenario);
            let stages = scenario.load().stages().iter();
            Scenario {
                name: shown(&info.name),
                kind: info.kind.into_owned(),
                vus_max: info.vus_max,
                open: info.open,
                paced: info.paced,
                warmup_s: scenario.warmup().as_secs_f64(),
                length_s: scenario.load().length().as_secs_f64(),
                stages: stages
                    .map(|stage| (shown(&stage.name), stage.duration.as_secs_f64()))
                    .collect(),
                steady: info.steady.iter().map(|span| since(info.began, span)).collect(),
            }
        };
        let threshold = |threshold: &plan::Threshold| Threshold {
            selector: shown(&threshold.selector),
            expression: shown(&threshold.expression),
            min_samples: threshold.min_samples,
            each: threshold.each,
            optional: threshold.optional,
            default: threshold.default,
            window: threshold.window,
            after_s: threshold.after.as_secs_f64(),
        };
        let target = |target: Target| Target {
            name: shown(&target.name),
            base_url: shown(&target.base_url),
        };
        Outline {
            scenarios: plan.scenarios().iter().map(scenario).collect(),
            thresholds: plan.thresholds().iter().map(threshold).collect(),
            targets: plan.trial().map(|trial| Targets::of(trial).map(target)),
        }
    }

    /// When each scenario was under load, warm-up included, to the second: by what became of its
    /// arrivals in each of the seconds, which are in order.
    pub fn spans(&self, lives: &[(u32, Vec<Lifecycle>)]) -> Vec<Range<Duration>> {
        let second = |second: u32| Duration::from_secs(second.into());
        let end = lives.last().map_or(0, |(last, _)| last + 1);
        let began = |index: usize| {
            let has_begun = |(_, lives): &&(u32, Vec<Lifecycle>)| {
                lives.get(index).is_some_and(|life| life.started + life.planned > 0)
            };
            lives.iter().find(has_begun).map_or(end, |(second, _)| *second)
        };
        (0..self.scenarios.len()).map(|index| second(began(index))..second(end)).collect()
    }

    /// Its thresholds; `None` if one is none that this tool knows. None of them ends a run that has
    /// ended.
    pub fn thresholds(&self, own: &OwnMetrics) -> Option<Vec<plan::Threshold>> {
        let thresholds = self.thresholds.iter().map(|one| {
            let parsed = plan::Threshold::parse_among(&one.selector, &one.expression, own).ok()?;
            Some(plan::Threshold {
                min_samples: one.min_samples,
                each: one.each,
                optional: one.optional,
                default: one.default,
                window: one.window.filter(|seconds| *seconds > 0),
                after: seconds(one.after_s),
                ..parsed
            })
        });
        thresholds.collect()
    }
}

impl Scenario {
    /// What came of it in a run whose load began and ended then; a load of no length never began.
    pub fn info(&self, ran: &Range<Duration>) -> ScenarioInfo {
        let warmup = seconds(self.warmup_s);
        let lasted = ran.end.saturating_sub(ran.start).min(seconds(self.length_s));
        let stages = self.stages.iter().map(|(name, length)| (name.as_str(), seconds(*length)));
        ScenarioInfo {
            name: self.name.as_str().into(),
            kind: self.kind.clone().into(),
            vus_max: self.vus_max,
            load: lasted.saturating_sub(warmup),
            unable: 0,
            began: ran.start,
            ended: ran.start + lasted,
            open: self.open,
            paced: self.paced,
            stages: measured(stages, ran.start, warmup..lasted),
            steady: self
                .steady
                .iter()
                .map(|(from, to)| {
                    let end = ran.start.saturating_add(seconds(*to));
                    ran.start.saturating_add(seconds(*from))..ran.end.min(end)
                })
                .filter(|span| span.start < span.end)
                .collect(),
        }
    }

    /// When it was in which phase, if its load began then and phase `load` lasted so long.
    pub fn load(&self, start: Duration, load: Duration) -> Load {
        let warm = start.saturating_add(seconds(self.warmup_s));
        let measured = warm..warm.saturating_add(load);
        let mut begin = start;
        let stage = |(name, length): &(String, f64)| {
            let end = begin.saturating_add(seconds(*length));
            let span = begin.max(measured.start)..end.min(measured.end);
            begin = end;
            (name.clone(), span)
        };
        Load {
            scenario: self.name.clone(),
            stages: self.stages.iter().map(stage).collect(),
            steered: Vec::new(),
            warmup: start..measured.start,
            measured,
        }
    }

    /// The same of a run of which no more is known than from when to when it was seen.
    pub fn so_far(&self, seen: &Range<Duration>) -> Load {
        let planned = self.planned(seen.start);
        let load = self.load(seen.start, Duration::MAX);
        let end = seen.end.min(planned.end);
        let cut = |span: Range<Duration>| span.start.min(end)..span.end.min(end);
        let stages = load.stages.into_iter().map(|(name, span)| (name, cut(span)));
        Load {
            stages: stages.collect(),
            warmup: cut(load.warmup),
            measured: cut(load.measured),
            ..load
        }
    }

    /// When its load is by the plan, warm-up included, if it began then.
    pub fn planned(&self, began: Duration) -> Range<Duration> {
        began..began.saturating_add(seconds(self.length_s))
    }

    /// When what of it lies within its load.
    pub fn timetable(&self) -> Timetable {
        let stages = self.stages.iter().map(|(name, length)| (name.clone(), seconds(*length)));
        Timetable {
            scenario: self.name.as_str().into(),
            warmup: seconds(self.warmup_s),
            stages: stages.collect(),
        }
    }
}

/// What stands in a file may be no length of time.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// A span in seconds since something began.
fn since(began: Duration, span: &Range<Duration>) -> (f64, f64) {
    let since = |at: Duration| at.saturating_sub(began).as_secs_f64();
    (since(span.start), since(span.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_that_was_cut_off_was_measured_for_as_long_as_it_ran() {
        let stages = vec![("up".to_owned(), 10.0), ("hold".to_owned(), 60.0)];
        let scenario = Scenario {
            name: "a".into(),
            kind: "ramping_vus".into(),
            vus_max: 3,
            open: false,
            paced: false,
            warmup_s: 4.0,
            length_s: 70.0,
            stages,
            steady: vec![(10.0, 70.0), (80.0, 90.0)],
        };
        let s = Duration::from_secs;
        let info = scenario.info(&(s(5)..s(25)));
        assert_eq!((info.began, info.load), (s(5), s(16)));
        let stages: Vec<_> = info.stages.iter().map(|one| one.length().as_secs()).collect();
        assert_eq!(stages, [6, 10]);
        assert_eq!((info.ended, info.steady.as_slice()), (s(25), &[s(15)..s(25)][..]));
        assert_eq!(scenario.info(&(s(5)..s(500))).load, s(66));
    }
}
