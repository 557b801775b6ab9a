//! The run second by second: charts that share one time axis, and their numbers for the script
//! that shows them under the cursor.
//!
//! A long run is thinned to at most [`MOST_POINTS`] points: rates are means, users, backlog and
//! percentiles the highest second of each point, so that no peak gets lost.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};
use serde_json::json;

use super::chart::{Band, Chart, Drawn, Line, Mark, Scale, Unit, strip};
use super::heat::Heat;
use crate::results::format;
use crate::results::limit::Limit;
use crate::results::summary::{Iterations, Scenario, Second, Summary};

/// Points of a curve at most.
const MOST_POINTS: usize = 600;

/// Marks of the time axis at most.
const MOST_MARKS: u64 = 6;

/// CPU that was taken is shown from that on [%].
const LEAST_TAKEN: f64 = 1.0;

/// Categories that get a colour of their own; the rest share one.
const COLORS: [&str; 8] = ["c5", "c1", "c3", "c4", "c0", "c2", "c7", "c6"];

/// Lengths of a point, and distances of marks [s].
const ROUND: [u64; 16] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800];

/// A few seconds as one point.
struct Thinned<'s> {
    /// Seconds of a point.
    step: u64,
    points: Vec<&'s [Second]>,
}

impl<'s> Thinned<'s> {
    fn of(timeline: &'s [Second]) -> Self {
        let step = round_up(timeline.len().div_ceil(MOST_POINTS) as u64);
        let points = timeline.chunks(usize::try_from(step).unwrap_or(usize::MAX)).collect();
        Thinned { step, points }
    }

    /// Length of the axis [s].
    fn length(&self) -> u64 {
        self.points.len() as u64 * self.step
    }

    fn line(
        &self,
        label: &str,
        color: &'static str,
        value: impl Fn(&[Second]) -> Option<f64>,
    ) -> Line {
        let count = self.points.len() as f64;
        let point = |(i, seconds): (usize, &&[Second])| ((i as f64 + 0.5) / count, value(seconds));
        Line {
            label: label.to_owned(),
            color,
            points: self.points.iter().enumerate().map(point).collect(),
        }
    }

    fn marks(&self) -> Vec<Mark> {
        let length = self.length().max(1);
        let distance = round_up(length.div_ceil(MOST_MARKS));
        let mark = |at: u64| Mark { at: at as f64 / length as f64, label: format::clock(at) };
        (0..=length / distance).map(|i| mark(i * distance)).collect()
    }
}

pub(super) fn timeline(summary: &Summary) -> Markup {
    if summary.timeline.is_empty() {
        return html! {};
    }
    let thinned = Thinned::of(&summary.timeline);
    let (marks, bands) = (thinned.marks(), bands(summary, thinned.length()));
    let charts = charts(summary, &thinned, &marks, &bands);
    let heat = Heat::of(&summary.heat_edges_ms, &thinned.points, &marks);
    html! {
        section #timeline {
            h2 { "Over time" }
            @if thinned.step > 1 {
                p.note {
                    "Each point is " (thinned.step) " seconds: rates are means; users, backlog and \
                     percentiles the highest second."
                }
            }
            div.charts tabindex="0" role="group"
                aria-label="charts; left and right arrow keys move the cursor" {
                p.at aria-live="polite" { "Point at a chart, or use the arrow keys, to read values." }
                @if !bands.is_empty() { (strip(&bands)) }
                @for chart in &charts {
                    (chart.figure())
                    @if chart.key == "latency" && let Some(heat) = &heat { (heat.figure()) }
                }
            }
            script #numbers type="application/json" { (PreEscaped(numbers(&thinned, &charts))) }
        }
    }
}

fn charts<'c>(
    summary: &Summary,
    thinned: &Thinned,
    marks: &'c [Mark],
    bands: &'c [Band],
) -> Vec<Chart<'c>> {
    let chart = |key, title, unit, lines: Vec<Line>| Chart {
        key,
        title,
        note: String::new(),
        unit,
        drawn: Drawn::Curves,
        height: 120.0,
        scale: Scale::linear(most(&lines)),
        lines,
        marks,
        bands,
    };
    let mut charts = vec![
        chart("rate", "Per second", Unit::Number, rates(summary, thinned)),
        chart("users", "Users", Unit::Number, users(summary, thinned)),
    ];
    let arrivals = arrivals(summary, thinned);
    if !arrivals.is_empty() {
        charts.push(chart("arrivals", "Arrivals per second", Unit::Number, arrivals));
    }
    if summary.timeline.iter().any(|second| second.p50_ms.is_some()) {
        charts.push(Chart {
            height: 180.0,
            ..chart("latency", "Latency of calls", Unit::Millis, latencies(thinned))
        });
    }
    let errors = errors(summary, thinned);
    if !errors.is_empty() {
        let scale = Scale::linear(highest_pile(&errors));
        let chart = chart("errors", "Errors per second", Unit::Number, errors);
        charts.push(Chart { drawn: Drawn::Piles, scale, ..chart });
    }
    if summary.timeline.iter().any(|second| second.cpu_percent.is_some()) {
        let threads = format::counted(summary.run.threads as u64, "thread");
        let note = format!("100 % is one core; {threads}");
        let chart =
            chart("cpu", "CPU of the load generator", Unit::Percent, processor(summary, thinned));
        charts.push(Chart { note, height: 80.0, ..chart });
    }
    if summary.timeline.iter().any(|second| second.health.loop_lag_ms.is_some()) {
        let lag = highest(|second| second.health.loop_lag_ms);
        let lines = vec![thinned.line("its loops woke late by", "c1", lag)];
        let chart = chart("lag", "Punctuality of the load generator", Unit::Millis, lines);
        charts.push(Chart { height: 60.0, ..chart });
    }
    charts
}

/// What became of arrivals, where some were not begun in time.
fn arrivals(summary: &Summary, thinned: &Thinned) -> Vec<Line> {
    let sum = |second: &Second, part: fn(&Iterations) -> u64| {
        second.scenarios.iter().map(|one| part(&one.iterations)).fold(0, u64::saturating_add)
    };
    let line = |label, color, part: fn(&Iterations) -> u64| {
        thinned.line(label, color, mean(move |second| sum(second, part)))
    };
    let missed = |second: &Second| sum(second, |life| life.dropped.saturating_add(life.late)) > 0;
    if !summary.timeline.iter().any(missed) {
        return Vec::new();
    }
    vec![
        line("planned", "c6", |life| life.planned),
        line("started", "c0", |life| life.started),
        line("late", "c1", |life| life.late),
        line("dropped", "c5", |life| life.dropped),
    ]
}

/// CPU of this tool, and what others took from it.
fn processor(summary: &Summary, thinned: &Thinned) -> Vec<Line> {
    let mut lines = vec![thinned.line("all of it", "c6", highest(|second| second.cpu_percent))];
    if summary.run.threads > 1 {
        let busiest = |second: &Second| second.health.worker_cpu_percent.iter().max().copied();
        let busiest = highest(move |second| busiest(second).map(f64::from));
        lines.push(thinned.line("busiest worker", "c1", busiest));
    }
    for (label, color, value) in [
        (
            "taken by other guests",
            "c5",
            (|second| second.health.steal_percent) as fn(&Second) -> Option<f64>,
        ),
        ("out of quota", "c3", |second| second.health.throttled_percent),
    ] {
        if summary.timeline.iter().filter_map(value).any(|percent| percent >= LEAST_TAKEN) {
            lines.push(thinned.line(label, color, highest(value)));
        }
    }
    lines
}

fn rates(summary: &Summary, thinned: &Thinned) -> Vec<Line> {
    let mut lines = Vec::new();
    if summary.totals.calls.count > 0 {
        lines.push(thinned.line("calls", "c0", mean(|second| second.calls)));
    }
    lines.push(thinned.line("iterations", "c2", mean(|second| second.iterations)));
    if summary.timeline.iter().any(|second| second.failed > 0) {
        lines.push(thinned.line("failed calls", "c5", mean(|second| second.failed)));
    }
    lines
}

fn users(summary: &Summary, thinned: &Thinned) -> Vec<Line> {
    let mut lines = vec![thinned.line("active", "c0", highest(|second| Some(second.vus as f64)))];
    if summary.timeline.iter().any(|second| second.backlog > 0) {
        let backlog = highest(|second| Some(second.backlog as f64));
        lines.push(thinned.line("arrivals waiting for one", "c5", backlog));
    }
    lines
}

fn latencies(thinned: &Thinned) -> Vec<Line> {
    vec![
        thinned.line("p99", "c1", highest(|second| second.p99_ms)),
        thinned.line("p95", "c0", highest(|second| second.p95_ms)),
        thinned.line("p50", "c2", highest(|second| second.p50_ms)),
    ]
}

/// A line per category, the most frequent first; those beyond the colours as one.
fn errors(summary: &Summary, thinned: &Thinned) -> Vec<Line> {
    let mut sums = BTreeMap::<&str, u64>::new();
    for (category, count) in summary.timeline.iter().flat_map(|second| &second.errors) {
        let sum = sums.entry(category).or_default();
        *sum = sum.saturating_add(*count);
    }
    let mut categories: Vec<_> = sums.into_iter().filter(|(_, count)| *count > 0).collect();
    categories.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let own = if categories.len() > COLORS.len() { COLORS.len() - 1 } else { categories.len() };
    let (shown, rest) = categories.split_at(own);
    let of = |category: &str, second: &Second| second.errors.get(category).copied().unwrap_or(0);
    let mut lines: Vec<Line> = shown
        .iter()
        .zip(COLORS)
        .map(|((name, _), color)| thinned.line(name, color, mean(|second| of(name, second))))
        .collect();
    if !rest.is_empty() {
        let sum = |second: &Second| {
            rest.iter().map(|(name, _)| of(name, second)).fold(0, u64::saturating_add)
        };
        lines.push(thinned.line("others", COLORS[own], mean(sum)));
    }
    lines
}

/// Per second, over the seconds of a point.
fn mean(count: impl Fn(&Second) -> u64) -> impl Fn(&[Second]) -> Option<f64> {
    move |seconds| {
        let sum: f64 = seconds.iter().map(|second| count(second) as f64).sum();
        Some(sum / seconds.len().max(1) as f64)
    }
}

/// Of the seconds of a point.
fn highest(value: impl Fn(&Second) -> Option<f64>) -> impl Fn(&[Second]) -> Option<f64> {
    move |seconds| seconds.iter().filter_map(&value).reduce(f64::max)
}

fn most(lines: &[Line]) -> f64 {
    lines.iter().flat_map(|line| &line.points).filter_map(|point| point.1).fold(0.0, f64::max)
}

fn highest_pile(lines: &[Line]) -> f64 {
    let count = lines.first().map_or(0, |line| line.points.len());
    let pile = |i: usize| lines.iter().filter_map(|line| line.points[i].1).sum::<f64>();
    (0..count).map(pile).fold(0.0, f64::max)
}

/// Stages of the one ramp; where there are several, or somebody steered, no axis can show them.
fn bands(summary: &Summary, length: u64) -> Vec<Band> {
    if let Some(limit) = &summary.limit {
        return holds(limit, length);
    }
    let staged: Vec<&Scenario> =
        summary.scenarios.iter().filter(|scenario| !scenario.stages.is_empty()).collect();
    let [scenario] = staged[..] else { return Vec::new() };
    let steered = summary.anomalies.iter().any(|anomaly| anomaly.kind == "steered");
    if steered || scenario.kind == "manual" {
        return Vec::new();
    }
    let Some(started) = scenario.started_s else { return Vec::new() };
    let length = length.max(1) as f64;
    let mut from = (started.max(0.0) / length).min(1.0);
    let mut bands = Vec::new();
    for stage in &scenario.stages {
        let to = (from + stage.duration_s.max(0.0) / length).min(1.0);
        if to > from {
            bands.push(Band { from, to, name: stage.name.clone() });
        }
        from = to;
    }
    bands
}

/// Holds of a search: each with its level, and how it ended. What lies between is warming up and
/// cooling down.
fn holds(limit: &Limit, length: u64) -> Vec<Band> {
    let place = |seconds: f64| (seconds.max(0.0) / length.max(1) as f64).min(1.0);
    let mut bands: Vec<Band> = Vec::new();
    for step in &limit.steps {
        let (from, to) = (place(step.from_s), place(step.from_s + step.hold_s));
        let before = bands.last().map_or(0.0, |last| last.to);
        if from > before {
            bands.push(Band { from: before, to: from, name: String::new() });
        }
        let mark = match step.verdict.as_str() {
            "pass" => "✓",
            "trip" => "✗",
            _ => "?",
        };
        let name = format!("{mark} {}", format::number(step.target));
        bands.push(Band { from: from.max(before), to, name });
    }
    bands
}

/// What the script reads: ASCII without `<`, so that nothing in it ends its element.
fn numbers(thinned: &Thinned, charts: &[Chart]) -> String {
    let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
    let line = |line: &Line| {
        line.points.iter().map(|point| point.1.map(rounded)).collect::<Vec<Option<f64>>>()
    };
    let chart = |chart: &Chart| {
        json!({
            "key": chart.key,
            "unit": chart.unit.name(),
            "lines": chart.lines.iter().map(line).collect::<Vec<_>>(),
        })
    };
    let charts: Vec<_> = charts.iter().map(chart).collect();
    json!({ "step": thinned.step, "charts": charts }).to_string().replace('<', "\\u003c")
}

fn round_up(seconds: u64) -> u64 {
    let seconds = seconds.max(1);
    ROUND
        .into_iter()
        .find(|&round| round >= seconds)
        .unwrap_or_else(|| seconds.div_ceil(86_400).saturating_mul(86_400))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(t_s: u32, calls: u64, p99_ms: f64) -> Second {
        Second { t_s, calls, p99_ms: Some(p99_ms), ..Second::default() }
    }

    #[test]
    fn a_day_is_thinned_without_losing_its_peak() {
        let mut day: Vec<Second> = (0..86_400).map(|t| second(t, 10, 1.0)).collect();
        day[50_000] = second(50_000, 10, 900.0);
        let thinned = Thinned::of(&day);
        assert_eq!((thinned.step, thinned.points.len()), (300, 288));
        let line = thinned.line("p99", "c0", highest(|second| second.p99_ms));
        assert_eq!(most(&[line]), 900.0);
        let line = thinned.line("calls", "c0", mean(|second| second.calls));
        assert!(line.points.iter().all(|point| point.1 == Some(10.0)));
        assert!(thinned.marks().len() as u64 <= MOST_MARKS + 1);
    }

    #[test]
    fn errors_beyond_the_colours_share_one() {
        let mut summary = crate::results::example::bad();
        let errors = (0..20).map(|n| (format!("kind{n:02}"), 20 - n)).collect();
        summary.timeline = vec![Second { errors, ..Second::default() }];
        let lines = errors_of(&summary);
        assert_eq!(lines.len(), COLORS.len());
        assert_eq!((lines[0].0.as_str(), lines[0].1), ("kind00", 20.0));
        assert_eq!((lines[7].0.as_str(), lines[7].1), ("others", (1..=13).sum::<u64>() as f64));
    }

    fn errors_of(summary: &Summary) -> Vec<(String, f64)> {
        let lines = errors(summary, &Thinned::of(&summary.timeline));
        lines.into_iter().map(|line| (line.label.clone(), most(&[line]))).collect()
    }
}
