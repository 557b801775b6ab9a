//! One second of the run in a few numbers: what live views show and the timeline keeps.

use std::collections::BTreeMap;

/// The second from `second` to `second + 1` since the run began, over all workers and phases but
/// `setup` and `teardown`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tick {
    /// From 0.
    pub second: u32,
    /// Active users at its end.
    pub vus: u64,
    /// Arrivals waiting for a user at its end.
    pub backlog: u64,
    /// Iterations that ended, however they did.
    pub iterations: u64,
    /// Calls that ended, however they did.
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Latency of calls [ms]; `None` where there was none.
    pub p50_ms: Option<f64>,
    /// Likewise.
    pub p95_ms: Option<f64>,
    /// Likewise.
    pub p99_ms: Option<f64>,
    /// Errors by category.
    pub errors: BTreeMap<String, u64>,
    /// Of this process; 100 is one core. `None` where it could not be read.
    pub cpu_percent: Option<f64>,
}
