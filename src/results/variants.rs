//! What a run against several targets came to: each is held against the first, second by second.
//!
//! Seconds are gathered while the run goes on ([`Sides`]) and compared when it is over. A long run
//! is told in longer ones, so what is kept is bounded: some 600 places a series.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{ScenarioInfo, format};
use crate::compare::series::{Key, Loads, Run, even, meaning};
use crate::compare::{Comparison, Method, Row, Verdict, compare_paired};
use crate::metrics::Window;
use crate::metrics::tags::VARIANT;
use crate::plan::{Trial, Variant};

/// Places of seconds; beyond them, two become one.
const MOST_PLACES: u32 = 600;

/// Changes that a reason names; the table has them all.
const NAMED: usize = 3;

/// Which targets are compared in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Targets {
    /// The least change that matters, as a part.
    pub min_change: f64,
    /// What the others are held against.
    pub base: Target,
    /// The others, in order.
    pub candidates: Vec<Target>,
}

/// How targets compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variants {
    /// The least change that matters, as a part.
    pub min_change: f64,
    /// What the others are held against.
    pub base: Target,
    /// The others, in order.
    pub candidates: Vec<Candidate>,
}

/// One of the targets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Target {
    /// The `variant` tag.
    pub name: String,
    /// Where it is, without a password.
    pub base_url: String,
}

/// One that was held against the base.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Candidate {
    /// Which.
    #[serde(flatten)]
    pub target: Target,
    /// How it differs.
    #[serde(flatten)]
    pub comparison: Comparison,
}

impl Variants {
    /// What is worse than the base, a sentence for each candidate that is.
    pub fn worse(&self) -> Vec<String> {
        self.candidates.iter().filter_map(|one| self.worse_in(one)).collect()
    }

    fn worse_in(&self, candidate: &Candidate) -> Option<String> {
        let is_worse = |row: &&Row| row.verdict == Verdict::Regression;
        let rows: Vec<&Row> = candidate.comparison.rows.iter().filter(is_worse).collect();
        let told = rows.iter().take(NAMED).map(|row| {
            format!("{} {} {}", row.series, row.stat.as_str(), format::change(row.change))
        });
        let told = told.collect::<Vec<_>>().join(", ");
        let more = match rows.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let (name, base) = (&candidate.target.name, &self.base.name);
        (!rows.is_empty()).then(|| format!("{name} is worse than {base}: {told}{more}"))
    }

    /// Whether there was enough to tell anything at all.
    pub fn can_tell(&self) -> bool {
        let mut rows = self.candidates.iter().flat_map(|one| &one.comparison.rows);
        rows.any(|row| row.verdict != Verdict::TooFew)
    }
}

/// The seconds of each variant, as they come.
#[derive(Debug)]
pub struct Sides {
    targets: Targets,
    /// As many as there are targets, in their order.
    runs: Vec<Run>,
    /// How often two places became one.
    halvings: u32,
}

impl Sides {
    /// Of a run that has not begun.
    pub fn new(targets: Targets) -> Sides {
        let runs = targets.all().map(|_| Run::default()).collect();
        Sides { targets, runs, halvings: 0 }
    }

    /// Adds a second, or what came late of one.
    pub fn note(&mut self, window: &Window) {
        let place = self.place(window.second);
        for row in &window.rows {
            let tag = |name: &str| row.tags.get(name).map_or("", |value| value);
            let name = tag(VARIANT);
            let Some(side) = self.targets.all().position(|one| one.name == name) else { continue };
            for (id, value) in &row.values {
                if let Some((key, what)) = meaning(&id.metric().name, tag) {
                    self.runs[side].add(&key, what, place, value);
                }
            }
        }
    }

    fn place(&mut self, second: u32) -> usize {
        while second >> self.halvings >= MOST_PLACES {
            self.runs.iter_mut().for_each(Run::halve);
            self.halvings += 1;
        }
        (second >> self.halvings) as usize
    }

    /// Compares what came of these scenarios' loads; `seed` decides the draws.
    pub fn conclude(&mut self, scenarios: &[ScenarioInfo], seed: u64) -> Variants {
        let loads: Loads = scenarios.iter().map(load).collect();
        self.runs.iter_mut().for_each(|run| run.loads = loads.clone());
        even(&mut self.runs);
        let Targets { min_change, base, candidates } = &self.targets;
        let method = Method { least: *min_change, seed };
        let (first, others) = self.runs.split_first().expect("there is a run for each target");
        let candidate = |(target, run): (&Target, &Run)| {
            let remarks = [(base, first), (target, run)].into_iter().filter_map(elsewhere);
            Candidate {
                target: target.clone(),
                comparison: Comparison {
                    remarks: remarks.collect(),
                    ..compare_paired(first, run, method)
                },
            }
        };
        Variants {
            min_change: *min_change,
            base: base.clone(),
            candidates: candidates.iter().zip(others).map(candidate).collect(),
        }
    }
}

impl Targets {
    /// Of a run that compares.
    pub fn of(trial: &Trial) -> Targets {
        let mut targets = trial.variants.iter().map(Target::of);
        Targets {
            min_change: trial.min_change,
            base: targets.next().expect("there are two at least"),
            candidates: targets.collect(),
        }
    }

    /// The same, told otherwise.
    pub fn map(self, told: impl Fn(Target) -> Target) -> Targets {
        let Targets { min_change, base, candidates } = self;
        let candidates = candidates.into_iter().map(&told).collect();
        Targets { min_change, base: told(base), candidates }
    }

    fn all(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(&self.base).chain(&self.candidates)
    }
}

/// Calls whose URLs name another place than the target, with their origin in their name.
fn elsewhere((target, run): (&Target, &Run)) -> Option<String> {
    let is_elsewhere = |key: &&Key| {
        let name = key.call.split_once(' ').map_or("", |(_, name)| name);
        !name.starts_with('/') && name.contains("://")
    };
    let calls: BTreeSet<&str> =
        run.series.keys().filter(is_elsewhere).map(|key| key.call.as_str()).collect();
    let first = calls.first()?;
    let more = match calls.len() - 1 {
        0 => String::new(),
        more => format!(" and {} more", format::count(more as u64)),
    };
    let name = &target.name;
    Some(format!(
        "not all calls of {name} went to it, for absolute URLs go where they say: {first}{more}"
    ))
}

/// When a scenario was in phase `load` [s].
fn load(scenario: &ScenarioInfo) -> (String, Range<f64>) {
    let span = scenario.measured();
    (scenario.name.to_string(), span.start.as_secs_f64()..span.end.as_secs_f64())
}

impl Target {
    fn of(variant: &Variant) -> Target {
        Target { name: variant.name.to_string(), base_url: variant.shown() }
    }
}

#[cfg(test)]
mod tests;
