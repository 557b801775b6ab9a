//! A search for the highest load: the answer, latency against load with the bracket, a row per hold,
//! and what the law of scalability says.

use maud::{Markup, html};

use super::chart::{Band, Chart, Drawn, Line, Mark, Scale, Unit};
use super::grid::{Cell, Grid};
use crate::results::format;
use crate::results::limit::{Limit, LimitStep};
use crate::results::summary::Summary;

/// Labels on the axis of levels stand at least so far apart, as a part of it.
const APART: f64 = 0.07;

pub(super) fn limit(summary: &Summary) -> Markup {
    let Some(limit) = &summary.limit else { return html! {} };
    html! {
        section #limit {
            h2 { "The highest load that holds" }
            @if let Some(next) = &limit.next_limit { p { "What does not hold beyond it: " (next) } }
            @if let Some(parts) = limit.parts_told() { p { "In proportion: " (parts) } }
            @for signal in limit.worst_signals() { p.note { "Signal " (signal) } }
            @if let Some(remark) = limit.littles_remark() { p.note { (remark) } }
            (plot(limit))
            @if let Some(law) = limit.scalability {
                p.note {
                    "Universal Scalability Law, advice only: σ " (format::number(law.sigma))
                    " (waiting for each other), κ " (format::number(law.kappa))
                    " (agreeing), R² " (format::number(law.r2))
                    @if let Some(peak) = law.peak() {
                        "; beyond " (format::number(peak.round())) " users more would bring less"
                    }
                    "."
                }
            }
            (holds(limit))
            (series(limit))
        }
    }
}

/// Latency of calls over levels, on a logarithmic scale, for the knee spans decades. Nothing where
/// there is but one level.
fn plot(limit: &Limit) -> Markup {
    let steps = telling(limit);
    let top = steps.iter().map(|step| step.target).fold(f64::MIN_POSITIVE, f64::max);
    if steps.iter().all(|step| step.target >= top) {
        return html! {};
    }
    let curve = |value: fn(&LimitStep) -> Option<f64>| -> Vec<(f64, Option<f64>)> {
        let mut points: Vec<_> =
            steps.iter().map(|step| (step.target / top, value(step))).collect();
        points.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        points
    };
    let lines = vec![
        Line { label: "p50".to_owned(), color: "c0", points: curve(|step| step.p50_ms) },
        Line { label: "p95".to_owned(), color: "c1", points: curve(|step| step.p95_ms) },
        Line { label: "p99".to_owned(), color: "c2", points: curve(|step| step.p99_ms) },
    ];
    let all = || lines.iter().flat_map(|line| line.points.iter().filter_map(|(_, value)| *value));
    let (least, most) = (all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max));
    if most <= 0.0 {
        return html! {};
    }
    Chart {
        key: "limit",
        title: "Latency against load",
        note: note(limit),
        unit: Unit::Millis,
        drawn: Drawn::Curves,
        height: 240.0,
        scale: Scale::log(least.max(1e-3), most),
        marks: &marks(limit, top),
        bands: &bracket(limit, top),
        lines,
    }
    .figure()
}

/// What the axes are, and where the knee is.
fn note(limit: &Limit) -> String {
    let unit = if limit.axis == "rate" { "iterations/s" } else { "users" };
    let knee = limit.lower.map(|lower| format!("; knee at {}", format::number(lower)));
    format!("calls, over {unit}{}", knee.unwrap_or_default())
}

/// The holds that tell something of their level: not those that were tried again and then judged.
fn telling(limit: &Limit) -> Vec<&LimitStep> {
    let is_judged = |step: &LimitStep| ["pass", "trip"].contains(&&*step.verdict);
    let judged = |level: f64| limit.steps.iter().any(|one| one.target == level && is_judged(one));
    limit.steps.iter().filter(|step| is_judged(step) || !judged(step.target)).collect()
}

fn marks(limit: &Limit, top: f64) -> Vec<Mark> {
    let mut levels: Vec<f64> = limit.steps.iter().map(|step| step.target).collect();
    levels.sort_by(f64::total_cmp);
    let mut marks: Vec<Mark> = vec![Mark { at: 0.0, label: "0".to_owned() }];
    // The knee is labelled, whatever stands beside it.
    let knee = limit.lower.map(|lower| lower / top);
    for level in levels {
        let at = level / top;
        let crowds = knee.is_some_and(|knee| knee != at && (knee - at).abs() < APART);
        if knee == Some(at) || crowds {
            continue;
        }
        if marks.last().is_none_or(|last| at - last.at >= APART) {
            marks.push(Mark { at, label: format::number(level) });
        }
    }
    marks.extend(limit.lower.map(|lower| Mark { at: lower / top, label: format::number(lower) }));
    marks.sort_by(|a, b| a.at.total_cmp(&b.at));
    marks
}

/// Where the limit lies.
fn bracket(limit: &Limit, top: f64) -> Vec<Band> {
    let (Some(lower), Some(upper)) = (limit.lower, limit.upper) else { return Vec::new() };
    vec![Band { from: lower / top, to: upper / top, name: "limit".to_owned() }]
}

fn holds(limit: &Limit) -> Markup {
    let mut grid = Grid::new("holds")
        .name("for")
        .number(if limit.axis == "rate" { "per s" } else { "users" })
        .number("achieved")
        .number("calls/s")
        .number("failed")
        .number("p50")
        .number("p95")
        .number("p99")
        .number("most users")
        .name("verdict")
        .name("why");
    for step in &limit.steps {
        grid.row(vec![
            step.purpose.as_str().into(),
            Cell::rate(step.target),
            Cell::rate(step.achieved_per_s),
            Cell::rate(step.calls_per_s),
            step.error_rate.map_or_else(Cell::default, Cell::share),
            Cell::ms(step.p50_ms),
            Cell::ms(step.p95_ms),
            Cell::ms(step.p99_ms),
            Cell::count(step.vus),
            Cell::from(step.verdict.to_uppercase().as_str()).class(class(&step.verdict)),
            step.reasons.join("; ").as_str().into(),
        ]);
    }
    html! {
        h3 { "Holds" }
        p.note {
            "Each level was held by itself, after a warm-up. TRIP: an objective did not hold. \
             INCONCLUSIVE: it was this tool or its machine that fell short."
        }
        (grid.plain())
    }
}

/// The latencies that objectives are about, where that is not of all calls alone.
fn series(limit: &Limit) -> Markup {
    if limit.steps.iter().all(|step| step.series.is_empty()) {
        return html! {};
    }
    let mut grid = Grid::new("objectives")
        .name("series")
        .number(if limit.axis == "rate" { "per s" } else { "users" })
        .number("count")
        .number("p50")
        .number("p95")
        .number("p99");
    for step in &limit.steps {
        for series in &step.series {
            grid.row(vec![
                series.series.as_str().into(),
                Cell::rate(step.target),
                Cell::count(series.count),
                Cell::ms(series.p50_ms),
                Cell::ms(series.p95_ms),
                Cell::ms(series.p99_ms),
            ]);
        }
    }
    html! { h3 { "Latencies that have objectives" } (grid.plain()) }
}

fn class(verdict: &str) -> &'static str {
    match verdict {
        "pass" => "good",
        "trip" => "bad",
        _ => "faint",
    }
}
