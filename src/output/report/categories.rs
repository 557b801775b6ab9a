//! Errors of the load by category, of each scenario and each step: where they arose.

use std::collections::BTreeMap;

use super::sections::most;
use super::{Page, Summary};
use crate::output::table::Column::{Name, NameIfAny, Number};
use crate::output::table::{Cell, Table};
use crate::results::format;
use crate::results::summary::Rate;

/// What the row of a whole scenario has for a step, where others have one.
const WHOLE: &str = "(all)";

/// Nothing where the totals tell as much: of one scenario without errors in steps.
pub(super) fn categories(summary: &Summary, page: &mut Page) {
    let several = summary.scenarios.len() > 1;
    let in_steps = summary.steps.iter().any(|step| !step.errors.is_empty());
    let mut rows = Vec::new();
    for scenario in &summary.scenarios {
        let name = if several { scenario.name.as_str() } else { "" };
        rows.extend(self::rows(name, if in_steps { WHOLE } else { "" }, &scenario.errors));
        for step in summary.steps.iter().filter(|step| step.scenario == scenario.name) {
            rows.extend(self::rows(name, &step.step, &step.errors));
        }
    }
    if rows.is_empty() || !(several || in_steps) {
        return;
    }
    page.head("Errors in the load, by category");
    let mut table = Table::new(&[
        NameIfAny("scenario"),
        NameIfAny("step"),
        Name("category"),
        Number("errors"),
        Number("per s"),
    ]);
    most(&rows).iter().for_each(|row| table.row(row.clone()));
    page.table(&table);
    page.more(rows.len());
}

fn rows(scenario: &str, step: &str, errors: &BTreeMap<String, Rate>) -> Vec<Vec<Cell>> {
    let row = |(category, rate): (&String, &Rate)| {
        vec![
            scenario.into(),
            step.into(),
            category.as_str().into(),
            format::count(rate.count).into(),
            format::rate(rate.rate_per_s).into(),
        ]
    };
    errors.iter().map(row).collect()
}
