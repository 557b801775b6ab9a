//! The script's own metrics as live views show them: each as a whole, in texts with their units.

use std::collections::BTreeSet;

use serde::Serialize;

use super::MOST_ROWS;
use crate::metrics::{MetricId, Selector, Value, Window};
use crate::results::{format, series};
use crate::secrets::Secrets;

/// A metric of the script's own, all its series in `load` together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OwnRow {
    /// Its name.
    pub metric: String,
    /// `counter`, `gauge`, `rate` or `histogram`.
    pub kind: &'static str,
    /// Of a rate and a histogram.
    pub samples: Option<u64>,
    /// A counter's sum, a rate's share, a gauge's last value.
    pub value: String,
    /// Of a histogram.
    pub p50: String,
    /// Likewise.
    pub p95: String,
    /// Likewise.
    pub p99: String,
    /// Likewise; of a gauge, too.
    pub max: String,
}

/// Those that have samples, by name.
pub fn own(totals: &Window, secrets: &Secrets) -> Vec<OwnRow> {
    let ids = totals.rows.iter().flat_map(|row| &row.values).map(|(id, _)| id);
    let own: BTreeSet<&MetricId> = ids.filter(|id| matches!(id, MetricId::Own(_))).collect();
    let row = |id: &MetricId| Some(row(id, &totals.fold(&Selector::of(id.clone()))?, secrets));
    own.into_iter().filter_map(row).take(MOST_ROWS).collect()
}

fn row(id: &MetricId, value: &Value, secrets: &Secrets) -> OwnRow {
    let (kind, unit) = series::words(id);
    let told = |number: f64| format::quantity(number, unit);
    let row =
        OwnRow { metric: secrets.mask(&id.metric().name).into_owned(), kind, ..OwnRow::default() };
    match value {
        Value::Counter(sum) => OwnRow { value: format::count(*sum), ..row },
        Value::Rate { hits, total } => OwnRow {
            samples: Some(*total),
            value: format::percent(*hits as f64 / (*total).max(1) as f64),
            ..row
        },
        Value::Gauge { last, max } | Value::Level { last, max, .. } => {
            OwnRow { value: told(*last), max: told(*max), ..row }
        }
        Value::Histogram(samples) => {
            let numbers = samples.of_unit(id.metric().unit);
            let quantile = |ppm| numbers.quantile(ppm).map(told).unwrap_or_default();
            OwnRow {
                samples: Some(samples.count()),
                p50: quantile(500_000),
                p95: quantile(950_000),
                p99: quantile(990_000),
                max: numbers.max().map(told).unwrap_or_default(),
                ..row
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::own::{Form, Given, OwnMetrics, Sample};
    use crate::metrics::{Place, Recorder};

    #[test]
    fn each_kind_shows_what_it_has() {
        let mut declared = OwnMetrics::default();
        let bytes = Form::Histogram(Given::named("bytes").unwrap());
        let forms = [
            ("orders", Form::Counter),
            ("stock", Form::Gauge),
            ("hit", Form::Rate),
            ("size", bytes),
        ];
        let [orders, stock, hit, size] =
            forms.map(|(name, form)| declared.declare(name, form).unwrap().id);
        let (place, mut totals) = (Place::default(), Window::default());
        let mut recorder = Recorder::new(vec!["shop".into()], 100);
        recorder.own(&place, &orders, Sample::Count(1200));
        for (at, value) in [(1, 9.0), (2, 7.0)] {
            let at = Duration::from_secs(at);
            recorder.own(&place, &stock, Sample::Level { at, value });
            recorder.own(&place, &hit, Sample::Hit(value > 8.0));
        }
        recorder.own(&place, &size, Sample::Number(2 << 40));
        totals.merge(recorder.flip(0));
        let rows = own(&totals, &Secrets::default());
        let told = |row: &OwnRow| {
            let OwnRow { metric, kind, samples, value, p95, max, .. } = row;
            format!("{metric} {kind} {samples:?} {value}/{p95}/{max}")
        };
        assert_eq!(
            rows.iter().map(told).collect::<Vec<_>>(),
            [
                "hit rate Some(2) 50.00 %//",
                "orders counter None 1,200//",
                "size histogram Some(1) /2.00 TiB/2.00 TiB",
                "stock gauge None 7//9",
            ]
        );
    }
}
