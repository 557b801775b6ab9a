//! A Window as OpenTelemetry's metrics: `loadtool.http_call_duration` in seconds, tags as they are.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::exponential::SCALE;
use super::super::families::{Family, Labels, families_by};
use super::messages::{
    AnyValue, Buckets, Data, Exemplar, Explicit, ExplicitPoint, Exponential, ExponentialPoint,
    Gauge, KeyValue, Metric, Number, NumberPoint, Sum, Temporality,
};
use crate::metrics::{Histogram, Kind, TagSet, Traced, Value, Window};

/// How numbers are told.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Whether histograms have bounds that were chosen beforehand.
    pub explicit: bool,
    /// Since when numbers are counted.
    pub temporality: Temporality,
}

/// When numbers were counted.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// When the load began.
    pub began: Timestamp,
    /// From.
    pub since: Timestamp,
    /// To.
    pub at: Timestamp,
}

/// All metrics of a Window.
pub fn metrics(window: &Window, shape: Shape, when: When) -> Vec<Metric> {
    let tags = |tags: &TagSet| -> Labels {
        Arc::new(tags.iter().map(|(tag, value)| (tag.to_owned(), value.to_owned())).collect())
    };
    let When { began, since, at } = when;
    let maker = Maker { shape, began, since: nanoseconds(since), at: nanoseconds(at) };
    families_by(window, tags).iter().flat_map(|family| maker.metrics(family)).collect()
}

/// An attribute whose value is a text.
pub fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { string_value: Some(value.to_owned()) };
    KeyValue { key: key.to_owned(), value: Some(value) }
}

fn nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or_default()
}

struct Maker {
    shape: Shape,
    began: Timestamp,
    since: u64,
    at: u64,
}

impl Maker {
    fn metrics(&self, family: &Family) -> Vec<Metric> {
        let named = |part: &str, unit: &str, data| Metric {
            name: format!("loadtool.{}{part}", family.bare()),
            description: family.help(),
            unit: unit.to_owned(),
            data: Some(data),
        };
        let unit = match family.unit {
            "seconds" => "s",
            "bytes" => "By",
            "ratio" => "1",
            _ => "",
        };
        match family.metric.kind {
            Kind::Counter => vec![named("", unit, self.sum(family, Value::counter))],
            Kind::Gauge => vec![named("", unit, self.gauge(family))],
            Kind::Histogram => vec![named("", unit, self.histogram(family))],
            Kind::Rate => {
                let of = |part: fn(u64, u64) -> u64| {
                    self.sum(family, move |value| match *value {
                        Value::Rate { hits, total } => part(hits, total),
                        _ => 0,
                    })
                };
                vec![
                    named(".hits", "", of(|hits, _| hits)),
                    named(".samples", "", of(|_, total| total)),
                ]
            }
        }
    }

    fn sum(&self, family: &Family, count: impl Fn(&Value) -> u64) -> Data {
        let points = family.series.iter().map(|(labels, value)| {
            let count = i64::try_from(count(value)).unwrap_or(i64::MAX);
            self.number(labels, Number::Int(count))
        });
        Data::Sum(Sum {
            data_points: points.collect(),
            aggregation_temporality: self.shape.temporality as i32,
            is_monotonic: true,
        })
    }

    fn gauge(&self, family: &Family) -> Data {
        let points = family.series.iter().filter_map(|(labels, value)| match **value {
            Value::Gauge { last, .. } | Value::Level { last, .. } => {
                Some(self.number(labels, Number::Double(family.level(last))))
            }
            _ => None,
        });
        Data::Gauge(Gauge { data_points: points.collect() })
    }

    fn number(&self, labels: &Labels, value: Number) -> NumberPoint {
        NumberPoint {
            attributes: attributes(labels),
            start_time_unix_nano: self.since,
            time_unix_nano: self.at,
            value: Some(value),
        }
    }

    fn histogram(&self, family: &Family) -> Data {
        let aggregation_temporality = self.shape.temporality as i32;
        let series = family.series.iter();
        let series = series.filter_map(|(labels, value)| Some((labels, value.histogram()?)));
        if self.shape.explicit {
            let points = series.map(|(labels, samples)| ExplicitPoint {
                attributes: attributes(labels),
                exemplars: self.exemplars(family, labels),
                ..self.explicit(family, samples)
            });
            Data::Explicit(Explicit { data_points: points.collect(), aggregation_temporality })
        } else {
            let points = series.map(|(labels, samples)| ExponentialPoint {
                attributes: attributes(labels),
                exemplars: self.exemplars(family, labels),
                ..self.exponential(family, samples)
            });
            let data_points = points.collect();
            Data::Exponential(Exponential { data_points, aggregation_temporality })
        }
    }

    fn exemplars(&self, family: &Family, labels: &Labels) -> Vec<Exemplar> {
        let traced = family.exemplars.get(labels).into_iter();
        let exemplar = |traced: &Traced| {
            let at = self.began.saturating_add(traced.at).expect("time spans of a run saturate");
            Exemplar {
                time_unix_nano: nanoseconds(at),
                as_double: Some(traced.duration.as_secs_f64()),
                span_id: traced.span.id.0.to_vec(),
                trace_id: traced.span.trace.0.to_vec(),
            }
        };
        traced.map(exemplar).collect()
    }

    fn explicit(&self, family: &Family, samples: &Histogram) -> ExplicitPoint {
        let (bounds, below): (Vec<f64>, Vec<u64>) = family.buckets(samples).into_iter().unzip();
        let mut before = 0;
        let counts = below.into_iter().chain([samples.count()]);
        let [min, max] = family.extremes(samples);
        ExplicitPoint {
            start_time_unix_nano: self.since,
            time_unix_nano: self.at,
            count: samples.count(),
            sum: Some(family.sum(samples)),
            bucket_counts: counts
                .map(|count| count - std::mem::replace(&mut before, count))
                .collect(),
            explicit_bounds: bounds,
            min,
            max,
            ..ExplicitPoint::default()
        }
    }

    fn exponential(&self, family: &Family, samples: &Histogram) -> ExponentialPoint {
        let exponential = family.exponential(samples);
        let (offset, bucket_counts) = exponential.dense();
        let [min, max] = family.extremes(samples);
        ExponentialPoint {
            start_time_unix_nano: self.since,
            time_unix_nano: self.at,
            count: samples.count(),
            sum: Some(family.sum(samples)),
            scale: SCALE,
            zero_count: exponential.zeros,
            positive: Some(Buckets { offset, bucket_counts }),
            min,
            max,
            ..ExponentialPoint::default()
        }
    }
}

fn attributes(labels: &Labels) -> Vec<KeyValue> {
    labels.iter().map(|(key, value)| attribute(key, value)).collect()
}
