//! Series of metrics and their distributions, as the summary holds them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::summary::{Distribution, Metric, Series, Values};
use crate::metrics::{Histogram, Kind, MetricId, Row, Selector, Unit, Value, Window};

impl Distribution {
    /// Of these samples: milliseconds, and the histogram itself.
    pub fn of(times: &Histogram) -> Distribution {
        let ms = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3);
        Distribution {
            count: times.count(),
            min: ms(times.min()),
            mean: ms(times.mean()),
            stddev: ms(times.stddev()),
            p50: ms(times.quantile(500_000)),
            p90: ms(times.quantile(900_000)),
            p95: ms(times.quantile(950_000)),
            p99: ms(times.quantile(990_000)),
            p99_9: ms(times.quantile(999_000)),
            max: ms(times.max()),
            hdr: (!times.is_empty()).then(|| times.to_base64()),
        }
    }

    /// Of all samples that a selector means.
    pub fn meant(window: &Window, selector: &Selector) -> Distribution {
        let value = window.fold(selector);
        value.as_ref().and_then(Value::histogram).map_or_else(Self::default, Self::of)
    }
}

impl From<&Value> for Values {
    fn from(value: &Value) -> Values {
        match value {
            Value::Counter(sum) => Values::Counter { value: *sum },
            Value::Rate { hits, total } => Values::Rate { hits: *hits, total: *total },
            Value::Gauge { last, max } => Values::Gauge { last: *last, max: *max },
            Value::Histogram(times) => Values::Histogram(Box::new(Distribution::of(times))),
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
            let metric = metrics.entry(id.metric().name.to_owned()).or_insert_with(|| empty(*id));
            metric.series.push(Series { tags: tags.clone(), values: value.into() });
        }
    }
    metrics
}

fn empty(id: MetricId) -> Metric {
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
    Metric { kind: kind.to_owned(), unit: unit.to_owned(), series: Vec::new() }
}
