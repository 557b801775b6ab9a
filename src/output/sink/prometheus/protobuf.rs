//! Everything so far as protobuf: what Prometheus asks for once it keeps native histograms. Each
//! histogram is told in both ways, by bounds and by exponents.

use jiff::Timestamp;
use prost::Message;

use super::super::exponential::{SCALE, ZERO};
use super::super::families::{Family, Labels, families, pairs};
use super::messages::{
    self, Bucket, BucketSpan, Exemplar, Histogram, LabelPair, Metric, MetricFamily, Number, kind,
};
use crate::metrics::{self, Kind, Traced, Value, Window};

/// All of `window`, and which run it is of: families one after the other, each after its length.
pub fn protobuf(window: &Window, run: &str, began: Timestamp) -> Vec<u8> {
    let mut bytes = Vec::new();
    let about = pairs([("run", run), ("version", env!("CARGO_PKG_VERSION"))]);
    let head = "the run that these numbers are of".to_owned();
    let info = [gauge(&about, 1.0)].into();
    put(&mut bytes, &family("loadtool_run_info".to_owned(), head, kind::GAUGE, info));
    for one in families(window) {
        for family in of(&one, began) {
            put(&mut bytes, &family);
        }
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, family: &MetricFamily) {
    family.encode_length_delimited(bytes).expect("memory grows");
}

fn family(name: String, help: String, kind: i32, metric: Vec<Metric>) -> MetricFamily {
    MetricFamily { name: Some(name), help: Some(help), kind: Some(kind), metric, unit: None }
}

/// A family as the format knows it: a rate is two counters.
fn of(family: &Family, began: Timestamp) -> Vec<MetricFamily> {
    let (name, help, unit) = (&family.name, family.help(), family.unit);
    let named = |name: String, help: String, kind, metric| MetricFamily {
        unit: (!unit.is_empty()).then(|| unit.to_owned()),
        ..self::family(name, help, kind, metric)
    };
    let each = |told: &dyn Fn(&Labels, &Value) -> Option<Metric>| -> Vec<Metric> {
        family.series.iter().filter_map(|(labels, value)| told(labels, value)).collect()
    };
    match family.metric.kind {
        Kind::Counter => {
            let told = each(&|labels, value| Some(counter(labels, value.counter())));
            vec![named(format!("{name}_total"), help, kind::COUNTER, told)]
        }
        Kind::Gauge => {
            let told = each(&|labels, value| match value {
                Value::Gauge { last, .. } | Value::Level { last, .. } => {
                    Some(gauge(labels, family.level(*last)))
                }
                _ => None,
            });
            vec![named(name.clone(), help, kind::GAUGE, told)]
        }
        Kind::Rate => {
            let part = |part: &str, of: fn(u64, u64) -> u64| {
                let told = each(&|labels, value| match *value {
                    Value::Rate { hits, total } => Some(counter(labels, of(hits, total))),
                    _ => None,
                });
                let help = format!("{help} ({part})");
                named(format!("{name}_{part}_total"), help, kind::COUNTER, told)
            };
            vec![part("hits", |hits, _| hits), part("samples", |_, total| total)]
        }
        Kind::Histogram => {
            let told = each(&|labels, value| {
                let histogram = Some(histogram(family, labels, value.histogram()?, began));
                Some(Metric { label: told(labels), histogram, ..Metric::default() })
            });
            vec![named(name.clone(), help, kind::HISTOGRAM, told)]
        }
    }
}

fn counter(labels: &Labels, count: u64) -> Metric {
    let counter = Some(Number { value: Some(count as f64) });
    Metric { label: told(labels), counter, ..Metric::default() }
}

fn gauge(labels: &Labels, value: f64) -> Metric {
    let gauge = Some(Number { value: Some(value) });
    Metric { label: told(labels), gauge, ..Metric::default() }
}

fn told(labels: &Labels) -> Vec<LabelPair> {
    labels.iter().map(|(name, value)| pair(name, value)).collect()
}

fn pair(name: &str, value: &str) -> LabelPair {
    LabelPair { name: Some(name.to_owned()), value: Some(value.to_owned()) }
}

fn histogram(
    family: &Family,
    labels: &Labels,
    samples: &metrics::Histogram,
    began: Timestamp,
) -> Histogram {
    let exponential = family.exponential(samples);
    let traced = family.exemplars.get(labels);
    let mut of_bucket = traced;
    let all = (f64::INFINITY, samples.count());
    let buckets = family.buckets(samples).into_iter().chain([all]);
    let bucket = buckets.map(|(bound, count)| Bucket {
        cumulative_count: Some(count),
        upper_bound: Some(bound),
        exemplar: of_bucket
            .take_if(|traced| traced.duration.as_secs_f64() <= bound)
            .map(|traced| exemplar(traced, began)),
    });
    let spans = exponential.spans().into_iter();
    let span = |span: super::super::exponential::Span| BucketSpan {
        offset: Some(span.gap),
        length: Some(span.length),
    };
    Histogram {
        sample_count: Some(samples.count()),
        sample_sum: Some(family.sum(samples)),
        bucket: bucket.collect(),
        schema: Some(SCALE),
        zero_threshold: Some(ZERO),
        zero_count: Some(exponential.zeros),
        positive_span: spans.map(span).collect(),
        positive_delta: exponential.deltas(),
        exemplars: traced.map(|traced| exemplar(traced, began)).into_iter().collect(),
    }
}

fn exemplar(traced: &Traced, began: Timestamp) -> Exemplar {
    let Traced { duration, at, span } = traced;
    let at = began.saturating_add(*at).expect("time spans of a run saturate");
    let timestamp = messages::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() };
    Exemplar {
        label: vec![
            pair("trace_id", &span.trace.to_string()),
            pair("span_id", &span.id.to_string()),
        ],
        value: Some(duration.as_secs_f64()),
        timestamp: Some(timestamp),
    }
}
