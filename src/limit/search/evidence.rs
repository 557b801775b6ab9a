//! What holds have said of each level so far.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

use super::strategy::Judgement;

/// Full holds at a level whose majority decides.
const VOTES: u32 = 3;

/// All holds that could be judged, by level.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence(BTreeMap<Level, Votes>);

/// A level as a key: levels are positive and finite, so their bits are in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Level(u64);

impl From<f64> for Level {
    fn from(level: f64) -> Self {
        Level(level.to_bits())
    }
}

/// Passes and trips of one level, short holds and full ones.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Votes {
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

    /// Full holds.
    pub fn full(&self) -> u32 {
        self.passed + self.tripped
    }

    /// What full holds have decided.
    pub fn decided(&self) -> Option<Judgement> {
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

    fn passes(&self) -> bool {
        self.leaning() == Judgement::Pass
    }

    fn trips(&self) -> bool {
        self.leaning() == Judgement::Trip
    }

    /// Whether it is a full hold that says so.
    fn trips_in_full(&self) -> bool {
        self.tripped > 0 && self.trips()
    }
}

impl Evidence {
    /// Adds a hold.
    pub fn add(&mut self, level: f64, full: bool, judgement: Judgement) {
        self.0.entry(level.into()).or_default().add(full, judgement);
    }

    /// All of one level.
    pub fn of(&self, level: f64) -> Votes {
        self.0.get(&level.into()).copied().unwrap_or_default()
    }

    fn levels<'e>(
        &'e self,
        range: impl RangeBounds<Level>,
        is: impl Fn(&Votes) -> bool + 'e,
    ) -> impl DoubleEndedIterator<Item = f64> + 'e {
        let those = self.0.range(range).filter(move |(_, votes)| is(votes));
        those.map(|(level, _)| f64::from_bits(level.0))
    }

    /// The highest level that held below this one.
    pub fn highest_pass_below(&self, level: f64) -> Option<f64> {
        self.levels(..Level::from(level), Votes::passes).next_back()
    }

    /// The lowest level above this one that did not hold.
    pub fn lowest_trip_above(&self, level: f64) -> Option<f64> {
        self.levels(Level::from(level).., Votes::trips).find(|trip| *trip > level)
    }

    /// The lowest level below this one that did not hold, and of which no majority has decided yet.
    /// What only a short hold said is nothing to come back to.
    pub fn doubtful_trip_below(&self, level: f64) -> Option<f64> {
        let open = |votes: &Votes| votes.trips_in_full() && votes.decided().is_none();
        self.levels(..Level::from(level), open).next()
    }

    /// Whether some level held above one that did not.
    pub fn is_non_monotone(&self) -> bool {
        let lowest_trip = self.levels(.., Votes::trips).next();
        let highest_pass = self.levels(.., Votes::passes).next_back();
        highest_pass.zip(lowest_trip).is_some_and(|(pass, trip)| pass > trip)
    }

    /// The highest level that held, below any that did not in a full hold.
    pub fn lower(&self) -> Option<f64> {
        self.levels(..self.lowest_full_trip(), Votes::passes).next_back()
    }

    /// The highest of which a majority has decided so.
    pub fn decided_lower(&self) -> Option<f64> {
        let decided = |votes: &Votes| votes.decided() == Some(Judgement::Pass);
        self.levels(..self.lowest_full_trip(), decided).next_back()
    }

    fn lowest_full_trip(&self) -> Level {
        self.levels(.., Votes::trips_in_full).next().unwrap_or(f64::INFINITY).into()
    }

    /// The lowest level above a lower bound that did not hold.
    pub fn upper(&self, lower: Option<f64>) -> Option<f64> {
        self.lowest_trip_above(lower.unwrap_or_default())
    }
}
