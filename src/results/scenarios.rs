//! Scenarios and the stages of their ramps.

use super::build::Sources;
use super::journey::journeys;
use super::rising::growth;
use super::run_info::{ScenarioInfo, StageInfo};
use super::summary::{Boundaries, Distribution, Iterations, Scenario, Stage};
use super::tables::{errors, per_second, rate};
use crate::metrics::window::Lifecycle;
use crate::metrics::{MetricId, Selector, Value, Window, metric};

/// Every scenario, in the plan's order.
pub fn scenarios(sources: &Sources) -> Vec<Scenario> {
    let scenarios = sources.run.scenarios.iter().enumerate();
    scenarios.map(|(index, info)| scenario(sources, index, info)).collect()
}

fn scenario(sources: &Sources, index: usize, info: &ScenarioInfo) -> Scenario {
    let totals = sources.totals;
    let life = &totals.lifecycles.get(index).copied().unwrap_or_default();
    let backlog = sources.backlogs.get(index);
    let growth = backlog.and_then(|backlog| growth(info, backlog, life.planned));
    let of = |metric: MetricId| Selector::of(metric).with("scenario", &info.name);
    let times = |metric: MetricId| Distribution::meant(totals, &of(metric));
    let load_s = info.load.as_secs_f64();
    let dropped = life.dropped.by_reason().into_iter().filter(|(_, count)| *count > 0);
    Scenario {
        name: info.name.to_string(),
        kind: info.kind.to_string(),
        iterations: iterations(life),
        boundaries: Boundaries::of(life),
        dropped_by_reason: dropped.map(|(reason, count)| (reason.to_owned(), count)).collect(),
        adherence_percent: info.paced.then(|| adherence(life)).flatten(),
        rate_per_s: per_second(totals.count(&of(metric::ITERATIONS)), load_s),
        load_s,
        started_s: (!info.load.is_zero()).then_some(info.began.as_secs_f64()),
        vus_max: most_users(totals, info, life),
        unstable: growth.is_some(),
        backlog_growth_per_s: growth,
        duration_ms: times(metric::ITERATION_DURATION),
        response_time_ms: times(metric::ITERATION_RESPONSE_TIME),
        lag_users_ms: times(metric::ITERATION_LAG_USERS),
        lag_generator_ms: times(metric::ITERATION_LAG_GENERATOR),
        errors: errors(totals, &of(metric::ERRORS), load_s),
        stages: info.stages.iter().map(|stage| self::stage(totals, info, stage)).collect(),
        slowest: totals.slowest.get(index).map(journeys).unwrap_or_default(),
    }
}

fn iterations(life: &Lifecycle) -> Iterations {
    Iterations {
        planned: life.planned,
        started: life.started,
        completed: life.completed,
        failed: life.failed,
        interrupted: life.interrupted,
        dropped: life.dropped.total(),
        late: life.late,
    }
}

/// 100 × (arrivals not late by us and not dropped by us) / planned.
fn adherence(life: &Lifecycle) -> Option<f64> {
    let kept = life.planned.saturating_sub(life.late + life.dropped.generator);
    (life.planned > 0).then(|| 100.0 * kept as f64 / life.planned as f64)
}

/// Without a gauge the plan tells.
fn most_users(totals: &Window, info: &ScenarioInfo, life: &Lifecycle) -> u64 {
    let vus = Selector::of(metric::VUS).with("scenario", &info.name);
    match totals.fold(&vus) {
        Some(Value::Gauge { max, .. }) if max > 0.0 => max.round() as u64,
        _ if life.started > 0 => info.vus_max,
        _ => 0,
    }
}

fn stage(totals: &Window, info: &ScenarioInfo, stage: &StageInfo) -> Stage {
    let of = |metric: MetricId| {
        Selector::of(metric).with("scenario", &info.name).with("stage", &stage.name)
    };
    let iterations = totals.count(&of(metric::ITERATIONS));
    let measured_s = stage.length().as_secs_f64();
    Stage {
        name: stage.name.clone(),
        duration_s: stage.planned.as_secs_f64(),
        iterations,
        failed: rate(totals.fold(&of(metric::ITERATION_FAILED)).as_ref()).0,
        rate_per_s: (measured_s > 0.0).then(|| per_second(iterations, measured_s)),
        response_time_ms: Distribution::meant(totals, &of(metric::ITERATION_RESPONSE_TIME)),
        duration_ms: Distribution::meant(totals, &of(metric::ITERATION_DURATION)),
    }
}
