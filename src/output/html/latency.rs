//! How latencies are spread: percentile plots on an axis of log₁₀ 1/(1 − p), where each nine takes
//! the same room, service time and response time together.

use maud::{Markup, html};

use super::chart::{Chart, Drawn, Line, Mark, Scale, Unit};
use super::grid::{Cell, Grid};
use crate::metrics::Histogram;
use crate::results::format;
use crate::results::summary::{Distribution, Scenario, Summary};

/// Scenarios that get a plot of their own.
const MOST_PLOTS: usize = 8;

/// Points of a curve.
const POINTS: u32 = 150;

/// Nines that a quantile in parts per million can tell apart.
const MOST_NINES: f64 = 6.0;

/// Where the largest sample is this many times the median, a linear axis shows nothing else.
const WIDE: f64 = 30.0;

/// Percentiles of the table, in parts per million.
const ROWS: [(&str, u32); 8] = [
    ("p50", 500_000),
    ("p75", 750_000),
    ("p90", 900_000),
    ("p95", 950_000),
    ("p99", 990_000),
    ("p99.9", 999_000),
    ("p99.99", 999_900),
    ("max", 1_000_000),
];

pub(super) fn latency(summary: &Summary) -> Markup {
    let plots: Vec<Plot> = plots(summary).into_iter().filter(|plot| plot.longest() > 0).collect();
    if plots.is_empty() {
        return html! {};
    }
    html! {
        section #latency {
            h2 { "How latencies are spread" }
            p.note {
                "Read upwards from 99 %: one in a hundred took at least that long. Where response \
                 time leaves service time, users waited before their journey began. Only what \
                 went as expected, and timeouts."
            }
            div.pair { @for plot in &plots { (plot.figure()) } }
        }
    }
}

/// One figure: what its curves are of.
pub(super) struct Plot {
    pub title: String,
    pub curves: Vec<Curve>,
}

pub(super) struct Curve {
    pub label: String,
    pub color: &'static str,
    pub samples: Histogram,
}

fn plots(summary: &Summary) -> Vec<Plot> {
    let all: Vec<&Scenario> = summary.scenarios.iter().collect();
    let mut plots = vec![
        Plot {
            title: "Calls".to_owned(),
            curves: vec![Curve {
                label: "one call".to_owned(),
                color: "c0",
                samples: merged([&summary.totals.calls.latency_ms]),
            }],
        },
        iterations("Iterations", &all),
    ];
    if all.len() > 1 {
        let each = all.iter().take(MOST_PLOTS);
        plots.extend(each.map(|scenario| iterations(&scenario.name, &[scenario])));
    }
    plots
}

fn iterations(title: &str, scenarios: &[&Scenario]) -> Plot {
    let response = scenarios.iter().map(|scenario| &scenario.response_time_ms);
    let service = scenarios.iter().map(|scenario| &scenario.duration_ms);
    Plot {
        title: title.to_owned(),
        curves: vec![
            Curve { label: "response time".to_owned(), color: "c1", samples: merged(response) },
            Curve { label: "service time".to_owned(), color: "c2", samples: merged(service) },
        ],
    }
}

/// All samples of these; what is no histogram counts as none.
fn merged<'d>(distributions: impl IntoIterator<Item = &'d Distribution>) -> Histogram {
    let mut whole = Histogram::default();
    for text in distributions.into_iter().filter_map(|one| one.hdr.as_deref()) {
        if let Ok(histogram) = Histogram::from_base64(text) {
            whole.merge(&histogram);
        }
    }
    whole
}

impl Plot {
    /// Samples of the curve that has most.
    fn longest(&self) -> u64 {
        self.curves.iter().map(|curve| curve.samples.count()).max().unwrap_or(0)
    }

    pub(super) fn figure(&self) -> Markup {
        let nines = (self.longest() as f64).log10().clamp(1.0, MOST_NINES);
        let marks = marks(nines);
        let scale = self.scale();
        let chart = Chart {
            key: "",
            title: &self.title,
            note: match scale {
                Scale::Log { .. } => "log scale".to_owned(),
                Scale::Linear { .. } => String::new(),
            },
            unit: Unit::Millis,
            drawn: Drawn::Curves,
            height: 220.0,
            scale,
            lines: self.curves.iter().map(|curve| curve.line(nines)).collect(),
            marks: &marks,
            bands: &[],
        };
        html! { div { (chart.figure()) (self.table()) } }
    }

    fn scale(&self) -> Scale {
        let value = |ppm| {
            let of = |curve: &Curve| quantile(&curve.samples, ppm);
            self.curves.iter().filter_map(of).fold(0.0, f64::max)
        };
        let least = self.curves.iter().filter_map(|curve| quantile(&curve.samples, 0));
        let (median, most) = (value(500_000), value(1_000_000));
        match most > WIDE * median {
            true => Scale::log(least.fold(most, f64::min).max(0.01), most),
            false => Scale::linear(most),
        }
    }

    fn table(&self) -> Markup {
        let mut grid = Grid::new("percentiles").name("percentile");
        for curve in &self.curves {
            grid = grid.number(curve.label.clone());
        }
        for (name, ppm) in ROWS {
            let value = |curve: &Curve| Cell::ms(quantile(&curve.samples, ppm));
            let cells = self.curves.iter().map(value);
            grid.row(std::iter::once(Cell::from(name)).chain(cells).collect());
        }
        grid.plain()
    }
}

impl Curve {
    fn line(&self, nines: f64) -> Line {
        let own = (self.samples.count().max(1) as f64).log10().min(nines);
        let point = |i: u32| {
            let place = own * f64::from(i) / f64::from(POINTS);
            let ppm = if i == POINTS { 1e6 } else { (1.0 - 10_f64.powf(-place)) * 1e6 };
            (place / nines, quantile(&self.samples, ppm.round() as u32))
        };
        Line {
            label: self.label.clone(),
            color: self.color,
            points: (0..=POINTS).map(point).collect(),
        }
    }
}

/// In milliseconds.
fn quantile(samples: &Histogram, ppm: u32) -> Option<f64> {
    samples.quantile(ppm).map(|time| time.as_secs_f64() * 1e3)
}

/// 50 %, 90 %, 99 %, …; the foot goes without saying, since its label would touch the next.
fn marks(nines: f64) -> Vec<Mark> {
    let labels = ["", "50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"];
    let places = [0.0, 2_f64.log10(), 1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    places
        .into_iter()
        .zip(labels)
        .filter(|(place, _)| *place <= nines)
        .map(|(place, label)| Mark { at: place / nines, label: label.to_owned() })
        .collect()
}

/// `one in 1,000 took at least 85 ms`: a tail in words.
pub(super) fn tail(distribution: &Distribution) -> Option<String> {
    let p99 = distribution.p99?;
    Some(format!("one in 100 took {} or more", format::ms(p99)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn samples(count: u64) -> Histogram {
        let mut histogram = Histogram::default();
        (1..=count).for_each(|n| histogram.record(Duration::from_millis(n)));
        histogram
    }

    #[test]
    fn each_nine_takes_the_same_room_and_the_last_point_is_the_largest() {
        let curve = Curve { label: "x".to_owned(), color: "c0", samples: samples(1000) };
        let points = curve.line(3.0).points;
        let [first, third, last] = [0, 50, 150].map(|i| points[i]);
        assert_eq!((first, last), ((0.0, Some(1.0)), (1.0, Some(1000.0))));
        let at_p90 = third.1.expect("a sample");
        assert!((third.0 - 1.0 / 3.0).abs() < 1e-9 && (899.0..902.0).contains(&at_p90), "{at_p90}");
    }

    #[test]
    fn what_is_no_histogram_is_no_curve() {
        let broken = Distribution { hdr: Some("HISTFAAAAB".into()), ..Distribution::default() };
        assert!(merged([&broken, &Distribution::default()]).is_empty());
        assert_eq!(merged([&Distribution::of(&samples(5)), &broken]).count(), 5);
    }
}
