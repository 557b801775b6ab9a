//! Which part of a global sequence is mine.
//!
//! Item `n` (from 0) of any numbered sequence (users, arrivals, data rows) belongs to share
//! `n mod of`. The union over all shares is exactly the whole, and nobody hands out work. Where
//! items are dealt out to variants, a share is of blocks of them ([`turns`]).

pub mod turns;

/// One of `of` equal parts; `index` is in `0..of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    index: u64,
    of: u64,
}

impl Share {
    /// The whole sequence as a single share.
    pub const WHOLE: Share = Share { index: 0, of: 1 };

    /// Part `index` of `of`; `None` unless `index < of`.
    pub fn new(index: u64, of: u64) -> Option<Share> {
        (index < of).then_some(Share { index, of })
    }

    /// How many parts there are.
    pub fn of(self) -> u64 {
        self.of
    }

    /// Whether item `n` (from 0) is in this share.
    pub fn owns(self, n: u64) -> bool {
        n % self.of == self.index
    }

    /// The global number of this share's item `k` (from 0).
    pub fn nth(self, k: u64) -> u64 {
        self.index + k * self.of
    }

    /// How many of the first `total` items are in this share.
    pub fn count(self, total: u64) -> u64 {
        (total + self.of - 1 - self.index) / self.of
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn there_is_no_share_beyond_the_last() {
        assert_eq!(Share::new(3, 3), None);
        assert_eq!(Share::new(0, 0), None);
        assert_eq!(Share::new(0, 1), Some(Share::WHOLE));
    }

    proptest! {
        #[test]
        fn the_union_of_all_shares_is_exactly_the_whole(of in 1..20_u64, total in 0..500_u64) {
            let share = |index| Share::new(index, of).expect("index < of");
            let items = |index| (0..share(index).count(total)).map(move |k| share(index).nth(k));
            let mut whole: Vec<u64> = (0..of).flat_map(items).collect();
            whole.sort_unstable();
            prop_assert_eq!(whole, (0..total).collect::<Vec<_>>());
        }

        #[test]
        fn a_share_owns_its_items_and_no_other(of in 1..20_u64, n in 0..1000_u64) {
            let owners = (0..of).filter(|&index| Share::new(index, of).is_some_and(|s| s.owns(n)));
            prop_assert_eq!(owners.collect::<Vec<_>>(), [n % of]);
        }
    }
}
