//! What a run will do: a validated [`Plan`] that never changes.
//!
//! Script and command line write a [`Draft`](draft::Draft); [`validate`](validate::validate)
//! makes it a Plan or tells every fault at once.

pub mod condition;
pub mod draft;
pub mod load;
pub mod threshold;
pub mod validate;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

pub use load::{Load, Stage};
pub use threshold::Threshold;

use crate::http::{CallOptions, TransportOptions};

/// The whole run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The test's name in reports.
    pub(crate) name: String,
    /// The script's file, as the user named it.
    pub(crate) script: PathBuf,
    /// Joined with URLs that start with `/`.
    pub(crate) base_url: Option<Url>,
    /// At least one; a `Place`'s scenario is an index into it.
    pub(crate) scenarios: Vec<Scenario>,
    /// The script's own, or the defaults; empty means `unjudged`.
    pub(crate) thresholds: Vec<Threshold>,
    /// On every sample.
    pub(crate) tags: BTreeMap<String, String>,
    /// For connections, all of them.
    pub(crate) transport: TransportOptions,
    /// How long `setup` may take.
    pub(crate) setup_timeout: Duration,
    /// Decides every random choice.
    pub(crate) seed: u64,
    /// Worker threads, at least 1.
    pub(crate) threads: usize,
}

/// One kind of user and how many of them there are.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Unique in the plan.
    pub(crate) name: Arc<str>,
    /// What an iteration runs: names and weights of the mix; one entry, the scenario's own name,
    /// if there is just `run`.
    pub(crate) mix: Vec<MixEntry>,
    /// Closed load.
    pub(crate) load: Load,
    /// Offset from the run's start, or from the end of another scenario.
    pub(crate) start: Start,
    /// First part of the load, kept apart.
    pub(crate) warmup: Duration,
    /// Iterations of a user start at its start + k × pace.
    pub(crate) pace: Option<Duration>,
    /// Users' first starts are spread over this.
    pub(crate) spread: Duration,
    /// Whether cookies and `lt.vu.vars` last across iterations.
    pub(crate) fresh_session: bool,
    /// Whose connections a user has.
    pub(crate) connections: Connections,
    /// How long iterations under way may finish after the end.
    pub(crate) graceful_stop: Duration,
    /// On every sample of this scenario.
    pub(crate) tags: BTreeMap<String, String>,
    /// Defaults of its calls: scenario over definition.
    pub(crate) http: Arc<CallOptions>,
}

/// When a scenario starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Index of the scenario whose end it waits for.
    pub after: Option<usize>,
    /// Then this long.
    pub offset: Duration,
}

/// One branch of an iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct MixEntry {
    /// Its name in the script.
    pub name: Arc<str>,
    /// Above 0.
    pub weight: f64,
}

/// Whose connections a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Connections {
    /// Its own, kept.
    #[default]
    Keep,
    /// Its own, new at each iteration.
    Fresh,
    /// The worker's.
    Shared,
}
