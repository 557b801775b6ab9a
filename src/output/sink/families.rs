//! Metrics as Prometheus and OpenMetrics name them: base units, `_total`, `loadtool_` before all.
//!
//! | here | there |
//! | --- | --- |
//! | `http_calls` (counter) | `loadtool_http_calls_total` |
//! | `data_sent` (counter, bytes) | `loadtool_data_sent_bytes_total` |
//! | `http_call_duration` (histogram, ms) | `loadtool_http_call_duration_seconds` |
//! | `http_call_failed` (rate) | `loadtool_http_call_failed_hits_total`, `…_samples_total` |
//! | `process_cpu_percent` (gauge, percent) | `loadtool_process_cpu_ratio` |
//!
//! Two metrics, or two sets of tags, may come to the same name or labels (`a-b` and `a.b`): metrics
//! then get a number, equal sets become one series, for neither format takes anything twice.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::exponential::Exponential;
use crate::metrics::metric::Metric;
use crate::metrics::{Exemplar, Histogram, Kind, MetricId, TagSet, Traced, Unit, Value, Window};

/// Before all names.
pub const PREFIX: &str = "loadtool_";

/// Labels of a series, sorted by name; shared by all metrics of a row.
pub type Labels = Arc<BTreeMap<String, String>>;

/// One metric under the name that it has outside.
pub struct Family<'w> {
    /// Without `_total`, `_bucket` and the like.
    pub name: String,
    /// `seconds`, `bytes`, `ratio`; empty for plain numbers. The name ends with it.
    pub unit: &'static str,
    /// As defined.
    pub metric: &'w Metric,
    /// By labels.
    pub series: BTreeMap<Labels, Cow<'w, Value>>,
    /// Samples of series that can be looked up, likewise.
    pub exemplars: BTreeMap<Labels, Traced>,
}

/// Labels of these pairs.
pub fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    Arc::new(pairs.map(|(label, value)| (label.to_owned(), value.to_owned())).into())
}

/// All that a Window holds, by name, with labels as Prometheus has them.
pub fn families(window: &Window) -> Vec<Family<'_>> {
    families_by(window, labels)
}

/// The same with labels as somebody else has them.
pub fn families_by(window: &Window, labels: impl Fn(&TagSet) -> Labels) -> Vec<Family<'_>> {
    let mut families = BTreeMap::<&MetricId, Family>::new();
    for row in &window.rows {
        let labels = labels(&row.tags);
        for (id, value) in &row.values {
            let family = families.entry(id).or_insert_with(|| Family::of(id.metric()));
            match family.series.get_mut(&labels) {
                Some(known) => known.to_mut().merge(value, Ordering::Equal),
                None => drop(family.series.insert(labels.clone(), Cow::Borrowed(value))),
            }
        }
    }
    for Exemplar { tags, metric, sample } in &window.exemplars {
        if let Some(family) = families.get_mut(metric) {
            let slowest = family.exemplars.entry(labels(tags)).or_insert(*sample);
            *slowest = (*slowest).max(*sample);
        }
    }
    let mut named = BTreeMap::<String, Family>::new();
    for mut family in families.into_values() {
        let plain = family.name.clone();
        let mut number = 2;
        while named.contains_key(&family.name) {
            family.name = format!("{plain}_{number}");
            number += 1;
        }
        named.insert(family.name.clone(), family);
    }
    named.into_values().collect()
}

impl<'w> Family<'w> {
    fn of(metric: &'w Metric) -> Family<'w> {
        let unit = match metric.unit {
            Unit::One => "",
            Unit::Ms => "seconds",
            Unit::Bytes => "bytes",
            Unit::Percent => "ratio",
        };
        let mut name = format!("{PREFIX}{}", word(&metric.name));
        if metric.kind == Kind::Counter {
            name.truncate(name.strip_suffix("_total").unwrap_or(&name).len());
        }
        if metric.unit == Unit::Percent {
            name.truncate(name.strip_suffix("_percent").unwrap_or(&name).len());
        }
        if !unit.is_empty() && !name.ends_with(&format!("_{unit}")) {
            name = format!("{name}_{unit}");
        }
        Family { name, unit, metric, series: BTreeMap::new(), exemplars: BTreeMap::new() }
    }

    /// What it is, in a sentence.
    pub fn help(&self) -> String {
        let row = format!("| `{}` |", self.metric.name);
        let table = include_str!("../../../docs/metrics.md");
        let documented = table.lines().find_map(|line| line.strip_prefix(&row)?.split('|').nth(2));
        documented.map_or_else(
            || format!("the script's own metric {}", self.metric.name),
            |told| told.trim().replace('`', ""),
        )
    }

    /// A gauge's value in the base unit.
    pub fn level(&self, value: f64) -> f64 {
        value / self.per_base()
    }

    /// The sum of a histogram's samples in the base unit.
    pub fn sum(&self, samples: &Histogram) -> f64 {
        samples.of_unit(self.metric.unit).sum() / self.per_base()
    }

    /// Upper bounds of a histogram's buckets in the base unit, with how many samples are at or
    /// below each. That of all samples is not among them.
    pub fn buckets(&self, samples: &Histogram) -> Vec<(f64, u64)> {
        let bounds = match self.metric.unit {
            Unit::Ms => SECONDS,
            Unit::Bytes => BYTES,
            Unit::Percent => RATIOS,
            Unit::One => NUMBERS,
        };
        let whole = self.whole();
        let wholes: Vec<u64> = bounds.iter().map(|bound| (bound * whole).round() as u64).collect();
        bounds.iter().copied().zip(samples.at_most(&wholes)).collect()
    }

    /// All samples of a histogram in buckets that grow by a factor.
    pub fn exponential(&self, samples: &Histogram) -> Exponential {
        Exponential::of(samples, self.whole())
    }

    /// The smallest and the largest sample of a histogram in the base unit.
    pub fn extremes(&self, samples: &Histogram) -> [Option<f64>; 2] {
        let numbers = samples.of_unit(self.metric.unit);
        [numbers.min(), numbers.max()].map(|number| Some(number? / self.per_base()))
    }

    /// The name without what is before all and without the unit: `http_call_duration`.
    pub fn bare(&self) -> &str {
        let name = self.name.strip_prefix(PREFIX).unwrap_or(&self.name);
        name.strip_suffix(self.unit).and_then(|name| name.strip_suffix('_')).unwrap_or(name)
    }

    /// How many of the whole numbers that histograms keep are one of the base unit.
    fn whole(&self) -> f64 {
        self.per_base() * self.metric.unit.ones()
    }

    /// How many of the metric's unit are one of the base unit.
    fn per_base(&self) -> f64 {
        match self.metric.unit {
            Unit::Ms => 1e3,
            Unit::Percent => 1e2,
            Unit::Bytes | Unit::One => 1.0,
        }
    }
}

const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0, 60.0,
];

const BYTES: &[f64] = &[
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262144.0,
    1048576.0,
    4194304.0,
    16777216.0,
    67108864.0,
    268435456.0,
    1073741824.0,
];

const RATIOS: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0];

const NUMBERS: &[f64] = &[
    0.001, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 1e4, 1e5, 1e6,
];

/// Tags as labels. What the formats keep for themselves is called `tag_…`.
fn labels(tags: &TagSet) -> Labels {
    let mut labels = BTreeMap::new();
    for (tag, value) in tags.iter() {
        let mut name = word(tag);
        if ["le", "quantile"].contains(&&*name) || name.starts_with("__") {
            name = format!("tag_{name}");
        }
        let plain = name.clone();
        let mut number = 2;
        while labels.contains_key(&name) {
            name = format!("{plain}_{number}");
            number += 1;
        }
        labels.insert(name, value.to_owned());
    }
    Arc::new(labels)
}

/// A text as a name: letters, digits and `_`, and no digit at its beginning.
fn word(text: &str) -> String {
    let mut word: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        word.insert(0, '_');
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::own::{Form, Given, OwnMetrics};
    use crate::metrics::{Row, metric};

    fn name(id: &MetricId) -> String {
        Family::of(id.metric()).name
    }

    #[test]
    fn names_are_in_base_units() {
        let mut own = OwnMetrics::default();
        let mut declared = |name: &str, form| own.declare(name, form).unwrap().id;
        let unit = |unit| Form::Histogram(Given::named(unit).unwrap());
        for (id, expected) in [
            (metric::HTTP_CALLS, "loadtool_http_calls"),
            (metric::DATA_SENT, "loadtool_data_sent_bytes"),
            (metric::HTTP_CALL_DURATION, "loadtool_http_call_duration_seconds"),
            (metric::PROCESS_CPU_PERCENT, "loadtool_process_cpu_ratio"),
            (metric::PROCESS_MEMORY_BYTES, "loadtool_process_memory_bytes"),
            (metric::VUS, "loadtool_vus"),
            (declared("orders_total", Form::Counter), "loadtool_orders"),
            (declared("wait_seconds", Form::Timer), "loadtool_wait_seconds"),
            (declared("full", unit("%")), "loadtool_full_ratio"),
            (declared("size", unit("B")), "loadtool_size_bytes"),
        ] {
            assert_eq!(name(&id), expected);
        }
    }

    #[test]
    fn every_metric_has_its_help() {
        for metric in metric::BUILTIN {
            let help = Family::of(metric).help();
            assert!(!help.is_empty() && !help.starts_with("the script's"), "{}", metric.name);
        }
    }

    #[test]
    fn the_dashboard_asks_for_metrics_that_there_are() {
        let suffixes = |family: Family| {
            let suffixes: &[&str] = match family.metric.kind {
                Kind::Counter => &["_total"],
                Kind::Gauge => &[""],
                Kind::Rate => &["_hits_total", "_samples_total"],
                Kind::Histogram => &["_bucket", "_sum", "_count"],
            };
            suffixes.iter().map(move |suffix| format!("{}{suffix}", family.name))
        };
        let known: Vec<String> =
            metric::BUILTIN.iter().map(Family::of).flat_map(suffixes).collect();
        let dashboard = include_str!("../../../docs/grafana.json");
        let named = regex::Regex::new(r"loadtool_\w+").unwrap();
        let mut asked = named.find_iter(dashboard).map(|found| found.as_str()).peekable();
        assert!(asked.peek().is_some());
        let unknown: Vec<&str> =
            asked.filter(|name| !known.iter().any(|one| one == name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn nothing_is_there_twice_whatever_it_is_called() {
        let mut own = OwnMetrics::default();
        let [a, b] =
            ["orders", "orders_total"].map(|name| own.declare(name, Form::Counter).unwrap().id);
        let row = |tags: &[(&str, &str)]| {
            let values = vec![(a.clone(), Value::Counter(1)), (b.clone(), Value::Counter(10))];
            let tags = TagSet::new(tags.iter().copied());
            Window { rows: vec![Row { tags, values }], ..Window::default() }
        };
        let mut window = row(&[("a-b", "1"), ("le", "x")]);
        window.absorb(&row(&[("a.b", "1"), ("le", "x")]));
        window.absorb(&row(&[("a-b", "1"), ("a.b", "2")]));
        let families = families(&window);
        let told: Vec<String> = families
            .iter()
            .flat_map(|family| {
                family.series.iter().map(|(labels, value)| {
                    format!("{} {labels:?} {}", family.name, value.counter())
                })
            })
            .collect();
        assert_eq!(
            told,
            [
                r#"loadtool_orders {"a_b": "1", "a_b_2": "2"} 1"#,
                r#"loadtool_orders {"a_b": "1", "tag_le": "x"} 2"#,
                r#"loadtool_orders_2 {"a_b": "1", "a_b_2": "2"} 10"#,
                r#"loadtool_orders_2 {"a_b": "1", "tag_le": "x"} 20"#,
            ]
        );
    }
}
