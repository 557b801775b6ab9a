//! A run as live views show it: a [`Point`] of their charts for each second, and [`Tables`] as they
//! stand. The dashboard sends them as JSON, the terminal draws them.

mod own;
mod point;
mod tables;

use std::collections::BTreeMap;
use std::time::Duration;

pub use self::own::OwnRow;
pub use self::point::{HealthPoint, Point};
pub use self::tables::{CheckRow, ErrorRow, ScenarioRow, Tables, ThresholdRow, TimedRow};
use crate::aggregator::Second;
use crate::metrics::{Selector, Window, metric};
use crate::plan::Plan;
use crate::results::SoFar;
use crate::results::tick::ScenarioTick;
use crate::secrets::Secrets;

/// Most points that a live view keeps. Of longer runs the older half is thinned: every other second
/// goes.
const MOST_POINTS: usize = 4_000;

/// Rows of a table at most: those that were called most.
const MOST_ROWS: usize = 200;

/// Adds a second's point to those that are kept.
pub fn keep<T>(points: &mut Vec<T>, point: T) {
    points.push(point);
    if points.len() > MOST_POINTS {
        let older = points.len() / 2;
        let mut place = 0;
        points.retain(|_| {
            place += 1;
            place > older || place % 2 == 1
        });
    }
}

/// What has been seen of a run so far.
pub struct View {
    about: About,
    /// What became of arrivals, by scenario.
    lives: Vec<ScenarioTick>,
    totals: Window,
    so_far: SoFar,
    seconds: u32,
    stage: String,
    /// Errors by category.
    categories: BTreeMap<String, u64>,
}

/// What is known of a run before it begins, without secrets.
#[derive(Debug, Clone)]
pub struct About {
    /// Its name.
    pub name: String,
    /// Planned length, where there is one.
    pub length: Option<Duration>,
    /// Its scenarios, in the plan's order.
    pub scenarios: Vec<String>,
}

impl About {
    /// Of a plan; `length` as far as it says anything of the run's.
    pub fn new(plan: &Plan, length: Option<Duration>, secrets: &Secrets) -> About {
        let names = plan.scenarios().iter().map(|one| secrets.mask(one.name()).into_owned());
        let name = secrets.mask(plan.name()).into_owned();
        About { name, length, scenarios: names.collect() }
    }
}

impl View {
    /// Of a run that has not begun.
    pub fn new(plan: &Plan, about: About) -> View {
        View {
            lives: vec![ScenarioTick::default(); about.scenarios.len()],
            about,
            totals: Window::default(),
            so_far: SoFar::new(plan),
            seconds: 0,
            stage: String::new(),
            categories: BTreeMap::new(),
        }
    }

    /// What was known before it began.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Takes a second in. What charts show of it; nothing if it came late, and adds only to tables.
    pub fn add(&mut self, second: &Second) -> Option<Point> {
        second.add_to(&mut self.totals);
        self.totals.busy.clear();
        for (life, tick) in self.lives.iter_mut().zip(&second.tick.scenarios) {
            add(life, tick, second.late);
        }
        for (category, count) in &second.tick.errors {
            *self.categories.entry(category.clone()).or_default() += count;
        }
        if second.late {
            return None;
        }
        self.seconds = self.seconds.max(second.tick.second + 1);
        self.so_far.second(&second.tick, &second.window);
        if let Some(stage) = stage(&second.window) {
            self.stage = stage;
        }
        Some(Point::of(&second.tick, self.stage.clone()))
    }
}

/// Counts add up, levels are the last; a late second's levels are old.
fn add(life: &mut ScenarioTick, tick: &ScenarioTick, late: bool) {
    let before = *life;
    *life = ScenarioTick {
        planned: before.planned + tick.planned,
        started: before.started + tick.started,
        completed: before.completed + tick.completed,
        failed: before.failed + tick.failed,
        interrupted: before.interrupted + tick.interrupted,
        dropped: before.dropped + tick.dropped,
        late: before.late + tick.late,
        ..if late { before } else { *tick }
    };
}

/// The stage that most iterations of a second were of, if any ended; of a warm-up just that.
fn stage(window: &Window) -> Option<String> {
    let iterations = Selector::of(metric::ITERATIONS).any("phase").any("outcome");
    let stages = window.group_by(&iterations, &["phase", "stage"]);
    let (most, _) = stages.iter().max_by_key(|(_, value)| value.counter())?;
    Some(match most[..] {
        ["warmup", ""] => "warm-up".to_owned(),
        [_, stage] => stage.to_owned(),
        _ => String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_is_thinned_where_it_is_old() {
        let mut points = Vec::new();
        (0..=MOST_POINTS).for_each(|second| keep(&mut points, second));
        assert_eq!(points.len(), MOST_POINTS + 1 - MOST_POINTS / 4);
        assert_eq!(points[..3], [0, 2, 4]);
        assert_eq!(points.last(), Some(&MOST_POINTS));
    }
}
