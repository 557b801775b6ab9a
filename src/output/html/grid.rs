//! Tables: columns that sort, cells that know their number, and as many rows as a page should hold.

use std::borrow::Cow;

use maud::{Markup, PreEscaped, html};

use crate::results::format;
use crate::results::summary::Distribution;

/// Rows of a table; what is more is in the JSON summary.
const MOST_ROWS: usize = 500;

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Cell {
    text: String,
    /// What it is sorted by; its text if there is none.
    value: Option<f64>,
    class: &'static str,
    /// What is drawn in place of the text, as markup of our own making.
    picture: Option<String>,
}

impl Cell {
    /// A picture that says no more than `text`.
    pub(super) fn drawn(picture: Option<String>, text: String) -> Cell {
        Cell { text, picture, ..Cell::default() }
    }

    pub(super) fn count(count: u64) -> Cell {
        Cell { text: format::count(count), value: Some(count as f64), ..Cell::default() }
    }

    /// A count of something bad: it stands out unless it is none.
    pub(super) fn bad(count: u64) -> Cell {
        Cell { class: if count > 0 { "bad" } else { "faint" }, ..Cell::count(count) }
    }

    pub(super) fn rate(per_second: f64) -> Cell {
        Cell { text: format::rate(per_second), value: Some(per_second), ..Cell::default() }
    }

    pub(super) fn ms(ms: Option<f64>) -> Cell {
        Cell { text: ms.map_or_else(String::new, format::ms), value: ms, ..Cell::default() }
    }

    pub(super) fn share(fraction: f64) -> Cell {
        Cell { text: format::percent(fraction), value: Some(fraction), ..Cell::default() }
    }

    pub(super) fn bytes(bytes: f64) -> Cell {
        Cell { text: format::bytes(bytes), value: Some(bytes), ..Cell::default() }
    }

    pub(super) fn seconds(seconds: f64, text: String) -> Cell {
        Cell { text, value: Some(seconds), ..Cell::default() }
    }

    pub(super) fn class(self, class: &'static str) -> Cell {
        Cell { class, ..self }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell { text: text.to_owned(), ..Cell::default() }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell { text, ..Cell::default() }
    }
}

/// A column's head, and whether it holds numbers.
#[derive(Debug, Clone, PartialEq)]
struct Column {
    head: Cow<'static, str>,
    number: bool,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    label: &'static str,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Grid {
    /// `label`: for those who hear it.
    pub(super) fn new(label: &'static str) -> Grid {
        Grid { label, columns: Vec::new(), rows: Vec::new() }
    }

    pub(super) fn name(mut self, head: impl Into<Cow<'static, str>>) -> Grid {
        self.columns.push(Column { head: head.into(), number: false });
        self
    }

    pub(super) fn number(mut self, head: impl Into<Cow<'static, str>>) -> Grid {
        self.columns.push(Column { head: head.into(), number: true });
        self
    }

    /// The columns of [`latency`].
    pub(super) fn latency(self) -> Grid {
        ["p50", "p90", "p95", "p99", "max"].into_iter().fold(self, |grid, head| grid.number(head))
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "{}", self.label);
        self.rows.push(cells);
    }

    /// A table that sorts by a click on a head; columns without a word in any row are left out.
    pub(super) fn sortable(self) -> Markup {
        self.markup("sort")
    }

    /// A table whose order means something.
    pub(super) fn plain(self) -> Markup {
        self.markup("plain")
    }

    fn markup(self, class: &'static str) -> Markup {
        let said = |i: usize| self.rows.iter().any(|row| !row[i].text.is_empty());
        let shown: Vec<usize> = (0..self.columns.len()).filter(|&i| said(i)).collect();
        html! {
            div.scroll tabindex="0" role="region" aria-label=(self.label) {
                table.(class) {
                    thead { tr {
                        @for &i in &shown {
                            @let class = self.columns[i].number.then_some("number");
                            th class=[class] scope="col" { (self.columns[i].head) }
                        }
                    } }
                    tbody {
                        @for row in self.rows.iter().take(MOST_ROWS) {
                            tr { @for &i in &shown { (cell(&row[i], self.columns[i].number)) } }
                        }
                    }
                }
            }
            @if self.rows.len() > MOST_ROWS {
                p.note {
                    "… and " (format::count((self.rows.len() - MOST_ROWS) as u64))
                    " more rows; the JSON summary has them all."
                }
            }
        }
    }
}

fn cell(cell: &Cell, number: bool) -> Markup {
    let class = match (number, cell.class) {
        (true, class) => format!("number {class}"),
        (false, class) => class.to_owned(),
    };
    let class = Some(class.trim_end()).filter(|class| !class.is_empty());
    html! {
        td class=[class] data-v=[cell.value.and_then(sorted_by)] {
            @match &cell.picture {
                Some(picture) => (PreEscaped(picture)),
                None => (cell.text),
            }
        }
    }
}

/// As many digits as an order needs.
fn sorted_by(value: f64) -> Option<String> {
    let text = format!("{value:.4}");
    value.is_finite().then(|| text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// p50, p90, p95, p99 and max.
pub(super) fn latency(distribution: &Distribution) -> impl Iterator<Item = Cell> {
    let Distribution { p50, p90, p95, p99, max, .. } = *distribution;
    [p50, p90, p95, p99, max].into_iter().map(Cell::ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_say_nothing_are_left_out_and_markup_is_only_text() {
        let mut grid = Grid::new("things").name("scenario").name("name").number("count");
        grid.row(vec!["".into(), "<b>&\"".into(), Cell::bad(1234)]);
        let html = grid.sortable().into_string();
        assert!(!html.contains("scenario") && !html.contains("<b>"), "{html}");
        assert!(html.contains("&lt;b&gt;&amp;"), "{html}");
        assert!(html.contains(r#"<td class="number bad" data-v="1234">1,234</td>"#), "{html}");
    }

    #[test]
    fn long_tables_are_cut_and_say_so() {
        let mut grid = Grid::new("things").number("count");
        (0..1500).for_each(|n| grid.row(vec![Cell::count(n)]));
        let html = grid.sortable().into_string();
        assert_eq!(html.matches("<td").count(), MOST_ROWS);
        assert!(html.contains("and 1,000 more rows"), "{html}");
    }
}
