//! The author's own metrics, a row each.

use super::sections::{most, with_latency};
use super::{Page, Summary};
use crate::output::table::Column::{Name, NumberIfAny};
use crate::output::table::{Cell, Table};
use crate::results::format;
use crate::results::summary::{Distribution, OwnMetric, Values};

pub(super) fn own(summary: &Summary, page: &mut Page) {
    if summary.own_metrics.is_empty() {
        return;
    }
    page.head("Own metrics");
    let mut table = Table::new(&with_latency(&[
        Name("metric"),
        Name("kind"),
        NumberIfAny("samples"),
        NumberIfAny("value"),
        NumberIfAny("per s"),
    ]));
    for metric in most(&summary.own_metrics) {
        let mut cells = vec![metric.name.as_str().into(), metric.kind.as_str().into()];
        cells.extend(values(metric));
        table.row(cells);
    }
    page.table(&table);
    page.more(summary.own_metrics.len());
}

/// Samples, value, rate, p50, p90, p95, p99 and max, as far as the kind has them: a counter's value
/// is its sum, a rate's its share, a gauge's the last one.
fn values(metric: &OwnMetric) -> [Cell; 8] {
    let told = |value: f64| format::quantity(value, &metric.unit);
    let none = String::new;
    let texts = match &metric.values {
        Values::Counter { value } => {
            let per_s = metric.rate_per_s.map_or_else(none, format::rate);
            [none(), format::count(*value), per_s, none(), none(), none(), none(), none()]
        }
        Values::Rate { hits, total } => {
            let share = format::percent(*hits as f64 / (*total).max(1) as f64);
            [format::count(*total), share, none(), none(), none(), none(), none(), none()]
        }
        Values::Gauge { last, max } => {
            [none(), told(*last), none(), none(), none(), none(), none(), told(*max)]
        }
        Values::Histogram(samples) => {
            let Distribution { count, p50, p90, p95, p99, max, .. } = **samples;
            let [p50, p90, p95, p99, max] =
                [p50, p90, p95, p99, max].map(|value| value.map_or_else(none, told));
            [format::count(count), none(), none(), p50, p90, p95, p99, max]
        }
    };
    texts.map(Cell::from)
}
