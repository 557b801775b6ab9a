//! The tables of live views, as they stand.

use std::collections::BTreeMap;

use serde::Serialize;

use super::own::{OwnRow, own};
use super::{MOST_ROWS, View};
use crate::metrics::{Histogram, MetricId, Selector, Value, metric, window};
use crate::results::format;
use crate::results::reading::Standing;
use crate::results::so_far::Outlook;
use crate::results::summary::Threshold;
use crate::results::tick::ScenarioTick;
use crate::secrets::Secrets;

/// All of them. Field names are those of the dashboard's page.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tables {
    /// Seconds that they are of.
    pub seconds: u32,
    /// What the thresholds say so far.
    pub outlook: &'static str,
    /// In the script's order.
    pub thresholds: Vec<ThresholdRow>,
    /// In the plan's order.
    pub scenarios: Vec<ScenarioRow>,
    /// The most frequent first.
    pub calls: Vec<TimedRow>,
    /// Likewise.
    pub steps: Vec<TimedRow>,
    /// By step and label.
    pub checks: Vec<CheckRow>,
    /// The script's own metrics, by name.
    pub own: Vec<OwnRow>,
    /// The most frequent first.
    pub errors: Vec<ErrorRow>,
    /// How many errors of each category.
    pub categories: BTreeMap<String, u64>,
}

/// A threshold as it stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ThresholdRow {
    /// `ok`, `crossed`, `too few`, `no data`.
    pub standing: &'static str,
    /// `good`, `bad` or `doubt`.
    pub tone: &'static str,
    /// The selector.
    pub metric: String,
    /// What must hold, with where it comes from.
    pub condition: String,
    /// With its unit; empty without a sample.
    pub observed: String,
    /// How far from the limit.
    pub margin: String,
}

/// What became of a scenario's arrivals.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub struct ScenarioRow {
    pub scenario: String,
    pub planned: u64,
    pub started: u64,
    pub completed: u64,
    pub failed: u64,
    pub interrupted: u64,
    pub dropped: u64,
    /// `users 3, end 1`.
    pub reasons: String,
    pub late: u64,
    pub vus: u64,
    pub reserve: u64,
    pub backlog: u64,
    pub in_flight: u64,
}

/// Something that takes time and may fail: a call, or a step, which has no method and no name.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TimedRow {
    /// Its scenario.
    pub scenario: String,
    /// The step's path.
    pub step: String,
    /// Of a call.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// Of a call.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// How many.
    pub count: u64,
    /// Of them, failed.
    pub failed: u64,
    /// Latency [ms].
    pub p50: Option<f64>,
    /// Likewise.
    pub p95: Option<f64>,
    /// Likewise.
    pub p99: Option<f64>,
    /// Likewise.
    pub max: Option<f64>,
}

/// A check.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CheckRow {
    /// The step's path.
    pub step: String,
    /// Its label.
    pub check: String,
    /// How often it held.
    pub passed: u64,
    /// How often not.
    pub failed: u64,
}

/// A kind of error.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ErrorRow {
    /// `dns`, ….
    pub category: &'static str,
    /// The step's path.
    pub step: String,
    /// 0 where there was no answer.
    pub status: u16,
    /// The first one's.
    pub message: String,
    /// How often.
    pub count: u64,
    /// What one of them looked like.
    pub exemplar: Option<String>,
}

impl ThresholdRow {
    /// Of a threshold that was judged, of a run that goes on or is over, without `secrets`.
    pub fn of(judged: &Threshold, secrets: &Secrets) -> ThresholdRow {
        let standing = judged.standing();
        let observed = judged.observed.map(|value| format::quantity(value, &judged.unit));
        ThresholdRow {
            standing: standing.as_str(),
            tone: match standing {
                Standing::Holds => "good",
                Standing::Crossed => "bad",
                Standing::TooFew | Standing::NoData => "doubt",
            },
            metric: secrets.mask(&judged.metric).into_owned(),
            condition: secrets.mask(&judged.condition()).into_owned(),
            observed: observed.unwrap_or_default(),
            margin: judged.margin(),
        }
    }
}

impl View {
    /// The tables, as they stand.
    pub fn tables(&self, secrets: &Secrets) -> Tables {
        let judged = self.so_far.judged(&self.totals);
        Tables {
            seconds: self.seconds,
            outlook: Outlook::of(&judged).as_str(),
            thresholds: judged
                .iter()
                .take(MOST_ROWS)
                .map(|one| ThresholdRow::of(one, secrets))
                .collect(),
            scenarios: self.scenarios(),
            calls: self.timed(
                [metric::HTTP_CALLS, metric::HTTP_CALL_DURATION, metric::HTTP_CALL_FAILED],
                ["scenario", "step", "method", "name"],
            ),
            steps: self.timed(
                [metric::STEP_DURATION, metric::STEP_DURATION, metric::STEP_FAILED],
                ["scenario", "step", "", ""],
            ),
            checks: self.checks(),
            own: own(&self.totals, secrets),
            errors: self.errors(),
            categories: self.categories.clone(),
        }
    }

    fn scenarios(&self) -> Vec<ScenarioRow> {
        let row = |(index, (name, life)): (usize, (&String, &ScenarioTick))| ScenarioRow {
            scenario: name.clone(),
            planned: life.planned,
            started: life.started,
            completed: life.completed,
            failed: life.failed,
            interrupted: life.interrupted,
            dropped: life.dropped,
            reasons: self.reasons(index),
            late: life.late,
            vus: life.vus,
            reserve: life.reserve,
            backlog: life.backlog,
            in_flight: life.in_flight,
        };
        self.about.scenarios.iter().zip(&self.lives).enumerate().map(row).collect()
    }

    /// Why arrivals of a scenario were dropped: `users 3, end 1`.
    fn reasons(&self, scenario: usize) -> String {
        let Some(life) = self.totals.lifecycles.get(scenario) else { return String::new() };
        let some = life.dropped.by_reason().into_iter().filter(|(_, count)| *count > 0);
        let told = some.map(|(reason, count)| {
            format!("{} {}", reason.replace('_', " "), format::count(count))
        });
        told.collect::<Vec<_>>().join(", ")
    }

    /// Rows of what is counted, takes time and may fail, the most frequent first.
    fn timed(&self, [counted, time, failed]: [MetricId; 3], tags: [&str; 4]) -> Vec<TimedRow> {
        let named: Vec<&str> = tags.into_iter().filter(|tag| !tag.is_empty()).collect();
        let all = self.totals.group_by(&Selector::of(counted).any("outcome"), &named);
        let times = self.totals.group_by(&Selector::of(time), &named);
        let failed = self.totals.group_by(&Selector::of(failed), &named);
        let mut rows: Vec<TimedRow> = all
            .iter()
            .map(|(key, value)| {
                let times = times.get(key).and_then(Value::histogram);
                let quantile = |ppm| Some(times?.quantile(ppm)?.as_secs_f64() * 1e3);
                let tag =
                    |place: usize| key.get(place).map_or_else(String::new, |tag| (*tag).to_owned());
                TimedRow {
                    scenario: tag(0),
                    step: tag(1),
                    method: tag(2),
                    name: tag(3),
                    count: value.histogram().map_or_else(|| value.counter(), Histogram::count),
                    failed: match failed.get(key) {
                        Some(Value::Rate { hits, .. }) => *hits,
                        _ => 0,
                    },
                    p50: quantile(500_000),
                    p95: quantile(950_000),
                    p99: quantile(990_000),
                    max: quantile(1_000_000),
                }
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.count));
        rows.truncate(MOST_ROWS);
        rows
    }

    fn checks(&self) -> Vec<CheckRow> {
        let checks = self.totals.group_by(&Selector::of(metric::CHECKS), &["step", "check"]);
        let row = |(key, value): (&Vec<&str>, &Value)| {
            let Value::Rate { hits, total } = value else { return None };
            let (step, check) = (key[0].to_owned(), key[1].to_owned());
            Some(CheckRow { step, check, passed: *hits, failed: total - hits })
        };
        checks.iter().filter_map(row).take(MOST_ROWS).collect()
    }

    /// Messages of the most frequent errors, with an example each.
    fn errors(&self) -> Vec<ErrorRow> {
        let mut errors: Vec<_> = self.totals.errors.iter().collect();
        errors.sort_by_key(|error| std::cmp::Reverse(error.count));
        let row = |error: &window::ErrorRow| ErrorRow {
            category: error.category,
            step: error.step.to_string(),
            status: error.status,
            message: error.message.clone(),
            count: error.count,
            exemplar: error.exemplar.clone(),
        };
        errors.into_iter().take(MOST_ROWS / 4).map(row).collect()
    }
}
