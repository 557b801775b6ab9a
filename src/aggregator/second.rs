//! A merged Window → a second in a few numbers, in one pass over its rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metrics::metric::{self, MetricId};
use crate::metrics::window::{Row, Value, Window};
use crate::metrics::{Histogram, Selector};
use crate::results::heat;
use crate::results::summary::Boundaries;
use crate::results::tick::{Health, ScenarioTick, StepTick, Tick};

/// Steps that a second tells apart; a timeline of more would be read by nobody.
const MOST_STEPS: usize = 50;

/// A second in a few numbers, but for the health of this process. Iterations in flight are those
/// that began in it less those that ended: whoever knows the second before adds these.
pub(super) fn summarise(window: &Window, scenarios: &[Arc<str>]) -> Tick {
    let mut sum = Sum::default();
    let latencies = [metric::HTTP_CALL_DURATION, metric::ITERATION_RESPONSE_TIME].map(live);
    for row in &window.rows {
        let phase = row.tags.get("phase").map_or("", |phase| phase);
        if phase != "setup" && phase != "teardown" {
            sum.add(row, &latencies);
        }
    }
    let quantile = |of: &Histogram, ppm| Some(of.quantile(ppm)?.as_secs_f64() * 1e3);
    let [p50_ms, p95_ms, p99_ms] =
        [500_000, 950_000, 990_000].map(|ppm| quantile(&sum.latency, ppm));
    let mut tick = Tick {
        second: window.second,
        p50_ms,
        p95_ms,
        p99_ms,
        response_p95_ms: quantile(&sum.response, 950_000),
        heat: heat::counts(&sum.latency),
        scenarios: vec![ScenarioTick::default(); scenarios.len()],
        steps: most_frequent(sum.steps),
        worker_cpu_percent: window.busy.iter().map(|worker| worker.percent).collect(),
        workers: window.busy.iter().map(|worker| worker.worker).collect(),
        loop_lag_ms: sum.loop_lag.max().map(|lag| lag.as_secs_f64() * 1e3),
        ..sum.tick
    };
    for (name, made) in sum.levels {
        let levels = ScenarioTick { reserve: made.reserve.saturating_sub(made.vus), ..made };
        tick.vus += levels.vus;
        tick.backlog += levels.backlog;
        if let Some(index) = scenarios.iter().position(|scenario| *scenario == name) {
            tick.scenarios[index] = levels;
        }
    }
    for (scenario, life) in tick.scenarios.iter_mut().zip(&window.lifecycles) {
        scenario.requests.0 = life.prepared;
        scenario.moments = (life.iterating, life.requesting);
        scenario.boundaries = Boundaries::of(life);
        scenario.planned = life.planned;
        scenario.started = life.started;
        scenario.completed = life.completed;
        scenario.failed = life.failed;
        scenario.interrupted = life.interrupted;
        scenario.dropped = life.dropped.total();
        scenario.late = life.late;
    }
    tick
}

/// Adds what can be added without the second's histograms.
pub(super) fn add_counts(tick: &mut Tick, late: &Tick) {
    tick.vus += late.vus;
    tick.backlog += late.backlog;
    tick.iterations += late.iterations;
    tick.calls += late.calls;
    tick.failed += late.failed;
    tick.requests += late.requests;
    tick.bytes_sent += late.bytes_sent;
    tick.bytes_received += late.bytes_received;
    tick.connections_opened += late.connections_opened;
    tick.connections_reused += late.connections_reused;
    tick.connections_failed += late.connections_failed;
    tick.connections_open += late.connections_open;
    heat::add(&mut tick.heat, &late.heat);
    for (category, count) in &late.errors {
        *tick.errors.entry(category.clone()).or_default() += count;
    }
    for (ours, theirs) in tick.scenarios.iter_mut().zip(&late.scenarios) {
        ours.add(theirs);
    }
    for step in &late.steps {
        let same = |ours: &&mut StepTick| ours.scenario == step.scenario && ours.step == step.step;
        match tick.steps.iter_mut().find(same) {
            Some(ours) => {
                ours.count += step.count;
                ours.failed += step.failed;
            }
            None => tick.steps.push(step.clone()),
        }
    }
}

/// The process's gauges as a Window of their own.
pub(super) fn gauges(second: u32, health: &Health, busiest: Option<u16>) -> Window {
    let values: Vec<(MetricId, Value)> = [
        (metric::PROCESS_CPU_PERCENT, health.cpu_percent),
        (metric::PROCESS_MEMORY_BYTES, health.memory_bytes),
        (metric::PROCESS_THREADS, health.threads),
        (metric::PROCESS_OPEN_FDS, health.open_fds),
        (metric::WORKER_CPU_PERCENT, busiest.map(f64::from)),
        (metric::PROCESS_THROTTLED_PERCENT, health.throttled_percent),
        (metric::MACHINE_STEAL_PERCENT, health.steal_percent),
        (metric::MACHINE_TCP_SOCKETS, health.tcp_sockets),
        (metric::PROCESS_DISK_WRITE_BYTES, health.disk_write_bytes),
    ]
    .into_iter()
    .filter_map(|(metric, value)| value.map(|value| (metric, gauge(value))))
    .collect();
    let row = Row { tags: Default::default(), values };
    let rows = if row.values.is_empty() { Vec::new() } else { vec![row] };
    Window { second, rows, ..Window::default() }
}

pub(super) fn gauge(value: f64) -> Value {
    Value::Gauge { last: value, max: value }
}

/// What users did, in whatever phase.
fn live(metric: MetricId) -> Selector {
    Selector::of(metric).without("phase", "setup").without("phase", "teardown")
}

/// Passes of steps, and how many of them failed, by scenario and path.
type Steps = BTreeMap<(Arc<str>, Arc<str>), (u64, u64)>;

/// What the rows add up to.
#[derive(Default)]
struct Sum {
    tick: Tick,
    latency: Histogram,
    response: Histogram,
    loop_lag: Histogram,
    steps: Steps,
    /// By scenario; of those in reserve, the others are still to be taken away.
    levels: BTreeMap<Arc<str>, ScenarioTick>,
}

impl Sum {
    fn add(&mut self, row: &Row, [calls, responses]: &[Selector; 2]) {
        for (metric, value) in &row.values {
            let tick = &mut self.tick;
            match (metric, value) {
                (&metric::HTTP_CALLS, value) => tick.calls += value.counter(),
                (&metric::HTTP_REQS, value) => {
                    tick.requests += value.counter();
                    if is_of_iteration(row) {
                        self.level(row).requests.1 += value.counter();
                    }
                }
                (&metric::HTTP_CALL_FAILED, Value::Rate { hits, .. }) => tick.failed += hits,
                (&metric::HTTP_CALL_DURATION, Value::Histogram(times))
                    if calls.matches(&row.tags) =>
                {
                    self.latency.merge(times);
                }
                (&metric::ITERATION_RESPONSE_TIME, Value::Histogram(times))
                    if responses.matches(&row.tags) =>
                {
                    self.response.merge(times);
                }
                (&metric::ITERATIONS | &metric::ITERATIONS_INTERRUPTED, value) => {
                    tick.iterations += value.counter();
                }
                (&metric::ERRORS, value) => {
                    let category = row.tags.get("category").map_or("", |category| category);
                    *tick.errors.entry(category.to_owned()).or_default() += value.counter();
                }
                (&metric::DATA_SENT, value) => tick.bytes_sent += value.counter(),
                (&metric::DATA_RECEIVED, value) => tick.bytes_received += value.counter(),
                (&metric::CONNECTIONS_OPENED, value) => tick.connections_opened += value.counter(),
                (&metric::CONNECTIONS_REUSED, value) => tick.connections_reused += value.counter(),
                (&metric::CONNECTIONS_FAILED, value) => tick.connections_failed += value.counter(),
                (&metric::CONNECTIONS_OPEN, value) => tick.connections_open += level(value),
                (&metric::STEP_DURATION, Value::Histogram(times)) => {
                    self.step(row).0 += times.count();
                }
                (&metric::STEP_FAILED, Value::Rate { hits, .. }) => self.step(row).1 += hits,
                (&metric::LOOP_LAG, Value::Histogram(lag)) => self.loop_lag.merge(lag),
                (&metric::VUS, value) => self.level(row).vus += level(value),
                (&metric::VUS_MAX, value) => self.level(row).reserve += level(value),
                (&metric::BACKLOG, value) => self.level(row).backlog += level(value),
                _ => {}
            }
        }
    }

    fn step(&mut self, row: &Row) -> &mut (u64, u64) {
        let tag = |name: &str| row.tags.get(name).cloned().unwrap_or_else(|| "".into());
        self.steps.entry((tag("scenario"), tag("step"))).or_default()
    }

    fn level(&mut self, row: &Row) -> &mut ScenarioTick {
        let scenario = row.tags.get("scenario").cloned().unwrap_or_else(|| "".into());
        self.levels.entry(scenario).or_default()
    }
}

/// Whether an arrival's boundaries are counted of what the row tells: not of what hooks do.
fn is_of_iteration(row: &Row) -> bool {
    row.tags.get("phase").is_some_and(|phase| matches!(&**phase, "warmup" | "load" | "drain"))
}

fn level(value: &Value) -> u64 {
    if let Value::Gauge { last, .. } = value { last.round() as u64 } else { 0 }
}

fn most_frequent(steps: Steps) -> Vec<StepTick> {
    let tick = |((scenario, step), (count, failed))| StepTick { scenario, step, count, failed };
    let mut steps: Vec<_> = steps.into_iter().map(tick).collect();
    if steps.len() > MOST_STEPS {
        steps.sort_by_key(|step| std::cmp::Reverse(step.count)); // stable: by name where equal
        steps.truncate(MOST_STEPS);
    }
    steps
}

impl ScenarioTick {
    /// Adds what another worker told of the same second.
    fn add(&mut self, other: &ScenarioTick) {
        self.vus += other.vus;
        self.reserve += other.reserve;
        self.backlog += other.backlog;
        self.requests.0 += other.requests.0;
        self.requests.1 += other.requests.1;
        self.moments.0.merge(other.moments.0);
        self.moments.1.merge(other.moments.1);
        self.boundaries.add(&other.boundaries);
        self.planned += other.planned;
        self.started += other.started;
        self.completed += other.completed;
        self.failed += other.failed;
        self.interrupted += other.interrupted;
        self.dropped += other.dropped;
        self.late += other.late;
    }
}
