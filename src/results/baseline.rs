//! A summary → what thresholds may be relative to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::series::id;
use super::summary::{Summary, Values};
use crate::metrics::{Histogram, MetricId, Row, TagSet, Value};
use crate::plan::Baseline;

/// The run of a summary, as a baseline of that name; `None` if the summary is damaged.
pub fn baseline(name: &str, summary: &Summary) -> Option<Baseline> {
    let mut rows = BTreeMap::<TagSet, Vec<_>>::new();
    for (name, metric) in &summary.metrics {
        let id = id(name, &metric.kind, &metric.unit)?;
        for series in &metric.series {
            let tags = TagSet::new(series.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())));
            let values: &mut Vec<_> = rows.entry(tags).or_default();
            values.extend(value(&series.values)?.map(|value| (id.clone(), value)));
        }
    }
    let row = |(tags, mut values): (TagSet, Vec<(MetricId, Value)>)| {
        values.sort_by(|a, b| a.0.cmp(&b.0));
        Row { tags, values }
    };
    let rows = rows.into_iter().map(row).collect();
    Some(Baseline { name: name.to_owned(), rows, load: summary.load(), origin: summary.origin() })
}

/// `None` if it is damaged; nothing where there is no sample.
fn value(values: &Values) -> Option<Option<Value>> {
    Some(Some(match values {
        Values::Counter { value } => Value::Counter(*value),
        Values::Rate { hits, total } => Value::Rate { hits: *hits, total: *total },
        Values::Gauge { last, max } => Value::Gauge { last: *last, max: *max },
        Values::Histogram(samples) => match &samples.hdr {
            Some(hdr) => Value::Histogram(Box::new(Histogram::from_base64(hdr).ok()?)),
            None => return Some(None),
        },
    }))
}

impl Summary {
    /// How long any scenario was under load: what rates were divided by.
    pub fn load(&self) -> Duration {
        let totals = [&self.totals.iterations, &self.totals.calls];
        let counted = totals.into_iter().find(|total| total.rate_per_s > 0.0);
        let seconds = counted.map_or(0.0, |total| total.count as f64 / total.rate_per_s);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Unit, metric};
    use crate::results::{example, series};

    #[test]
    fn a_summary_is_read_back_to_what_it_was_made_of() {
        let mut times = Histogram::default();
        (1..=100).for_each(|ms| times.record(Duration::from_millis(ms)));
        let own = id("size", "histogram", "bytes").expect("there are such");
        let values = vec![
            (metric::HTTP_CALLS, Value::Counter(7)),
            (metric::HTTP_CALL_DURATION, Value::Histogram(Box::new(times.clone()))),
            (metric::HTTP_CALL_FAILED, Value::Rate { hits: 1, total: 7 }),
            (metric::VUS, Value::Gauge { last: 2.0, max: 3.0 }),
            (own, Value::Histogram(Box::default())),
        ];
        let rows = vec![Row { tags: TagSet::new([("phase", "load"), ("name", "/a")]), values }];
        let summary = Summary { metrics: series::metrics(&rows), ..example::good() };
        let baseline = baseline("main", &summary).expect("it is sound");
        let read = &baseline.rows[0];
        assert_eq!((baseline.rows.len(), &read.tags, read.values.len()), (1, &rows[0].tags, 4));
        for id in [metric::HTTP_CALLS, metric::HTTP_CALL_FAILED, metric::VUS] {
            assert_eq!(read.get(&id), rows[0].get(&id));
        }
        let samples = read.get(&metric::HTTP_CALL_DURATION).and_then(Value::histogram);
        let p95 = samples.expect("they were timed").of_unit(Unit::Ms).quantile(950_000);
        assert_eq!(p95, times.of_unit(Unit::Ms).quantile(950_000));
        let mut damaged = summary;
        damaged.metrics.get_mut("size").expect("it is there").unit = "nonsense".into();
        assert!(super::baseline("main", &damaged).is_none());
    }
}
