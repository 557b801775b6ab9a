//! The report's tables, one function each.

use anstyle::Style;

use super::{BAD, DOUBTFUL, FAINT, GOOD, Page};
use crate::output::table::Column::{Name, NameIfAny, Number, NumberIfAny};
use crate::output::table::{Cell, Column, Table, styled};
use crate::results::format;
use crate::results::reading::Standing;
use crate::results::summary::{Distribution, Scenario, Summary};

/// Rows of one table; what is more is in the JSON summary.
pub(super) const MOST_ROWS: usize = 50;

/// Why a call may have failures and no times.
const APART: &str = "  times are of expected answers and of timeouts; other failures stand apart";

/// What the second row of a scenario is.
const SERVED: &str = "  served: from the actual start; above it, from the planned one";

/// Why more iterations ended than the totals tell.
const WARMED_UP: &str = "  counts are of the warm-up too, rates and times of the load alone";

/// All scenarios together.
pub(super) fn totals(summary: &Summary, page: &mut Page) {
    let totals = &summary.totals;
    let mut table =
        Table::new(&with_latency(&[Name(""), Number("count"), Number("per s"), Number("failed")]));
    for (name, total) in [("iterations", &totals.iterations), ("calls", &totals.calls)] {
        if total.count > 0 {
            let failed = format::percent(total.failed as f64 / total.count as f64);
            let mut cells = vec![
                name.into(),
                format::count(total.count).into(),
                format::rate(total.rate_per_s).into(),
                Cell::from(failed).style(if total.failed > 0 { BAD } else { Style::new() }),
            ];
            cells.extend(latency(&total.latency_ms));
            table.row(cells);
        }
    }
    if !table.is_empty() {
        page.gap();
        page.table(&table);
    }
    let (sent, received) = (totals.bytes_sent as f64, totals.bytes_received as f64);
    if sent + received > 0.0 {
        let (sent, received) = (format::bytes(sent), format::bytes(received));
        let [sent_per_s, received_per_s] =
            [totals.bytes_sent_per_s, totals.bytes_received_per_s].map(format::bytes);
        page.note(&format!(
            "data: {sent} sent, {received} received in the whole run; {sent_per_s}/s, \
             {received_per_s}/s in the load"
        ));
    }
    let rates = totals.errors.iter().map(|(category, rate)| {
        format!("{} {category} ({}/s)", format::count(rate.count), format::rate(rate.rate_per_s))
    });
    let rates = rates.collect::<Vec<_>>().join(", ");
    if !rates.is_empty() {
        page.note(&format!("errors in the load: {rates}"));
    }
}

pub(super) fn thresholds(summary: &Summary, page: &mut Page) {
    if summary.thresholds.is_empty() {
        return;
    }
    page.head("Thresholds");
    let mut table = Table::new(&[
        Name(""),
        Name("metric"),
        Name("condition"),
        Number("observed"),
        Name("margin"),
    ]);
    for threshold in most(&summary.thresholds) {
        let standing = threshold.standing();
        let observed = threshold
            .observed
            .map_or_else(|| "–".to_owned(), |v| format::quantity(v, &threshold.unit));
        table.row(vec![
            Cell::from(standing.as_str()).style(style(standing)),
            threshold.metric.as_str().into(),
            threshold.condition().into(),
            observed.into(),
            threshold.margin().into(),
        ]);
    }
    page.table(&table);
    page.more(summary.thresholds.len());
}

pub(super) fn style(standing: Standing) -> Style {
    match standing {
        Standing::Holds => GOOD,
        Standing::TooFew => DOUBTFUL,
        Standing::Crossed | Standing::NoData => BAD,
    }
}

pub(super) fn scenarios(summary: &Summary, page: &mut Page) {
    page.head("Scenarios");
    let mut table = Table::new(&with_latency(&[
        Name("scenario"),
        Number("users"),
        NumberIfAny("planned"),
        NumberIfAny("dropped"),
        Number("completed"),
        Number("failed"),
        NumberIfAny("cut off"),
        NumberIfAny("late"),
        Number("per s"),
    ]));
    let dropped = summary.scenarios.iter().any(|scenario| scenario.iterations.dropped > 0);
    for scenario in most(&summary.scenarios) {
        let life = &scenario.iterations;
        let planned = if dropped { format::count(life.planned) } else { String::new() };
        let mut cells = vec![
            scenario.name.as_str().into(),
            format::count(scenario.vus_max).into(),
            planned.into(),
            bad(life.dropped),
            format::count(life.completed).into(),
            bad(life.failed),
            format::count(life.interrupted).into(),
            bad(life.late),
            format::rate(scenario.rate_per_s).into(),
        ];
        let before_latency = cells.len();
        cells.extend(latency(&scenario.response_time_ms));
        table.row(cells);
        if scenario.starts_are_planned() {
            table.row(served(0, before_latency, &scenario.duration_ms));
        }
    }
    page.table(&table);
    page.more(summary.scenarios.len());
    if summary.scenarios.iter().any(Scenario::starts_are_planned) {
        page.line(styled(SERVED, FAINT));
    }
    let ended =
        summary.scenarios.iter().map(|one| one.iterations.completed + one.iterations.failed);
    if ended.sum::<u64>() > summary.totals.iterations.count {
        page.line(styled(WARMED_UP, FAINT));
    }
}

/// The second row of what has a planned start: its name in the column `at`, and after as many
/// columns as come before them the times from the actual start.
fn served(at: usize, before_latency: usize, times: &Distribution) -> Vec<Cell> {
    let mut cells = vec![Cell::default(); before_latency];
    cells[at] = Cell::from("  served").style(FAINT);
    cells.extend(latency(times).map(|cell| cell.style(FAINT)));
    cells
}

pub(super) fn stages(summary: &Summary, page: &mut Page) {
    if summary.scenarios.iter().all(|scenario| scenario.stages.is_empty()) {
        return;
    }
    page.head("Stages");
    let mut table = Table::new(&with_latency(&[
        NameIfAny("scenario"),
        Name("stage"),
        Number("length"),
        Number("iterations"),
        Number("failed"),
        Number("per s"),
    ]));
    for scenario in &summary.scenarios {
        for stage in most(&scenario.stages) {
            let length = std::time::Duration::from_secs_f64(stage.duration_s.max(0.0));
            let mut cells = vec![
                named(summary, &scenario.name),
                stage.name.as_str().into(),
                format::length(length).into(),
                format::count(stage.iterations).into(),
                bad(stage.failed),
                stage.rate_per_s.map_or_else(|| "–".to_owned(), format::rate).into(),
            ];
            let before_latency = cells.len();
            cells.extend(latency(&stage.response_time_ms));
            table.row(cells);
            if scenario.starts_are_planned() && stage.duration_ms.count > 0 {
                table.row(served(1, before_latency, &stage.duration_ms));
            }
        }
    }
    page.table(&table);
}

pub(super) fn steps(summary: &Summary, page: &mut Page) {
    if summary.steps.is_empty() {
        return;
    }
    page.head("Steps");
    let mut table = Table::new(&with_latency(&[
        NameIfAny("scenario"),
        Name("step"),
        Number("count"),
        Number("failed"),
        Number("per s"),
    ]));
    for step in most(&summary.steps) {
        let mut cells = vec![
            named(summary, &step.scenario),
            step.step.as_str().into(),
            format::count(step.count).into(),
            bad(step.failed),
            format::rate(step.rate_per_s).into(),
        ];
        cells.extend(latency(&step.duration_ms));
        table.row(cells);
    }
    page.table(&table);
    page.more(summary.steps.len());
}

pub(super) fn calls(summary: &Summary, page: &mut Page) {
    if summary.requests.is_empty() {
        return;
    }
    page.head("Calls");
    let mut table = Table::new(&with_latency(&[
        NameIfAny("scenario"),
        NameIfAny("step"),
        Name("call"),
        Number("count"),
        Number("failed"),
        Number("per s"),
    ]));
    for call in most(&summary.requests) {
        let mut cells = vec![
            named(summary, &call.scenario),
            call.step.as_str().into(),
            format!("{} {}", call.method, call.name).trim_start().into(),
            format::count(call.count).into(),
            bad(call.failed),
            format::rate(call.rate_per_s).into(),
        ];
        cells.extend(latency(&call.duration_ms));
        table.row(cells);
    }
    page.table(&table);
    page.more(summary.requests.len());
    if summary.requests.iter().any(|call| call.failed > 0) {
        page.line(styled(APART, FAINT));
    }
}

/// Those that failed first: of checks that hold, nobody needs to know more than that.
pub(super) fn checks(summary: &Summary, page: &mut Page) {
    if summary.checks.is_empty() {
        return;
    }
    page.head("Checks");
    let mut table = Table::new(&[
        NameIfAny("scenario"),
        NameIfAny("step"),
        Name("check"),
        Number("passed"),
        Number("failed"),
        Number("held"),
    ]);
    let mut checks: Vec<_> = summary.checks.iter().collect();
    checks.sort_by_key(|check| check.failed == 0);
    for check in most(&checks) {
        let total = check.passed + check.failed;
        table.row(vec![
            named(summary, &check.scenario),
            check.step.as_str().into(),
            check.name.as_str().into(),
            format::count(check.passed).into(),
            bad(check.failed),
            format::percent(check.passed as f64 / total.max(1) as f64).into(),
        ]);
    }
    page.table(&table);
    page.more(summary.checks.len());
}

pub(super) fn connections(summary: &Summary, page: &mut Page) {
    let connections = &summary.connections;
    if connections.opened + connections.reused + connections.failed == 0 {
        return;
    }
    page.head("Connections");
    let begun = (connections.opened + connections.reused).max(1);
    let mut line = format!(
        "  {} opened, {} times reused ({}), {} failed",
        format::count(connections.opened),
        format::count(connections.reused),
        format::percent(connections.reused as f64 / begun as f64),
        format::count(connections.failed)
    );
    if let (Some(p50), Some(max)) = (connections.connect_ms.p50, connections.connect_ms.max) {
        line += &format!("; to connect took p50 {}, max {}", format::ms(p50), format::ms(max));
    }
    page.line(line);
}

/// p50, p90, p95, p99 and max.
pub(super) fn latency(distribution: &Distribution) -> impl Iterator<Item = Cell> {
    let Distribution { p50, p90, p95, p99, max, .. } = *distribution;
    [p50, p90, p95, p99, max]
        .into_iter()
        .map(|value| value.map_or_else(String::new, format::ms).into())
}

pub(super) fn with_latency(columns: &[Column]) -> Vec<Column> {
    let latency = [Number("p50"), NumberIfAny("p90"), Number("p95"), Number("p99"), Number("max")];
    columns.iter().copied().chain(latency).collect()
}

/// A scenario's name, which says nothing if there is only one.
fn named(summary: &Summary, scenario: &str) -> Cell {
    if summary.scenarios.len() > 1 { scenario.into() } else { "".into() }
}

/// A count of something bad: it stands out unless it is none.
pub(super) fn bad(count: u64) -> Cell {
    let style = if count > 0 { BAD } else { Style::new() };
    Cell::from(format::count(count)).style(style)
}

pub(super) fn most<T>(rows: &[T]) -> &[T] {
    &rows[..rows.len().min(MOST_ROWS)]
}

impl Page {
    /// Says how many rows were left out.
    pub(super) fn more(&mut self, rows: usize) {
        if rows > MOST_ROWS {
            let more = format::count((rows - MOST_ROWS) as u64);
            self.line(format!("  … and {more} more; --summary-json has them all"));
        }
    }
}
