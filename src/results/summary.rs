//! The summary: every number of a run under the name that the JSON summary gives it.
//!
//! Field names and meanings are those of measurement.md, section 7, and never change within a
//! schema number; fields may be added. Times are milliseconds in fields that end in `_ms`,
//! seconds in `_s`; sizes are bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::journey::Journey;
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

/// How many, and how many a second.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// Over the time in which any scenario was in `load`.
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

/// One scenario.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Scenario {
    /// Unique.
    pub name: String,
    /// `constant_vus`, ….
    pub kind: String,
    /// The life of its arrivals.
    pub iterations: Iterations,
    /// Reason → count; only reasons that occurred.
    pub dropped_by_reason: BTreeMap<String, u64>,
    /// Share of planned arrivals that we started in time; null without a plan of starts.
    pub adherence_percent: Option<f64>,
    /// Iterations ended over the length of `load`.
    pub rate_per_s: f64,
    /// Length of `load`.
    pub load_s: f64,
    /// When its load began, warm-up included, since the run did; null if it never did.
    #[serde(default)]
    pub started_s: Option<f64>,
    /// Most users at once.
    pub vus_max: u64,
    /// The backlog grew to the end.
    pub unstable: bool,
    /// By how many arrivals per second, if it did.
    pub backlog_growth_per_s: Option<f64>,
    /// From the actual start, less `lt.think`.
    pub duration_ms: Distribution,
    /// From the intended start, less `lt.think`.
    pub response_time_ms: Distribution,
    /// Waiting for a free user.
    pub lag_users_ms: Distribution,
    /// Everything else between intended and actual start: ours.
    pub lag_generator_ms: Distribution,
    /// A row per stage of a ramp.
    pub stages: Vec<Stage>,
    /// The ten slowest iterations of phase `load`, whole, the slowest first.
    #[serde(default)]
    pub slowest: Vec<Journey>,
}

impl Scenario {
    /// Whether the plan says when each iteration starts, so that it may be served late.
    pub fn starts_are_planned(&self) -> bool {
        self.adherence_percent.is_some()
    }
}

/// Laws: planned = started + dropped; started = completed + failed + interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Iterations {
    /// Due before the scenario's end.
    pub planned: u64,
    /// Begun.
    pub started: u64,
    /// To the end, without a failure.
    pub completed: u64,
    /// By a failure of the journey.
    pub failed: u64,
    /// Cut off.
    pub interrupted: u64,
    /// Never begun.
    pub dropped: u64,
    /// Begun late by our doing; part of `started`.
    pub late: u64,
}

/// One stage of a ramp.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stage {
    /// Name or number.
    pub name: String,
    /// Planned length.
    pub duration_s: f64,
    /// Iterations that ended.
    pub iterations: u64,
    /// Of them, failed.
    pub failed: u64,
    /// Over the part of it that was measured, after the warm-up and until the load ended; null if
    /// there is none, as of a jump.
    pub rate_per_s: Option<f64>,
    /// From the intended start.
    pub response_time_ms: Distribution,
}

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
}

/// This tool and its machine in a second; null where the system does not show it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HealthOfSecond {
    /// Of each worker's thread; 100 is one core.
    pub worker_cpu_percent: Vec<u16>,
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

/// Something that bends the numbers, or was unusual in the course of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// One word, for programs: `dropped`, `overflow`, `high_latency`, ….
    pub kind: String,
    /// One sentence, for people.
    pub message: String,
    /// When and how far, of what was unusual in the course of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<Episode>,
}

impl Anomaly {
    /// Of the run as a whole.
    pub fn told(kind: &str, message: String) -> Anomaly {
        Anomaly { kind: kind.to_owned(), message, episode: None }
    }
}

/// A part of the run in which a series was not as usual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// How far off.
    pub severity: Severity,
    /// Which series, in words: `p95 of GET /login`.
    pub series: String,
    /// Its first second, since the run began.
    pub from_s: u32,
    /// The second after its last.
    pub to_s: u32,
    /// The worst second; of a level that changed or drifted, where it went.
    pub observed: f64,
    /// The other seconds' median; of a level that changed or drifted, where it came from.
    pub usual: f64,
    /// Of both: `ms`, `fraction`, `1/s`, `percent` or `bytes`.
    pub unit: String,
}

/// How far off something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Beyond what chance explains.
    Warning,
    /// Twice as far.
    Critical,
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
