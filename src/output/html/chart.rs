//! Charts as SVG that stretches: curves lie in a box of their own units which the browser makes as
//! wide as the page, text lies beside it and keeps its size.
//!
//! No `style` attribute anywhere, since the page's policy forbids them: places are SVG attributes,
//! colours are classes.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::results::format;

/// Width of a plot in its own units.
pub(super) const WIDE: f64 = 1000.0;

/// Top of an axis at most: sums of floats beyond it no longer come to an end.
const HIGHEST: f64 = 1e15;

/// Lines between the plot's foot and its top.
const STEPS: f64 = 4.0;

/// What a chart's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Number,
    Millis,
    Percent,
}

impl Unit {
    pub(super) fn text(self, value: f64) -> String {
        match self {
            Unit::Number => format::number(value),
            Unit::Millis => format::ms(value),
            Unit::Percent => format!("{} %", format::number(value)),
        }
    }

    /// For the script that shows values under the cursor.
    pub(super) fn name(self) -> &'static str {
        match self {
            Unit::Number => "",
            Unit::Millis => "ms",
            Unit::Percent => "%",
        }
    }
}

/// Value → height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// From 0 to `top` in steps.
    Linear { step: f64, top: f64 },
    /// Between two powers of ten.
    Log { low: i32, high: i32 },
}

impl Scale {
    /// From 0 to at least `most`.
    pub(super) fn linear(most: f64) -> Scale {
        let most = if most > 0.0 { most.min(HIGHEST) } else { 1.0 };
        let step = round_up(most / STEPS);
        Scale::Linear { step, top: (most / step).ceil() * step }
    }

    /// From at most `least` (above 0) to at least `most`.
    pub(super) fn log(least: f64, most: f64) -> Scale {
        let power = |value: f64| value.clamp(1e-3, HIGHEST).log10();
        let low = power(least).floor() as i32;
        Scale::Log { low, high: (power(most).ceil() as i32).max(low + 1) }
    }

    /// 0 at the foot, 1 at the top.
    pub(super) fn place(self, value: f64) -> f64 {
        let place = match self {
            Scale::Linear { top, .. } => value / top,
            Scale::Log { low, high } => {
                (value.max(1e-3).log10() - f64::from(low)) / f64::from(high - low)
            }
        };
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }

    fn ticks(self) -> Vec<f64> {
        match self {
            Scale::Linear { step, top } => {
                let steps = (top / step).round() as u32;
                (0..=steps).map(|i| f64::from(i) * step).collect()
            }
            Scale::Log { low, high } => (low..=high).map(|power| 10_f64.powi(power)).collect(),
        }
    }
}

/// The next of 1, 2, 5, 10, 20, ….
pub(super) fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let digit = value / power;
    let digit = [1.0, 2.0, 5.0].into_iter().find(|&round| digit <= round + 1e-9).unwrap_or(10.0);
    digit * power
}

/// A mark on the horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    /// From 0 to 1.
    pub at: f64,
    pub label: String,
}

/// A span of the horizontal axis with a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Band {
    /// From 0 to 1.
    pub from: f64,
    /// From 0 to 1.
    pub to: f64,
    pub name: String,
}

/// One curve, or one layer of a pile.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub label: String,
    /// Which colour: `c0`, ….
    pub color: &'static str,
    /// Places from 0 to 1 and values, from left to right; `None` is a gap.
    pub points: Vec<(f64, Option<f64>)>,
}

/// How the values are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drawn {
    Curves,
    /// Bars upon each other.
    Piles,
}

/// A chart; `key` names it to the script.
#[derive(Debug, Clone)]
pub(super) struct Chart<'c> {
    pub key: &'c str,
    pub title: &'c str,
    /// What a reader should know about it.
    pub note: String,
    pub unit: Unit,
    pub drawn: Drawn,
    pub height: f64,
    pub scale: Scale,
    pub lines: Vec<Line>,
    pub marks: &'c [Mark],
    pub bands: &'c [Band],
}

impl Chart<'_> {
    /// The whole figure: title, legend, plot, axes.
    pub(super) fn figure(&self) -> Markup {
        let height = self.height;
        html! {
            figure.chart data-chart=(self.key) {
                figcaption {
                    strong { (self.title) } " "
                    @for line in &self.lines {
                        span.key { i.(line.color) {} (line.label) " " b {} }
                    }
                    @if !self.note.is_empty() { span.note { (self.note) } }
                }
                svg.ys height=(height) aria-hidden="true" { (self.heights()) }
                svg.plot viewBox={ "0 0 " (WIDE) " " (height) } preserveAspectRatio="none"
                    height=(height) role="img" aria-label=(self.spoken()) { (self.drawing()) }
                svg.xs height="18" aria-hidden="true" { (times(self.marks)) }
            }
        }
    }

    /// Labels of the vertical axis.
    fn heights(&self) -> Markup {
        html! {
            @for value in self.scale.ticks() {
                text x="100%" y=(coordinate(self.y(value) + 4.0)) text-anchor="end" {
                    (self.unit.text(value))
                }
            }
        }
    }

    fn drawing(&self) -> Markup {
        let height = self.height;
        html! {
            @for band in self.bands.iter().step_by(2) {
                rect.band x=(coordinate(band.from * WIDE)) y="0" height=(height)
                    width=(coordinate((band.to - band.from) * WIDE)) {}
            }
            path.grid d=(self.grid()) {}
            @match self.drawn {
                Drawn::Curves => @for line in &self.lines {
                    path.line.(line.color) d=(self.curve(line)) {}
                },
                Drawn::Piles => @for (line, bars) in self.lines.iter().zip(self.piles()) {
                    path.bar.(line.color) d=(bars) {}
                },
            }
        }
    }

    fn grid(&self) -> String {
        let across = self.scale.ticks().into_iter();
        let across = across.map(|value| format!("M0 {}H{WIDE}", coordinate(self.y(value))));
        let up = self.marks.iter();
        let up = up.map(|mark| format!("M{} 0V{}", coordinate(mark.at * WIDE), self.height));
        across.chain(up).collect()
    }

    fn curve(&self, line: &Line) -> String {
        let mut path = String::new();
        let mut drawing = false;
        for (i, &(at, value)) in line.points.iter().enumerate() {
            let Some(value) = value else {
                drawing = false;
                continue;
            };
            let letter = if drawing { 'L' } else { 'M' };
            write!(path, "{letter}{} {}", coordinate(at * WIDE), coordinate(self.y(value)))
                .expect("a String takes all");
            let alone = !drawing && line.points.get(i + 1).is_none_or(|next| next.1.is_none());
            path.push_str(if alone { "h0" } else { "" }); // a dot, thanks to its round ends
            drawing = true;
        }
        path
    }

    /// A path of bars for each line, on top of those before.
    fn piles(&self) -> Vec<String> {
        let count = self.lines.first().map_or(0, |line| line.points.len());
        let (mut feet, width) = (vec![0.0; count], WIDE / count.max(1) as f64);
        let mut paths = Vec::new();
        for line in &self.lines {
            let mut path = String::new();
            for (i, (foot, point)) in feet.iter_mut().zip(&line.points).enumerate() {
                let value = point.1.unwrap_or(0.0);
                if value > 0.0 {
                    let (left, right) = (i as f64 * width, (i + 1) as f64 * width);
                    let (low, high) = (self.y(*foot), self.y(*foot + value));
                    let [left, right, low, high] = [left, right, low, high].map(coordinate);
                    write!(path, "M{left} {low}V{high}H{right}V{low}Z")
                        .expect("a String takes all");
                    *foot += value;
                }
            }
            paths.push(path);
        }
        paths
    }

    /// Down from the top; half a unit stays free at both ends so that no line is cut.
    fn y(&self, value: f64) -> f64 {
        let room = self.height - 8.0;
        4.0 + room * (1.0 - self.scale.place(value))
    }

    /// For those who cannot see it: of each line the most.
    fn spoken(&self) -> String {
        let most = |line: &Line| line.points.iter().filter_map(|point| point.1).reduce(f64::max);
        let lines: Vec<String> = self
            .lines
            .iter()
            .filter_map(|line| {
                Some(format!("{} up to {}", line.label, self.unit.text(most(line)?)))
            })
            .collect();
        format!("{}: {}", self.title, lines.join(", "))
    }
}

/// Labels of the horizontal axis.
pub(super) fn times(marks: &[Mark]) -> Markup {
    html! {
        @for mark in marks {
            text x={ (coordinate(mark.at * 100.0)) "%" } y="13" text-anchor=(anchor(mark.at)) {
                (mark.label)
            }
        }
    }
}

/// Names of bands above all charts that share an axis.
pub(super) fn strip(bands: &[Band]) -> Markup {
    html! {
        svg.strip height="20" role="img" aria-label="stages" {
            @for (i, band) in bands.iter().enumerate() {
                svg x={ (coordinate(band.from * 100.0)) "%" } height="20"
                    width={ (coordinate((band.to - band.from) * 100.0)) "%" } {
                    rect.band.even[i % 2 == 0] width="100%" height="20" {}
                    text x="4" y="14" { (band.name) }
                    title { (band.name) }
                }
            }
        }
    }
}

/// A label at an end does not leave the picture.
fn anchor(at: f64) -> &'static str {
    match at {
        at if at < 0.03 => "start",
        at if at > 0.97 => "end",
        _ => "middle",
    }
}

/// A tenth of a unit is finer than any screen.
pub(super) fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[Option<f64>], drawn: Drawn) -> Chart<'static> {
        let count = values.len() as f64;
        let point = |(i, &value): (usize, &Option<f64>)| ((i as f64 + 0.5) / count, value);
        let points: Vec<_> = values.iter().enumerate().map(point).collect();
        let line = Line { label: "a".into(), color: "c0", points };
        Chart {
            key: "k",
            title: "t",
            note: String::new(),
            unit: Unit::Number,
            drawn,
            height: 108.0,
            scale: Scale::linear(100.0),
            lines: vec![line.clone(), line],
            marks: &[],
            bands: &[],
        }
    }

    #[test]
    fn scales_end_at_round_numbers() {
        assert_eq!(Scale::linear(83.0).ticks(), [0.0, 50.0, 100.0]);
        assert_eq!(Scale::linear(100.0).ticks(), [0.0, 50.0, 100.0]);
        assert_eq!(Scale::linear(4.0).ticks(), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(Scale::log(0.3, 40.0).ticks(), [0.1, 1.0, 10.0, 100.0]);
        assert_eq!(Scale::log(1.0, 1.0).ticks(), [1.0, 10.0]);
    }

    #[test]
    fn no_number_leaves_the_plot() {
        for scale in [Scale::linear(0.0), Scale::linear(f64::NAN), Scale::log(0.0, f64::MAX)] {
            for value in [f64::NAN, f64::INFINITY, f64::MIN, f64::MAX, -1.0, 0.0, 1e300] {
                let place = scale.place(value);
                assert!((0.0..=1.0).contains(&place), "{value} at {place} of {scale:?}");
            }
            assert!(scale.ticks().len() < 400, "{scale:?}");
        }
    }

    #[test]
    fn a_curve_breaks_at_gaps_and_a_lonely_point_is_a_dot() {
        let values = [Some(0.0), Some(100.0), None, Some(50.0)];
        let chart = chart(&values, Drawn::Curves);
        assert_eq!(chart.curve(&chart.lines[0]), "M125 104L375 4M875 54h0");
    }

    #[test]
    fn bars_stand_upon_each_other() {
        let chart = chart(&[Some(50.0), None], Drawn::Piles);
        assert_eq!(chart.piles(), ["M0 104V54H500V104Z", "M0 54V4H500V54Z"]);
    }
}
