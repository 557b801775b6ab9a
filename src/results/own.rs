//! The author's own metrics, each as a whole.

use std::collections::BTreeSet;
use std::time::Duration;

use super::summary::{OwnMetric, Values};
use super::{series, tables};
use crate::metrics::{MetricId, Selector, Value, Window};

/// Those with samples in `load`, by name; counters are divided by the length of the load.
pub fn metrics(totals: &Window, load: Duration) -> Vec<OwnMetric> {
    let ids = totals.rows.iter().flat_map(|row| &row.values).map(|(id, _)| id);
    let own: BTreeSet<&MetricId> = ids.filter(|id| matches!(id, MetricId::Own(_))).collect();
    own.into_iter()
        .filter_map(|id| {
            let value = totals.fold(&Selector::of(id.clone()))?;
            let (kind, unit) = series::words(id);
            Some(OwnMetric {
                name: id.metric().name.to_string(),
                kind: kind.to_owned(),
                unit: unit.to_owned(),
                rate_per_s: match value {
                    Value::Counter(sum) => Some(tables::per_second(sum, load.as_secs_f64())),
                    _ => None,
                },
                values: Values::of(id, &value),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::own::{Form, Given, OwnMetrics, Sample};
    use crate::metrics::{Outcome, Phase, Place, Recorder};

    /// What two workers recorded in two seconds.
    fn totals() -> Window {
        let mut declared = OwnMetrics::default();
        let bytes = Form::Histogram(Given::named("bytes").unwrap());
        let forms = [
            ("orders", Form::Counter),
            ("stock", Form::Gauge),
            ("hit", Form::Rate),
            ("size", bytes),
            ("import", Form::Timer),
        ];
        let [orders, stock, hit, size, import] =
            forms.map(|(name, form)| declared.declare(name, form).unwrap().id);
        let place = Place::default();
        let mut totals = Window::default();
        for (worker, at) in [(0, 5), (1, 3)] {
            let mut recorder = Recorder::new(vec!["shop".into()], 100);
            for n in [1, 2] {
                recorder.own(&place, &orders, Sample::Count(n));
                recorder.own(&place, &hit, Sample::Hit(n == worker));
                recorder.own(&place, &size, Sample::Number(n << 40));
                let at = Duration::from_secs(at);
                recorder.own(
                    &place,
                    &stock,
                    Sample::Level { at, value: 10.0 * n as f64 - at.as_secs_f64() },
                );
            }
            let time = Duration::from_millis(250);
            recorder.own(&place, &import, Sample::Time(time, Outcome::Completed));
            recorder.own(&place, &import, Sample::Time(time / 10, Outcome::Failed));
            let warmup = Place { phase: Phase::Warmup, ..place };
            recorder.own(&warmup, &orders, Sample::Count(100));
            totals.merge(recorder.flip(0));
        }
        totals
    }

    #[test]
    fn each_is_told_as_a_whole_over_workers_and_without_the_warm_up() {
        let told = metrics(&totals(), Duration::from_secs(2));
        let names: Vec<&str> = told.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["hit", "import", "orders", "size", "stock"]);
        let [hit, import, orders, size, stock] = told.as_slice() else { unreachable!("five") };
        assert_eq!(hit.values, Values::Rate { hits: 1, total: 4 });
        assert_eq!((&orders.values, orders.rate_per_s), (&Values::Counter { value: 6 }, Some(3.0)));
        assert_eq!(stock.values, Values::Gauge { last: 15.0, max: 17.0 }, "the latest, wherever");
        let Values::Histogram(import) = &import.values else { panic!("{import:?}") };
        assert_eq!((import.count, import.min, import.max), (2, Some(250.0), Some(250.0)));
        assert_eq!(size.unit, "bytes");
        let Values::Histogram(size) = &size.values else { panic!("{size:?}") };
        assert_eq!((size.min, size.max), (Some((1_u64 << 40) as f64), Some((2_u64 << 40) as f64)));
    }
}
