//! Variants by turns: the items of a numbered sequence, dealt out to variants in blocks.
//!
//! Every block of as many neighbours as there are variants has one item of each, in an order drawn
//! by seed and block (randomised blocks; Fisher, *The Design of Experiments*, 1935): variants share
//! whatever changes slowly, and none of them always comes first. A block stays in one [`Share`], so
//! that what is compared runs on one thread. Of a single variant, all of this is the share itself.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::Share;

/// The order of variants in each block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turns {
    variants: usize,
    seed: u64,
}

impl Turns {
    /// Most variants.
    pub const MOST: usize = 8;

    /// There is but one.
    pub const ONE: Turns = Turns { variants: 1, seed: 0 };

    /// Of 1 to [`MOST`](Self::MOST) variants.
    pub fn new(variants: usize, seed: u64) -> Turns {
        Turns { variants: variants.clamp(1, Self::MOST), seed }
    }

    /// How many variants there are.
    pub fn variants(self) -> usize {
        self.variants
    }

    /// How many blocks so many items need.
    pub fn blocks(self, items: u64) -> u64 {
        items.div_ceil(self.variants as u64)
    }

    /// The item of a block that is of a variant.
    fn item(self, block: u64, variant: usize) -> u64 {
        if self.variants == 1 {
            return block;
        }
        let order = self.order(block);
        let place = order.iter().position(|one| *one == variant).expect("each variant is in it");
        block * self.variants as u64 + place as u64
    }

    /// Shuffled after Fisher and Yates; what is beyond the variants stays where it is.
    fn order(self, block: u64) -> [usize; Self::MOST] {
        let mut order = std::array::from_fn(|variant| variant);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed ^ block);
        for last in (1..self.variants).rev() {
            order.swap(last, random.random_range(0..=last));
        }
        order
    }
}

/// Those items of a share that are of one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    share: Share,
    turns: Turns,
    variant: usize,
}

impl Portion {
    /// Of `variant`, from 0, in `share`.
    pub fn new(share: Share, turns: Turns, variant: usize) -> Portion {
        Portion { share, turns, variant }
    }

    /// Which share it is of.
    pub fn share(self) -> Share {
        self.share
    }

    /// How many such portions make up the whole.
    pub fn of(self) -> u64 {
        self.share.of * self.turns.variants as u64
    }

    /// Which of them it is, from 0.
    pub fn index(self) -> u64 {
        self.share.index * self.turns.variants as u64 + self.variant as u64
    }

    /// The global number of its item `k` (from 0); larger for larger `k`.
    pub fn nth(self, k: u64) -> u64 {
        self.turns.item(self.share.nth(k), self.variant)
    }

    /// How many of the first `total` items are in it.
    pub fn count(self, total: u64) -> u64 {
        let whole = total / self.turns.variants as u64;
        let last = self.share.owns(whole) && self.turns.item(whole, self.variant) < total;
        self.share.count(whole) + u64::from(last)
    }
}

impl From<Share> for Portion {
    fn from(share: Share) -> Portion {
        Portion::new(share, Turns::ONE, 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(index: u64, of: u64) -> Share {
        Share::new(index, of).expect("index < of")
    }

    /// The variant of each of the first items.
    fn dealt(turns: Turns, of: u64, total: u64) -> Vec<usize> {
        let mut variants = vec![usize::MAX; total as usize];
        for (index, variant) in (0..of).flat_map(|i| (0..turns.variants).map(move |v| (i, v))) {
            let portion = Portion::new(share(index, of), turns, variant);
            for n in (0..portion.count(total)).map(|k| portion.nth(k)) {
                assert_eq!(std::mem::replace(&mut variants[n as usize], variant), usize::MAX);
            }
        }
        variants
    }

    proptest! {
        #[test]
        fn every_item_is_of_one_variant_and_every_block_has_each_once(
            variants in 1..=Turns::MOST, seed: u64, of in 1..9_u64, total in 0..200_u64,
        ) {
            let dealt = dealt(Turns::new(variants, seed), of, total);
            prop_assert!(!dealt.contains(&usize::MAX), "an item is of none");
            for block in dealt.chunks(variants) {
                let mut block = block.to_vec();
                block.sort_unstable();
                block.dedup();
                prop_assert!(block.len() == variants || total % variants as u64 > 0);
            }
        }

        #[test]
        fn a_single_variant_has_all_of_its_share(index in 0..7_u64, total in 0..300_u64) {
            let (share, portion) = (share(index, 7), Portion::from(share(index, 7)));
            prop_assert_eq!(portion.count(total), share.count(total));
            prop_assert_eq!((portion.nth(total), portion.of()), (share.nth(total), 7));
            prop_assert_eq!(portion.index(), index);
        }
    }

    #[test]
    fn the_order_depends_on_the_seed_and_not_on_how_many_shares_there_are() {
        let dealt_by = |seed, of| dealt(Turns::new(2, seed), of, 1_000);
        assert_eq!(dealt_by(1, 1), dealt_by(1, 7));
        assert_ne!(dealt_by(1, 1), dealt_by(2, 1));
    }

    #[test]
    fn no_variant_comes_first_more_often_than_chance_has_it() {
        let dealt = dealt(Turns::new(2, 4711), 1, 20_000);
        let firsts = dealt.chunks(2).filter(|block| block[0] == 0).count();
        assert!((4_800..5_200).contains(&firsts), "{firsts} of 10,000");
        let after = |a, b| dealt.windows(2).filter(|pair| *pair == [a, b]).count();
        let (ab, ba) = (after(0, 1), after(1, 0));
        assert!(ab.abs_diff(ba) <= 1, "who follows whom: {ab}, {ba}");
    }
}
