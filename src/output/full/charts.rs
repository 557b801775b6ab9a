//! Curves over the run's time.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType};

use super::paint::{Palette, Tone};
use crate::output::view::Point;
use crate::results::format;

/// A chart: its curves, and what they are over.
pub struct Plot {
    curves: &'static [Curve],
    scale: Scale,
}

struct Curve {
    name: &'static str,
    value: fn(&Point) -> Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// From 0.
    Linear,
    /// Milliseconds by their logarithm, for latencies span decades.
    Millis,
}

/// Calls, or iterations where nothing is called.
pub const RATE: Plot = Plot {
    curves: &[
        Curve { name: "calls/s", value: |point| Some(point.calls as f64) },
        Curve { name: "iterations/s", value: |point| Some(point.iterations as f64) },
        Curve { name: "failed/s", value: |point| Some(point.failed as f64) },
    ],
    scale: Scale::Linear,
};

/// Of calls.
pub const LATENCY: Plot = Plot {
    curves: &[
        Curve { name: "p50", value: |point| point.p50 },
        Curve { name: "p95", value: |point| point.p95 },
        Curve { name: "p99", value: |point| point.p99 },
    ],
    scale: Scale::Millis,
};

/// Those at work, and arrivals that wait for one.
pub const USERS: Plot = Plot {
    curves: &[
        Curve { name: "users", value: |point| Some(point.vus as f64) },
        Curve { name: "waiting arrivals", value: |point| Some(point.backlog as f64) },
    ],
    scale: Scale::Linear,
};

/// Without colours, curves are told apart by what they are drawn with.
const MARKERS: [Marker; 3] = [Marker::Braille, Marker::Dot, Marker::HalfBlock];

impl Plot {
    /// Draws the curves of all seconds so far.
    pub fn draw(&self, frame: &mut Frame, area: Rect, points: &[Point], palette: Palette) {
        let curves: Vec<Vec<(f64, f64)>> =
            self.curves.iter().map(|curve| self.places(curve, points)).collect();
        let sets = curves.iter().enumerate().map(|(number, places)| {
            let marker =
                if palette.color { Marker::Braille } else { MARKERS[number % MARKERS.len()] };
            Dataset::default()
                .marker(marker)
                .graph_type(GraphType::Line)
                .style(palette.style(Tone::Curve(number)))
                .data(places)
        });
        let (low, high) = self.scale.bounds(&curves);
        let end = points.last().map_or(1.0, |point| f64::from(point.second) + 1.0);
        let faint = palette.style(Tone::Faint);
        let clock = |part: f64| Span::styled(format::clock((end * part) as u64), faint);
        let middle = (low + high) / 2.0;
        let label = |value: f64| Span::styled(self.scale.label(value), faint);
        let chart = Chart::new(sets.collect())
            .block(
                Block::bordered()
                    .border_style(faint)
                    .title(self.title(points, area.width, palette)),
            )
            .x_axis(
                Axis::default()
                    .bounds([0.0, end])
                    .labels([clock(0.0), clock(0.5), clock(1.0)])
                    .style(faint),
            )
            .y_axis(
                Axis::default()
                    .bounds([low, high])
                    .labels([label(low), label(middle), label(high)])
                    .style(faint),
            )
            .legend_position(None);
        frame.render_widget(chart, area);
    }

    /// The latest value of each curve in the curve's colour, as many as fit.
    fn title(&self, points: &[Point], columns: u16, palette: Palette) -> Line<'static> {
        let told = self.curves.iter().enumerate().map(|(number, curve)| {
            let value = points.last().and_then(curve.value);
            let value = value.map_or_else(|| "–".to_owned(), |value| self.scale.text(value));
            (Tone::Curve(number), format!("{} {value}", curve.name))
        });
        let told: Vec<_> = told.collect();
        palette
            .flow(&told, columns.saturating_sub(2).into(), 1)
            .into_iter()
            .next()
            .unwrap_or_default()
    }

    fn places(&self, curve: &Curve, points: &[Point]) -> Vec<(f64, f64)> {
        let place = |point: &Point| {
            let value =
                (curve.value)(point).filter(|value| self.scale == Scale::Linear || *value > 0.0)?;
            Some((f64::from(point.second) + 1.0, self.scale.place(value)))
        };
        points.iter().filter_map(place).collect()
    }
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        match self {
            Scale::Linear => value,
            Scale::Millis => value.log10(),
        }
    }

    /// Lowest and highest place of an axis that shows all of these.
    fn bounds(self, curves: &[Vec<(f64, f64)>]) -> (f64, f64) {
        let all = || curves.iter().flatten().map(|(_, place)| *place);
        let most = all().reduce(f64::max).unwrap_or(1.0);
        match self {
            Scale::Linear => (0.0, most.max(1.0)),
            Scale::Millis => {
                let low = all().reduce(f64::min).unwrap_or(0.0).floor();
                (low, most.ceil().max(low + 1.0))
            }
        }
    }

    fn label(self, place: f64) -> String {
        match self {
            Scale::Linear => format::number(place),
            Scale::Millis => format::ms(10_f64.powf(place)),
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Scale::Linear => format::number(value),
            Scale::Millis => format::ms(value),
        }
    }
}
