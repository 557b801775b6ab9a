//! What was unusual in the course of a run: seconds far from the others, levels that changed at once,
//! series that drifted.
//!
//! Looked at is only where the load itself stayed as it was ([`ScenarioInfo::steady`]): without
//! warm-up, ramps and drain, and without what is steered. What deviates must be more than chance
//! ([`excursion`], [`drift`]), and enough to matter to somebody ([`series`]). An ordinary quiet run
//! says nothing; how often one does is held by simulations in the tests.

mod drift;
mod excursion;
mod series;

use std::ops::Range;

use self::drift::{Movement, movement};
use self::excursion::{Excursion, FALSE_ALARMS, LEAST_SECONDS, Scaled, excursions};
use self::series::{Kind, Series};
use super::build::Sources;
use super::format::clock;
use super::run_info::ScenarioInfo;
use super::summary::{Anomaly, Episode, Severity};

/// Seconds after a level was reached in which connections are opened and caches fill.
const SETTLING: usize = 2;

/// Twice the bar is no longer a warning.
const CRITICAL: f64 = 2.0;

/// Anomalies that are told.
const MOST: usize = 20;

/// Everything unusual, in the order of its beginnings; of very much the worst.
pub fn unusual(sources: &Sources) -> Vec<Anomaly> {
    let stretches = stretches(sources);
    let all: Vec<Series> =
        stretches.iter().flat_map(|stretch| series::all(sources, stretch.clone())).collect();
    let seconds = all.iter().map(Series::tests).sum();
    let mut found: Vec<Found> = Vec::new();
    for series in &all {
        found.extend(of_series(series, seconds, all.len()));
    }
    let mut found = folded(found);
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(MOST);
    found.sort_by_key(|one| (one.from_s, one.to_s));
    found.iter().map(Found::told).collect()
}

/// Seconds in a row in which every scenario that is under load stays at one level, and none comes
/// or goes.
fn stretches(sources: &Sources) -> Vec<Range<usize>> {
    let scenarios = &sources.run.scenarios;
    let states: Vec<Option<Vec<usize>>> =
        (0..sources.timeline.len()).map(|second| state(scenarios, second)).collect();
    let mut stretches = Vec::new();
    let mut at = 0;
    for same in states.chunk_by(|a, b| a == b) {
        let (from, to) = (at + SETTLING, at + same.len());
        at = to;
        if same[0].is_some() && to >= from + LEAST_SECONDS {
            stretches.push(from..to);
        }
    }
    stretches
}

/// Which levels hold through a second: of each scenario the number of its level, from 1; 0 if it is
/// not under load. `None` if a scenario is under way between levels, or none is under load.
fn state(scenarios: &[ScenarioInfo], second: usize) -> Option<Vec<usize>> {
    let (begin, end) = (second as f64, second as f64 + 1.0);
    let mut levels = Vec::with_capacity(scenarios.len());
    for scenario in scenarios {
        let holds = |span: &Range<std::time::Duration>| {
            span.start.as_secs_f64() <= begin && end <= span.end.as_secs_f64()
        };
        let began = scenario.began.as_secs_f64();
        let away = end <= began || begin > scenario.ended.as_secs_f64() + 1.0;
        match scenario.steady.iter().position(holds) {
            Some(level) => levels.push(level + 1),
            None if away => levels.push(0),
            None => return None,
        }
    }
    levels.iter().any(|level| *level > 0).then_some(levels)
}

/// Something unusual in one series, or in several at the same time.
#[derive(Debug, Clone)]
struct Found {
    kind: Kind,
    shape: Shape,
    name: String,
    from_s: u32,
    /// The second after its last.
    to_s: u32,
    observed: f64,
    usual: f64,
    /// Of an excursion, as a multiple of the bar.
    score: f64,
    /// Other series of its kind that it is in.
    others: u64,
}

/// What the series did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Excursion,
    Step,
    Drift,
}

fn of_series(series: &Series, seconds: usize, of_all: usize) -> Vec<Found> {
    let mut values = series.scaled();
    let mut found = far_seconds(series, &mut values, 0..series.len(), seconds);
    if !series.kind.has_levels() {
        return found;
    }
    let chance = FALSE_ALARMS / of_all.max(1) as f64;
    match movement(&values, chance) {
        Some(Movement::Step { at, .. }) if series.matters(at) => {
            found.push(series.step(at));
            for part in [0..at, at..series.len()] {
                found.extend(far_seconds(series, &mut values, part, seconds));
            }
        }
        Some(Movement::Drift { from, to }) => found.extend(series.drift(from, to)),
        _ => {}
    }
    found
}

/// What is far off in a part of a series, which is taken out of `values`.
fn far_seconds(
    series: &Series,
    values: &mut [f64],
    part: Range<usize>,
    tests: usize,
) -> Vec<Found> {
    let scaled = Scaled { values: &values[part.clone()], floor: series.floor() };
    let far = excursions(scaled, tests);
    for one in &far {
        values[part.start + one.from..=part.start + one.last].fill(f64::NAN);
    }
    let Some(usual) = series.usual(values) else { return Vec::new() };
    let told = |one: &Excursion| {
        let worst = part.start + one.worst;
        let found = series.found(Shape::Excursion, series.values[worst], usual);
        let from_s = series.second(part.start + one.from);
        let to_s = series.second(part.start + one.last + 1);
        let is_unusual = series.is_unusual(worst, usual, tests);
        is_unusual.then_some(Found { from_s, to_s, score: one.score, ..found })
    };
    far.iter().filter_map(told).collect()
}

impl Series {
    /// Whether the levels before and after differ by as much as anybody cares for.
    fn matters(&self, at: usize) -> bool {
        let [before, after] = [0..at, at..self.len()].map(|part| self.level(part));
        self.kind.is_other_level(before, after)
    }

    fn step(&self, at: usize) -> Found {
        let [before, after] = [0..at, at..self.len()].map(|part| self.level(part));
        let found = self.found(Shape::Step, after, before);
        Found { from_s: self.second(at), to_s: self.second(self.len()), ..found }
    }

    /// Along a line on the scale of [`Series::scaled`].
    fn drift(&self, from: f64, to: f64) -> Option<Found> {
        let (before, after) = (self.unscaled(from), self.unscaled(to));
        let found = self.found(Shape::Drift, after, before);
        let whole = Found { from_s: self.second(0), to_s: self.second(self.len()), ..found };
        self.kind.is_other_level(before, after).then_some(whole)
    }

    fn found(&self, shape: Shape, observed: f64, usual: f64) -> Found {
        Found {
            kind: self.kind,
            shape,
            name: self.name.clone(),
            from_s: 0,
            to_s: 0,
            observed,
            usual,
            score: CRITICAL, // what concerns the whole run is told before small excursions
            others: 0,
        }
    }
}

/// Of what happened to several series of a kind at the same time, the one that it hit hardest.
fn folded(mut found: Vec<Found>) -> Vec<Found> {
    let hit = |one: &Found| match one.shape {
        Shape::Excursion => one.score,
        _ => (one.observed.max(one.usual) / one.observed.min(one.usual).max(1e-9)).abs(),
    };
    found.sort_by(|a, b| hit(b).total_cmp(&hit(a)));
    let mut folded: Vec<Found> = Vec::new();
    for one in found {
        match folded.iter_mut().find(|known| known.is_with(&one)) {
            Some(known) => {
                known.others += u64::from(known.name != one.name);
                known.from_s = known.from_s.min(one.from_s);
                known.to_s = known.to_s.max(one.to_s);
            }
            None => folded.push(one),
        }
    }
    folded
}

impl Found {
    /// Whether both are of one event.
    fn is_with(&self, other: &Found) -> bool {
        let same = self.kind == other.kind
            && self.shape == other.shape
            && (self.observed > self.usual) == (other.observed > other.usual);
        same && match self.shape {
            Shape::Step => self.from_s.abs_diff(other.from_s) <= 5,
            _ => self.from_s <= other.to_s && other.from_s <= self.to_s,
        }
    }

    fn told(&self) -> Anomaly {
        let severe = self.shape == Shape::Excursion && self.score >= CRITICAL;
        let kind = match self.shape {
            Shape::Excursion => self.kind.as_str(),
            Shape::Step => "level_changed",
            Shape::Drift => "drift",
        };
        let episode = Episode {
            severity: if severe { Severity::Critical } else { Severity::Warning },
            series: self.name.clone(),
            from_s: self.from_s,
            to_s: self.to_s,
            observed: self.observed,
            usual: self.usual,
            unit: self.kind.unit().to_owned(),
        };
        Anomaly { episode: Some(episode), ..Anomaly::told(kind, self.sentence()) }
    }

    fn sentence(&self) -> String {
        let others = match self.others {
            0 => String::new(),
            1 => ", and that of another call".to_owned(),
            others => format!(", and those of {others} other calls"),
        };
        let (from, to) = (clock(self.from_s.into()), clock(self.to_s.into()));
        let (name, kind) = (&self.name, self.kind);
        let (observed, usual) = (kind.quantity(self.observed), kind.quantity(self.usual));
        match self.shape {
            Shape::Excursion => {
                format!("from {from} to {to}: {name} {observed}, usually {usual}{others}")
            }
            Shape::Step => format!(
                "from {from} on: {name} {observed}, before {usual}{others}: numbers of the whole run mix \
                 both levels"
            ),
            Shape::Drift => format!(
                "from {from} to {to}: {name} drifts from {usual} to {observed}{others}: percentiles \
                 mean how long the run was, not a steady state"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
