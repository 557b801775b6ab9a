//! How many calls took how long over time, on the axis of the other charts: the darker, the more of
//! a moment's calls.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::chart::{Mark, WIDE, coordinate, times};
use crate::results::summary::Second;
use crate::results::{format, heat};

/// Shades, each a path of its own.
const SHADES: usize = 8;

/// Height of a row.
const ROW: f64 = 15.0;

/// Counts by row for each point of the time axis.
pub(super) struct Heat<'h> {
    /// What rows count by [ms].
    edges: &'h [f64],
    columns: Vec<Vec<u64>>,
    marks: &'h [Mark],
}

impl<'h> Heat<'h> {
    /// Of the seconds of each point; `None` if nothing was called, or the summary is an old one.
    pub(super) fn of(
        edges: &'h [f64],
        points: &[&[Second]],
        marks: &'h [Mark],
    ) -> Option<Heat<'h>> {
        let column = |seconds: &&[Second]| {
            let mut counts = Vec::new();
            seconds.iter().for_each(|second| heat::add(&mut counts, &second.heat));
            counts.truncate(edges.len() + 1);
            counts
        };
        let columns: Vec<Vec<u64>> = points.iter().map(column).collect();
        columns.iter().flatten().any(|count| *count > 0).then_some(Heat { edges, columns, marks })
    }

    pub(super) fn figure(&self) -> Markup {
        let (low, high) = self.rows();
        let height = ROW * (high - low) as f64;
        html! {
            figure.chart {
                figcaption {
                    strong { "How long calls took" } " "
                    span.note { "each moment by itself: the darker, the more of its calls" }
                }
                svg.ys height=(height) aria-hidden="true" {
                    @for row in low..high.saturating_sub(1) {
                        text x="100%" y=(coordinate(self.foot(row + 1, high) + 4.0)) text-anchor="end" {
                            (format::ms(self.edges[row]))
                        }
                    }
                }
                svg.plot viewBox={ "0 0 " (WIDE) " " (height) } preserveAspectRatio="none"
                    height=(height) role="img"
                    aria-label="heat map of latency over time; the table of percentiles says the same" {
                    rect.floor width=(WIDE) height=(height) {}
                    @for (shade, path) in self.shades(low, high).iter().enumerate() {
                        @if !path.is_empty() {
                            path.heat d=(path) fill-opacity=(coordinate2((shade + 1) as f64 / SHADES as f64)) {}
                        }
                    }
                }
                svg.xs height="18" aria-hidden="true" { (times(self.marks)) }
            }
        }
    }

    /// The rows that are used: from the first to before the last.
    fn rows(&self) -> (usize, usize) {
        let used = |row: &usize| self.columns.iter().any(|counts| counts.get(*row) > Some(&0));
        let all = 0..=self.edges.len();
        let low = all.clone().find(used).unwrap_or(0);
        let high = all.rev().find(used).unwrap_or(0) + 1;
        (low, high)
    }

    /// How far below the top a row begins, upwards.
    fn foot(&self, row: usize, high: usize) -> f64 {
        ROW * (high - row) as f64
    }

    /// A path for each shade, from the faintest.
    fn shades(&self, low: usize, high: usize) -> Vec<String> {
        let mut paths = vec![String::new(); SHADES];
        let width = WIDE / self.columns.len().max(1) as f64;
        for (place, counts) in self.columns.iter().enumerate() {
            let most = counts.iter().copied().max().unwrap_or(0);
            let (left, right) = (place as f64 * width, (place + 1) as f64 * width);
            for (row, &count) in counts.iter().enumerate().take(high).skip(low) {
                if count == 0 {
                    continue;
                }
                // The root, or a few calls beside many would be as good as none.
                let share = (count as f64 / most as f64).sqrt();
                let shade = ((share * SHADES as f64).ceil() as usize).clamp(1, SHADES) - 1;
                let foot = self.foot(row, high);
                let [left, right, foot, top] = [left, right, foot, foot - ROW].map(coordinate);
                write!(paths[shade], "M{left} {foot}V{top}H{right}V{foot}Z")
                    .expect("a String takes all");
            }
        }
        paths
    }
}

/// Two digits are more than an eye can tell apart.
fn coordinate2(opacity: f64) -> String {
    format!("{opacity:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(heat: &[u64]) -> Second {
        Second { heat: heat.to_vec(), ..Second::default() }
    }

    #[test]
    fn rows_that_nobody_used_are_left_out_and_shades_are_by_moment() {
        let seconds = [second(&[0, 4, 1]), second(&[0, 0, 400]), second(&[])];
        let points: Vec<&[Second]> = seconds.iter().map(std::slice::from_ref).collect();
        let heat = Heat::of(&heat::EDGES_MS, &points, &[]).unwrap();
        assert_eq!(heat.rows(), (1, 3));
        let shades = heat.shades(1, 3);
        assert_eq!(shades[SHADES - 1], "M0 30V15H333.3V30ZM333.3 15V0H666.7V15Z");
        assert_eq!(shades[3], "M0 15V0H333.3V15Z", "a quarter is half as dark");
        let figure = heat.figure().into_string();
        assert!(figure.contains(">200 µs<") && !figure.contains("<script"), "{figure}");
    }

    #[test]
    fn an_old_summary_has_none() {
        let seconds = [second(&[])];
        assert!(Heat::of(&[], &[&seconds], &[]).is_none());
        let odd = [second(&[1, 2, 3, 4])];
        assert!(Heat::of(&[], &[&odd], &[]).is_some_and(|heat| heat.columns == [vec![1]]));
    }
}
