//! Whether data pools that give each row once last for a whole search, by the worst case of its
//! schedule and by what one user took of them in the rehearsal.
//!
//! On the axis of rates it is planned how many iterations there may be. On that of users only how
//! many users: each takes the rows of a user, and of at least one iteration.

use std::sync::Arc;

use super::LimitSpec;
use super::search::Strategy;
use crate::data::{Once, Pool};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::Plan;
use crate::results::format::{count, number};
use crate::run::rehearsal::{Appetite, Rehearsed};

impl LimitSpec {
    /// Refuses what would run out.
    pub(super) fn provide(&self, plan: &Plan, rehearsed: &Rehearsed) -> Result<(), Diagnostics> {
        let mut faults = self.unmet(plan, &rehearsed.claims);
        let appetites = &rehearsed.appetites;
        let mut judged: Vec<&Arc<Pool>> = Vec::new();
        for Appetite { pool, .. } in appetites {
            if judged.iter().any(|known| Arc::ptr_eq(known, pool)) {
                continue; // another scenario takes of it too
            }
            let demand = Demand::of(plan, appetites, pool);
            let needed = self.rows(&self.strategy, &demand);
            let has = pool.once().map_or(0, Once::left);
            if needed > has as f64 {
                let message = format!(
                    "{}: the search needs up to {} rows that are given once, and has {}",
                    pool.title(),
                    count(needed.ceil() as u64),
                    count(has)
                );
                faults.push(Diagnostic::new(message).hint(self.cure(&demand, has as f64)));
            }
            judged.push(pool);
        }
        if faults.is_empty() { Ok(()) } else { Err(Diagnostics(faults)) }
    }

    /// How many rows a search by `strategy` may take.
    fn rows(&self, strategy: &Strategy, demand: &Demand) -> f64 {
        match self.axis.is_rate() {
            true => self.most_iterations_of(strategy) * demand.per_iteration,
            false => strategy.highest() * (demand.per_user + demand.per_iteration),
        }
    }

    /// What can be done about it.
    fn cure(&self, demand: &Demand, has: f64) -> String {
        const AGAIN: &str =
            "have more rows, or use them again: pick = \"sequential\", at_end = \"recycle\"";
        let Strategy::Adaptive { from, to, .. } = self.strategy else {
            return format!("try lower levels, hold them for less time, {AGAIN}");
        };
        let suffices = |to: f64| self.rows(&self.strategy.up_to(to), demand) <= has;
        if !suffices(from) {
            return format!("hold levels for less time, {AGAIN}");
        }
        // The highest level that they suffice for, to a part in a thousand.
        let (mut low, mut high) = (from, to);
        while high > low * 1.001 {
            let middle = (low * high).sqrt();
            if suffices(middle) { low = middle } else { high = middle }
        }
        format!("--to {} is how far they go; else {AGAIN}", number(two_digits(low).max(from)))
    }
}

/// What a search takes of one pool: rows for each unit of its level.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Demand {
    per_user: f64,
    per_iteration: f64,
}

impl Demand {
    /// By all that is steered.
    fn of(plan: &Plan, appetites: &[Appetite], pool: &Arc<Pool>) -> Demand {
        let mut demand = Demand { per_user: 0.0, per_iteration: 0.0 };
        for appetite in appetites.iter().filter(|one| Arc::ptr_eq(&one.pool, pool)) {
            let part = plan.steered().iter().find(|part| part.scenario == appetite.scenario);
            let share = part.map_or(0.0, |part| part.share);
            demand.per_user += share * appetite.per_user as f64;
            demand.per_iteration += share * appetite.per_iteration;
        }
        demand
    }
}

/// Rounded down to two digits.
fn two_digits(level: f64) -> f64 {
    let digit = 10f64.powf(level.log10().floor() - 1.0);
    (level / digit).floor() * digit
}

#[cfg(test)]
mod tests {
    use super::super::schedule::tests::spec;
    use super::*;
    use crate::plan::search::Axis;

    #[test]
    fn the_cure_is_a_level_that_the_rows_suffice_for() {
        let demand = Demand { per_user: 0.0, per_iteration: 2.0 };
        let adaptive = Strategy::Adaptive { from: 10.0, to: 1e5, precision: 0.05, whole: false };
        let spec = spec(adaptive);
        let told = spec.cure(&demand, 50_000.0);
        let level: f64 = told.split(' ').nth(1).unwrap().replace(',', "").parse().unwrap();
        let needed = |to| spec.rows(&spec.strategy.up_to(to), &demand);
        assert!(needed(level) <= 50_000.0 && needed(level * 1.5) > 50_000.0, "{told}");
        assert!(spec.cure(&demand, 10.0).starts_with("hold levels for less time"));
    }

    #[test]
    fn users_take_their_own_rows_and_those_of_an_iteration() {
        let demand = Demand { per_user: 1.0, per_iteration: 0.5 };
        let listed = Strategy::Listed { levels: vec![10.0, 200.0], run_all: true };
        let spec = LimitSpec { axis: Axis::Users, ..spec(listed) };
        assert_eq!(spec.rows(&spec.strategy, &demand), 300.0);
        assert!(spec.cure(&demand, 1.0).starts_with("try lower levels"));
    }

    #[test]
    fn levels_are_rounded_down() {
        assert_eq!([1_234.0, 99.9, 7.77].map(two_digits), [1_200.0, 99.0, 7.7]);
    }
}
