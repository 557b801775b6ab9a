//! The tables: scenarios, stages, steps, calls, checks, connections, the script's own metrics.

use maud::{Markup, html};

use super::grid::{Cell, Grid, latency};
use crate::metrics::metric::BUILTIN;
use crate::results::format;
use crate::results::summary::{Distribution, Scenario, Series, Summary, Values};

pub(super) fn scenarios(summary: &Summary) -> Markup {
    let dropped = summary.scenarios.iter().any(|scenario| scenario.iterations.dropped > 0);
    let mut grid = Grid::new("scenarios")
        .name("scenario")
        .name("kind")
        .number("users")
        .number("planned")
        .number("dropped")
        .number("completed")
        .number("failed")
        .number("cut off")
        .number("late")
        .number("per s")
        .latency();
    grid = with_served(grid);
    for scenario in &summary.scenarios {
        let life = &scenario.iterations;
        let mut cells = vec![
            scenario.name.as_str().into(),
            scenario.kind.replace('_', " ").into(),
            Cell::count(scenario.vus_max),
            if dropped { Cell::count(life.planned) } else { Cell::default() },
            if dropped { Cell::bad(life.dropped) } else { Cell::default() },
            Cell::count(life.completed),
            Cell::bad(life.failed),
            if_any(life.interrupted, Cell::count),
            if_any(life.late, Cell::bad),
            Cell::rate(scenario.rate_per_s),
        ];
        cells.extend(latency(&scenario.response_time_ms));
        cells.extend(served(scenario, &scenario.duration_ms));
        grid.row(cells);
    }
    section("scenarios", "Scenarios", SCENARIOS_NOTE, grid, !summary.scenarios.is_empty())
}

/// The columns of [`served`].
fn with_served(grid: Grid) -> Grid {
    let percentiles = ["p50", "p95", "p99"].into_iter();
    percentiles.fold(grid, |grid, percentile| grid.number(format!("served {percentile}")))
}

/// From the actual start, where starts are planned: p50, p95 and p99.
fn served(scenario: &Scenario, times: &Distribution) -> [Cell; 3] {
    let planned = scenario.starts_are_planned();
    [times.p50, times.p95, times.p99].map(|time| Cell::ms(time.filter(|_| planned)))
}

const SCENARIOS_NOTE: &str = "Latency is the response time of iterations: from the planned start, without lt.think. Served, \
     where starts are planned: the same from the actual start.";

pub(super) fn stages(summary: &Summary) -> Markup {
    let mut grid = Grid::new("stages")
        .name("scenario")
        .name("stage")
        .number("length")
        .number("iterations")
        .number("failed")
        .number("per s")
        .latency();
    grid = with_served(grid);
    for scenario in &summary.scenarios {
        for stage in &scenario.stages {
            let seconds = stage.duration_s.clamp(0.0, 1e9);
            let length = format::length(std::time::Duration::from_secs_f64(seconds));
            let mut cells = vec![
                named(summary, &scenario.name),
                stage.name.as_str().into(),
                Cell::seconds(seconds, length),
                Cell::count(stage.iterations),
                Cell::bad(stage.failed),
                stage.rate_per_s.map_or_else(Cell::default, Cell::rate),
            ];
            cells.extend(latency(&stage.response_time_ms));
            cells.extend(served(scenario, &stage.duration_ms));
            grid.row(cells);
        }
    }
    let any = summary.scenarios.iter().any(|scenario| !scenario.stages.is_empty());
    section("stages", "Stages", STAGES_NOTE, grid, any)
}

const STAGES_NOTE: &str =
    "Latency and served as of scenarios: from the planned start, and from the actual one.";

pub(super) fn steps(summary: &Summary) -> Markup {
    let grid = Grid::new("steps").name("scenario").name("step").number("count").number("failed");
    let mut grid = grid.number("per s").latency();
    for step in &summary.steps {
        let mut cells = vec![
            named(summary, &step.scenario),
            step.step.as_str().into(),
            Cell::count(step.count),
            Cell::bad(step.failed),
            Cell::rate(step.rate_per_s),
        ];
        cells.extend(latency(&step.duration_ms));
        grid.row(cells);
    }
    section("steps", "Steps", "Without lt.think.", grid, !summary.steps.is_empty())
}

pub(super) fn calls(summary: &Summary) -> Markup {
    let mut grid = Grid::new("calls")
        .name("scenario")
        .name("step")
        .name("call")
        .number("count")
        .number("failed")
        .number("per s")
        .latency()
        .number("time")
        .number("received")
        .name("answers");
    let time = |count: u64, mean: Option<f64>| count as f64 * mean.unwrap_or(0.0);
    let calls = summary.requests.iter().map(|call| &call.duration_ms);
    let whole: f64 = calls.map(|one| time(one.count, one.mean)).sum();
    for call in &summary.requests {
        let own = time(call.duration_ms.count, call.duration_ms.mean);
        let share = if whole > 0.0 { Cell::share(own / whole) } else { Cell::default() };
        let mut cells = vec![
            named(summary, &call.scenario),
            call.step.as_str().into(),
            format!("{} {}", call.method, call.name).trim_start().into(),
            Cell::count(call.count),
            Cell::bad(call.failed),
            Cell::rate(call.rate_per_s),
        ];
        cells.extend(latency(&call.duration_ms));
        cells.extend([
            share,
            Cell::bytes(call.bytes_received as f64),
            answers(&call.statuses, &call.errors).into(),
        ]);
        grid.row(cells);
    }
    section("calls", "Calls", CALLS_NOTE, grid, !summary.requests.is_empty())
}

const CALLS_NOTE: &str = "Latencies are of expected answers and of timeouts; other failures only \
                          count. Time: its share of what all calls took together.";

/// `200 × 4,075, 503 × 40; timeout × 3`.
fn answers<'a>(
    statuses: impl IntoIterator<Item = (&'a String, &'a u64)>,
    errors: impl IntoIterator<Item = (&'a String, &'a u64)>,
) -> String {
    let told = |(what, count): (&String, &u64)| {
        (*count > 0).then(|| format!("{what} × {}", format::count(*count)))
    };
    let statuses: Vec<String> = statuses.into_iter().filter_map(told).collect();
    let errors: Vec<String> = errors.into_iter().filter_map(told).collect();
    let parts = [statuses.join(", "), errors.join(", ")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Those that failed first.
pub(super) fn checks(summary: &Summary) -> Markup {
    let mut grid = Grid::new("checks")
        .name("scenario")
        .name("step")
        .name("check")
        .number("passed")
        .number("failed")
        .number("held");
    let mut checks: Vec<_> = summary.checks.iter().collect();
    checks.sort_by_key(|check| std::cmp::Reverse(check.failed));
    for check in checks {
        let total = check.passed.saturating_add(check.failed).max(1) as f64;
        grid.row(vec![
            named(summary, &check.scenario),
            check.step.as_str().into(),
            check.name.as_str().into(),
            Cell::count(check.passed),
            Cell::bad(check.failed),
            Cell::share(check.passed as f64 / total),
        ]);
    }
    section("checks", "Checks", "", grid, !summary.checks.is_empty())
}

pub(super) fn connections(summary: &Summary) -> Markup {
    let connections = &summary.connections;
    let used = connections.opened.saturating_add(connections.reused);
    if used.saturating_add(connections.failed) == 0 {
        return html! {};
    }
    html! {
        section #connections {
            h2 { "Connections" }
            p {
                (format::count(connections.opened)) " opened, "
                (format::count(connections.reused)) " times used again ("
                (format::percent(connections.reused as f64 / used.max(1) as f64))
                " of all requests), "
                span.bad[connections.failed > 0] {
                    (format::count(connections.failed)) " failed"
                } "."
                @if let (Some(p50), Some(max)) =
                    (connections.connect_ms.p50, connections.connect_ms.max) {
                    " To connect took " (format::ms(p50)) " as a rule (p50), "
                    (format::ms(max)) " at most."
                }
            }
        }
    }
}

/// Metrics that the script made, a row per series.
pub(super) fn metrics(summary: &Summary) -> Markup {
    let mut grid = Grid::new("metrics of the script")
        .name("metric")
        .name("kind")
        .name("tags")
        .number("value")
        .latency();
    let own =
        summary.metrics.iter().filter(|(name, _)| BUILTIN.iter().all(|known| known.name != **name));
    let mut any = false;
    for (name, metric) in own {
        for series in &metric.series {
            let mut cells =
                vec![name.as_str().into(), metric.kind.as_str().into(), tags(series).into()];
            cells.extend(values(&series.values, &metric.unit));
            grid.row(cells);
            any = true;
        }
    }
    section("metrics", "Metrics of the script", "", grid, any)
}

fn tags(series: &Series) -> String {
    series.tags.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(", ")
}

/// One number, then five of a distribution.
fn values(values: &Values, unit: &str) -> Vec<Cell> {
    let quantity = |value: f64| Cell::seconds(value, format::quantity(value, unit));
    let mut cells = vec![match values {
        Values::Counter { value } => quantity(*value as f64),
        Values::Gauge { last, .. } => quantity(*last),
        Values::Rate { hits, total } => Cell::share(*hits as f64 / (*total).max(1) as f64),
        Values::Histogram(distribution) => Cell::count(distribution.count),
    }];
    match values {
        Values::Histogram(distribution) => {
            let Distribution { p50, p90, p95, p99, max, .. } = **distribution;
            let five = [p50, p90, p95, p99, max];
            cells.extend(five.map(|value| value.map_or_else(Cell::default, quantity)));
        }
        _ => cells.extend(std::iter::repeat_n(Cell::default(), 5)),
    }
    cells
}

/// A heading, a note and a table; nothing at all without rows.
fn section(id: &str, title: &str, note: &str, grid: Grid, any: bool) -> Markup {
    html! {
        @if any {
            section id=(id) {
                h2 { (title) }
                (grid.sortable())
                @if !note.is_empty() { p.note { (note) } }
            }
        }
    }
}

/// A count that is left out where there is none.
fn if_any(count: u64, cell: impl Fn(u64) -> Cell) -> Cell {
    if count > 0 { cell(count) } else { Cell::default() }
}

/// A scenario's name, which says nothing if there is only one.
fn named(summary: &Summary, scenario: &str) -> Cell {
    if summary.scenarios.len() > 1 { scenario.into() } else { Cell::default() }
}
