//! A search for the highest load: a row per hold, and the answer.

use std::time::Duration;

use super::{BAD, DOUBTFUL, GOOD, HEAD, Page};
use crate::output::table::Column::{Name, Number, NumberIfAny};
use crate::output::table::{Cell, Table, styled};
use crate::results::format;
use crate::results::limit::{Limit, LimitStep};
use crate::units::print_duration;

pub(super) fn limit(limit: &Limit, page: &mut Page) {
    page.head("Holds (latency of calls; most users active at once)");
    let level = if limit.axis == "rate" { "per s" } else { "users" };
    let mut table = Table::new(&[
        Name("for"),
        Number("held"),
        Number(level),
        Number("achieved"),
        Number("calls/s"),
        NumberIfAny("failed"),
        Number("p50"),
        Number("p95"),
        Number("p99"),
        Number("active"),
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

fn row(step: &LimitStep) -> Vec<Cell> {
    let time = |ms: Option<f64>| ms.map_or_else(|| "–".to_owned(), format::ms);
    let style = match step.verdict.as_str() {
        "pass" => GOOD,
        "trip" => BAD,
        _ => DOUBTFUL,
    };
    let failed = step.error_rate.filter(|rate| *rate > 0.0);
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
        Cell::from(step.verdict.to_uppercase()).style(style),
    ]
}
