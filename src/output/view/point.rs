//! One second, as charts show it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::results::tick::{ScenarioTick, Tick};

/// A second of all scenarios together. Field names are those of the dashboard's page.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Point {
    /// From 0.
    #[serde(rename = "s")]
    pub second: u32,
    /// What the plan, a search or a person calls this part of the run; may be empty.
    pub stage: String,
    /// Active users at its end.
    pub vus: u64,
    /// Arrivals waiting for a user at its end.
    pub backlog: u64,
    /// Calls that ended.
    pub calls: u64,
    /// Of them, failed.
    pub failed: u64,
    /// Iterations that ended.
    pub iterations: u64,
    /// Latency of calls [ms].
    pub p50: Option<f64>,
    /// Likewise.
    pub p95: Option<f64>,
    /// Likewise.
    pub p99: Option<f64>,
    /// Errors by category.
    pub errors: BTreeMap<String, u64>,
    /// Bytes.
    #[serde(rename = "in")]
    pub received: u64,
    /// Bytes.
    #[serde(rename = "out")]
    pub sent: u64,
    /// Arrivals that were due.
    pub planned: u64,
    /// Iterations begun.
    pub started: u64,
    /// Of them, late by our doing.
    pub late: u64,
    /// Arrivals that never began.
    pub dropped: u64,
    /// How this tool fared.
    pub health: HealthPoint,
    /// How many calls took how long: see [`heat`](crate::results::heat).
    pub heat: Vec<u64>,
}

/// This tool and its machine in a second; `None` where the system does not show it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct HealthPoint {
    /// Of the process; 100 is a core.
    pub cpu: Option<f64>,
    /// Of the busiest worker's thread.
    pub busiest: Option<u16>,
    /// Resident bytes.
    pub memory: Option<f64>,
    /// Open descriptors.
    pub fds: Option<f64>,
    /// Percent of the machine's CPU time that its host gave to others.
    pub steal: Option<f64>,
    /// Percent of the time without CPU quota.
    pub throttled: Option<f64>,
    /// The latest that a worker's loop woke [ms].
    pub lag: Option<f64>,
}

impl Point {
    /// Of a second in its `stage`.
    pub fn of(tick: &Tick, stage: String) -> Point {
        let sum = |of: fn(&ScenarioTick) -> u64| tick.scenarios.iter().map(of).sum::<u64>();
        Point {
            second: tick.second,
            stage,
            vus: tick.vus,
            backlog: tick.backlog,
            calls: tick.calls,
            failed: tick.failed,
            iterations: tick.iterations,
            p50: tick.p50_ms,
            p95: tick.p95_ms,
            p99: tick.p99_ms,
            errors: tick.errors.clone(),
            received: tick.bytes_received,
            sent: tick.bytes_sent,
            planned: sum(|one| one.planned),
            started: sum(|one| one.started),
            late: sum(|one| one.late),
            dropped: sum(|one| one.dropped),
            health: HealthPoint {
                cpu: tick.health.cpu_percent,
                busiest: tick.worker_cpu_percent.iter().max().copied(),
                memory: tick.health.memory_bytes,
                fds: tick.health.open_fds,
                steal: tick.health.steal_percent,
                throttled: tick.health.throttled_percent,
                lag: tick.loop_lag_ms,
            },
            heat: tick.heat.clone(),
        }
    }
}
