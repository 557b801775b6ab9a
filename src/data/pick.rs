//! Which row comes next.
//!
//! A list is walked by one atomic counter: step `k` of this share is place `share.nth(k)` of the
//! list. A shuffled list is never written down: a Feistel network over the smallest square of a
//! power of two that holds it, applied again until the result is in range, is a permutation, and
//! each round has a key of its own. (Black and Rogaway, "Ciphers with Arbitrary Finite Domains",
//! 2002: cycle walking.)

use std::sync::atomic::{AtomicU64, Ordering};

use rand::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

use crate::diagnostic::Diagnostic;
use crate::share::Share;

/// How a pool hands out its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pick {
    /// All users walk one list.
    #[default]
    Sequential,
    /// Any row, each time.
    Random,
    /// In random order, each once per round.
    Shuffle,
    /// No row is ever given twice.
    Unique,
    /// User n keeps row n.
    PerVu,
    /// A row is exclusive until the iteration ends.
    Lease,
}

/// What happens when there is no row left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AtEnd {
    /// From the beginning.
    Recycle,
    /// The user ends.
    StopVu,
    /// Nothing more starts in the scenario.
    StopScenario,
    /// The iteration fails.
    Error,
}

/// What [`Pool::next`](super::Pool::next) came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The number of a row, from 0.
    Row(usize),
    /// No row is left; never `Recycle`.
    End(AtEnd),
}

/// How long a user has a row for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowHold {
    /// As long as there is the user.
    Always,
    /// Until the iteration ends that leased it.
    Iteration,
}

/// Rows that are given once each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Once {
    /// How many there are in this share.
    pub rows: u64,
    /// How many of them were given.
    pub given: u64,
}

impl Once {
    /// How many are left.
    pub fn left(self) -> u64 {
        self.rows - self.given
    }
}

/// One user's part in picking.
#[derive(Debug, Clone)]
pub struct Picker {
    user: u64,
    random: SplitMix64,
}

/// Where a pool stands.
#[derive(Debug)]
pub(super) struct Cursor {
    pick: Pick,
    at_end: AtEnd,
    /// Rows in all; at least 1.
    rows: u64,
    /// Places of the list that are this share's.
    mine: u64,
    share: Share,
    seed: u64,
    taken: AtomicU64,
}

impl Pick {
    /// As scripts spell them.
    pub const NAMES: [(&'static str, Pick); 6] = [
        ("sequential", Pick::Sequential),
        ("random", Pick::Random),
        ("shuffle", Pick::Shuffle),
        ("unique", Pick::Unique),
        ("per_vu", Pick::PerVu),
        ("lease", Pick::Lease),
    ];

    /// As scripts spell it.
    pub fn name(self) -> &'static str {
        Pick::NAMES.iter().find(|(_, pick)| *pick == self).map_or("", |(name, _)| name)
    }

    /// What happens at the end: as asked, else what suits.
    pub(super) fn at_end(self, asked: Option<AtEnd>) -> Result<AtEnd, Diagnostic> {
        match (self, asked) {
            (Pick::Lease, Some(_)) => Err(Diagnostic::new(
                "pick = \"lease\" never comes to an end, so it takes no at_end",
            )
            .hint("a user that finds no free row waits until one is given back")),
            (Pick::Unique, Some(AtEnd::Recycle)) => Err(Diagnostic::new(
                "pick = \"unique\" never gives a row twice, so at_end cannot be \"recycle\"",
            )
            .hint("use pick = \"sequential\", or at_end = \"stop_scenario\"")),
            (_, Some(asked)) => Ok(asked),
            (Pick::Unique, None) => Ok(AtEnd::StopScenario),
            (Pick::PerVu, None) => Ok(AtEnd::Error),
            (_, None) => Ok(AtEnd::Recycle),
        }
    }
}

impl AtEnd {
    /// As scripts spell them.
    pub const NAMES: [(&'static str, AtEnd); 4] = [
        ("recycle", AtEnd::Recycle),
        ("stop_vu", AtEnd::StopVu),
        ("stop_scenario", AtEnd::StopScenario),
        ("error", AtEnd::Error),
    ];
}

impl Picker {
    /// For user `user` (from 0, in its scenario), whose `seed` decides its random picks.
    pub fn new(seed: u64, user: u64) -> Self {
        Picker { user, random: SplitMix64::seed_from_u64(seed) }
    }
}

impl Cursor {
    pub(super) fn new(pick: Pick, at_end: AtEnd, rows: usize, share: Share, seed: u64) -> Self {
        let rows = rows as u64;
        let mine = share.count(rows);
        Cursor { pick, at_end, rows, mine, share, seed, taken: AtomicU64::new(0) }
    }

    pub(super) fn next(&self, picker: &mut Picker) -> Next {
        let row = match self.pick {
            Pick::Random => Some(below(picker.random.next_u64(), self.rows)),
            Pick::PerVu => self.round(picker.user, self.rows).map(|(_, row)| row),
            Pick::Sequential | Pick::Unique => self.step().map(|(_, place)| place),
            Pick::Lease => None, // not by a cursor
            Pick::Shuffle => self
                .step()
                .map(|(round, place)| permuted(place, self.rows, mix(self.seed ^ mix(round)))),
        };
        match (row, self.at_end) {
            (Some(row), _) => Next::Row(row as usize),
            (None, AtEnd::Recycle) => Next::End(AtEnd::Error), // a share without a single row
            (None, at_end) => Next::End(at_end),
        }
    }

    /// Whether each user has a row for good, and must have.
    pub(super) fn keeps(&self) -> bool {
        self.pick == Pick::PerVu && self.at_end != AtEnd::Recycle
    }

    /// Rows of a list that is walked to its end and no further; `None` if there is no such end.
    pub(super) fn once(&self) -> Option<Once> {
        let walked = matches!(self.pick, Pick::Sequential | Pick::Shuffle | Pick::Unique);
        (walked && self.at_end != AtEnd::Recycle).then(|| {
            let given = self.taken.load(Ordering::Relaxed).min(self.mine);
            Once { rows: self.mine, given }
        })
    }

    /// The next place of the list that is ours, and its round.
    fn step(&self) -> Option<(u64, u64)> {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        self.round(taken, self.mine).map(|(round, step)| (round, self.share.nth(step)))
    }

    /// `n` within `length`, and in which round; only the first unless rows are used again.
    fn round(&self, n: u64, length: u64) -> Option<(u64, u64)> {
        let round = n.checked_div(length)?;
        (round == 0 || self.at_end == AtEnd::Recycle).then_some((round, n % length))
    }
}

/// A uniform number below `limit`, from 64 random bits (Lemire's multiplication).
fn below(random: u64, limit: u64) -> u64 {
    ((u128::from(random) * u128::from(limit)) >> 64) as u64
}

/// Where `key` puts place `n` of a list of `length`.
fn permuted(n: u64, length: u64, key: u64) -> u64 {
    let bits = (64 - length.saturating_sub(1).leading_zeros()).div_ceil(2).max(4);
    let half = (1u64 << bits) - 1;
    let mut place = n;
    loop {
        let (mut left, mut right) = (place >> bits, place & half);
        for round in 0..4 {
            (left, right) = (right, left ^ (mix(right ^ mix(key ^ round)) & half));
        }
        place = left << bits | right;
        if place < length {
            return place;
        }
    }
}

/// The finalizer of SplitMix64: every input bit decides every output bit.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn cursor(pick: Pick, at_end: AtEnd, rows: usize) -> Cursor {
        Cursor::new(pick, at_end, rows, Share::WHOLE, 42)
    }

    fn take(cursor: &Cursor, count: usize) -> Vec<usize> {
        let mut picker = Picker::new(1, 0);
        (0..count)
            .map(|_| match cursor.next(&mut picker) {
                Next::Row(row) => row,
                Next::End(at_end) => panic!("{at_end:?}"),
            })
            .collect()
    }

    #[test]
    fn rows_that_are_given_once_are_counted() {
        let list = cursor(Pick::Unique, AtEnd::StopScenario, 3);
        take(&list, 2);
        assert_eq!(list.once(), Some(Once { rows: 3, given: 2 }));
        take(&list, 1);
        assert!(list.next(&mut Picker::new(1, 0)) == Next::End(AtEnd::StopScenario));
        assert_eq!(list.once().map(Once::left), Some(0));
        assert_eq!(cursor(Pick::Sequential, AtEnd::Recycle, 3).once(), None);
        assert_eq!(cursor(Pick::PerVu, AtEnd::Error, 3).once(), None);
    }

    #[test]
    fn a_sequential_list_starts_again() {
        assert_eq!(take(&cursor(Pick::Sequential, AtEnd::Recycle, 3), 7), [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn a_shuffled_list_gives_each_row_once_a_round_in_another_order() {
        for rows in [1, 2, 3, 10, 255, 256, 257, 1_000] {
            let taken = take(&cursor(Pick::Shuffle, AtEnd::Recycle, rows), 2 * rows);
            let (first, second) = taken.split_at(rows);
            for round in [first, second] {
                assert_eq!(round.iter().collect::<HashSet<_>>().len(), rows);
                assert!(round.iter().all(|&row| row < rows));
            }
            assert!(rows < 10 || first != second);
        }
    }

    #[test]
    fn every_place_is_as_likely_for_a_shuffled_row() {
        let mut counts = [0u32; 5];
        for key in 0..5_000 {
            counts[permuted(2, 5, mix(key)) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    #[test]
    fn random_rows_depend_on_the_users_seed_alone() {
        let cursor = cursor(Pick::Random, AtEnd::Recycle, 50);
        let draw = |seed| {
            let mut picker = Picker::new(seed, 0);
            (0..20).map(|_| cursor.next(&mut picker)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn user_n_keeps_row_n() {
        let next = |cursor: &Cursor, user| {
            let mut picker = Picker::new(9, user);
            assert_eq!(cursor.next(&mut picker), cursor.next(&mut picker));
            cursor.next(&mut picker)
        };
        let strict = cursor(Pick::PerVu, AtEnd::Error, 2);
        assert_eq!(next(&strict, 1), Next::Row(1));
        assert_eq!(next(&strict, 2), Next::End(AtEnd::Error));
        assert_eq!(next(&cursor(Pick::PerVu, AtEnd::Recycle, 2), 3), Next::Row(1));
    }

    #[test]
    fn each_end_is_what_was_asked_for() {
        for pick in [Pick::Sequential, Pick::Shuffle, Pick::Unique] {
            for at_end in [AtEnd::StopVu, AtEnd::StopScenario, AtEnd::Error] {
                let cursor = cursor(pick, at_end, 2);
                let given: HashSet<usize> = take(&cursor, 2).into_iter().collect();
                assert_eq!(given.len(), 2);
                for _ in 0..3 {
                    assert_eq!(cursor.next(&mut Picker::new(1, 0)), Next::End(at_end));
                }
            }
        }
    }

    #[test]
    fn a_share_without_rows_is_an_end() {
        let share = Share::new(2, 3).unwrap();
        let cursor = Cursor::new(Pick::Sequential, AtEnd::Recycle, 2, share, 0);
        assert_eq!(cursor.next(&mut Picker::new(1, 0)), Next::End(AtEnd::Error));
    }
}
