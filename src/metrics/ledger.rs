//! The tail's ledger: of each call and step the slowest hundredth and a sample of all, with what is
//! known of every one of them, so that the ones can be held against the others.
//!
//! Each pass draws a number. Those with the 256 lowest draws are a sample of all. Of the slowest, 256
//! are kept, too; once that is less than a hundredth, only passes with a draw in the lower half of
//! what counted so far go on to count, of which the 256 slowest are a hundredth again. So it is known
//! at any time of which part of all passes the kept ones are all, and ledgers add up in whatever
//! order: a [`Ledger`] holds every pass with a draw below `below` and a time above `above`.
//!
//! A pass costs a draw and two comparisons. Of n passes 256·(1 + ln(n / 256)) or so enter either list;
//! only of these is it asked what is known. A series takes some 120 kB, of which a worker has 40.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::names::NameId;
use super::trace::Phases;

/// Entries of either list in a series.
const MOST: usize = 256;

/// The slowest are one in so many.
pub const ONE_IN: u64 = 100;

/// Series of a worker, calls and steps together.
const MOST_SERIES: usize = 40;

/// Which calls are one series, or the passes of which step: then without name and method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Subject<N> {
    /// Index of the scenario in the plan.
    pub scenario: u16,
    /// Path of the step.
    pub step: N,
    /// What the report calls the call.
    pub name: N,
    /// `GET`, ….
    pub method: N,
}

/// One pass, and what is known of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Entry {
    /// When it began, since the run did [ms].
    pub at_ms: u32,
    /// How long it took [µs].
    pub micros: u32,
    /// Of a call: its last request's; of a step: its longest one's.
    pub phases: Phases,
    /// What the target says that it spent time on, or, of a step, its calls [µs].
    pub parts: Box<[(Arc<str>, u32)]>,
    /// What else: `connection` is `new`, `peer`, `row of users.csv`, `tag region`, ….
    pub facts: Box<[(Arc<str>, Arc<str>)]>,
    /// Of a call: its body as received; of a step: the answer to its longest request.
    pub bytes: u64,
    /// Whether that was text of some size, and not compressed though it might have been.
    pub plain: bool,
}

/// The slowest passes of a series, and a sample of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    /// Of what.
    pub subject: Subject<Arc<str>>,
    /// How many passes there were.
    pub seen: u64,
    /// All with a draw below `sample_below`, by draw.
    pub sample: Vec<(u64, Arc<Entry>)>,
    /// See there.
    pub sample_below: u64,
    /// All with a draw below `below` that took longer than `above`, by draw.
    pub slowest: Vec<(u64, Arc<Entry>)>,
    /// See there.
    pub below: u64,
    /// See there [µs].
    pub above: u32,
}

impl Ledger {
    /// Adds the ledger of the same series on another worker.
    pub fn merge(&mut self, other: &Ledger) {
        self.seen += other.seen;
        self.sample_below = self.sample_below.min(other.sample_below);
        self.below = self.below.min(other.below);
        self.above = self.above.max(other.above);
        self.sample.extend(other.sample.iter().cloned());
        self.slowest.extend(other.slowest.iter().cloned());
        self.settle();
    }

    fn settle(&mut self) {
        let (sampled, below, above) = (self.sample_below, self.below, self.above);
        self.sample.retain(|(draw, _)| *draw < sampled);
        self.slowest.retain(|(draw, entry)| *draw < below && entry.micros > above);
        for list in [&mut self.sample, &mut self.slowest] {
            list.sort_by_key(|(draw, entry)| (*draw, entry.at_ms, entry.micros));
        }
    }

    /// How many passes had a draw that counted for the slowest, as far as draws are even.
    pub fn counted(&self) -> f64 {
        self.seen as f64 * part(self.below)
    }
}

/// The part of all draws that lies below one.
fn part(below: u64) -> f64 {
    below as f64 / u64::MAX as f64
}

/// An entry in a list that is ordered by something.
#[derive(Debug)]
struct Ranked<R> {
    rank: R,
    draw: u64,
    entry: Arc<Entry>,
}

impl<R: Ord> PartialEq for Ranked<R> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<R: Ord> Eq for Ranked<R> {}

impl<R: Ord> PartialOrd for Ranked<R> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<R: Ord> Ord for Ranked<R> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank).then(self.draw.cmp(&other.draw))
    }
}

/// A ledger that is written.
#[derive(Debug)]
struct Keeper {
    random: u64,
    seen: u64,
    sample_below: u64,
    below: u64,
    above: u32,
    /// The highest draw on top.
    sample: BinaryHeap<Ranked<u64>>,
    /// The fastest on top.
    slowest: BinaryHeap<Ranked<Reverse<u32>>>,
}

impl Keeper {
    fn new(seed: u64) -> Keeper {
        Keeper {
            random: seed,
            seen: 0,
            sample_below: u64::MAX,
            below: u64::MAX,
            above: 0,
            sample: BinaryHeap::new(),
            slowest: BinaryHeap::new(),
        }
    }

    /// The draw of a pass, if it is to be kept.
    #[inline]
    fn admits(&mut self, micros: u32) -> Option<u64> {
        self.seen += 1;
        let draw = self.draw();
        let slow = micros > self.above && draw < self.below;
        (slow || draw < self.sample_below).then_some(draw)
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    #[inline]
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn keep(&mut self, draw: u64, entry: Entry) {
        let entry = Arc::new(entry);
        if draw < self.sample_below {
            self.sample.push(Ranked { rank: draw, draw, entry: entry.clone() });
            if self.sample.len() > MOST {
                self.sample_below = self.sample.pop().map_or(u64::MAX, |highest| highest.draw);
            }
        }
        if draw < self.below && entry.micros > self.above {
            self.slowest.push(Ranked { rank: Reverse(entry.micros), draw, entry });
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        while self.slowest.len() > MOST {
            if self.seen as f64 * part(self.below) > (ONE_IN * MOST as u64) as f64 {
                self.below /= 2;
                self.slowest.retain(|one| one.draw < self.below);
            } else if let Some(fastest) = self.slowest.pop() {
                self.above = fastest.entry.micros;
            }
        }
    }

    fn close(self, subject: Subject<Arc<str>>) -> Ledger {
        let mut ledger = Ledger {
            subject,
            seen: self.seen,
            sample: self.sample.into_iter().map(|one| (one.draw, one.entry)).collect(),
            sample_below: self.sample_below,
            slowest: self.slowest.into_iter().map(|one| (one.draw, one.entry)).collect(),
            below: self.below,
            above: self.above,
        };
        ledger.settle();
        ledger
    }
}

/// Which of a worker's ledgers a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat(u32);

impl Seat {
    /// It belongs to none.
    pub const NONE: Seat = Seat(u32::MAX);
    /// Nobody asked yet.
    pub const UNKNOWN: Seat = Seat(u32::MAX - 1);
}

/// A pass that is to be kept: whoever knows what is known of it hands that in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    keeper: u32,
    draw: u64,
}

/// The ledgers of one worker.
#[derive(Debug, Default)]
pub(super) struct Ledgers {
    seed: u64,
    keepers: Vec<(Subject<NameId>, Keeper)>,
    known: FxHashMap<Subject<NameId>, u32>,
}

impl Ledgers {
    /// Draws follow from it.
    pub fn seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Whether a pass is to be kept. About 3 ns.
    #[inline]
    pub fn admits(
        &mut self,
        seat: &mut Seat,
        subject: impl FnOnce() -> Subject<NameId>,
        time: Duration,
    ) -> Option<Chosen> {
        if *seat == Seat::NONE {
            return None;
        }
        if *seat == Seat::UNKNOWN {
            *seat = self.seat(subject());
        }
        let keeper = self.keepers.get_mut(seat.0 as usize)?;
        let draw = keeper.1.admits(micros(time))?;
        Some(Chosen { keeper: seat.0, draw })
    }

    /// The ledger of a series, made if it is new; none if there are too many.
    #[cold]
    fn seat(&mut self, subject: Subject<NameId>) -> Seat {
        if let Some(&known) = self.known.get(&subject) {
            return Seat(known);
        }
        if self.keepers.len() >= MOST_SERIES {
            return Seat::NONE;
        }
        let index = self.keepers.len() as u32;
        let seed = self.seed ^ u64::from(index + 1) << 48;
        self.keepers.push((subject, Keeper::new(seed)));
        self.known.insert(subject, index);
        Seat(index)
    }

    /// Writes a pass down that was chosen.
    pub fn keep(&mut self, chosen: Chosen, entry: Entry) {
        self.keepers[chosen.keeper as usize].1.keep(chosen.draw, entry);
    }

    /// All of them, sorted, once nothing more is recorded.
    pub fn close(&mut self, text: impl Fn(NameId) -> Arc<str>) -> Vec<Ledger> {
        self.known.clear();
        let close = |(subject, keeper): (Subject<NameId>, Keeper)| {
            let Subject { scenario, step, name, method } = subject;
            let [step, name, method] = [step, name, method].map(&text);
            keeper.close(Subject { scenario, step, name, method })
        };
        let mut ledgers: Vec<Ledger> = self.keepers.drain(..).map(close).collect();
        ledgers.sort_by(|a, b| a.subject.cmp(&b.subject));
        ledgers
    }
}

/// What is beyond an hour counts as 71 minutes.
pub(super) fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// A ledger as a worker would have written it, of passes with these times [µs]; `entry` tells what
/// is known of one.
#[cfg(test)]
pub(crate) fn written<P>(
    seed: u64,
    passes: impl IntoIterator<Item = (u32, P)>,
    entry: impl Fn(u32, P) -> Entry,
) -> Ledger {
    let mut keeper = Keeper::new(seed);
    for (micros, pass) in passes {
        if let Some(draw) = keeper.admits(micros) {
            keeper.keep(draw, entry(micros, pass));
        }
    }
    let [step, name, method] = ["", "/login", "GET"].map(Arc::from);
    keeper.close(Subject { scenario: 0, step, name, method })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Times that are all different, in no order.
    fn passes(range: std::ops::Range<u32>) -> impl Iterator<Item = (u32, u32)> {
        range.map(|n| (1 + (u64::from(n) * 2_654_435_761 % 1_000_003) as u32, n))
    }

    fn entry(micros: u32, at_ms: u32) -> Entry {
        Entry { micros, at_ms, ..Entry::default() }
    }

    fn ledger(seed: u64, range: std::ops::Range<u32>) -> Ledger {
        written(seed, passes(range), entry)
    }

    fn merged(parts: &[&Ledger]) -> Ledger {
        let mut whole = parts[0].clone();
        parts[1..].iter().for_each(|part| whole.merge(part));
        whole
    }

    #[test]
    fn of_few_passes_the_slowest_are_all_there() {
        let ledger = ledger(1, 0..20_000);
        let mut times: Vec<u32> = passes(0..20_000).map(|pass| pass.0).collect();
        times.sort_unstable();
        let mut kept: Vec<u32> = ledger.slowest.iter().map(|(_, entry)| entry.micros).collect();
        kept.sort_unstable();
        assert_eq!(kept, times[times.len() - MOST..]);
        assert_eq!((ledger.seen, ledger.sample.len(), ledger.below), (20_000, MOST, u64::MAX));
    }

    #[test]
    fn of_many_passes_a_hundredth_of_an_even_part_is_there() {
        let ledger = ledger(1, 0..400_000);
        assert!(ledger.below < u64::MAX / 8, "{}", ledger.below);
        let share = ledger.slowest.len() as f64 / ledger.counted();
        assert!((0.007..0.02).contains(&share), "{share}");
        let fastest = ledger.slowest.iter().map(|(_, entry)| entry.micros).min();
        assert!(fastest.is_some_and(|micros| micros > 960_000), "{fastest:?}");
        let late = ledger.sample.iter().filter(|(_, entry)| entry.at_ms >= 200_000).count();
        assert!((90..170).contains(&late), "{late} of {MOST} are of the second half");
    }

    #[test]
    fn few_passes_enter_a_list() {
        let mut keeper = Keeper::new(7);
        let mut kept = 0;
        for (micros, n) in passes(0..400_000) {
            if let Some(draw) = keeper.admits(micros) {
                keeper.keep(draw, entry(micros, n));
                kept += 1;
            }
        }
        assert!(kept < 8_000, "{kept} of 400,000");
    }

    #[test]
    fn series_beyond_the_cap_have_no_ledger() {
        let mut ledgers = Ledgers::default();
        for n in 0..60 {
            let mut seat = Seat::UNKNOWN;
            let subject = || Subject { name: NameId(n), ..Subject::default() };
            let chosen = ledgers.admits(&mut seat, subject, Duration::from_millis(1));
            assert_eq!(chosen.is_some(), (n as usize) < MOST_SERIES);
        }
        assert_eq!(ledgers.admits(&mut { Seat::NONE }, Subject::default, Duration::MAX), None);
        let closed = ledgers.close(|id| format!("{:02}", id.0).into());
        assert!(closed.is_sorted_by(|a, b| a.subject < b.subject) && closed.len() == MOST_SERIES);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn ledgers_add_up_in_whatever_order(a in 0..3_000_u32, b in 0..60_000_u32, c in 0..90_u32) {
            let parts = [(1, 0..a), (2, a..a + b), (3, a + b..a + b + c)];
            let [a, b, c] = parts.map(|(seed, range)| ledger(seed, range));
            let whole = merged(&[&merged(&[&a, &b]), &c]);
            prop_assert_eq!(&whole, &merged(&[&a, &merged(&[&b, &c])]));
            prop_assert_eq!(&whole, &merged(&[&c, &b, &a]));
        }
    }
}
