//! What must be known of a plan, as JSON, to judge its run when the script is gone.

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metrics::own::OwnMetrics;
use crate::metrics::window::Lifecycle;
use crate::plan::{self, Plan};
use crate::results::ScenarioInfo;
use crate::results::run_info::measured;
use crate::secrets::Secrets;

/// A plan in outline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// In the plan's order.
    pub scenarios: Vec<Scenario>,
    /// Likewise.
    pub thresholds: Vec<Threshold>,
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
        };
        Outline {
            scenarios: plan.scenarios().iter().map(scenario).collect(),
            thresholds: plan.thresholds().iter().map(threshold).collect(),
        }
    }

    /// Its thresholds, to be judged over the whole; `None` if one is none that this tool knows.
    pub fn thresholds(&self, own: &OwnMetrics) -> Option<Vec<plan::Threshold>> {
        let thresholds = self.thresholds.iter().map(|one| {
            let parsed = plan::Threshold::parse_among(&one.selector, &one.expression, own).ok()?;
            Some(plan::Threshold {
                min_samples: one.min_samples,
                each: one.each,
                optional: one.optional,
                default: one.default,
                ..parsed
            })
        });
        thresholds.collect()
    }
}

impl Scenario {
    /// How long it is under load before it is measured [s].
    pub fn warmup_s(&self) -> f64 {
        self.warmup_s
    }

    /// What came of it in a run whose load began and ended then; a load of no length never began.
    pub fn info(&self, ran: Range<Duration>) -> ScenarioInfo {
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
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
            stages: measured(stages, warmup..lasted),
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
}

/// A span in seconds since something began.
fn since(began: Duration, span: &Range<Duration>) -> (f64, f64) {
    let since = |at: Duration| at.saturating_sub(began).as_secs_f64();
    (since(span.start), since(span.end))
}

/// What became of each scenario's arrivals, in the order of [`numbers`].
pub fn lives(all: &[Lifecycle]) -> String {
    let written = |life: &Lifecycle| numbers(&mut { *life }).map(|number| *number);
    let lives: Vec<[u64; FATES]> = all.iter().map(written).collect();
    serde_json::to_string(&lives).expect("numbers can be written")
}

/// And back; `None` if it is none.
pub fn read_lives(text: &str) -> Option<Vec<Lifecycle>> {
    let lives: Vec<[u64; FATES]> = serde_json::from_str(text).ok()?;
    Some(lives.into_iter().map(lifecycle).collect())
}

/// Numbers of a life.
const FATES: usize = 16;

/// The numbers of a life, in the order in which the store has them.
fn numbers(life: &mut Lifecycle) -> [&mut u64; FATES] {
    let dropped = &mut life.dropped;
    [
        &mut life.planned,
        &mut life.due,
        &mut life.started,
        &mut life.late,
        &mut life.prepared,
        &mut life.sent,
        &mut life.headers,
        &mut life.bodies,
        &mut life.completed,
        &mut life.failed,
        &mut life.interrupted,
        &mut dropped.users,
        &mut dropped.queue_full,
        &mut dropped.generator,
        &mut dropped.overrun,
        &mut dropped.end,
    ]
}

fn lifecycle(written: [u64; FATES]) -> Lifecycle {
    let mut life = Lifecycle::default();
    for (number, written) in numbers(&mut life).into_iter().zip(written) {
        *number = written;
    }
    life
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_read_as_they_were_written() {
        let written = std::array::from_fn(|place| place as u64 + 1);
        let life = lifecycle(written);
        assert_eq!(numbers(&mut { life }).map(|number| *number), written);
        assert_eq!((life.planned, life.failed, life.dropped.end), (1, 10, 16));
        assert_eq!(read_lives(&lives(&[life, life])), Some(vec![life, life]));
        assert_eq!(read_lives("[[1]]"), None);
    }

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
        let info = scenario.info(s(5)..s(25));
        assert_eq!((info.began, info.load), (s(5), s(16)));
        let stages: Vec<_> = info.stages.iter().map(|one| one.length.as_secs()).collect();
        assert_eq!(stages, [6, 10]);
        assert_eq!((info.ended, info.steady.as_slice()), (s(25), &[s(15)..s(25)][..]));
        assert_eq!(scenario.info(s(5)..s(500)).load, s(66));
    }
}
