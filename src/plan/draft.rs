//! What script and command line say, before anyone judged it.
//!
//! A definition is a tree of plain values; what stands where in the source is found by path when
//! a fault must be told, so that drafting costs nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::baseline::Baseline;
use super::profile::Profile;
use super::search::Reach;
use crate::diagnostic::Diagnostic;
use crate::metrics::own::OwnMetrics;

/// A value of the definition table.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// `true`, `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string (UTF-8; other bytes were replaced).
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A table with string keys, sorted by key. `List` and `Map` of an empty table: `Map`.
    Map(Vec<(String, Node)>),
    /// A table with both: its sequence, and its string keys, sorted. `{ "p95 < 1s", each = true }`.
    Mixed(Vec<Node>, Vec<(String, Node)>),
    /// A Lua function; it stays in Lua.
    Function,
    /// Anything else, named by its Lua type, or a table with other keys.
    Other(&'static str),
}

/// Calls functions of the definition, which stay in Lua: what the one at a path gives at each of
/// some times [s].
pub type Sampler<'f> = &'f dyn Fn(&[&str], &[f64]) -> Result<Vec<Node>, Diagnostic>;

/// The script as read, and what the command line adds.
#[derive(Debug, Clone)]
pub struct Draft {
    /// As the user named it.
    pub script: PathBuf,
    /// Its text, to find lines in.
    pub source: Arc<str>,
    /// What it returned: `Function`, or a `Map`.
    pub definition: Node,
    /// The metrics that it declared.
    pub metrics: OwnMetrics,
    /// What the command line said.
    pub flags: Flags,
}

/// What the command line may set; a flag wins over the script.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--scenario`: which one the load flags are for.
    pub scenario: Option<String>,
    /// `--vus`.
    pub vus: Option<u64>,
    /// `--rate`, in arrivals per second.
    pub rate: Option<f64>,
    /// `--max-vus`, of an open load.
    pub max_vus: Option<u64>,
    /// `--duration`.
    pub duration: Option<Duration>,
    /// `--iterations`: the total over users.
    pub iterations: Option<u64>,
    /// `--profile`.
    pub profile: Option<Profile>,
    /// `--stage D:N`, in order.
    pub stages: Vec<(Duration, f64)>,
    /// What `loadtool limit` steers, in place of any of the flags above.
    pub search: Option<Reach>,
    /// `--base-url`.
    pub base_url: Option<String>,
    /// `--ab`: the targets that are compared, as typed.
    pub ab: Option<String>,
    /// `--min-change`: the least change between them that matters, as a part.
    pub min_change: Option<f64>,
    /// `--seed`; else one is drawn.
    pub seed: Option<u64>,
    /// `--threads`; else all cores.
    pub threads: Option<usize>,
    /// `--threshold SELECTOR: CONDITION`, as typed.
    pub thresholds: Vec<String>,
    /// `--baseline`: what relative thresholds are relative to.
    pub baseline: Option<Arc<Baseline>>,
    /// `--trace`.
    pub trace: bool,
    /// `--tag K=V`.
    pub tags: Vec<(String, String)>,
    /// Those that are about connections.
    pub connections: ConnectionFlags,
    /// `--script-cpu-limit`, `--script-memory-limit`.
    pub limits: Limits,
}

/// What the command line says of connections, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct ConnectionFlags {
    /// `--http-version`.
    pub http_version: Option<String>,
    /// `--insecure`.
    pub insecure: bool,
    /// `--cacert`.
    pub cacert: Option<PathBuf>,
    /// `--cert`.
    pub cert: Option<PathBuf>,
    /// `--key`.
    pub key: Option<PathBuf>,
    /// `--proxy`.
    pub proxy: Option<String>,
    /// `--resolve NAME=ADDR`, in order.
    pub resolve: Vec<String>,
    /// `--local-address`, in order.
    pub local_addresses: Vec<String>,
    /// `--user-agent`.
    pub user_agent: Option<String>,
}

/// How much a script may compute and keep; what is not said has its default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// How long a user may compute between two waits: `script_cpu_limit`.
    pub cpu: Option<Duration>,
    /// Lua's heap of one worker [bytes]: `script_memory_limit`.
    pub memory: Option<u64>,
}

impl Limits {
    /// Below it a slow machine convicts the innocent.
    pub const LEAST_CPU: Duration = Duration::from_millis(10);
    /// Below it there is no room for the tool's own Lua and a user.
    pub const LEAST_MEMORY: u64 = 4 << 20;

    /// These, and what they do not say as in `other`.
    pub fn over(self, other: Limits) -> Limits {
        Limits { cpu: self.cpu.or(other.cpu), memory: self.memory.or(other.memory) }
    }
}

impl Draft {
    /// A path as the script means it: relative to its own folder.
    pub(super) fn beside(&self, file: &str) -> PathBuf {
        self.script.parent().map_or_else(|| file.into(), |folder| folder.join(file))
    }
}
