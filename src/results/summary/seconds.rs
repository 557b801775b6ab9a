//! The run second by second.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Boundaries, Iterations};

/// One second of the run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Second {
    /// From 0.
    pub t_s: u32,
    /// Active users.
    pub vus: u64,
    /// Arrivals waiting for a user.
    pub backlog: u64,
    /// Iterations that ended.
    pub iterations: u64,
    /// Calls that ended.
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Latency of calls.
    pub p50_ms: Option<f64>,
    /// Likewise.
    pub p95_ms: Option<f64>,
    /// Likewise.
    pub p99_ms: Option<f64>,
    /// From the planned start of iterations to their end, less `lt.think`.
    #[serde(default)]
    pub response_p95_ms: Option<f64>,
    /// How many calls took at most as long as each of `heat_edges_ms`, and longer than the one
    /// before; then those above them all. Zeros at its end are left out.
    #[serde(default)]
    pub heat: Vec<u64>,
    /// By category.
    pub errors: BTreeMap<String, u64>,
    /// Of this process; 100 is one core.
    pub cpu_percent: Option<f64>,
    /// Requests that ended: a call's redirects and retries too.
    #[serde(default)]
    pub requests: u64,
    /// Heads and bodies as serialised.
    #[serde(default)]
    pub bytes_sent: u64,
    /// Likewise, before decoding.
    #[serde(default)]
    pub bytes_received: u64,
    /// Set up, used again, and not to be had.
    #[serde(default)]
    pub connections: ConnectionsOfSecond,
    /// In the plan's order.
    #[serde(default)]
    pub scenarios: Vec<ScenarioOfSecond>,
    /// Passes that ended; at most 50.
    #[serde(default)]
    pub steps: Vec<StepOfSecond>,
    /// How this tool and its machine were.
    #[serde(default)]
    pub health: HealthOfSecond,
}

/// Connections in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConnectionsOfSecond {
    /// Set up.
    pub opened: u64,
    /// Requests that began on one used before.
    pub reused: u64,
    /// Could not be set up.
    pub failed: u64,
    /// Open at its end.
    #[serde(default)]
    pub open: u64,
}

/// A scenario in a second.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScenarioOfSecond {
    /// Its name.
    pub name: String,
    /// Active users at its end.
    pub vus: u64,
    /// Users without anything to do at its end.
    pub reserve: u64,
    /// Arrivals waiting for a user at its end.
    pub backlog: u64,
    /// Iterations under way at its end.
    pub in_flight: u64,
    /// How far its arrivals and their requests came within it.
    #[serde(default)]
    pub boundaries: Boundaries,
    /// What became of its arrivals within it.
    #[serde(flatten)]
    pub iterations: Iterations,
}

/// A step in a second.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StepOfSecond {
    /// Its scenario.
    pub scenario: String,
    /// Its path.
    pub step: String,
    /// Passes that ended.
    pub count: u64,
    /// Of them, failed.
    #[serde(default)]
    pub failed: u64,
}

/// This tool and its machine in a second; null where the system does not show it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HealthOfSecond {
    /// Of each worker's thread; 100 is one core.
    pub worker_cpu_percent: Vec<u16>,
    /// Whose each of these is, from 1; one that told of its second too late is missing. `None` for
    /// the busiest one of a run that was killed.
    #[serde(default)]
    pub workers: Vec<Option<u16>>,
    /// The latest that a worker's loop woke.
    pub loop_lag_ms: Option<f64>,
    /// Resident.
    pub memory_bytes: Option<u64>,
    /// Of this process.
    pub threads: Option<u64>,
    /// Open descriptors.
    pub open_fds: Option<u64>,
    /// TCP sockets of the machine in use or in TIME_WAIT.
    pub tcp_sockets: Option<u64>,
    /// Per second, what the disk was given to write.
    #[serde(default)]
    pub disk_write_bytes: Option<u64>,
    /// Of the time that the control group was out of CPU quota.
    pub throttled_percent: Option<f64>,
    /// Of the machine's CPU time that its host gave to others.
    pub steal_percent: Option<f64>,
}
