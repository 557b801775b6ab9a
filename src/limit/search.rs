//! Which load to try next: a search for the highest one that holds, as a state machine without
//! clock or I/O. Whoever drives it asks for the next [`step`](Search::step), holds it, and tells
//! the verdict.
//!
//! ```text
//! ramp: × 1.5 (users: × 1.2) from the first level to the first trip    (short; the first one full)
//!   ─▶ narrow: the geometric middle, until the bracket is as narrow as asked      (short holds)
//!   ─▶ confirm: lower and upper bound in turn, L U L U L, the majority decides     (full holds)
//!   ─▶ drift: the first level that passed once more                                (full hold)
//! ```
//!
//! That trials are repeated at both bounds and decided by majority, short ones only steering, is
//! the idea of MLRsearch (IETF draft-ietf-bmwg-mlrsearch); the search for a throughput by trials
//! of fixed length is RFC 2544, section 26.1.

use std::collections::BTreeMap;

/// How fast the ramp rises; over users no faster than that it sees [where more bring no
/// more](super::judge::Gain).
const RAMP: f64 = 1.5;
const RAMP_OF_USERS: f64 = 1.2;

/// Full holds at a bound whose majority decides.
const VOTES: u32 = 3;

/// How often confirmation may overturn a bound before the search says that it cannot tell.
const MOST_ROUNDS: u32 = 8;

/// How often in a row a level may be tried that cannot be judged: a machine with other work on it
/// is late now and then.
const MOST_DOUBTS: u32 = 3;

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// All gates hold.
    Pass,
    /// A gate was crossed.
    Trip,
    /// The step cannot say.
    Inconclusive,
}

/// What a step is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// One of the levels that were asked for.
    Listed,
    /// On the way up to the first trip.
    Ramp,
    /// Between a pass and a trip.
    Narrow,
    /// Evidence for the lower bound.
    Lower,
    /// Evidence for the upper bound.
    Upper,
    /// The first level that passed, once more.
    Drift,
    /// A level that is claimed to hold.
    Assert,
}

/// One load to hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// In units of the axis.
    pub level: f64,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether the hold is a full one; a short one only steers.
    pub full: bool,
}

/// How to search.
#[derive(Debug, Clone, PartialEq)]
pub enum Strategy {
    /// These levels, ascending; to the end even after a trip if `run_all`.
    Listed {
        /// At least one.
        levels: Vec<f64>,
        /// Go on after a trip.
        run_all: bool,
    },
    /// Find it.
    Adaptive {
        /// First level, above 0.
        from: f64,
        /// Never above that.
        to: f64,
        /// Width of the bracket as a part of its lower bound.
        precision: f64,
        /// Whether levels are whole numbers.
        whole: bool,
    },
    /// Three full holds at one level, the majority decides.
    Assert {
        /// Above 0.
        level: f64,
    },
}

impl Strategy {
    /// Where it begins; half of what is claimed.
    pub fn lowest(&self) -> f64 {
        match self {
            Strategy::Listed { levels, .. } => levels.first().copied().unwrap_or_default(),
            Strategy::Adaptive { from, .. } => *from,
            Strategy::Assert { level } => level / 2.0,
        }
    }

    /// The highest level that may be tried.
    pub fn highest(&self) -> f64 {
        match self {
            Strategy::Listed { levels, .. } => levels.last().copied().unwrap_or_default(),
            Strategy::Adaptive { to, .. } => *to,
            Strategy::Assert { level } => *level,
        }
    }

    /// Whether levels are whole numbers: of users.
    fn is_whole(&self) -> bool {
        matches!(self, Strategy::Adaptive { whole: true, .. })
    }

    /// How fast its ramp rises.
    pub fn ramp(&self) -> f64 {
        if self.is_whole() { RAMP_OF_USERS } else { RAMP }
    }

    /// The same with another end, where it has one.
    pub fn up_to(&self, to: f64) -> Strategy {
        match self.clone() {
            Strategy::Adaptive { from, precision, whole, .. } => {
                Strategy::Adaptive { from, to, precision, whole }
            }
            other => other,
        }
    }
}

/// What is known so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Answer {
    /// The highest level that held.
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
    /// Of all holds, by level: passes and trips, short ones and full ones.
    seen: BTreeMap<Level, Votes>,
    /// The step under way.
    step: Option<Step>,
    first_pass: Option<f64>,
    /// Undecided tries of the step under way.
    doubts: u32,
    rounds: u32,
    answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    List(usize),
    Ramp(f64),
    Narrow { low: f64, high: f64 },
    Confirm { low: f64, high: f64 },
    Drift,
    Assert,
    Over,
}

/// A level as a key: levels are positive and finite, so their bits are in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Level(u64);

impl From<f64> for Level {
    fn from(level: f64) -> Self {
        Level(level.to_bits())
    }
}

impl Level {
    fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Votes {
    passed: u32,
    tripped: u32,
    short_passed: u32,
    short_tripped: u32,
}

impl Votes {
    fn add(&mut self, full: bool, judgement: Judgement) {
        match (judgement, full) {
            (Judgement::Pass, true) => self.passed += 1,
            (Judgement::Pass, false) => self.short_passed += 1,
            (Judgement::Trip, true) => self.tripped += 1,
            (Judgement::Trip, false) => self.short_tripped += 1,
            (Judgement::Inconclusive, _) => {}
        }
    }

    /// What full holds have decided.
    fn decided(&self) -> Option<Judgement> {
        match (self.passed, self.tripped) {
            (passed, _) if 2 * passed > VOTES => Some(Judgement::Pass),
            (_, tripped) if 2 * tripped > VOTES => Some(Judgement::Trip),
            _ => None,
        }
    }

    /// What they say so far; a full hold outweighs all short ones.
    fn leaning(&self) -> Judgement {
        let full = self.passed.cmp(&self.tripped);
        match full.then(self.short_passed.cmp(&self.short_tripped)) {
            std::cmp::Ordering::Less | std::cmp::Ordering::Equal => Judgement::Trip,
            std::cmp::Ordering::Greater => Judgement::Pass,
        }
    }
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
            seen: BTreeMap::new(),
            step: None,
            first_pass: None,
            doubts: 0,
            rounds: 0,
            answer: Answer::default(),
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
        self.seen.entry(step.level.into()).or_default().add(step.full, judgement);
        if judgement == Judgement::Pass {
            self.first_pass.get_or_insert(step.level);
            let above = |(level, votes): (&Level, &Votes)| {
                level.value() < step.level && votes.leaning() == Judgement::Trip
            };
            self.answer.non_monotone |= self.seen.iter().any(above);
        }
        self.advance(step, judgement);
    }

    /// What is known so far.
    pub fn answer(&self) -> Answer {
        let mut answer = self.answer;
        (answer.lower, answer.upper) = self.bracket();
        answer.complete = self.stage == Stage::Over;
        answer
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
        match (&self.stage, &self.strategy) {
            (Stage::List(at), Strategy::Listed { run_all: true, .. }) => {
                self.answer.inconclusive = true;
                self.stage = Stage::List(at + 1);
            }
            (Stage::Drift, _) => self.stage = Stage::Over,
            _ => {
                self.answer.inconclusive = true;
                self.stage = Stage::Over;
            }
        }
    }

    fn plan(&mut self) -> Option<Step> {
        let step = |level, purpose, full| Some(Step { level, purpose, full });
        match self.stage {
            Stage::List(at) => {
                let Strategy::Listed { levels, .. } = &self.strategy else { return None };
                match levels.get(at) {
                    Some(&level) => step(level, Purpose::Listed, true),
                    None => {
                        self.stage = Stage::Over;
                        None
                    }
                }
            }
            Stage::Ramp(level) => step(level, Purpose::Ramp, self.first_pass.is_none()),
            Stage::Narrow { low, high } => step(self.middle(low, high), Purpose::Narrow, false),
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
                _ => Stage::List(at + 1),
            },
            Stage::Ramp(level) => self.after_ramp(level, judgement),
            Stage::Narrow { low, high } => match judgement {
                Judgement::Pass => self.between(step.level, high),
                _ => self.between(low, step.level),
            },
            Stage::Confirm { low, high } => self.after_evidence(low, high),
            Stage::Assert => match self.seen[&step.level.into()].decided() {
                Some(_) => Stage::Over,
                None => Stage::Assert,
            },
            Stage::Drift | Stage::Over => Stage::Over,
        };
    }

    fn after_ramp(&self, level: f64, judgement: Judgement) -> Stage {
        let Strategy::Adaptive { to, .. } = self.strategy else { return Stage::Over };
        match (judgement, self.highest_pass_below(level)) {
            // Nothing above is asked for: only the lower bound needs evidence.
            (Judgement::Pass, _) if level >= to => Stage::Confirm { low: to, high: f64::INFINITY },
            (Judgement::Pass, _) => Stage::Ramp(self.above(level).min(to)),
            (_, Some(low)) => self.between(low, level),
            (_, None) => Stage::Over, // nothing has passed
        }
    }

    /// The next level of the ramp.
    fn above(&self, level: f64) -> f64 {
        let next = level * self.strategy.ramp();
        // Of users never fewer than that: a gain is judged only over so many more.
        if self.strategy.is_whole() { (next - 1e-9).ceil() } else { self.round(next) }
    }

    /// Narrows the bracket, or confirms it once it is narrow enough.
    fn between(&self, low: f64, high: f64) -> Stage {
        let Strategy::Adaptive { precision, whole, .. } = self.strategy else { return Stage::Over };
        let narrow = high <= low * (1.0 + precision) || (whole && high - low <= 1.0);
        if narrow { Stage::Confirm { low, high } } else { Stage::Narrow { low, high } }
    }

    /// The bound that needs evidence most: L U L U L, less what is decided.
    fn evidence(&self, low: f64, high: f64) -> Step {
        let votes = |level: f64| self.seen.get(&level.into()).copied().unwrap_or_default();
        let holds = |votes: Votes| votes.passed + votes.tripped;
        let (lower, upper) = (votes(low), votes(high));
        let is_lower = lower.decided().is_none()
            && (high.is_infinite() || upper.decided().is_some() || holds(lower) <= holds(upper));
        match is_lower {
            true => Step { level: low, purpose: Purpose::Lower, full: true },
            false => Step { level: high, purpose: Purpose::Upper, full: true },
        }
    }

    fn after_evidence(&mut self, low: f64, high: f64) -> Stage {
        let decided = |level: f64| self.seen.get(&level.into()).and_then(Votes::decided);
        let overturned = match (decided(low), decided(high)) {
            (Some(Judgement::Pass), Some(Judgement::Trip)) => return Stage::Drift,
            (Some(Judgement::Pass), None) if high.is_infinite() => return Stage::Drift,
            (Some(Judgement::Trip), _) => self.lower_failed(low),
            (_, Some(Judgement::Pass)) => self.upper_held(high),
            _ => return Stage::Confirm { low, high },
        };
        self.rounds += 1;
        if self.rounds > MOST_ROUNDS {
            self.answer.inconclusive = true;
            return Stage::Over;
        }
        overturned
    }

    /// A failed lower bound becomes the upper; the next lower one is the highest pass below, or as
    /// far down as the bracket is wide.
    fn lower_failed(&self, low: f64) -> Stage {
        let Strategy::Adaptive { precision, from, .. } = self.strategy else { return Stage::Over };
        let down = self.round(low / (1.0 + precision));
        let below = self.highest_pass_below(low).unwrap_or(from.min(down));
        let next = below.max(down);
        if next >= low || next <= 0.0 {
            return Stage::Over;
        }
        Stage::Confirm { low: next, high: low }
    }

    /// An upper bound that holds becomes the lower; the search goes on above it.
    fn upper_held(&self, high: f64) -> Stage {
        let trips = |votes: &Votes| votes.leaning() == Judgement::Trip;
        let above = self.seen.range(Level::from(high)..).skip(1).find(|(_, votes)| trips(votes));
        match above {
            Some((level, _)) => self.between(high, level.value()),
            None => self.after_ramp(high, Judgement::Pass),
        }
    }

    fn highest_pass_below(&self, level: f64) -> Option<f64> {
        let passes = |votes: &Votes| votes.leaning() == Judgement::Pass;
        let below = self.seen.range(..Level::from(level)).rev();
        below.into_iter().find(|(_, votes)| passes(votes)).map(|(level, _)| level.value())
    }

    /// The highest level that held below any that did not by the same kind of evidence, and the
    /// lowest one above that did not.
    fn bracket(&self) -> (Option<f64>, Option<f64>) {
        let confirmed = match self.stage {
            Stage::Confirm { low, high } => Some((low, high)),
            _ => None,
        };
        let lower = confirmed.map(|(low, _)| low).or_else(|| {
            let decided = self.highest(|votes| votes.decided() == Some(Judgement::Pass));
            decided.or_else(|| self.highest(|votes| votes.leaning() == Judgement::Pass))
        });
        let upper = self
            .seen
            .iter()
            .filter(|(level, _)| lower.is_none_or(|lower| level.value() > lower))
            .find(|(_, votes)| votes.leaning() == Judgement::Trip)
            .map(|(level, _)| level.value());
        (lower, upper)
    }

    fn highest(&self, is: impl Fn(&Votes) -> bool) -> Option<f64> {
        self.seen.iter().rev().find(|(_, votes)| is(votes)).map(|(level, _)| level.value())
    }

    /// The geometric middle.
    fn middle(&self, low: f64, high: f64) -> f64 {
        let middle = self.round((low * high).sqrt());
        if low < middle && middle < high { middle } else { (low + high) / 2.0 }
    }

    /// To whole numbers where the axis has no others, else to four digits: nobody asks for
    /// 1837.1173 requests per second.
    fn round(&self, level: f64) -> f64 {
        let digits = if self.strategy.is_whole() { 0 } else { 3 - level.log10().floor() as i32 };
        let scale = 10f64.powi(digits.abs());
        // Divided by a whole number, it is the nearest there is to its decimals.
        match digits {
            0.. => (level * scale).round() / scale,
            _ => (level / scale).round() * scale,
        }
    }
}

#[cfg(test)]
mod tests;
