//! The scenarios that a search steers together, each with its part of every level.

use std::iter::Sum;
use std::ops::Range;
use std::time::Duration;

use crate::aggregator::Aggregator;
use crate::engine::helm::{Helm, Setting};
use crate::metrics::{MetricId, Selector};
use crate::plan::search::Axis;
use crate::plan::{Plan, search};
use crate::results::Tick;
use crate::results::format::{number, share};
use crate::results::run_info::ScenarioInfo;
use crate::results::tick::ScenarioTick;

/// What is steered.
pub(super) struct Mix {
    axis: Axis,
    parts: Vec<Part>,
}

/// One scenario of it.
pub(super) struct Part {
    helm: Helm,
    /// Its index in the plan.
    index: usize,
    /// What the plan says of it.
    pub info: ScenarioInfo,
    /// Of each level.
    pub share: f64,
}

impl Mix {
    /// Of what a plan says is steered; `helms` are by scenario.
    pub fn new(axis: Axis, plan: &Plan, helms: &[Helm]) -> Mix {
        let part = |part: &search::Part| Part {
            helm: helms[part.scenario].clone(),
            index: part.scenario,
            info: ScenarioInfo::of(&plan.scenarios()[part.scenario]),
            share: part.share,
        };
        Mix { axis, parts: plan.steered().iter().map(part).collect() }
    }

    /// From `from` on, all of them together come to `level`.
    pub fn set(&self, from: Duration, level: f64, stage: &str) {
        for (part, level) in self.at(level) {
            part.helm.set(Setting { from, level, stage: Some(stage.into()) });
        }
    }

    /// Each scenario and its part of a level.
    pub fn at(&self, level: f64) -> impl Iterator<Item = (&Part, f64)> {
        let shares: Vec<f64> = self.parts.iter().map(|part| part.share).collect();
        self.parts.iter().zip(self.axis.divide(level, &shares))
    }

    /// The scenarios.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether there are several.
    pub fn is_mixed(&self) -> bool {
        self.parts.len() > 1
    }

    /// Their names, in a row.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.parts.iter().map(Part::name).collect();
        names.join(", ")
    }

    /// `browse 8 (80 %), buy 2 (20 %)`: the parts of a level.
    pub fn told(&self, level: f64) -> String {
        let told = |(part, level): (&Part, f64)| {
            format!("{} {} ({})", part.name(), number(level), share(part.share))
        };
        self.at(level).map(told).collect::<Vec<_>>().join(", ")
    }

    /// A metric in a stage. Only what is steered has stages of a search, but a scenario that runs
    /// beside one may have named a stage of its own likewise.
    pub fn selector(&self, metric: MetricId, stage: &str) -> Selector {
        let all = Selector::of(metric).with("stage", stage);
        match self.parts.as_slice() {
            [alone] => alone.selector(all),
            _ => all,
        }
    }

    /// At the end of each second of a span, or within it, so many over all of them.
    pub fn seconds<N: Sum>(
        &self,
        aggregator: &Aggregator,
        span: &Range<Duration>,
        of: fn(&ScenarioTick, u32) -> N,
    ) -> Vec<N> {
        let mine = |tick: &Tick| {
            let parts = self.parts.iter().filter_map(|part| tick.scenarios.get(part.index));
            parts.map(|part| of(part, tick.second)).sum()
        };
        slice(aggregator.timeline(), span).iter().map(mine).collect()
    }
}

impl Part {
    /// The scenario's.
    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// Of what is selected, this scenario's.
    pub fn selector(&self, all: Selector) -> Selector {
        all.with("scenario", &self.info.name)
    }

    /// Iterations under way at the end of each second of a span.
    pub fn in_flight(&self, aggregator: &Aggregator, span: &Range<Duration>) -> Vec<u32> {
        let ticks = slice(aggregator.timeline(), span).iter();
        let mine = ticks.filter_map(|tick| tick.scenarios.get(self.index));
        mine.map(|tick| u32::try_from(tick.in_flight).unwrap_or(u32::MAX)).collect()
    }

    /// How many arrivals waited at the end of each second of a span.
    pub fn backlog<'a>(&self, aggregator: &'a Aggregator, span: &Range<Duration>) -> &'a [u32] {
        slice(aggregator.backlogs().get(self.index).map_or(&[][..], Vec::as_slice), span)
    }
}

/// The seconds of a span.
pub(super) fn slice<'a, T>(all: &'a [T], span: &Range<Duration>) -> &'a [T] {
    let (from, until) = (span.start.as_secs() as usize, span.end.as_secs() as usize);
    all.get(from..until.min(all.len())).unwrap_or_default()
}
