//! A comparison in words: for a terminal, for a pull request.

use std::fmt::Write as _;

use anstyle::Style;

use super::{Comparison, Row, Verdict};
use crate::output::report::COLUMNS;
use crate::output::table::Column::{Name, Number};
use crate::output::table::{Cell, Table};
use crate::output::text;
use crate::results::format::{ms, percent, rate};

/// A table that fits 100 columns, and what it comes to.
pub fn text(comparison: &Comparison) -> String {
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
    for row in &comparison.rows {
        let series = row.series.to_string();
        let name = if last.as_ref() == Some(&series) { String::new() } else { series.clone() };
        last = Some(series);
        table.row(vec![
            text::harmless(&name).into(),
            row.stat.into(),
            value(row, row.base).into(),
            value(row, row.candidate).into(),
            change(row.change).into(),
            interval(row).into(),
            Cell::from(row.verdict.as_str()),
        ]);
    }
    let mut told = String::new();
    for line in table.lines(COLUMNS, Style::new()) {
        let _ = writeln!(told, "{line}");
    }
    for (name, series) in
        [("base", &comparison.only_base), ("candidate", &comparison.only_candidate)]
    {
        for one in series {
            let _ = writeln!(told, "only in the {name}: {}", text::harmless(&one.to_string()));
        }
    }
    let _ = writeln!(told, "\n{}", sentence(comparison));
    told
}

/// The same for a pull request: what has changed, and the rest folded away.
pub fn markdown(comparison: &Comparison) -> String {
    let mut told = format!("**{}**\n", sentence(comparison));
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
            row.stat,
            value(row, row.base),
            value(row, row.candidate),
            change(row.change),
            interval(row),
            row.verdict.as_str(),
        );
    }
    told
}

fn sentence(comparison: &Comparison) -> String {
    let count = |verdict| comparison.rows.iter().filter(|row| row.verdict == verdict).count();
    let (worse, better) = (count(Verdict::Regression), count(Verdict::Improvement));
    let (same, few) = (count(Verdict::Same), count(Verdict::TooFew));
    let word = match (worse, better, same) {
        (0, 0, 0) => "Nothing can be told",
        (0, 0, _) => "No change that matters",
        (0, ..) => "Improved",
        _ => "Regression",
    };
    format!("{word}: {worse} worse, {better} better, {same} the same, {few} with too few samples")
}

fn value(row: &Row, value: f64) -> String {
    match row.stat {
        "rate" => format!("{}/s", rate(value)),
        "errors" => percent(value),
        _ => ms(value),
    }
}

fn change(change: f64) -> String {
    let sign = if change >= 0.0 { "+" } else { "−" };
    format!("{sign}{}", percent(change.abs()))
}

fn interval(row: &Row) -> String {
    row.interval
        .map_or_else(String::new, |(low, high)| format!("{} … {}", change(low), change(high)))
}
