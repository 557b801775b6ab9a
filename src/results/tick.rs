//! One second of the run in a few numbers: what live views show and the timeline keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::summary::Boundaries;
use crate::metrics::window::Moments;

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
    /// Requests that ended: a call's redirects and retries too.
    pub requests: u64,
    /// Latency of calls [ms]; `None` where there was none.
    pub p50_ms: Option<f64>,
    /// Likewise.
    pub p95_ms: Option<f64>,
    /// Likewise.
    pub p99_ms: Option<f64>,
    /// Response time of iterations [ms]; `None` where none ended.
    pub response_p95_ms: Option<f64>,
    /// How many calls took how long: see [`heat`](super::heat).
    pub heat: Vec<u64>,
    /// Errors by category.
    pub errors: BTreeMap<String, u64>,
    /// Heads and bodies as serialised.
    pub bytes_sent: u64,
    /// Likewise, before decoding.
    pub bytes_received: u64,
    /// Connections that were set up.
    pub connections_opened: u64,
    /// Requests that began on a connection used before.
    pub connections_reused: u64,
    /// Connections that could not be set up.
    pub connections_failed: u64,
    /// Those that were open at its end.
    pub connections_open: u64,
    /// In the plan's order.
    pub scenarios: Vec<ScenarioTick>,
    /// Those that ended passes, the most frequent of them.
    pub steps: Vec<StepTick>,
    /// Of this process and its machine.
    pub health: Health,
    /// How busy each worker's thread was; 100 is a core.
    pub worker_cpu_percent: Vec<u16>,
    /// Whose each of these is, from 0 and ascending: one that was late is missing. `None` where it is
    /// not known any more.
    pub workers: Vec<Option<u16>>,
    /// The latest that a worker's loop woke.
    pub loop_lag_ms: Option<f64>,
}

/// What became of one scenario's arrivals in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScenarioTick {
    /// Active users at its end.
    pub vus: u64,
    /// Users that were made and had nothing to do at its end.
    pub reserve: u64,
    /// Arrivals waiting for a user at its end.
    pub backlog: u64,
    /// Iterations under way at its end.
    pub in_flight: u64,
    /// Requests of iterations that began, and that ended however they did.
    pub requests: (u64, u64),
    /// Those under way at its end.
    pub requests_in_flight: u64,
    /// When iterations, and when requests, began and ended.
    pub moments: (Moments, Moments),
    /// How far arrivals and requests came within it.
    pub boundaries: Boundaries,
    /// Arrivals that were due.
    pub planned: u64,
    /// Iterations begun.
    pub started: u64,
    /// To their end, without a failure.
    pub completed: u64,
    /// By a failure of the journey.
    pub failed: u64,
    /// Cut off.
    pub interrupted: u64,
    /// Never begun.
    pub dropped: u64,
    /// Begun late by our doing.
    pub late: u64,
}

impl ScenarioTick {
    /// Those that ended, however they did.
    pub fn ended(&self) -> u64 {
        self.completed + self.failed + self.interrupted
    }

    /// How many iterations were under way on average in this second.
    pub fn iterating(&self, second: u32) -> f64 {
        let more = self.started as i64 - self.ended() as i64;
        let before = self.in_flight.saturating_add_signed(-more);
        self.moments.0.under_way(second, before, more)
    }

    /// How many requests were.
    pub fn requesting(&self, second: u32) -> f64 {
        let more = self.requests.0 as i64 - self.requests.1 as i64;
        let before = self.requests_in_flight.saturating_add_signed(-more);
        self.moments.1.under_way(second, before, more)
    }
}

/// Passes of one step that ended in a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTick {
    /// Its scenario.
    pub scenario: Arc<str>,
    /// Its path.
    pub step: Arc<str>,
    /// How many.
    pub count: u64,
    /// Of them, failed.
    pub failed: u64,
}

/// How the process and its machine are, as read once a second; `None` where it cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Health {
    /// 100 is one core.
    pub cpu_percent: Option<f64>,
    /// Resident.
    pub memory_bytes: Option<f64>,
    /// Of the operating system.
    pub threads: Option<f64>,
    /// Descriptors.
    pub open_fds: Option<f64>,
    /// Per second, what the disk was given to write.
    pub disk_write_bytes: Option<f64>,
    /// TCP sockets of the machine (or network namespace) in use or in TIME_WAIT.
    pub tcp_sockets: Option<f64>,
    /// Of the time, that the control group was out of CPU quota.
    pub throttled_percent: Option<f64>,
    /// Of the machine's CPU time, that its host gave to others.
    pub steal_percent: Option<f64>,
}
