//! A run as the dashboard shows it: a point of its charts for each second, and tables as they stand.

use serde_json::{Value as Json, json};

use crate::aggregator::Second;
use crate::metrics::window::ErrorRow;
use crate::metrics::{Histogram, MetricId, Selector, Value, Window, metric};
use crate::plan::Plan;
use crate::results::Summary;
use crate::results::tick::{ScenarioTick, Tick};
use crate::secrets::Secrets;

/// Rows of a table at most: those that were called most.
const MOST_ROWS: usize = 200;

/// Edges of the heat map [ms]: three to an octave of ten, from 0.1 ms to 100 s.
const EDGES: [f64; 19] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4,
    5e4, 1e5,
];

/// What has been seen so far.
pub struct View {
    name: String,
    length_s: Option<f64>,
    names: Vec<String>,
    /// What became of arrivals, by scenario.
    lives: Vec<ScenarioTick>,
    totals: Window,
    seconds: u32,
}

impl View {
    /// Of a run that has not begun; names are shown without secrets.
    pub fn new(plan: &Plan, secrets: &Secrets) -> View {
        let shown = |name: &str| secrets.mask(name).into_owned();
        let names: Vec<String> = plan.scenarios().iter().map(|one| shown(one.name())).collect();
        View {
            name: shown(plan.name()),
            length_s: plan.length().map(|length| length.as_secs_f64()),
            lives: vec![ScenarioTick::default(); names.len()],
            names,
            totals: Window::default(),
            seconds: 0,
        }
    }

    /// The first message to each viewer.
    pub fn hello(&self) -> String {
        json!({
            "kind": "hello",
            "name": self.name,
            "length_s": self.length_s,
            "edges_ms": EDGES,
            "version": env!("CARGO_PKG_VERSION"),
        })
        .to_string()
    }

    /// Takes a second in.
    pub fn add(&mut self, second: &Second) {
        second.add_to(&mut self.totals);
        self.totals.busy.clear();
        self.seconds = self.seconds.max(second.tick.second + 1);
        for (life, tick) in self.lives.iter_mut().zip(&second.tick.scenarios) {
            add(life, tick, second.late);
        }
    }

    /// What charts show of a second.
    pub fn point(&self, second: &Second) -> Json {
        let tick = &second.tick;
        let sum = |of: fn(&ScenarioTick) -> u64| tick.scenarios.iter().map(of).sum::<u64>();
        json!({
            "s": tick.second,
            "vus": tick.vus,
            "backlog": tick.backlog,
            "calls": tick.calls,
            "failed": tick.failed,
            "iterations": tick.iterations,
            "p50": tick.p50_ms,
            "p95": tick.p95_ms,
            "p99": tick.p99_ms,
            "errors": tick.errors,
            "in": tick.bytes_received,
            "out": tick.bytes_sent,
            "planned": sum(|one| one.planned),
            "started": sum(|one| one.started),
            "late": sum(|one| one.late),
            "dropped": sum(|one| one.dropped),
            "health": health(tick),
            "heat": heat(&second.window),
        })
    }

    /// The tables, as they stand.
    pub fn tables(&self) -> Json {
        json!({
            "seconds": self.seconds,
            "scenarios": self.scenarios(),
            "calls": self.timed(
                metric::HTTP_CALLS, metric::HTTP_CALL_DURATION, metric::HTTP_CALL_FAILED,
                &["scenario", "step", "method", "name"],
            ),
            "steps": self.timed(
                metric::STEP_DURATION, metric::STEP_DURATION, metric::STEP_FAILED,
                &["scenario", "step"],
            ),
            "checks": self.checks(),
            "errors": self.errors(),
        })
    }

    fn scenarios(&self) -> Vec<Json> {
        let row = |(name, life): (&String, &ScenarioTick)| {
            json!({
                "scenario": name, "planned": life.planned, "started": life.started,
                "completed": life.completed, "failed": life.failed,
                "interrupted": life.interrupted, "dropped": life.dropped, "late": life.late,
                "vus": life.vus, "reserve": life.reserve, "backlog": life.backlog,
                "in_flight": life.in_flight,
            })
        };
        self.names.iter().zip(&self.lives).map(row).collect()
    }

    /// Rows of something that takes time, the most frequent first.
    fn timed(
        &self,
        counted: MetricId,
        time: MetricId,
        failed: MetricId,
        tags: &[&str],
    ) -> Vec<Json> {
        let all = self.totals.group_by(&Selector::of(counted).any("outcome"), tags);
        let times = self.totals.group_by(&Selector::of(time), tags);
        let failed = self.totals.group_by(&Selector::of(failed), tags);
        let mut rows: Vec<(u64, Json)> = all
            .iter()
            .map(|(key, value)| {
                let count = value.histogram().map_or_else(|| value.counter(), Histogram::count);
                let hits = match failed.get(key) {
                    Some(Value::Rate { hits, .. }) => *hits,
                    _ => 0,
                };
                let quantile = |ppm| {
                    let times = times.get(key).and_then(Value::histogram)?;
                    Some(times.quantile(ppm)?.as_secs_f64() * 1e3)
                };
                let mut row = json!({
                    "count": count, "failed": hits, "p50": quantile(500_000),
                    "p95": quantile(950_000), "p99": quantile(990_000), "max": quantile(1_000_000),
                });
                for (tag, value) in tags.iter().zip(key) {
                    row[*tag] = json!(value);
                }
                (count, row)
            })
            .collect();
        rows.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        rows.into_iter().take(MOST_ROWS).map(|(_, row)| row).collect()
    }

    fn checks(&self) -> Vec<Json> {
        let checks = self.totals.group_by(&Selector::of(metric::CHECKS), &["step", "check"]);
        let row = |(key, value): (&Vec<&str>, &Value)| match value {
            Value::Rate { hits, total } => {
                json!({ "step": key[0], "check": key[1], "passed": hits, "failed": total - hits })
            }
            _ => json!({}),
        };
        checks.iter().take(MOST_ROWS).map(row).collect()
    }

    /// Messages of the most frequent errors, with an example each.
    fn errors(&self) -> Vec<Json> {
        let mut errors: Vec<_> = self.totals.errors.iter().collect();
        errors.sort_by_key(|error| std::cmp::Reverse(error.count));
        let row = |error: &&ErrorRow| {
            json!({
                "category": error.category, "step": &*error.step, "status": error.status,
                "message": error.message, "count": error.count, "exemplar": error.exemplar,
            })
        };
        errors.iter().take(MOST_ROWS / 4).map(row).collect()
    }
}

/// Counts add up, levels are the last; a late second's levels are old.
fn add(life: &mut ScenarioTick, tick: &ScenarioTick, late: bool) {
    let before = *life;
    *life = ScenarioTick {
        planned: before.planned + tick.planned,
        started: before.started + tick.started,
        completed: before.completed + tick.completed,
        failed: before.failed + tick.failed,
        interrupted: before.interrupted + tick.interrupted,
        dropped: before.dropped + tick.dropped,
        late: before.late + tick.late,
        ..if late { before } else { *tick }
    };
}

fn health(tick: &Tick) -> Json {
    let busiest = tick.worker_cpu_percent.iter().max();
    json!({
        "cpu": tick.health.cpu_percent,
        "busiest": busiest,
        "memory": tick.health.memory_bytes,
        "fds": tick.health.open_fds,
        "steal": tick.health.steal_percent,
        "throttled": tick.health.throttled_percent,
        "lag": tick.loop_lag_ms,
    })
}

/// How many calls took how long: a count for each place between two [`EDGES`], and beyond.
fn heat(window: &Window) -> Vec<u64> {
    let times = window.fold(&Selector::of(metric::HTTP_CALL_DURATION).any("phase"));
    let Some(times) = times.as_ref().and_then(Value::histogram) else { return Vec::new() };
    let below = times.at_most(&EDGES.map(|edge| (edge * 1e3) as u64));
    let from = std::iter::once(&0).chain(&below);
    let to = below.iter().chain(std::iter::once(&times.count())).copied().collect::<Vec<_>>();
    to.iter().zip(from).map(|(to, from)| to - from).collect()
}

/// The last message: the verdict and what it rests on.
pub fn end(summary: &Summary) -> Json {
    let thresholds: Vec<Json> = summary
        .thresholds
        .iter()
        .map(|one| {
            json!({
                "metric": one.metric, "expression": one.expression, "observed": one.observed,
                "limit": one.limit, "unit": one.unit, "ok": one.ok,
            })
        })
        .collect();
    json!({
        "kind": "end",
        "verdict": summary.verdict.result.as_str(),
        "reasons": summary.verdict.reasons,
        "thresholds": thresholds,
        "duration_s": summary.run.duration_s,
    })
}
