//! The tables that can be paged through.

use super::Board;
use super::paint::Tone;
use super::sheet::{Cell, Column, Kind, Sheet};
use crate::output::view::{HealthPoint, Tables, TimedRow};
use crate::results::format;

/// Which table is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    #[default]
    Calls,
    Steps,
    Arrivals,
    Checks,
    Metrics,
    Errors,
    Thresholds,
    Generator,
    Log,
}

impl Tab {
    /// All, in their order.
    pub const ALL: [Tab; 9] = [
        Tab::Calls,
        Tab::Steps,
        Tab::Arrivals,
        Tab::Checks,
        Tab::Metrics,
        Tab::Errors,
        Tab::Thresholds,
        Tab::Generator,
        Tab::Log,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Tab::Calls => "Calls",
            Tab::Steps => "Steps",
            Tab::Arrivals => "Arrivals",
            Tab::Checks => "Checks",
            Tab::Metrics => "Metrics",
            Tab::Errors => "Errors",
            Tab::Thresholds => "Thresholds",
            Tab::Generator => "Generator",
            Tab::Log => "Log",
        }
    }

    /// The one so many places further on, round about.
    pub fn next(self, places: usize) -> Tab {
        let place = Tab::ALL.iter().position(|tab| *tab == self).unwrap_or(0);
        Tab::ALL[(place + places) % Tab::ALL.len()]
    }

    /// What is in it; the log is `kept`.
    pub fn sheet(self, board: &Board, kept: &[String]) -> Sheet {
        let tables = &board.tables;
        match self {
            Tab::Calls => calls(&tables.calls, tables.scenarios.len() > 1),
            Tab::Steps => calls(&tables.steps, tables.scenarios.len() > 1),
            Tab::Arrivals => arrivals(tables),
            Tab::Checks => checks(tables),
            Tab::Metrics => own(tables),
            Tab::Errors => errors(tables),
            Tab::Thresholds => thresholds(tables),
            Tab::Generator => generator(board.points.last().map(|point| &point.health)),
            Tab::Log => log(kept),
        }
    }
}

fn name(head: &'static str, worth: u8) -> Column {
    Column { head, kind: Kind::Name, worth }
}

fn number(head: &'static str, worth: u8) -> Column {
    Column { head, kind: Kind::Number, worth }
}

fn plain(text: impl Into<String>) -> Cell {
    (Tone::Plain, text.into())
}

fn count(number: u64) -> Cell {
    plain(format::count(number))
}

/// A count that is bad unless it is 0.
fn bad(number: u64) -> Cell {
    (if number > 0 { Tone::Bad } else { Tone::Faint }, format::count(number))
}

fn ms(value: Option<f64>) -> Cell {
    value.map_or_else(|| (Tone::Faint, "–".to_owned()), |value| plain(format::ms(value)))
}

/// Calls or steps; scenarios are named where there are several.
fn calls(rows: &[TimedRow], several: bool) -> Sheet {
    let columns = vec![
        name("scenario", 1),
        name("step", 5),
        name("call", 9),
        number("count", 7),
        number("failed", 8),
        number("p50", 4),
        number("p95", 9),
        number("p99", 6),
        number("max", 3),
    ];
    let row = |row: &TimedRow| {
        let scenario = if several { row.scenario.clone() } else { String::new() };
        let call = format!("{} {}", row.method, row.name).trim().to_owned();
        let step = row.step.clone();
        vec![
            plain(scenario),
            plain(step),
            plain(call),
            count(row.count),
            bad(row.failed),
            ms(row.p50),
            ms(row.p95),
            ms(row.p99),
            ms(row.max),
        ]
    };
    Sheet { columns, rows: rows.iter().map(row).collect() }
}

fn arrivals(tables: &Tables) -> Sheet {
    let columns = vec![
        name("scenario", 9),
        number("planned", 6),
        number("started", 5),
        number("late", 4),
        number("dropped", 8),
        number("done", 7),
        number("failed", 8),
        number("cut off", 2),
        number("users", 3),
        number("at work", 1),
        number("waiting", 7),
        name("dropped for", 3),
    ];
    let rows = tables.scenarios.iter().map(|one| {
        vec![
            plain(one.scenario.as_str()),
            count(one.planned),
            count(one.started),
            bad(one.late),
            bad(one.dropped),
            count(one.completed),
            bad(one.failed),
            count(one.interrupted),
            count(one.vus),
            count(one.in_flight),
            bad(one.backlog),
            plain(one.reasons.as_str()),
        ]
    });
    Sheet { columns, rows: rows.collect() }
}

fn checks(tables: &Tables) -> Sheet {
    let columns = vec![name("step", 5), name("check", 9), number("passed", 7), number("failed", 9)];
    let rows = tables.checks.iter().map(|one| {
        vec![
            plain(one.step.as_str()),
            plain(one.check.as_str()),
            count(one.passed),
            bad(one.failed),
        ]
    });
    Sheet { columns, rows: rows.collect() }
}

/// The script's own metrics.
fn own(tables: &Tables) -> Sheet {
    let columns = vec![
        name("metric", 9),
        name("kind", 3),
        number("samples", 4),
        number("value", 9),
        number("p50", 5),
        number("p95", 8),
        number("p99", 6),
        number("max", 7),
    ];
    let rows = tables.own.iter().map(|one| {
        let samples = one.samples.map(format::count).unwrap_or_default();
        let texts = [&one.value, &one.p50, &one.p95, &one.p99, &one.max];
        let mut row = vec![plain(one.metric.as_str()), plain(one.kind), plain(samples)];
        row.extend(texts.map(|text| plain(text.as_str())));
        row
    });
    Sheet { columns, rows: rows.collect() }
}

fn errors(tables: &Tables) -> Sheet {
    let columns =
        vec![number("count", 9), name("category", 8), name("step", 5), name("message", 9)];
    let rows = tables.errors.iter().map(|one| {
        vec![
            count(one.count),
            (Tone::Bad, one.category.to_owned()),
            plain(one.step.as_str()),
            plain(one.message.as_str()),
        ]
    });
    Sheet { columns, rows: rows.collect() }
}

/// Those that are crossed first; that is also a panel of its own where there is room.
pub fn thresholds(tables: &Tables) -> Sheet {
    let columns = vec![
        name("", 9),
        name("metric", 9),
        name("must hold", 8),
        number("observed", 9),
        number("margin", 7),
    ];
    let mut rows: Vec<_> = tables.thresholds.iter().collect();
    rows.sort_by_key(|one| one.tone != "bad");
    let row = |one: &crate::output::view::ThresholdRow| {
        let tone = match one.tone {
            "good" => Tone::Good,
            "bad" => Tone::Bad,
            _ => Tone::Doubt,
        };
        vec![
            (tone, one.standing.to_owned()),
            plain(one.metric.as_str()),
            plain(one.condition.as_str()),
            (tone, if one.observed.is_empty() { "–".to_owned() } else { one.observed.clone() }),
            plain(one.margin.as_str()),
        ]
    };
    Sheet { columns, rows: rows.into_iter().map(row).collect() }
}

/// Errors by category, the most frequent first.
pub fn categories(tables: &Tables) -> Sheet {
    let mut all: Vec<_> = tables.categories.iter().collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let rows = all.into_iter().map(|(category, count)| vec![plain(category.as_str()), bad(*count)]);
    Sheet { columns: vec![name("category", 9), number("errors", 9)], rows: rows.collect() }
}

/// How this tool fares now.
pub fn generator(health: Option<&HealthPoint>) -> Sheet {
    let columns = vec![name("this tool", 9), number("now", 9)];
    let Some(health) = health else { return Sheet { columns, rows: Vec::new() } };
    let percent =
        |value: Option<f64>| value.map(|value| format!("{} %", format::number(value.round())));
    let facts = [
        ("CPU (100 % is a core)", percent(health.cpu), false),
        ("busiest worker", percent(health.busiest.map(f64::from)), health.busiest > Some(BUSY)),
        ("loops woke late by", health.lag.map(format::ms), false),
        ("memory", health.memory.map(format::bytes), false),
        ("descriptors", health.fds.map(format::number), false),
        ("out of CPU quota", percent(health.throttled), health.throttled > Some(1.0)),
        ("CPU taken by others", percent(health.steal), health.steal > Some(1.0)),
    ];
    let row = |(name, fact, doubtful): (&str, Option<String>, bool)| {
        Some(vec![plain(name), (if doubtful { Tone::Doubt } else { Tone::Plain }, fact?)])
    };
    Sheet { columns, rows: facts.into_iter().filter_map(row).collect() }
}

/// Above that many percent of a core a worker has nothing left to be punctual with.
const BUSY: u16 = crate::results::fitness::BUSY;

fn log(kept: &[String]) -> Sheet {
    let rows = kept.iter().map(|line| vec![plain(line.as_str())]);
    Sheet { columns: vec![name("", 9)], rows: rows.collect() }
}
