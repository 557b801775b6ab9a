//! The seconds of a run as the summary has them.

use super::run_info::RunInfo;
use super::summary::{
    ConnectionsOfSecond, HealthOfSecond, Iterations, ScenarioOfSecond, Second, StepOfSecond,
};
use super::tick::{ScenarioTick, StepTick, Tick};

/// Every second, from 0.
pub fn seconds(timeline: &[Tick], run: &RunInfo) -> Vec<Second> {
    timeline.iter().map(|tick| second(tick, run)).collect()
}

fn second(tick: &Tick, run: &RunInfo) -> Second {
    let names = run.scenarios.iter().map(|scenario| &scenario.name);
    Second {
        t_s: tick.second,
        vus: tick.vus,
        backlog: tick.backlog,
        iterations: tick.iterations,
        calls: tick.calls,
        failed: tick.failed,
        requests: tick.requests,
        p50_ms: tick.p50_ms,
        p95_ms: tick.p95_ms,
        p99_ms: tick.p99_ms,
        response_p95_ms: tick.response_p95_ms,
        heat: tick.heat.clone(),
        errors: tick.errors.clone(),
        cpu_percent: tick.health.cpu_percent,
        bytes_sent: tick.bytes_sent,
        bytes_received: tick.bytes_received,
        connections: ConnectionsOfSecond {
            opened: tick.connections_opened,
            reused: tick.connections_reused,
            failed: tick.connections_failed,
            open: tick.connections_open,
        },
        scenarios: names.zip(&tick.scenarios).map(|(name, tick)| scenario(name, tick)).collect(),
        steps: tick.steps.iter().map(step).collect(),
        health: health(tick),
    }
}

/// One scenario's part of a second.
pub fn scenario(name: &str, tick: &ScenarioTick) -> ScenarioOfSecond {
    ScenarioOfSecond {
        name: name.to_owned(),
        vus: tick.vus,
        reserve: tick.reserve,
        backlog: tick.backlog,
        in_flight: tick.in_flight,
        boundaries: tick.boundaries,
        iterations: Iterations {
            planned: tick.planned,
            started: tick.started,
            completed: tick.completed,
            failed: tick.failed,
            interrupted: tick.interrupted,
            dropped: tick.dropped,
            late: tick.late,
        },
    }
}

fn step(tick: &StepTick) -> StepOfSecond {
    StepOfSecond {
        scenario: tick.scenario.to_string(),
        step: tick.step.to_string(),
        count: tick.count,
        failed: tick.failed,
    }
}

fn health(tick: &Tick) -> HealthOfSecond {
    let whole = |value: Option<f64>| value.map(|value| value as u64);
    HealthOfSecond {
        worker_cpu_percent: tick.worker_cpu_percent.clone(),
        workers: tick.workers.iter().map(|worker| worker.map(|worker| worker + 1)).collect(),
        loop_lag_ms: tick.loop_lag_ms,
        memory_bytes: whole(tick.health.memory_bytes),
        threads: whole(tick.health.threads),
        open_fds: whole(tick.health.open_fds),
        tcp_sockets: whole(tick.health.tcp_sockets),
        disk_write_bytes: whole(tick.health.disk_write_bytes),
        throttled_percent: tick.health.throttled_percent,
        steal_percent: tick.health.steal_percent,
    }
}
