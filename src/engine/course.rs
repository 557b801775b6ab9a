//! A scenario's load as every worker reads it: who iterates when, how often, in which stage.

use std::time::Duration;

use crate::metrics::Phase;
use crate::pace::VuProfile;
use crate::plan::{Load, OpenLoad, Scenario};

/// How many iterations there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// As many as fit into the time.
    Time,
    /// So many for each user.
    Each(u64),
    /// So many for all users together.
    Shared(u64),
}

impl Quota {
    /// The planned total over `vus` users; `None` if time decides.
    pub fn total(self, vus: u64) -> Option<u64> {
        match self {
            Quota::Time => None,
            Quota::Each(iterations) => Some(iterations * vus),
            Quota::Shared(iterations) => Some(iterations),
        }
    }
}

/// The load of one scenario, from its own start.
#[derive(Debug, Clone)]
pub struct Course {
    /// Which users are wanted when; of an open load, who may be there when.
    pub profile: VuProfile,
    /// When iterations start, unless each user starts its own.
    pub open: Option<OpenLoad>,
    /// How many iterations there are.
    pub quota: Quota,
    /// How many users there are until somebody says otherwise, if that is not for the plan to say.
    pub by_hand: Option<u64>,
    /// Ends of the stages and their names; empty unless the load ramps.
    stages: Vec<(Duration, String)>,
    warmup: Duration,
    /// How long a user that a ramp takes away may finish its iteration.
    pub ramp_down: Duration,
}

impl Course {
    /// Of a scenario of a plan.
    pub fn of(scenario: &Scenario) -> Course {
        let load = scenario.load();
        let quota = match load {
            Load::PerVuIterations { iterations, .. } => Quota::Each(*iterations),
            Load::SharedIterations { iterations, .. } => Quota::Shared(*iterations),
            _ => Quota::Time,
        };
        let ramp_down = match load {
            Load::RampingVus { graceful_ramp_down, .. } => *graceful_ramp_down,
            _ => Duration::ZERO,
        };
        let by_hand = match load {
            Load::Manual { vus, .. } => Some(*vus),
            _ => None,
        };
        let open = match load {
            Load::Open(load) => Some(load.clone()),
            _ => None,
        };
        let (profile, stages) = (load.users(), stage_ends(load));
        Course { profile, open, quota, by_hand, stages, warmup: scenario.warmup(), ramp_down }
    }

    /// How many ends make up the end of the scenario, over `workers` of them: those of its users,
    /// or of an open load's crews.
    pub fn ends(&self, workers: u64) -> u64 {
        if self.open.is_some() { workers } else { self.profile.peak() }
    }

    /// How many users are made before the run.
    pub fn made_beforehand(&self) -> u64 {
        self.open.as_ref().map_or_else(|| self.profile.peak(), |open| open.vus)
    }

    /// The phase of an iteration that is meant to start at `t`.
    pub fn phase_at(&self, t: Duration) -> Phase {
        if t < self.warmup { Phase::Warmup } else { Phase::Load }
    }

    /// The stage that `t` lies in.
    pub fn stage_at(&self, t: Duration) -> Option<&str> {
        let stage = self.stages.iter().find(|(end, _)| t < *end).or(self.stages.last())?;
        Some(&stage.1)
    }
}

fn stage_ends(load: &Load) -> Vec<(Duration, String)> {
    let mut end = Duration::ZERO;
    let ends = load.stages().iter().map(|stage| {
        end += stage.duration;
        (end, stage.name.clone())
    });
    ends.collect()
}
