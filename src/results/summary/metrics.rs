//! What was held against thresholds, and all that was recorded, series by series.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Distribution;

/// One threshold, judged; with `each`, one entry per series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The selector.
    pub metric: String,
    /// The condition.
    pub expression: String,
    /// Null without a sample.
    pub observed: Option<f64>,
    /// In the unit of `observed`.
    pub limit: f64,
    /// Of `observed` and `limit`: `ms`, `bytes`, `percent`, `fraction`, `1/s`, `bytes/s` or `1`.
    pub unit: String,
    /// Whether it holds.
    pub ok: bool,
    /// Whether it is one of those that hold for scripts without thresholds.
    pub default: bool,
    /// Samples that `observed` is taken of.
    pub samples: u64,
    /// Fewer samples say nothing: `samples` below it makes the run inconclusive.
    pub min_samples: u64,
    /// Length of the window that slid over the load, the worst of which is `observed`; null where
    /// the whole was judged.
    #[serde(default)]
    pub window_s: Option<u32>,
    /// When it was found crossed while the run went on, since the run began.
    #[serde(default)]
    pub crossed_at_s: Option<u32>,
    /// Whether it ended the run.
    #[serde(default)]
    pub ended_run: bool,
}

/// One of the author's own metrics, all its series in `load` together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnMetric {
    /// As the script has it.
    pub name: String,
    /// `counter`, `gauge`, `rate` or `histogram`.
    pub kind: String,
    /// `1`, `ms`, `bytes` or `percent`.
    pub unit: String,
    /// Over the time in which any scenario was in `load`; null but for a counter.
    pub rate_per_s: Option<f64>,
    /// What its samples add up to.
    #[serde(flatten)]
    pub values: Values,
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// `counter`, `gauge`, `rate` or `histogram`.
    pub kind: String,
    /// `1`, `ms`, `bytes` or `percent`.
    pub unit: String,
    /// One per set of tags.
    pub series: Vec<Series>,
}

/// One series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// What its samples have in common.
    pub tags: BTreeMap<String, String>,
    /// What they add up to.
    #[serde(flatten)]
    pub values: Values,
}

/// What samples add up to, by the metric's kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Values {
    /// Of a histogram.
    Histogram(Box<Distribution>),
    /// Of a rate.
    Rate {
        /// How many were so.
        hits: u64,
        /// Out of how many.
        total: u64,
    },
    /// Of a gauge.
    Gauge {
        /// Most recent.
        last: f64,
        /// Largest.
        max: f64,
    },
    /// Of a counter.
    Counter {
        /// The sum.
        value: u64,
    },
}
