//! A comparison in words: for a terminal, for a pull request.

use std::fmt::Write as _;

use anstyle::Style;

use crate::compare::series::Key;
use crate::compare::{Comparison, Row, Stat, Verdict};
use crate::output::report::COLUMNS;
use crate::output::table::Column::{Name, Number};
use crate::output::table::{Cell, Table};
use crate::output::text;
use crate::results::format::{change, ms, percent, rate};

/// A table that fits 100 columns, and what it comes to.
pub fn text(comparison: &Comparison) -> String {
    let mut told = String::new();
    for line in table(&comparison.rows, |_| Style::new()).lines(COLUMNS, Style::new()) {
        let _ = writeln!(told, "{line}");
    }
    for line in remarks(comparison) {
        let _ = writeln!(told, "{}", text::harmless(&line));
    }
    let _ = writeln!(told, "\n{}", comparison.sentence());
    told
}

/// What is in one of them only, and how they do not match, each as a line.
pub fn remarks(comparison: &Comparison) -> Vec<String> {
    let of = |name: &str, all: &[Key]| -> Vec<String> {
        all.iter().map(|one| format!("only in the {name}: {one}")).collect()
    };
    let unlike = comparison.remarks.iter().map(|remark| format!("remark: {remark}")).collect();
    [of("base", &comparison.only_base), of("candidate", &comparison.only_candidate), unlike]
        .concat()
}

/// A line for each of these rows, with verdicts in such a style.
pub fn table(rows: &[Row], style: impl Fn(Verdict) -> Style) -> Table {
    let mut table = Table::new(&[
        Name("series"),
        Name(""),
        Number("base"),
        Number("candidate"),
        Number("change"),
        Number("between"),
        Name("verdict"),
    ]);
    let mut last = None;
    for row in rows {
        let series = row.series.to_string();
        let name = if last.as_ref() == Some(&series) { String::new() } else { series.clone() };
        last = Some(series);
        table.row(vec![
            name.into(),
            row.stat.as_str().into(),
            value(row, row.base).into(),
            value(row, row.candidate).into(),
            change(row.change).into(),
            interval(row).into(),
            Cell::from(row.verdict.as_str()).style(style(row.verdict)),
        ]);
    }
    table
}

/// The same for a pull request: what has changed, and the rest folded away.
pub fn markdown(comparison: &Comparison) -> String {
    let mut told = format!("**{}**\n", comparison.sentence());
    for remark in &comparison.remarks {
        let _ = write!(told, "\n{}\n", text::harmless(remark));
    }
    let (same, changed): (Vec<_>, Vec<_>) =
        comparison.rows.iter().partition(|row| row.verdict == Verdict::Same);
    if !changed.is_empty() {
        let _ = write!(told, "\n{}", rows(&changed));
    }
    if !same.is_empty() {
        let _ = write!(
            told,
            "\n<details><summary>{} the same</summary>\n\n{}\n</details>\n",
            same.len(),
            rows(&same)
        );
    }
    told
}

fn rows(all: &[&Row]) -> String {
    let mut told = "| series | | base | candidate | change | between | verdict |\n\
                    | --- | --- | ---: | ---: | ---: | ---: | --- |\n"
        .to_owned();
    for row in all {
        let series = text::harmless(&row.series.to_string()).replace('|', "\\|").replace('`', "'");
        let _ = writeln!(
            told,
            "| `{series}` | {} | {} | {} | {} | {} | {} |",
            row.stat.as_str(),
            value(row, row.base),
            value(row, row.candidate),
            change(row.change),
            interval(row),
            row.verdict.as_str(),
        );
    }
    told
}

/// One side of a row.
pub fn value(row: &Row, value: f64) -> String {
    match row.stat {
        Stat::Rate => format!("{}/s", rate(value)),
        Stat::Errors => percent(value),
        _ => ms(value),
    }
}

/// Between which bounds the change lies; empty where that is unknown.
pub fn interval(row: &Row) -> String {
    row.interval
        .map_or_else(String::new, |(low, high)| format!("{} … {}", change(low), change(high)))
}
