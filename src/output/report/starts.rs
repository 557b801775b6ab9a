//! Where the plan says when iterations start: how many starts were kept, and what lay between the
//! planned and the actual ones.

use super::sections::most;
use super::{FAINT, Page, Summary};
use crate::output::table::Column::{Name, Number};
use crate::output::table::{Cell, Table, styled};
use crate::results::format;
use crate::results::summary::{Distribution, Scenario};

/// What the columns are of.
const WAITS: &str = "  users: the wait for a free user; tool: what loadtool itself was late by";

pub(super) fn starts(summary: &Summary, page: &mut Page) {
    let planned: Vec<&Scenario> =
        summary.scenarios.iter().filter(|scenario| scenario.starts_are_planned()).collect();
    if planned.is_empty() {
        return;
    }
    page.head("Starts");
    let mut table = Table::new(&[
        Name("scenario"),
        Number("adherence"),
        Number("users p50"),
        Number("p95"),
        Number("p99"),
        Number("tool p50"),
        Number("p95"),
        Number("p99"),
    ]);
    for scenario in most(&planned) {
        let adherence = scenario.adherence_percent.map(|percent| format::percent(percent / 100.0));
        let mut cells = vec![scenario.name.as_str().into(), adherence.unwrap_or_default().into()];
        cells.extend(lag(&scenario.lag_users_ms));
        cells.extend(lag(&scenario.lag_generator_ms));
        table.row(cells);
    }
    page.table(&table);
    page.more(planned.len());
    page.line(styled(WAITS, FAINT));
}

/// p50, p95 and p99.
fn lag(lag: &Distribution) -> [Cell; 3] {
    [lag.p50, lag.p95, lag.p99].map(|ms| ms.map_or_else(String::new, format::ms).into())
}
