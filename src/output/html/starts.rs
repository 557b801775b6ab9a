//! Where the plan says when iterations start: how many starts were kept, and what lay between the
//! planned and the actual ones.

use maud::{Markup, html};

use super::grid::{Cell, Grid};
use crate::results::summary::{Distribution, Scenario, Summary};

pub(super) fn starts(summary: &Summary) -> Markup {
    let planned = || summary.scenarios.iter().filter(|scenario| scenario.starts_are_planned());
    if planned().next().is_none() {
        return html! {};
    }
    let mut grid = Grid::new("starts").name("scenario").number("planned").number("adherence");
    for wait in ["users p50", "users p95", "users p99", "tool p50", "tool p95", "tool p99"] {
        grid = grid.number(wait);
    }
    planned().for_each(|scenario| grid.row(row(scenario)));
    html! {
        section #starts {
            h2 { "Starts" }
            (grid.sortable())
            p.note {
                "Adherence: planned starts that loadtool was neither late for nor dropped. Between \
                 the planned and the actual start lie users, the wait for a free one, and tool, \
                 what loadtool itself was late by."
            }
        }
    }
}

fn row(scenario: &Scenario) -> Vec<Cell> {
    let adherence = scenario.adherence_percent.map(|percent| Cell::share(percent / 100.0));
    let mut cells = vec![
        scenario.name.as_str().into(),
        Cell::count(scenario.iterations.planned),
        adherence.unwrap_or_default(),
    ];
    cells.extend(lag(&scenario.lag_users_ms));
    cells.extend(lag(&scenario.lag_generator_ms));
    cells
}

/// p50, p95 and p99.
fn lag(lag: &Distribution) -> [Cell; 3] {
    [lag.p50, lag.p95, lag.p99].map(Cell::ms)
}
