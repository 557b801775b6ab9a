//! Tables of text and numbers that fit a width: no lines, two spaces between columns.
//!
//! Numbers stand right and are never cut; names stand left and lose their middle when room is
//! short. Columns that say nothing are left out, and so, before names become unreadable, are those
//! that may be.

use std::borrow::Cow;

use anstyle::Style;

use super::text;

/// Between columns.
const GAP: usize = 2;

/// To this a name may shrink before columns are left out, and to this after.
const SHORT: [usize; 2] = [24, 8];

/// Where a column's text stands, and when the column may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// A name: stands left, may be shortened.
    Name(&'static str),
    /// A name that is left out if it is empty in every row.
    NameIfAny(&'static str),
    /// A number: stands right.
    Number(&'static str),
    /// A number that is left out if it is empty or 0 in every row, or if room is short.
    NumberIfAny(&'static str),
}

/// One field.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// The same in this style.
    pub fn style(self, style: Style) -> Cell {
        Cell { style, ..self }
    }
}

impl<'t, T: Into<Cow<'t, str>>> From<T> for Cell {
    /// A field whose text is made harmless.
    fn from(text: T) -> Cell {
        Cell { text: text::harmless(&text.into()).into_owned(), style: Style::new() }
    }
}

/// Rows of fields under heads.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table.
    pub fn new(columns: &[Column]) -> Table {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row: one field per column.
    pub fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// Whether there is no row yet.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table in lines of at most `room` columns, its heads in the style `head`.
    pub fn lines(&self, room: usize, head: Style) -> Vec<String> {
        let layout = self.layout(room);
        let heads: Vec<Cell> = self
            .columns
            .iter()
            .map(|column| Cell { text: column.head().to_owned(), style: head })
            .collect();
        std::iter::once(&heads).chain(&self.rows).map(|cells| self.line(cells, &layout)).collect()
    }

    /// Which columns there will be, and how wide.
    fn layout(&self, room: usize) -> Vec<(usize, usize)> {
        let mut layout: Vec<(usize, usize)> = (0..self.columns.len())
            .filter(|&index| self.says_something(index))
            .map(|index| (index, self.natural_width(index)))
            .collect();
        self.shrink(&mut layout, room, SHORT[0]);
        while total(&layout) > room {
            let optional = |(index, _): &(usize, usize)| self.columns[*index].may_go();
            let Some(last) = layout.iter().rposition(optional) else { break };
            layout.remove(last);
        }
        self.shrink(&mut layout, room, SHORT[1]);
        layout
    }

    fn says_something(&self, index: usize) -> bool {
        match self.columns[index] {
            Column::Name(_) | Column::Number(_) => true,
            Column::NameIfAny(_) | Column::NumberIfAny(_) => {
                self.rows.iter().any(|row| !["", "0"].contains(&row[index].text.as_str()))
            }
        }
    }

    fn natural_width(&self, index: usize) -> usize {
        let widths = self.rows.iter().map(|row| text::width(&row[index].text));
        widths.chain([text::width(self.columns[index].head())]).max().unwrap_or(0)
    }

    /// Takes columns away from the widest names, one by one, down to `least`.
    fn shrink(&self, layout: &mut [(usize, usize)], room: usize, least: usize) {
        while total(layout) > room {
            let names = layout.iter_mut().filter(|(index, _)| self.columns[*index].is_name());
            match names.max_by_key(|(_, width)| *width) {
                Some((_, width)) if *width > least => *width -= 1,
                _ => break,
            }
        }
    }

    fn line(&self, cells: &[Cell], layout: &[(usize, usize)]) -> String {
        let mut line = String::new();
        for (i, &(index, width)) in layout.iter().enumerate() {
            let shown = text::shorten(&cells[index].text, width);
            let padding = " ".repeat(width - text::width(&shown));
            let styled = styled(&shown, cells[index].style);
            line.push_str(&" ".repeat(if i > 0 { GAP } else { 0 }));
            line.push_str(&match self.columns[index].is_name() {
                true => styled + &padding,
                false => padding + &styled,
            });
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// The text in a style; a plain one adds nothing, and there is nothing to see of an empty one.
pub fn styled(text: &str, style: Style) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("{style}{text}{style:#}")
}

impl Column {
    fn head(self) -> &'static str {
        match self {
            Column::Name(head)
            | Column::NameIfAny(head)
            | Column::Number(head)
            | Column::NumberIfAny(head) => head,
        }
    }

    fn is_name(self) -> bool {
        matches!(self, Column::Name(_) | Column::NameIfAny(_))
    }

    fn may_go(self) -> bool {
        matches!(self, Column::NumberIfAny(_))
    }
}

fn total(layout: &[(usize, usize)]) -> usize {
    let widths: usize = layout.iter().map(|(_, width)| width).sum();
    widths + GAP * layout.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[
            Column::Name("name"),
            Column::Number("count"),
            Column::NumberIfAny("dropped"),
            Column::NameIfAny("step"),
        ]);
        table.row(vec!["/a".into(), "1,234".into(), "0".into(), "".into()]);
        table.row(vec!["/cart/{id}/items".into(), "7".into(), "0".into(), "".into()]);
        table
    }

    #[test]
    fn columns_without_content_are_left_out() {
        let lines = table().lines(100, Style::new());
        assert_eq!(
            lines,
            ["name              count", "/a                1,234", "/cart/{id}/items      7"]
        );
    }

    #[test]
    fn names_give_way_before_numbers_and_optional_numbers_before_short_names() {
        let mut table = table();
        table.row(vec!["x".repeat(80).into(), "5".into(), "3".into(), "pay".into()]);
        let wide = table.lines(60, Style::new());
        assert!(wide[0].contains("dropped") && wide[3].contains('…'), "{wide:#?}");
        let narrow = table.lines(26, Style::new());
        assert!(!narrow[0].contains("dropped"), "{narrow:#?}");
        assert!(narrow[3].ends_with("5  pay"), "{narrow:#?}");
        for line in wide.iter().chain(&narrow) {
            assert!(text::width(line) <= 60);
        }
    }

    #[test]
    fn wide_characters_do_not_bend_the_columns() {
        let mut table = Table::new(&[Column::Name("名"), Column::Number("n")]);
        table.row(vec!["漢字".into(), "1".into()]);
        table.row(vec!["e\u{301}".into(), "2".into()]);
        let widths: Vec<_> =
            table.lines(100, Style::new()).iter().map(|line| text::width(line)).collect();
        assert_eq!(widths, [7, 7, 7]);
    }
}
