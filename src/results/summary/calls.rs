//! What was called: requests, steps and checks, their errors and connections.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Rate;

/// Calls of one name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Request {
    /// Its scenario.
    pub scenario: String,
    /// Path of its step; empty outside steps.
    pub step: String,
    /// URL with its parameters folded.
    pub name: String,
    /// `GET`, ….
    pub method: String,
    /// Calls.
    pub count: u64,
    /// Unexpected answers, or none.
    pub failed: u64,
    /// Over the length of `load`.
    pub rate_per_s: f64,
    /// Heads and bodies as serialised, all hops and tries.
    pub bytes_sent: u64,
    /// Likewise, before decoding.
    pub bytes_received: u64,
    /// Status → calls; calls without an answer are not in it.
    pub statuses: BTreeMap<String, u64>,
    /// Category → calls.
    pub errors: BTreeMap<String, u64>,
    /// Expected answers, and timeouts at their elapsed time.
    pub duration_ms: Distribution,
    /// Of a sample of its answers in the load, those that were text of 1 KiB or more and came
    /// uncompressed though it was asked for compressed; null without a sample.
    #[serde(default)]
    pub uncompressed_percent: Option<f64>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Step {
    /// Its scenario.
    pub scenario: String,
    /// Its path.
    pub step: String,
    /// Passes that ended.
    pub count: u64,
    /// Of them, failed.
    pub failed: u64,
    /// Over the length of the scenario's `load`.
    #[serde(default)]
    pub rate_per_s: f64,
    /// Completed and interrupted passes, less `lt.think`.
    pub duration_ms: Distribution,
    /// Errors in it by category, without those of steps in it, over the scenario's `load`.
    #[serde(default)]
    pub errors: BTreeMap<String, Rate>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Check {
    /// Its scenario.
    pub scenario: String,
    /// Path of its step; empty outside steps.
    pub step: String,
    /// Its label.
    pub name: String,
    /// How often it held.
    pub passed: u64,
    /// How often not.
    pub failed: u64,
}

/// One kind of error.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Error {
    /// `dns` … `resource`.
    pub category: String,
    /// The first one's.
    pub message: String,
    /// Its scenario; null if it belongs to none.
    pub scenario: Option<String>,
    /// Path of its step; empty outside steps.
    pub step: String,
    /// Null where there was no answer.
    pub status: Option<u16>,
    /// How often.
    pub count: u64,
    /// First time since the run began.
    pub first_s: f64,
    /// Last time since the run began.
    pub last_s: f64,
    /// What one of them looked like, redacted.
    pub exemplar: Option<String>,
}

/// As the connector saw them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Connections {
    /// Opened.
    pub opened: u64,
    /// Requests that found one open.
    pub reused: u64,
    /// Could not be opened.
    pub failed: u64,
    /// TCP set-up.
    pub connect_ms: Distribution,
}

/// A distribution; all but `count` are null where there is no sample. Percentiles are
/// nearest-rank.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Distribution {
    pub count: u64,
    pub min: Option<f64>,
    pub mean: Option<f64>,
    pub stddev: Option<f64>,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub p99_9: Option<f64>,
    pub max: Option<f64>,
    /// The histogram itself: HDR V2, base64, in microseconds; of other numbers than times in
    /// bytes, or in millionths.
    pub hdr: Option<String>,
}
