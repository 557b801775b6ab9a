//! Which load to try next: a search for the highest one that holds, as a state machine without
//! clock or I/O. Whoever drives it asks for the next [`step`](Search::step), holds it, and tells
//! the verdict.
//!
//! ```text
//! ramp: × 1.5 (users: × 1.2) from the first level to the first trip    (short; the first one full)
//!   ─▶ narrow: the geometric middle, until the bracket is as narrow as asked      (short holds)
//!   ─▶ confirm: lower and upper bound in turn, L U L U L, the majority decides     (full holds)
//!   ─▶ again: a level that tripped below the lower bound, until the majority decides  (full holds)
//!   ─▶ drift: the first level that passed once more                                (full hold)
//! ```
//!
//! That trials are repeated at both bounds and decided by majority, short ones only steering, is
//! the idea of MLRsearch (IETF draft-ietf-bmwg-mlrsearch); the search for a throughput by trials
//! of fixed length is RFC 2544, section 26.1.

mod evidence;
mod strategy;

use evidence::Evidence;
pub use strategy::{Judgement, Purpose, Step, Strategy};

/// How often confirmation may overturn a bound before the search says that it cannot tell.
const MOST_ROUNDS: u32 = 8;

/// How often in a row a level may be tried that cannot be judged: a machine with other work on it
/// is late now and then.
const MOST_DOUBTS: u32 = 3;

/// What is known so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Answer {
    /// The highest level that held, below any that did not.
    pub lower: Option<f64>,
    /// The lowest level above it that did not.
    pub upper: Option<f64>,
    /// Whether the search came to its end.
    pub complete: bool,
    /// Whether steps that could not be judged keep it from an answer.
    pub inconclusive: bool,
    /// Whether some level held above one that did not.
    pub non_monotone: bool,
}

/// The search, between two steps.
#[derive(Debug, Clone)]
pub struct Search {
    strategy: Strategy,
    stage: Stage,
    /// All holds so far.
    seen: Evidence,
    /// The step under way.
    step: Option<Step>,
    first_pass: Option<f64>,
    /// Undecided tries of the step under way.
    doubts: u32,
    rounds: u32,
    /// Whether steps that could not be judged, or a target that changed, keep it from an answer.
    inconclusive: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    List(usize),
    Again {
        /// It did not hold,
        level: f64,
        /// and this one above it did.
        above: f64,
    },
    Ramp(f64),
    Narrow {
        low: f64,
        high: f64,
    },
    Confirm {
        low: f64,
        high: f64,
    },
    Drift,
    Assert,
    Over,
}

impl Search {
    /// A search that has not begun.
    pub fn new(strategy: Strategy) -> Search {
        let stage = match &strategy {
            Strategy::Listed { .. } => Stage::List(0),
            Strategy::Adaptive { from, to, .. } => Stage::Ramp(from.min(*to)),
            Strategy::Assert { .. } => Stage::Assert,
        };
        Search {
            strategy,
            stage,
            seen: Evidence::default(),
            step: None,
            first_pass: None,
            doubts: 0,
            rounds: 0,
            inconclusive: false,
        }
    }

    /// The step to hold now; `None` once the search is over. The same until it is told of.
    pub fn step(&mut self) -> Option<Step> {
        if self.step.is_none() {
            self.step = self.plan();
        }
        self.step
    }

    /// Tells what came of the step.
    pub fn note(&mut self, judgement: Judgement) {
        let Some(step) = self.step.take() else { return };
        if judgement == Judgement::Inconclusive {
            self.doubt(step);
            return;
        }
        self.doubts = 0;
        if step.purpose != Purpose::Drift {
            self.seen.add(step.level, step.full, judgement);
        }
        if judgement == Judgement::Pass {
            self.first_pass.get_or_insert(step.level);
        }
        self.advance(step, judgement);
    }

    /// What is known so far.
    pub fn answer(&self) -> Answer {
        let lower = match (self.stage, &self.strategy) {
            (Stage::Confirm { low, .. }, _) => Some(low),
            (_, Strategy::Listed { .. }) => self.seen.lower(),
            _ => self.seen.decided_lower().or_else(|| self.seen.lower()),
        };
        Answer {
            lower,
            upper: self.seen.upper(lower),
            complete: self.stage == Stage::Over,
            inconclusive: self.inconclusive,
            non_monotone: self.seen.is_non_monotone(),
        }
    }

    /// The first level that passed.
    pub fn first_pass(&self) -> Option<f64> {
        self.first_pass
    }

    /// A step that could not be judged is tried again; then the search gives up.
    fn doubt(&mut self, step: Step) {
        self.doubts += 1;
        if self.doubts < MOST_DOUBTS {
            self.step = Some(step);
            return;
        }
        self.doubts = 0;
        self.inconclusive = true;
        self.stage = match (self.stage, &self.strategy) {
            (Stage::List(at), Strategy::Listed { run_all: true, .. }) => self.listed(at + 1),
            _ => Stage::Over,
        };
    }

    fn plan(&mut self) -> Option<Step> {
        let step = |level, purpose, full| Some(Step { level, purpose, full });
        match self.stage {
            Stage::List(at) => {
                let Strategy::Listed { levels, .. } = &self.strategy else { return None };
                step(*levels.get(at)?, Purpose::Listed, true)
            }
            Stage::Again { level, .. } => step(level, Purpose::Again, true),
            Stage::Ramp(level) => step(level, Purpose::Ramp, self.first_pass.is_none()),
            Stage::Narrow { low, high } => {
                step(self.strategy.middle(low, high), Purpose::Narrow, false)
            }
            Stage::Confirm { low, high } => Some(self.evidence(low, high)),
            Stage::Drift => step(self.first_pass?, Purpose::Drift, true),
            Stage::Assert => {
                let Strategy::Assert { level } = self.strategy else { return None };
                step(level, Purpose::Assert, true)
            }
            Stage::Over => None,
        }
    }

    fn advance(&mut self, step: Step, judgement: Judgement) {
        self.stage = match self.stage {
            Stage::List(at) => match (&self.strategy, judgement) {
                (Strategy::Listed { run_all: false, .. }, Judgement::Trip) => Stage::Over,
                _ => self.listed(at + 1),
            },
            Stage::Again { level, above } => self.after_again(level, above),
            Stage::Ramp(level) => self.after_ramp(level, judgement),
            Stage::Narrow { low, high } => match judgement {
                Judgement::Pass => self.between(step.level, high),
                _ => self.between(low, step.level),
            },
            Stage::Confirm { low, high } => self.after_evidence(low, high),
            Stage::Assert => match self.seen.of(step.level).decided() {
                Some(_) => Stage::Over,
                None => Stage::Assert,
            },
            Stage::Drift => {
                self.inconclusive |= judgement == Judgement::Trip; // what held at first does no more
                Stage::Over
            }
            Stage::Over => Stage::Over,
        };
    }

    /// The next of the levels that were asked for; after the last, those that did not hold below
    /// one that did.
    fn listed(&self, at: usize) -> Stage {
        match &self.strategy {
            Strategy::Listed { levels, .. } if at < levels.len() => Stage::List(at),
            _ => self
                .seen
                .highest_pass_below(f64::INFINITY)
                .map_or(Stage::Over, |top| self.again_below(top).unwrap_or(Stage::Over)),
        }
    }

    fn again_below(&self, above: f64) -> Option<Stage> {
        Some(Stage::Again { level: self.seen.doubtful_trip_below(above)?, above })
    }

    /// A level that did not hold, below one that did, is tried until a majority decides. If it does
    /// not hold indeed, the answer lies below it.
    fn after_again(&mut self, level: f64, above: f64) -> Stage {
        match (self.seen.of(level).decided(), &self.strategy) {
            (None, _) => Stage::Again { level, above },
            (Some(_), Strategy::Listed { levels, .. }) => self.listed(levels.len()),
            (Some(Judgement::Trip), _) => self.overturned(self.lower_failed(level)),
            (Some(_), _) => self.confirmed(above),
        }
    }

    /// Evidence is there for both bounds: what remains are levels below that did not hold, and
    /// whether the target is what it was.
    fn confirmed(&self, low: f64) -> Stage {
        self.again_below(low).unwrap_or(Stage::Drift)
    }

    /// Evidence has moved the bracket, which must come to an end.
    fn overturned(&mut self, next: Stage) -> Stage {
        self.rounds += 1;
        if self.rounds > MOST_ROUNDS {
            self.inconclusive = true;
            return Stage::Over;
        }
        next
    }

    fn after_ramp(&self, level: f64, judgement: Judgement) -> Stage {
        let Strategy::Adaptive { to, .. } = self.strategy else { return Stage::Over };
        match (judgement, self.seen.highest_pass_below(level)) {
            // Nothing above is asked for: only the lower bound needs evidence.
            (Judgement::Pass, _) if level >= to => Stage::Confirm { low: to, high: f64::INFINITY },
            (Judgement::Pass, _) => Stage::Ramp(self.strategy.above(level).min(to)),
            (_, Some(low)) => self.between(low, level),
            (_, None) => Stage::Over, // nothing has passed
        }
    }

    /// Narrows the bracket, or confirms it once it is narrow enough.
    fn between(&self, low: f64, high: f64) -> Stage {
        let Strategy::Adaptive { precision, whole, .. } = self.strategy else { return Stage::Over };
        let narrow = high <= low * (1.0 + precision) || (whole && high - low <= 1.0);
        if narrow { Stage::Confirm { low, high } } else { Stage::Narrow { low, high } }
    }

    /// The bound that needs evidence most: L U L U L, less what is decided.
    fn evidence(&self, low: f64, high: f64) -> Step {
        let (lower, upper) = (self.seen.of(low), self.seen.of(high));
        let is_lower = lower.decided().is_none()
            && (high.is_infinite() || upper.decided().is_some() || lower.full() <= upper.full());
        match is_lower {
            true => Step { level: low, purpose: Purpose::Lower, full: true },
            false => Step { level: high, purpose: Purpose::Upper, full: true },
        }
    }

    fn after_evidence(&mut self, low: f64, high: f64) -> Stage {
        let decided = |level: f64| self.seen.of(level).decided();
        let next = match (decided(low), decided(high)) {
            (Some(Judgement::Pass), Some(Judgement::Trip)) => return self.confirmed(low),
            (Some(Judgement::Pass), None) if high.is_infinite() => return self.confirmed(low),
            (Some(Judgement::Trip), _) => self.lower_failed(low),
            (_, Some(Judgement::Pass)) => self.upper_held(high),
            _ => return Stage::Confirm { low, high },
        };
        self.overturned(next)
    }

    /// A failed lower bound becomes the upper; the next lower one is the highest pass below, or as
    /// far down as the bracket is wide.
    fn lower_failed(&self, low: f64) -> Stage {
        let Strategy::Adaptive { precision, from, .. } = self.strategy else { return Stage::Over };
        let down = self.strategy.below(low, precision);
        let below = self.seen.highest_pass_below(low).unwrap_or(from.min(down));
        let next = below.max(down);
        if next >= low || next <= 0.0 {
            return Stage::Over;
        }
        Stage::Confirm { low: next, high: low }
    }

    /// An upper bound that holds becomes the lower; the search goes on above it.
    fn upper_held(&self, high: f64) -> Stage {
        match self.seen.lowest_trip_above(high) {
            Some(above) => self.between(high, above),
            None => self.after_ramp(high, Judgement::Pass),
        }
    }
}

#[cfg(test)]
mod tests;
