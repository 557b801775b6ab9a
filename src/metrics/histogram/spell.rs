//! The histograms of a spell of some seconds, in fewer bytes than each of them by itself.
//!
//! Few need to know more of one second than its number of samples can tell: the median of a hundred
//! is uncertain by some per cent. So the spell as a whole is kept to the bucket (11 leading bits of
//! each value, 0.1 %), and its seconds to 7 bits (1.6 %). Where a second is asked for, the samples of
//! the whole that lie in one wide bucket are dealt out to the seconds that have some there. Then all
//! seconds together are the whole again, exactly; and of some of them a quantile is as a rule within
//! a tenth of a wide bucket. A spell of few samples keeps 11 bits of all.
//!
//! ```text
//! cells   { DELTA·2 + MORE [COUNT − 2] }, of ascending BUCKET·SECONDS + OFFSET
//! ```
//!
//! `BUCKET` is the index at 7 or 11 bits, `OFFSET` counts seconds from the spell's first. So the
//! seconds of one bucket stand beside each other: gaps are short where samples are dense.

use std::collections::BTreeMap;

pub use super::compact::Buckets;
use super::compact::{Gaps, gather, index_of, low, middle};
use super::{EXACT_BITS, top_of_bucket};

/// What is kept of a value's leading bits in each second.
const WIDE_BITS: u32 = 7;
/// Up to so many samples are kept to the bucket in each second.
const FEW: u64 = 4_096;
/// Beyond, dealing is not done in 64 bits.
const MOST: u64 = u32::MAX as u64;
/// Longer spells are none.
const LONGEST: u32 = 1 << 20;
/// Of the order in which parts are dealt to, which is to look like none: 2⁶⁴ over the golden ratio.
const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Some seconds of a series.
#[derive(Debug)]
pub struct Spell {
    /// How many they are.
    seconds: u32,
    /// What is kept of each value in the cells.
    bits: u32,
    whole: Buckets,
    /// By bucket and second, how many samples there are.
    cells: Vec<(u64, u64)>,
}

impl Spell {
    /// Of histograms that were written, each with its second, counted from the first. `None` if one
    /// is none.
    pub fn of(seconds: u32, written: &[(u32, &[u8])]) -> Option<Spell> {
        let read = |&(offset, bytes): &(u32, &[u8])| Some((offset, Buckets::read(bytes)?));
        let parts = written.iter().map(read).collect::<Option<Vec<_>>>()?;
        let whole = together(&parts);
        let bits = match whole.count > FEW && whole.count <= MOST {
            true => WIDE_BITS,
            false => EXACT_BITS,
        };
        let mut cells = Vec::new();
        for (offset, part) in &parts {
            let cell = |bucket| u64::from(seconds) * bucket + u64::from(*offset);
            let of_part = part.buckets.iter();
            cells.extend(of_part.map(|&(index, count)| (cell(wide(index, bits)), count)));
        }
        gather(&mut cells);
        Some(Spell { seconds, bits, whole, cells })
    }

    /// How many leading bits of each value the cells tell.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Appends all samples together, as [`Histogram::add_compact`] reads them.
    pub fn write_whole(&self, out: &mut Vec<u8>) {
        self.whole.write(out);
    }

    /// Appends when they were.
    pub fn write_cells(&self, out: &mut Vec<u8>) {
        let mut gaps = Gaps::default();
        self.cells.iter().for_each(|&(at, count)| gaps.put(at, count, out));
    }

    /// Reads what was written; `None` if it is no spell of so many seconds and bits.
    pub fn read(seconds: u32, bits: u32, whole: &[u8], mut cells: &[u8]) -> Option<Spell> {
        if seconds == 0 || seconds > LONGEST || !matches!(bits, WIDE_BITS | EXACT_BITS) {
            return None;
        }
        let (mut gaps, mut read) = (Gaps::default(), Vec::new());
        while !cells.is_empty() {
            read.push(gaps.take(&mut cells)?);
        }
        Some(Spell { seconds, bits, whole: Buckets::read(whole)?, cells: read })
    }

    /// The spell in parts: `part` names that of each second, by its offset, or says that it is of no
    /// interest. Gives each part's first second and its samples; `None` if cells and whole do not
    /// agree.
    pub fn parts(&self, part: impl Fn(u32) -> Option<u32>) -> Option<Vec<(u32, Buckets)>> {
        let length = u64::from(self.seconds);
        let mut parts = Parts::default();
        for cell in &self.cells {
            let offset = (cell.0 % length) as u32;
            parts.add(offset, part(offset));
        }
        let mut cells = self.cells.chunk_by(|a, b| a.0 / length == b.0 / length);
        let bucket = |index| wide(index, self.bits);
        for stack in self.whole.buckets.chunk_by(|a, b| bucket(a.0) == bucket(b.0)) {
            let bucket = bucket(stack[0].0);
            let cells = cells.next().filter(|cells| cells[0].0 / length == bucket)?;
            let offsets = cells.iter().map(|&(at, count)| ((at % length) as u32, count));
            parts.deal(stack, &mut parts.hands(bucket, offsets)?)?;
        }
        cells.next().is_none().then(|| parts.finished(&self.whole))
    }
}

/// Some of a wide bucket that a part is to have.
struct Hand {
    /// Its place among the parts.
    place: usize,
    wants: u64,
}

/// What is dealt out so far.
#[derive(Default)]
struct Parts {
    /// A part's first second, whether it is of interest, and its samples.
    all: Vec<(u32, bool, Buckets)>,
    /// Places by name.
    named: BTreeMap<Option<u32>, usize>,
    /// Places by the seconds that have samples.
    places: BTreeMap<u32, usize>,
}

impl Parts {
    fn add(&mut self, offset: u32, name: Option<u32>) {
        let next = self.all.len();
        let place = *self.named.entry(name).or_insert(next);
        if place == next {
            self.all.push((offset, name.is_some(), Buckets::none()));
        }
        self.all[place].0 = self.all[place].0.min(offset);
        self.places.insert(offset, place);
    }

    /// Who has how many in a wide bucket, in the order in which they are dealt to.
    fn hands(&self, bucket: u64, cells: impl Iterator<Item = (u32, u64)>) -> Option<Vec<Hand>> {
        let mut wants =
            cells.map(|(offset, count)| (self.places[&offset] as u64, count)).collect::<Vec<_>>();
        gather(&mut wants);
        wants.sort_by_key(|(place, _)| (place + bucket).wrapping_mul(SCATTER));
        let hand = |(place, wants)| Some(Hand { place: usize::try_from(place).ok()?, wants });
        wants.into_iter().map(hand).collect()
    }

    /// Gives the samples of one wide bucket to the parts that have some there: to each its share of
    /// every narrow one, and what is left of shares by turns.
    fn deal(&mut self, stack: &[(u64, u64)], hands: &mut [Hand]) -> Option<()> {
        let mut left = hands.iter().try_fold(0_u64, |sum, hand| sum.checked_add(hand.wants))?;
        let there = stack.iter().try_fold(0_u64, |sum, one| sum.checked_add(one.1))?;
        if left != there || stack.len() > 1 && left > MOST {
            return None;
        }
        for &(index, count) in stack {
            let mut rest = 0;
            for hand in hands.iter_mut() {
                let given = match stack.len() {
                    1 => hand.wants,
                    _ => {
                        rest += hand.wants * count;
                        let given = rest / left;
                        rest %= left;
                        given
                    }
                };
                if given > 0 {
                    hand.wants -= given;
                    self.all[hand.place].2.take(index, given);
                }
            }
            left -= count;
        }
        Some(())
    }

    /// Those of interest, in order of time, with what is known beside their buckets.
    fn finished(mut self, whole: &Buckets) -> Vec<(u32, Buckets)> {
        let told = self.all.iter().map(|(.., part)| part.sum).sum::<u128>();
        let exact = whole.sum as f64 / told.max(1) as f64;
        let mut saturated = whole.saturated;
        self.all.sort_by_key(|part| part.0);
        for (.., part) in &mut self.all {
            part.finish(whole, exact, &mut saturated);
        }
        let wanted = self.all.into_iter().filter(|part| part.1);
        wanted.map(|(first, _, part)| (first, part)).collect()
    }
}

impl Buckets {
    /// Adds samples of a bucket that is none of those before.
    fn take(&mut self, index: u64, count: u64) {
        self.buckets.push((index, count));
        self.count += count;
        self.sum += u128::from(middle(index)) * u128::from(count);
    }

    /// What is known of a part of `whole` beside its buckets; `exact` is what the sum of the whole is
    /// to that of the middles, `saturated` what no part has been given of it.
    fn finish(&mut self, whole: &Buckets, exact: f64, saturated: &mut u64) {
        let (Some(first), Some(&last)) = (self.buckets.first(), self.buckets.last()) else {
            return;
        };
        self.min = low(first.0).max(whole.min);
        self.max = top_of_bucket(low(last.0)).min(whole.max);
        if whole.buckets.last().is_some_and(|highest| highest.0 == last.0) {
            self.saturated = last.1.min(*saturated);
            *saturated -= self.saturated;
        }
        let all = u128::from(self.count);
        let bounds = (u128::from(self.min) * all, u128::from(self.max) * all);
        self.sum = ((self.sum as f64 * exact) as u128).clamp(bounds.0, bounds.1);
    }
}

fn wide(index: u64, bits: u32) -> u64 {
    index_of(low(index), bits)
}

fn together(parts: &[(u32, Buckets)]) -> Buckets {
    let mut whole = Buckets::none();
    for (_, part) in parts {
        whole.buckets.extend_from_slice(&part.buckets);
        whole.count = whole.count.saturating_add(part.count);
        whole.sum += part.sum;
        whole.min = whole.min.min(part.min);
        whole.max = whole.max.max(part.max);
        whole.saturated += part.saturated;
    }
    gather(&mut whole.buckets);
    whole
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, LogNormal};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::super::Histogram;
    use super::*;

    fn of(micros: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        micros.iter().for_each(|&value| histogram.record(Duration::from_micros(value)));
        histogram
    }

    fn spell(seconds: &[Histogram]) -> Spell {
        let write = |histogram: &Histogram| {
            let mut bytes = Vec::new();
            histogram.write_compact(&mut bytes);
            bytes
        };
        let bytes: Vec<Vec<u8>> = seconds.iter().map(write).collect();
        let parts: Vec<(u32, &[u8])> = (0..).zip(bytes.iter().map(Vec::as_slice)).collect();
        Spell::of(seconds.len() as u32, &parts).expect("they are sound")
    }

    /// Written and read.
    fn again(spell: &Spell) -> Spell {
        let (mut whole, mut cells) = (Vec::new(), Vec::new());
        spell.write_whole(&mut whole);
        spell.write_cells(&mut cells);
        Spell::read(spell.seconds, spell.bits(), &whole, &cells).expect("it is sound")
    }

    /// Each second by itself.
    fn dealt(spell: &Spell) -> Option<Vec<(u32, Histogram)>> {
        let part = |(offset, part): (u32, Buckets)| {
            let mut histogram = Histogram::default();
            histogram.add_buckets(&part)?;
            Some((offset, histogram))
        };
        spell.parts(Some)?.into_iter().map(part).collect()
    }

    fn merged<'h>(all: impl IntoIterator<Item = &'h Histogram>) -> Histogram {
        let mut sum = Histogram::default();
        all.into_iter().for_each(|one| sum.merge(one));
        sum
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn all_seconds_together_are_the_whole_and_each_is_itself_to_a_wide_bucket(
            seconds in proptest::collection::vec(
                proptest::collection::vec(0_u64..5_000_000_000, 0..700), 1..9),
            same in 0_u64..200
        ) {
            let seconds: Vec<Histogram> = seconds.iter().map(|one| {
                let mut one = of(one);
                (0..same).for_each(|n| one.record(Duration::from_micros(900 + n * n)));
                one
            }).collect();
            let spell = again(&spell(&seconds));
            let whole = merged(&seconds);
            prop_assert_eq!(spell.bits() == EXACT_BITS, whole.count() <= FEW);
            let dealt = dealt(&spell).expect("it is sound");
            let together = merged(dealt.iter().map(|(_, one)| one));
            prop_assert_eq!(together.buckets(), whole.buckets());
            prop_assert_eq!((together.min(), together.max()), (whole.min(), whole.max()));
            prop_assert_eq!(together.saturated(), whole.saturated());
            for (offset, one) in &dealt {
                let truth = &seconds[*offset as usize];
                let wide = |one: &Histogram| {
                    let mut wide = BTreeMap::<u64, u64>::new();
                    one.each(|value, count| {
                        *wide.entry(index_of(value, spell.bits())).or_default() += count;
                    });
                    wide
                };
                prop_assert_eq!(wide(one), wide(truth));
                let mean = |one: &Histogram| one.sum as f64 / one.count as f64;
                prop_assert!((mean(one) / mean(truth).max(1.0) - 1.0).abs() < 0.017);
            }
        }
    }

    #[test]
    fn quantiles_of_some_seconds_are_nearly_the_true_ones() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        let times = LogNormal::new(9.0, 0.5).expect("a deviation above 0");
        let second = |_| of(&[(); 100].map(|()| times.sample(&mut random) as u64));
        let seconds: Vec<Histogram> = (0..300).map(second).collect();
        let spell = again(&spell(&seconds));
        let each = dealt(&spell).expect("it is sound");
        for span in [10..40, 0..60, 100..250] {
            let truth = merged(&seconds[span.clone()]);
            let by_second = merged(each[span.clone()].iter().map(|(_, one)| one));
            let within = |offset| span.contains(&(offset as usize)).then_some(0);
            let [(first, part)] = &spell.parts(within).expect("it is sound")[..] else {
                panic!("one part is wanted")
            };
            assert_eq!(*first as usize, span.start);
            let mut at_once = Histogram::default();
            at_once.add_buckets(part).expect("they are few");
            assert_eq!(at_once.count(), truth.count());
            for (told, ppm) in [(&by_second, 500_000), (&at_once, 500_000), (&at_once, 950_000)] {
                let micros = |one: &Histogram| one.ranked(ppm) as f64;
                let off = (micros(told) / micros(&truth) - 1.0).abs();
                assert!(off < 0.004, "{off} of {ppm} ppm of {span:?}");
            }
        }
    }

    #[test]
    fn a_spell_takes_less_than_its_seconds_by_themselves() {
        let micros = |n: u64| (0..100).map(move |k| 9_000 + (k * k * 7 + n * 911) % 4_001);
        let second = |n| of(&micros(n).collect::<Vec<_>>());
        let seconds: Vec<Histogram> = (0..300).map(second).collect();
        let (mut apart, mut whole, mut cells) = (Vec::new(), Vec::new(), Vec::new());
        seconds.iter().for_each(|one| one.write_compact(&mut apart));
        let spell = spell(&seconds);
        spell.write_whole(&mut whole);
        spell.write_cells(&mut cells);
        let (together, apart) = (whole.len() + cells.len(), apart.len());
        assert!(together * 10 < apart * 8, "{together} bytes, and {apart} apart");
    }

    #[test]
    fn what_is_no_spell_is_none() {
        let seconds = [of(&[5, 70_000]), of(&[]), of(&[5])];
        let spell = spell(&seconds);
        let (mut whole, mut cells) = (Vec::new(), Vec::new());
        spell.write_whole(&mut whole);
        spell.write_cells(&mut cells);
        let read = |seconds, bits, whole: &[u8], cells: &[u8]| {
            Spell::read(seconds, bits, whole, cells).and_then(|spell| spell.parts(Some))
        };
        assert_eq!(read(3, 11, &whole, &cells).map(|each| each.len()), Some(2));
        for (seconds, bits, length) in [(0, 11, 0), (3, 9, 0), (3, 7, 0), (2, 11, 0), (3, 11, 1)] {
            let cut = &cells[..cells.len() - length];
            assert!(read(seconds, bits, &whole, cut).is_none(), "{seconds} {bits} {length}");
        }
        assert!(read(3, 11, &[0, 0], &cells).is_none());
    }
}
