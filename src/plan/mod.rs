//! What a run will do: a validated [`Plan`] that never changes.
//!
//! Script and command line write a [`Draft`](draft::Draft); [`validate`](validate::validate)
//! makes it a Plan or tells every fault at once.

pub mod baseline;
mod chart;
pub mod condition;
pub mod draft;
#[cfg(test)]
pub mod fixture;
mod connections;
mod curve;
mod explain;
pub mod load;
mod locate;
pub mod open;
mod options;
pub mod profile;
mod read;
pub mod retry;
pub mod search;
pub mod threshold;
pub mod validate;
pub mod variants;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

pub use baseline::Baseline;
pub use load::{Load, Stage};
pub use open::{Late, OpenLoad};
pub use threshold::Threshold;
pub use variants::{Trial, Variant};

use self::draft::Limits;
use self::search::Part;
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
    /// The targets that stand in for it, if the run is to compare some.
    pub(crate) trial: Option<Trial>,
    /// At least one; a `Place`'s scenario is an index into it.
    pub(crate) scenarios: Vec<Scenario>,
    /// What a search steers; empty where nothing is sought.
    pub(crate) steered: Vec<Part>,
    /// The script's own, or the defaults; empty means `unjudged`.
    pub(crate) thresholds: Vec<Threshold>,
    /// On every sample.
    pub(crate) tags: BTreeMap<String, String>,
    /// Defaults of the calls of `setup` and `teardown`; scenarios have their own.
    pub(crate) http: Arc<CallOptions>,
    /// For connections of `setup` and `teardown`; scenarios have their own.
    pub(crate) transport: TransportOptions,
    /// How much the script may compute and keep.
    pub(crate) limits: Limits,
    /// How long `setup` may take.
    pub(crate) setup_timeout: Duration,
    /// Decides every random choice.
    pub(crate) seed: u64,
    /// Worker threads, at least 1.
    pub(crate) threads: usize,
}

impl Plan {
    /// The test's name in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The script's file, as the user named it.
    pub fn script(&self) -> &Path {
        &self.script
    }

    /// Joined with request URLs that start with `/`.
    pub fn base_url(&self) -> Option<&Url> {
        self.base_url.as_ref()
    }

    /// At least one; a `Place`'s scenario is an index into it.
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// What a search steers, each with its share of the level; empty where nothing is sought.
    pub fn steered(&self) -> &[Part] {
        &self.steered
    }

    /// The script's own, or the defaults; empty means `unjudged`.
    pub fn thresholds(&self) -> &[Threshold] {
        &self.thresholds
    }

    /// From the run's start to the end of the last scenario's load; `None` if one of them ends
    /// when its iterations are done.
    pub fn length(&self) -> Option<Duration> {
        let ends = (0..self.scenarios.len()).map(|index| self.end_of(index));
        ends.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// The scenario of user `id` (from 1, in the run): users are counted scenario by scenario.
    pub fn scenario_of(&self, id: u64) -> Option<&str> {
        let mut before = 0;
        let scenario = self.scenarios.iter().find(|scenario| {
            before += scenario.load.peak_vus();
            id <= before
        });
        scenario.map(|scenario| &*scenario.name)
    }

    fn end_of(&self, index: usize) -> Option<Duration> {
        let scenario = &self.scenarios[index];
        let before = match scenario.start.after {
            Some(other) => self.end_of(other)?,
            None => Duration::ZERO,
        };
        scenario.load.is_timed().then(|| before + scenario.start.offset + scenario.load.length())
    }

    /// On every sample.
    pub fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    /// For connections of `setup` and `teardown`.
    pub fn transport(&self) -> &TransportOptions {
        &self.transport
    }

    /// How much the script may compute and keep.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// How long `setup` may take.
    pub fn setup_timeout(&self) -> Duration {
        self.setup_timeout
    }

    /// Decides every random choice.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Worker threads, at least 1.
    pub fn threads(&self) -> usize {
        self.threads
    }
}

/// One kind of user and how many of them there are.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Unique in the plan.
    pub(crate) name: Arc<str>,
    /// What an iteration runs: names and weights of the mix; one entry, the scenario's own name,
    /// if there is just `run`.
    pub(crate) mix: Vec<MixEntry>,
    /// How many users there are when, or how many iterations start when.
    pub(crate) load: Load,
    /// Offset from the run's start, or from the end of another scenario.
    pub(crate) start: Start,
    /// First part of the load, kept apart.
    pub(crate) warmup: Duration,
    /// Iterations of a user start at its start + k × pace, if the load is a closed one.
    pub(crate) pace: Option<Duration>,
    /// Users' first starts are spread over this.
    pub(crate) spread: Duration,
    /// Whether cookies and `lt.vu.vars` are new at each iteration, if that is said.
    pub(crate) session: Option<bool>,
    /// Whose connections a user has.
    pub(crate) connections: Connections,
    /// How long iterations under way may finish after the end.
    pub(crate) graceful_stop: Duration,
    /// On every sample of this scenario.
    pub(crate) tags: BTreeMap<String, String>,
    /// Defaults of its calls: scenario over definition.
    pub(crate) http: Arc<CallOptions>,
    /// For its users' connections: command line over scenario over definition.
    pub(crate) transport: TransportOptions,
}

impl Scenario {
    /// Unique in the plan.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What an iteration runs: one entry, or several to draw from by weight.
    pub fn mix(&self) -> &[MixEntry] {
        &self.mix
    }

    /// How many users there are when, or how many iterations start when.
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// When it starts.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// First part of the load, kept apart as phase `warmup`.
    pub fn warmup(&self) -> Duration {
        self.warmup
    }

    /// A user's iterations start at its start + k × pace.
    pub fn pace(&self) -> Option<Duration> {
        // Flags may have made an open load of a paced one.
        self.pace.filter(|_| !self.load.is_open())
    }

    /// Users' first starts are spread over this.
    pub fn spread(&self) -> Duration {
        if self.load.is_open() { Duration::ZERO } else { self.spread }
    }

    /// Whether cookies and `lt.vu.vars` are new at each iteration: in open loads, unless the script
    /// says otherwise.
    pub fn fresh_session(&self) -> bool {
        self.session.unwrap_or(self.load.is_open())
    }

    /// Whose connections a user has.
    pub fn connections(&self) -> Connections {
        self.connections
    }

    /// How long iterations under way may finish after the end.
    pub fn graceful_stop(&self) -> Duration {
        self.graceful_stop
    }

    /// On every sample of this scenario.
    pub fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    /// Defaults of its calls.
    pub fn http(&self) -> &Arc<CallOptions> {
        &self.http
    }

    /// For its users' connections.
    pub fn transport(&self) -> &TransportOptions {
        &self.transport
    }
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
