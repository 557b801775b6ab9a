//! One second of one worker: the only thing that leaves a worker.

use std::time::Duration;

use super::histogram::Histogram;
use super::metric::MetricId;
use super::tags::TagSet;

/// What a metric's samples of one row add up to.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A sum.
    Counter(u64),
    /// Hits out of a total.
    Rate {
        /// How many were so.
        hits: u64,
        /// Out of how many.
        total: u64,
    },
    /// The last value, with its extremes.
    Gauge {
        /// Most recent (merged over workers of the same second: the sum).
        last: f64,
        /// Largest.
        max: f64,
    },
    /// A distribution.
    Histogram(Box<Histogram>),
}

/// One distinct set of tags and the metrics that its samples feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What the samples have in common.
    pub tags: TagSet,
    /// Few; in the order of first use.
    pub values: Vec<(MetricId, Value)>,
}

/// The life of one scenario's arrivals (measurement.md, section 3), counted at each boundary.
///
/// Laws: `planned = started + dropped`, `started = completed + failed + interrupted`.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Lifecycle {
    pub planned: u64,
    pub due: u64,
    pub started: u64,
    pub late: u64,
    pub prepared: u64,
    pub sent: u64,
    pub headers: u64,
    pub bodies: u64,
    pub completed: u64,
    pub failed: u64,
    pub interrupted: u64,
    pub dropped: Dropped,
}

/// Arrivals that never started, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Dropped {
    pub users: u64,
    pub queue_full: u64,
    pub generator: u64,
    pub overrun: u64,
    pub end: u64,
}

/// One kind of error within a Window: deduplicated, with a sample of what it looked like.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorRow {
    /// `dns` … `resource` (measurement.md, section 5).
    pub category: &'static str,
    /// Index of the scenario in the plan.
    pub scenario: u16,
    /// Path of the step; empty outside steps.
    pub step: std::sync::Arc<str>,
    /// HTTP status; 0 if there was none.
    pub status: u16,
    /// The first one's message, whole.
    pub message: String,
    /// The message with numbers and ids folded: the key together with the fields above.
    pub folded: String,
    /// How often.
    pub count: u64,
    /// First time since the run began.
    pub first: Duration,
    /// Last time since the run began.
    pub last: Duration,
    /// Request and response of one of them, redacted; for `script` the line and traceback.
    pub exemplar: Option<String>,
}

/// One second's counters and histograms by row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Window {
    /// Seconds since the run began, from 0.
    pub second: u32,
    /// One per distinct tag set that was fed.
    pub rows: Vec<Row>,
    /// By scenario index; may be shorter than the plan's list.
    pub lifecycles: Vec<Lifecycle>,
    /// At most 100 distinct; further kinds are in `errors_lost`.
    pub errors: Vec<ErrorRow>,
    /// Errors of kinds beyond the cap.
    pub errors_lost: u64,
    /// Samples that went to the `overflow` row because of the series cap.
    pub overflowed: u64,
}
