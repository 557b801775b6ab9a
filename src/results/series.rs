//! Series of metrics and their distributions, as the summary holds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::summary::{Distribution, Metric, Series, Values};
use crate::metrics::{Histogram, Kind, MetricId, Row, Selector, Unit, Value, Window, metric};

impl Distribution {
    /// Of these samples: milliseconds, and the histogram itself.
    pub fn of(times: &Histogram) -> Distribution {
        Distribution::told_in(Unit::Ms, times)
    }

    /// The same of numbers that are told in `unit`.
    pub fn told_in(unit: Unit, samples: &Histogram) -> Distribution {
        let numbers = samples.of_unit(unit);
        Distribution {
            count: samples.count(),
            min: numbers.min(),
            mean: numbers.mean(),
            stddev: numbers.stddev(),
            p50: numbers.quantile(500_000),
            p90: numbers.quantile(900_000),
            p95: numbers.quantile(950_000),
            p99: numbers.quantile(990_000),
            p99_9: numbers.quantile(999_000),
            max: numbers.max(),
            hdr: (!samples.is_empty()).then(|| samples.to_base64()),
        }
    }

    /// Of all samples that a selector means.
    pub fn meant(window: &Window, selector: &Selector) -> Distribution {
        let value = window.fold(selector);
        value.as_ref().and_then(Value::histogram).map_or_else(Self::default, Self::of)
    }
}

impl Values {
    /// Of a metric's samples.
    pub fn of(metric: &MetricId, value: &Value) -> Values {
        match value {
            Value::Counter(sum) => Values::Counter { value: *sum },
            Value::Rate { hits, total } => Values::Rate { hits: *hits, total: *total },
            Value::Gauge { last, max } | Value::Level { last, max, .. } => {
                Values::Gauge { last: *last, max: *max }
            }
            Value::Histogram(samples) => {
                let distribution = Distribution::told_in(metric.metric().unit, samples);
                Values::Histogram(Box::new(distribution))
            }
        }
    }
}

/// Every series, by metric.
pub fn metrics(rows: &[Row]) -> BTreeMap<String, Metric> {
    let mut metrics = BTreeMap::<String, Metric>::new();
    for row in rows {
        let tags: BTreeMap<String, String> =
            row.tags.iter().map(|(tag, value)| (tag.to_owned(), value.to_owned())).collect();
        for (id, value) in &row.values {
            let metric = metrics.entry(id.metric().name.to_string()).or_insert_with(|| empty(id));
            metric.series.push(Series { tags: tags.clone(), values: Values::of(id, value) });
        }
    }
    metrics
}

fn empty(id: &MetricId) -> Metric {
    let (kind, unit) = words(id);
    Metric { kind: kind.to_owned(), unit: unit.to_owned(), series: Vec::new() }
}

/// The metric of that name, kind and unit, as the summary spells them: a built-in one, or the
/// author's.
pub fn id(name: &str, kind: &str, unit: &str) -> Option<MetricId> {
    MetricId::built_in(name).or_else(|| {
        let kinds = [Kind::Counter, Kind::Gauge, Kind::Rate, Kind::Histogram];
        let units = [Unit::One, Unit::Ms, Unit::Bytes, Unit::Percent];
        let own = |kind, unit| {
            MetricId::Own(Arc::new(metric::Metric { name: name.to_owned().into(), kind, unit }))
        };
        let all = kinds.into_iter().flat_map(|kind| units.map(|unit| own(kind, unit)));
        all.into_iter().find(|id| words(id) == (kind, unit))
    })
}

/// A metric's kind and unit as the summary spells them.
pub fn words(id: &MetricId) -> (&'static str, &'static str) {
    let kind = match id.metric().kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Rate => "rate",
        Kind::Histogram => "histogram",
    };
    let unit = match id.metric().unit {
        Unit::One => "1",
        Unit::Ms => "ms",
        Unit::Bytes => "bytes",
        Unit::Percent => "percent",
    };
    (kind, unit)
}
