//! Whether data pools of which each user has a row for itself have rows for all users that a search
//! may make. Where rows are leased and too few, users wait for rows and not for the target, and the
//! limit that is found would be the pool's.
//!
//! On the axis of rates, as many users lease a row as iterations are under way: by Little's law at
//! least those per second times what one took in the rehearsal, when nobody else was there.

use super::LimitSpec;
use crate::data::{Pool, RowHold};
use crate::diagnostic::Diagnostic;
use crate::plan::Plan;
use crate::results::format::{count, counted, number};
use crate::run::rehearsal::Claim;

/// Users of all scenarios that claim rows of one pool.
struct Claimed<'c> {
    pool: &'c Pool,
    hold: RowHold,
    /// Who must have one.
    users: u64,
    /// By how many it grows with each unit of the level; 0 where it does not.
    per_level: f64,
}

impl LimitSpec {
    /// A fault for each pool with too few rows.
    pub(super) fn unmet(&self, plan: &Plan, claims: &[Claim]) -> Vec<Diagnostic> {
        let mut all: Vec<Claimed> = Vec::new();
        for claim in claims {
            let Some(next) = self.claimed(plan, claim) else { continue };
            match all.iter_mut().find(|known| std::ptr::eq(known.pool, next.pool)) {
                None => all.push(next),
                Some(known) => known.add(&next),
            }
        }
        all.iter().filter_map(|claimed| self.unmet_of(claimed)).collect()
    }

    /// `None` for a scenario that is not steered.
    fn claimed<'c>(&self, plan: &Plan, claim: &'c Claim) -> Option<Claimed<'c>> {
        let part = plan.steered().iter().find(|part| part.scenario == claim.scenario)?;
        let per_level = match (self.axis.is_rate(), claim.hold) {
            (false, _) => part.share,
            (true, RowHold::Iteration) => part.share * claim.took.as_secs_f64(),
            (true, RowHold::Always) => 0.0,
        };
        let most = plan.scenarios()[claim.scenario].load().peak_vus();
        let users = match per_level > 0.0 {
            true => ((per_level * self.strategy.highest()).ceil() as u64).min(most),
            false => most,
        };
        Some(Claimed { pool: &claim.pool, hold: claim.hold, users, per_level })
    }

    fn unmet_of(&self, claimed: &Claimed) -> Option<Diagnostic> {
        let rows = claimed.pool.len() as u64;
        if claimed.users <= rows {
            return None;
        }
        let (users, title) = (count(claimed.users), claimed.pool.title());
        let message = match claimed.hold {
            RowHold::Always => format!(
                "{title}: each user has a row of its own, and the search may make {users} users \
                 for {}",
                counted(rows, "row")
            ),
            RowHold::Iteration => format!(
                "{title}: at the highest level {users} users lease a row at a time, and it has {}: \
                 they would wait for rows and not for the target",
                counted(rows, "row")
            ),
        };
        Some(Diagnostic::new(message).hint(self.cure_of(claimed, rows)))
    }

    fn cure_of(&self, claimed: &Claimed, rows: u64) -> String {
        let more = match claimed.hold {
            RowHold::Always => "have more rows, or use them again: at_end = \"recycle\"",
            RowHold::Iteration => "have more rows",
        };
        if claimed.per_level == 0.0 {
            return format!("--max-vus {rows} makes no more users; else {more}");
        }
        let suffice = (rows as f64 / claimed.per_level).floor();
        match suffice >= self.from_level() {
            true => {
                format!("levels up to {} are what they suffice for; else {more}", number(suffice))
            }
            false => more.to_owned(),
        }
    }
}

impl Claimed<'_> {
    /// Of another scenario. User n of each keeps row n, so there they share; leases they do not.
    fn add(&mut self, other: &Claimed) {
        match self.hold {
            RowHold::Always => {
                self.users = self.users.max(other.users);
                self.per_level = self.per_level.max(other.per_level);
            }
            RowHold::Iteration => {
                self.users += other.users;
                self.per_level += other.per_level;
            }
        }
    }
}
