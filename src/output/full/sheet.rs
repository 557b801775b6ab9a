//! A table that fits: columns that matter least go first, then names lose their middle.

use ratatui::text::{Line, Span};

use super::paint::{Palette, Tone};
use crate::output::text::{shorten, width};

/// Blanks between columns.
const GAP: usize = 2;

/// A name is not made narrower than that for the sake of a number.
const LEAST_NAME: usize = 14;

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub head: &'static str,
    pub kind: Kind,
    /// The lowest is left out first; those of 9 never.
    pub worth: u8,
}

/// What is in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Stands left, and may be shortened.
    Name,
    /// Stands right, whole or not at all.
    Number,
}

/// A text and what it means.
pub type Cell = (Tone, String);

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
}

impl Sheet {
    /// Its head, and rows from number `from` on: at most `lines` in all.
    pub fn lines(
        &self,
        columns: usize,
        lines: usize,
        from: usize,
        palette: Palette,
    ) -> Vec<Line<'static>> {
        if self.rows.is_empty() {
            return vec![Line::from(palette.span(Tone::Faint, "none yet"))];
        }
        let fitted = self.fitted(columns);
        let heads: Vec<Cell> =
            self.columns.iter().map(|column| (Tone::Faint, column.head.to_owned())).collect();
        let rows = self.rows.iter().skip(from).take(lines.saturating_sub(1));
        let all = std::iter::once(&heads).chain(rows);
        all.map(|row| self.line(row, &fitted, palette)).collect()
    }

    fn line(&self, row: &[Cell], fitted: &[(usize, usize)], palette: Palette) -> Line<'static> {
        let mut spans = Vec::new();
        for &(index, wide) in fitted {
            let Some((tone, text)) = row.get(index) else { continue };
            let text = shorten(text, wide);
            let blanks = " ".repeat(wide.saturating_sub(width(&text)));
            let gap = " ".repeat(if spans.is_empty() { 0 } else { GAP });
            spans.push(Span::raw(gap));
            let text = palette.span(*tone, text);
            let blanks = Span::raw(blanks);
            spans.extend(match self.columns[index].kind {
                Kind::Name => [text, blanks],
                Kind::Number => [blanks, text],
            });
        }
        Line::from(spans)
    }

    /// Columns that are shown, and how wide.
    fn fitted(&self, columns: usize) -> Vec<(usize, usize)> {
        let mut shown: Vec<(usize, usize)> =
            (0..self.columns.len()).map(|index| (index, self.natural(index))).collect();
        // An empty column tells nothing.
        shown.retain(|&(index, _)| {
            self.rows.iter().any(|row| row.get(index).is_some_and(|cell| !cell.1.is_empty()))
        });
        let least = |&(index, wide): &(usize, usize)| match self.columns[index].kind {
            Kind::Name => wide.min(LEAST_NAME),
            Kind::Number => wide,
        };
        let needed = |shown: &[(usize, usize)]| sum(shown.iter().map(least));
        while needed(&shown) > columns
            && let Some(place) = self.least_worth(&shown)
        {
            shown.remove(place);
        }
        while sum(shown.iter().map(|(_, wide)| *wide)) > columns {
            let names =
                shown.iter_mut().filter(|(index, _)| self.columns[*index].kind == Kind::Name);
            let Some((_, widest)) =
                names.max_by_key(|(_, wide)| *wide).filter(|(_, wide)| *wide > 1)
            else {
                break;
            };
            *widest -= 1;
        }
        shown
    }

    fn natural(&self, index: usize) -> usize {
        let rows = self.rows.iter().filter_map(|row| row.get(index)).map(|(_, text)| width(text));
        rows.chain([width(self.columns[index].head)]).max().unwrap_or(0)
    }

    fn least_worth(&self, shown: &[(usize, usize)]) -> Option<usize> {
        let places =
            shown.iter().enumerate().map(|(place, (index, _))| (self.columns[*index].worth, place));
        places.filter(|(worth, _)| *worth < 9).min().map(|(_, place)| place)
    }
}

/// Of widths, with the gaps between them.
fn sum(widths: impl Iterator<Item = usize>) -> usize {
    widths.map(|wide| wide + GAP).sum::<usize>().saturating_sub(GAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let column = |head, kind, worth| Column { head, kind, worth };
        let row = |name: &str, p50: &str, p95: &str| {
            vec![
                (Tone::Plain, name.to_owned()),
                (Tone::Plain, p50.to_owned()),
                (Tone::Plain, p95.to_owned()),
            ]
        };
        Sheet {
            columns: vec![
                column("call", Kind::Name, 9),
                column("p50", Kind::Number, 1),
                column("p95", Kind::Number, 5),
            ],
            rows: vec![row("/customers/{id}/orders", "1.20 ms", "99.0 ms"), row("/", "1 s", "2 s")],
        }
    }

    fn shown(columns: usize) -> Vec<String> {
        let lines = sheet().lines(columns, 9, 0, Palette { color: false });
        lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn the_least_column_goes_first_and_then_names_lose_their_middle() {
        assert_eq!(shown(40)[1], "/customers/{id}/orders  1.20 ms  99.0 ms");
        assert_eq!(shown(32)[1], "/custom…orders  1.20 ms  99.0 ms");
        assert_eq!(shown(31)[1], "/customers/{id}/orders  99.0 ms");
        assert_eq!(shown(31)[2], "/                           2 s");
    }

    #[test]
    fn no_width_is_too_small() {
        for columns in 0..60 {
            for line in shown(columns) {
                assert!(width(&line) <= columns.max(16), "{columns}: {line}");
            }
        }
    }
}
