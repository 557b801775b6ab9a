//! The summary: every number of a run under the name that the JSON summary gives it.
//!
//! Field names and meanings are those of measurement.md, section 7, and never change within a
//! schema number; fields may be added. Times are milliseconds in fields that end in `_ms`,
//! seconds in `_s`; sizes are bytes.

mod calls;
mod findings;
mod load;
mod metrics;
mod seconds;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::calls::{Check, Connections, Distribution, Error, Request, Step};
pub use self::findings::{Anomaly, Episode, Severity};
pub use self::load::{Boundaries, Iterations, Scenario, Stage};
pub use self::metrics::{Metric, OwnMetric, Series, Threshold, Values};
pub use self::seconds::{
    ConnectionsOfSecond, HealthOfSecond, ScenarioOfSecond, Second, StepOfSecond,
};
use super::limit::Limit;
use super::tail::Tail;
use super::variants::Variants;
use super::verdict::Verdict;

/// The value of [`Summary::schema`].
pub const SCHEMA: &str = "loadtool.summary/1";

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: String,
    /// Of the tool that wrote it.
    pub tool_version: String,
    /// Which run it was.
    pub run: Run,
    /// How it is judged.
    pub verdict: Verdict,
    /// The whole of it in a few numbers.
    pub totals: Totals,
    /// In the plan's order.
    pub scenarios: Vec<Scenario>,
    /// Calls by scenario, step, name and method.
    pub requests: Vec<Request>,
    /// Steps by scenario and path.
    pub steps: Vec<Step>,
    /// Checks by scenario, step and label.
    pub checks: Vec<Check>,
    /// The most frequent first.
    pub errors: Vec<Error>,
    /// Of all phases.
    pub connections: Connections,
    /// In the script's order.
    pub thresholds: Vec<Threshold>,
    /// The author's own metrics as a whole, by name.
    #[serde(default)]
    pub own_metrics: Vec<OwnMetric>,
    /// Of each call and step with passes enough, what sets the slowest apart.
    #[serde(default)]
    pub tails: Vec<Tail>,
    /// Every series of every metric.
    pub metrics: BTreeMap<String, Metric>,
    /// One entry per second.
    pub timeline: Vec<Second>,
    /// What the `heat` of a second counts by: calls that took at most so long.
    #[serde(default)]
    pub heat_edges_ms: Vec<f64>,
    /// How this tool fared.
    pub generator: Generator,
    /// What a reader must know before they believe the numbers.
    pub anomalies: Vec<Anomaly>,
    /// What to do about it.
    pub recommendations: Vec<String>,
    /// What each `--out` has got, in the order of the command line.
    #[serde(default)]
    pub outputs: Vec<Delivery>,
    /// What a search for the highest load came to; absent from other runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// How the targets of `--ab` compare; absent from other runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variants: Option<Variants>,
}

/// Which run it was.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Run {
    /// Unique.
    pub id: String,
    /// The test's name.
    pub name: String,
    /// The script's file, as the user named it.
    pub script: String,
    /// Of its text, in hex.
    pub script_sha256: String,
    /// RFC 3339, in UTC.
    pub started_at: String,
    /// Until the last iteration ended.
    pub duration_s: f64,
    /// Decided every random choice.
    pub seed: u64,
    /// Worker threads.
    pub threads: usize,
    /// Machines.
    pub agents: u32,
    /// The command line, without secrets and values of `--env`.
    #[serde(default)]
    pub command: Vec<String>,
    /// The plan in words, as `loadtool check` tells it.
    #[serde(default)]
    pub plan: String,
    /// The script's text, without secrets and cut where it is long.
    #[serde(default)]
    pub source: String,
    /// Where it ran.
    #[serde(default)]
    pub environment: Environment,
}

/// The machine that a run ran on; empty or null where it does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Environment {
    /// `linux`, `macos`.
    pub system: String,
    /// Of the system's kernel.
    pub release: String,
    /// `x86_64`, ….
    pub architecture: String,
    /// The processor's name.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: Option<u64>,
    /// Of the machine.
    pub memory_bytes: Option<u64>,
    /// How this tool was built: `release` or `debug`, which is several times slower.
    pub build: String,
}

/// All scenarios together, in phase `load`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Calls; latency is `http_call_duration`.
    pub calls: Total,
    /// Iterations that ended; latency is `iteration_response_time`.
    pub iterations: Total,
    /// In all phases, as serialised for HTTP/1.1.
    pub bytes_sent: u64,
    /// Likewise, before decoding.
    pub bytes_received: u64,
    /// In phase `load`, over its length.
    #[serde(default)]
    pub bytes_sent_per_s: f64,
    /// Likewise.
    #[serde(default)]
    pub bytes_received_per_s: f64,
    /// Errors of phase `load` by category.
    #[serde(default)]
    pub errors: BTreeMap<String, Rate>,
}

/// How many, and how many a second of the load that it is of.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// Over the time in which the scenario, or any, was in `load`.
    pub rate_per_s: f64,
}

/// One kind of thing that takes time and may fail.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Total {
    /// How many.
    pub count: u64,
    /// Of them, failed.
    pub failed: u64,
    /// Over the time in which any scenario was in `load`.
    pub rate_per_s: f64,
    /// How long they took.
    pub latency_ms: Distribution,
}

/// How this tool fared.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Generator {
    /// 100 is one core.
    pub cpu_percent_max: Option<f64>,
    /// Resident memory.
    pub rss_bytes_max: Option<u64>,
    /// Open descriptors.
    pub fds_max: Option<u64>,
    /// Of the busiest worker's thread; 100 is one core.
    #[serde(default)]
    pub worker_cpu_percent_max: Option<f64>,
    /// Threads of this process.
    #[serde(default)]
    pub threads_max: Option<u64>,
    /// TCP sockets of the machine in use or in TIME_WAIT.
    #[serde(default)]
    pub tcp_sockets_max: Option<u64>,
    /// Of a second that the control group was out of CPU quota.
    #[serde(default)]
    pub throttled_percent_max: Option<f64>,
    /// Of a second's CPU time of the machine that its host gave to others.
    #[serde(default)]
    pub steal_percent_max: Option<f64>,
    /// How late the workers' loops woke.
    pub loop_lag_ms: Distribution,
    /// Whether it was the bottleneck; null where that was not judged.
    pub saturated: Option<bool>,
}

/// What an output has got.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Delivery {
    /// `json`, `csv`, ….
    pub kind: String,
    /// Where to, without secrets.
    pub dest: String,
    /// What `written` counts: `second`, `row`, ….
    pub unit: String,
    /// How many of its unit were written.
    pub written: u64,
    /// Seconds that did not get there (of `samples`: requests).
    pub lost: u64,
    /// Whether it is a file, which was to be there in the end.
    pub file: bool,
    /// The first thing that went wrong.
    pub error: Option<String>,
}
