//! Two things that were compared: a row for each number, with where its change lies drawn, and the
//! latencies of both over each other.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::chart::coordinate;
use super::grid::{Cell, Grid};
use super::latency::{Curve, Plot};
use crate::compare::series::Key;
use crate::compare::{Comparison, Row, Verdict};
use crate::metrics::Histogram;
use crate::output::comparison::{interval, remarks, value};
use crate::results::format;

/// Series whose latencies are drawn; tables have them all.
const MOST_PLOTS: usize = 24;

/// The picture of an interval, in its own units.
const WIDE: f64 = 200.0;
const HIGH: f64 = 16.0;

/// A change beyond it lies at the edge of the picture.
const FARTHEST: f64 = 1.0;

/// What was compared with what.
pub(super) struct Pair<'p> {
    pub base: &'p str,
    pub candidate: &'p str,
    pub comparison: &'p Comparison,
    /// The least change that matters, as a part.
    pub min_change: f64,
    /// How long either took, by series.
    pub latencies: Vec<(Key, [Histogram; 2])>,
}

impl Pair<'_> {
    /// The table, and what is in one of them only.
    pub(super) fn table(&self) -> Markup {
        let mut grid = Grid::new("changes")
            .name("series")
            .name("")
            .number("base")
            .number("candidate")
            .number("change")
            .name("where it lies")
            .name("")
            .name("verdict");
        let reach = self.reach();
        let mut last = None;
        for row in &self.comparison.rows {
            let is_new = last.replace(&row.series) != Some(&row.series);
            let series = if is_new { row.series.to_string() } else { String::new() };
            grid.row(vec![
                Cell::from(series).class("series"),
                row.stat.as_str().into(),
                Cell::from(value(row, row.base)),
                Cell::from(value(row, row.candidate)),
                Cell::from(format::change(row.change)),
                Cell::drawn(self.picture(row, reach), interval(row)).class("drawn"),
                Cell::from(interval(row)).class("bounds"),
                Cell::from(row.verdict.as_str()).class(class(row.verdict)),
            ]);
        }
        html! {
            div.changes { (grid.plain()) }
            p.note {
                "Drawn: the change as a dot, within its bounds, from −" (format::percent(reach))
                " to +" (format::percent(reach)) "; the grey band is what does not matter (±"
                (format::share(self.min_change)) ")."
            }
            @for line in remarks(self.comparison) { p.note { (line) } }
        }
    }

    /// How far the picture reaches to either side.
    fn reach(&self) -> f64 {
        let ends = |row: &Row| row.interval.map_or(0.0, |(low, high)| low.abs().max(high.abs()));
        let far = self.comparison.rows.iter().map(ends).filter(|far| far.is_finite());
        far.fold(2.0 * self.min_change, f64::max).min(FARTHEST)
    }

    /// `None` where bounds are unknown.
    fn picture(&self, row: &Row, reach: f64) -> Option<String> {
        let (low, high) = row.interval?;
        let at = |change: f64| {
            let part = (change / reach).clamp(-1.0, 1.0);
            coordinate(WIDE / 2.0 + part * (WIDE / 2.0 - 4.0))
        };
        let mut svg = format!(
            "<svg class=\"span {}\" viewBox=\"0 0 {WIDE} {HIGH}\" aria-hidden=\"true\">",
            class(row.verdict)
        );
        let middle = HIGH / 2.0;
        let least = self.min_change.min(reach);
        write!(
            svg,
            "<path class=\"idle\" d=\"M{} 0V{HIGH}H{}V0Z\"/><path class=\"zero\" d=\"M{} 0V{HIGH}\"/>\
             <path class=\"reach\" d=\"M{} {middle}H{}\"/><circle cx=\"{}\" cy=\"{middle}\" r=\"4\"/></svg>",
            at(-least),
            at(least),
            at(0.0),
            at(low),
            at(high),
            at(row.change),
        )
        .expect("a String takes all");
        Some(svg)
    }

    /// A figure for each series, those that changed first.
    pub(super) fn plots(&self) -> Markup {
        let mut plots: Vec<&(Key, [Histogram; 2])> = self.latencies.iter().collect();
        plots.sort_by_key(|(key, _)| !self.has_changed(key));
        let more = plots.len().saturating_sub(MOST_PLOTS);
        html! {
            @if !plots.is_empty() {
                p.note {
                    "Read upwards from 99 %: one in a hundred took at least that long. Only what \
                     went as expected."
                }
                div.pair {
                    @for (key, samples) in plots.into_iter().take(MOST_PLOTS) {
                        (self.plot(key, samples).figure())
                    }
                }
                @if more > 0 { p.note { "… and " (more) " more series; the table has them all." } }
            }
        }
    }

    fn has_changed(&self, key: &Key) -> bool {
        let changed = [Verdict::Regression, Verdict::Improvement];
        self.comparison.rows.iter().any(|row| row.series == *key && changed.contains(&row.verdict))
    }

    fn plot(&self, key: &Key, [base, candidate]: &[Histogram; 2]) -> Plot {
        let curve = |label: &str, color, samples: &Histogram| Curve {
            label: label.to_owned(),
            color,
            samples: samples.clone(),
        };
        Plot {
            title: key.to_string(),
            curves: vec![curve(self.base, "c0", base), curve(self.candidate, "c1", candidate)],
        }
    }
}

pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Regression => "bad",
        Verdict::Improvement => "good",
        Verdict::Same => "",
        Verdict::TooFew => "faint",
    }
}
