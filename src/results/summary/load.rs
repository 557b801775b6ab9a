//! What became of the load: of each scenario and each of its stages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::journey::Journey;
use super::{Distribution, Rate};
use crate::metrics::window::Lifecycle;

/// One scenario.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Scenario {
    /// Unique.
    pub name: String,
    /// `constant_vus`, ….
    pub kind: String,
    /// The life of its arrivals.
    pub iterations: Iterations,
    /// How far they and their requests came.
    #[serde(default)]
    pub boundaries: Boundaries,
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
    /// Errors of phase `load` by category, over its length.
    #[serde(default)]
    pub errors: BTreeMap<String, Rate>,
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

/// Where a shortfall arose: each is reached by fewer than the one before. From `prepared` on it is
/// requests that are counted, of which an iteration makes any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Boundaries {
    /// Arrivals whose time had come.
    pub due: u64,
    /// Requests that were made ready.
    pub prepared: u64,
    /// That were sent.
    pub sent: u64,
    /// Whose answer's head came.
    pub headers: u64,
    /// Whose answer came whole.
    pub bodies: u64,
}

impl Boundaries {
    /// What a scenario's arrivals reached.
    pub fn of(life: &Lifecycle) -> Boundaries {
        let Lifecycle { due, prepared, sent, headers, bodies, .. } = *life;
        Boundaries { due, prepared, sent, headers, bodies }
    }

    /// Adds others.
    pub fn add(&mut self, other: &Boundaries) {
        self.due += other.due;
        self.prepared += other.prepared;
        self.sent += other.sent;
        self.headers += other.headers;
        self.bodies += other.bodies;
    }
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
    /// From the actual start.
    #[serde(default)]
    pub duration_ms: Distribution,
}
