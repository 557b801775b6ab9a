//! A search for the highest load: a row per hold, and the answer.

use std::time::Duration;

use super::sections::style;
use super::{BAD, DOUBTFUL, GOOD, HEAD, Page};
use crate::output::table::Column::{Name, Number, NumberIfAny};
use crate::output::table::{Cell, Table, styled};
use crate::results::format;
use crate::results::limit::{Limit, LimitStep};
use crate::units::print_duration;

pub(super) fn limit(limit: &Limit, page: &mut Page) {
    page.head("Holds (latency of calls; most users active at once)");
    let mut table = Table::new(&[
        Name("for"),
        Number("held"),
        Number(level(limit)),
        Number("achieved"),
        Number("calls/s"),
        NumberIfAny("failed"),
        Number("p50"),
        Number("p95"),
        Number("p99"),
        Number("active"),
        NumberIfAny("signal"),
        Name("verdict"),
    ]);
    for step in &limit.steps {
        table.row(row(step));
    }
    page.table(&table);
    for step in limit.steps.iter().filter(|step| step.verdict != "pass") {
        let level = format::number(step.target);
        page.line(format!("  {} at {level}: {}", step.verdict, step.reasons.join("; ")));
    }
    for signal in limit.worst_signals() {
        page.line(format!("  signal {signal}"));
    }
    if let Some(remark) = limit.littles_remark() {
        page.line(format!("  {remark}"));
    }
    series(limit, page);
    margins(limit, page);
    page.gap();
    let doubt = if limit.verdict == "inconclusive" { " (inconclusive)" } else { "" };
    page.line(styled(&format!("ANSWER{doubt}: {}", limit.sentence()), HEAD));
    if let Some(parts) = limit.parts_told() {
        page.line(format!("  in proportion: {parts}"));
    }
    if let (Some(goodput), Some(calls)) = (limit.goodput_per_s, limit.calls_per_s) {
        let (goodput, calls) = (format::rate(goodput), format::rate(calls));
        page.line(format!("  with {goodput} completed iterations/s and {calls} calls/s"));
    }
    if let Some(next) = &limit.next_limit {
        page.line(format!("Next limit: {next}"));
    }
}

/// The latencies that objectives are about, where that is not of all calls alone.
fn series(limit: &Limit, page: &mut Page) {
    if limit.steps.iter().all(|step| step.series.is_empty()) {
        return;
    }
    page.head("Latencies that have objectives");
    let mut table = Table::new(&[
        Name("series"),
        Number(level(limit)),
        Number("count"),
        Number("p50"),
        Number("p95"),
        Number("p99"),
    ]);
    for step in &limit.steps {
        for series in &step.series {
            table.row(vec![
                series.series.as_str().into(),
                format::number(step.target).into(),
                format::count(series.count).into(),
                time(series.p50_ms).into(),
                time(series.p95_ms).into(),
                time(series.p99_ms).into(),
            ]);
        }
    }
    page.table(&table);
}

/// How far each objective of a claim was from being crossed, hold by hold.
fn margins(limit: &Limit, page: &mut Page) {
    let claimed = |step: &&LimitStep| step.purpose == "assert" && !step.gates.is_empty();
    if !limit.steps.iter().any(|step| claimed(&step)) {
        return;
    }
    page.head("Objectives of the claim, in each of its holds");
    let mut table = Table::new(&[
        Number("hold"),
        Name(""),
        Name("metric"),
        Name("condition"),
        Number("observed"),
        Name("margin"),
    ]);
    for (index, step) in limit.steps.iter().filter(claimed).enumerate() {
        for gate in &step.gates {
            let observed = gate.observed.map(|value| format::quantity(value, &gate.unit));
            let standing = gate.standing();
            table.row(vec![
                (index + 1).to_string().into(),
                Cell::from(standing.as_str()).style(style(standing)),
                gate.metric.as_str().into(),
                gate.expression.as_str().into(),
                observed.unwrap_or_else(|| "–".to_owned()).into(),
                gate.margin().into(),
            ]);
        }
    }
    page.table(&table);
}

fn level(limit: &Limit) -> &'static str {
    if limit.axis == "rate" { "per s" } else { "users" }
}

fn time(ms: Option<f64>) -> String {
    ms.map_or_else(|| "–".to_owned(), format::ms)
}

fn row(step: &LimitStep) -> Vec<Cell> {
    let style = match step.verdict.as_str() {
        "pass" => GOOD,
        "trip" => BAD,
        _ => DOUBTFUL,
    };
    let failed = step.error_rate.filter(|rate| *rate > 0.0);
    let signal = step.worst_signal();
    vec![
        step.purpose.as_str().into(),
        print_duration(Duration::from_secs_f64(step.hold_s)).into(),
        format::number(step.target).into(),
        format::rate(step.achieved_per_s).into(),
        format::rate(step.calls_per_s).into(),
        failed.map_or_else(String::new, format::percent).into(),
        time(step.p50_ms).into(),
        time(step.p95_ms).into(),
        time(step.p99_ms).into(),
        format::count(step.vus).into(),
        signal.map_or_else(String::new, |signal| format::number(signal.change)).into(),
        Cell::from(step.verdict.to_uppercase()).style(style),
    ]
}
