//! What one series had over some minutes, as one piece of bytes.
//!
//! ```text
//! block   zlib of { SECOND LENGTH value }, SECOND from the block's first
//!         of a histogram: 2 SECONDS BITS LENGTH whole cells, see metrics/histogram/spell.rs
//! ```
//!
//! Capitals are varints; `whole` and `cells` a zlib stream each, the former `LENGTH` bytes long. A
//! zlib stream begins with 0x78, so the two cannot be taken for each other: stores of schema 1 have
//! histograms in blocks of the former kind.

use std::collections::BTreeMap;

use super::pack::{Kept, frame, squeezed, unsqueezed};
use crate::metrics::histogram::spell::Spell;
use crate::metrics::varint::{put, take, take_counted};

/// How a spell begins.
const SPELL: u8 = 2;

/// A series' values over some seconds, made one.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The series.
    pub series: u32,
    /// Its first second.
    pub first: u32,
    /// Its last second.
    pub last: u32,
    /// Compressed.
    pub data: Vec<u8>,
}

/// Frames of some seconds → blocks, one per series; `None` if one of them is no frame. A second may
/// come more than once.
pub fn blocks(frames: &[(u32, Vec<u8>)], is_histogram: impl Fn(u32) -> bool) -> Option<Vec<Block>> {
    let mut by_series = BTreeMap::<u32, Vec<(u32, &[u8])>>::new();
    for (second, bytes) in frames {
        for (series, value) in frame(bytes)? {
            by_series.entry(series).or_default().push((*second, value));
        }
    }
    let block = |(series, mut values): (u32, Vec<(u32, &[u8])>)| {
        values.sort_by_key(|(second, _)| *second);
        let (first, last) = (values[0].0, values[values.len() - 1].0);
        values.iter_mut().for_each(|(second, _)| *second -= first);
        let data = match is_histogram(series) {
            true => spell(last - first, &values)?,
            false => one_by_one(&values),
        };
        Some(Block { series, first, last, data })
    };
    by_series.into_iter().map(block).collect()
}

fn one_by_one(values: &[(u32, &[u8])]) -> Vec<u8> {
    let mut plain = Vec::new();
    for (offset, value) in values {
        put(u64::from(*offset), &mut plain);
        put(value.len() as u64, &mut plain);
        plain.extend_from_slice(value);
    }
    squeezed(&plain)
}

fn spell(last: u32, values: &[(u32, &[u8])]) -> Option<Vec<u8>> {
    let seconds = last.checked_add(1)?;
    let spell = Spell::of(seconds, values)?;
    let (mut whole, mut cells) = (Vec::new(), Vec::new());
    spell.write_whole(&mut whole);
    spell.write_cells(&mut cells);
    let whole = squeezed(&whole);
    let mut data = vec![SPELL];
    for number in [u64::from(seconds), u64::from(spell.bits()), whole.len() as u64] {
        put(number, &mut data);
    }
    data.extend(whole);
    data.extend(squeezed(&cells));
    Some(data)
}

/// What each second is wanted for: the name of a part whose seconds may come as one, or nothing.
pub type Parts<'p> = &'p dyn Fn(u32) -> Option<u32>;

/// Shows each value of a block with its second, or with the first of the seconds that have come as
/// one; `None` if it is no block.
pub fn each_of_block(
    first: u32,
    data: &[u8],
    parts: Parts,
    mut visit: impl FnMut(u32, Kept) -> Option<()>,
) -> Option<()> {
    if let Some((&SPELL, spell)) = data.split_first() {
        return each_of_spell(first, spell, parts, visit);
    }
    let plain = unsqueezed(data)?;
    let mut bytes = plain.as_slice();
    while !bytes.is_empty() {
        let second = first.checked_add(u32::try_from(take(&mut bytes)?).ok()?)?;
        let value = take_counted(&mut bytes)?;
        if parts(second).is_some() {
            visit(second, Kept::Bytes(value))?;
        }
    }
    Some(())
}

fn each_of_spell(
    first: u32,
    mut bytes: &[u8],
    parts: Parts,
    mut visit: impl FnMut(u32, Kept) -> Option<()>,
) -> Option<()> {
    let seconds = u32::try_from(take(&mut bytes)?).ok()?;
    let bits = u32::try_from(take(&mut bytes)?).ok()?;
    let whole = unsqueezed(take_counted(&mut bytes)?)?;
    let mut all = first..first.checked_add(seconds)?;
    let (start, part) = (parts(first), |offset| parts(first + offset));
    if start.is_some() && all.all(|second| parts(second) == start) {
        return visit(first, Kept::Bytes(&whole)); // when each of them was need not be known
    }
    let spell = Spell::read(seconds, bits, &whole, &unsqueezed(bytes)?)?;
    for (offset, samples) in spell.parts(part)? {
        visit(first + offset, Kept::Samples(&samples))?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::{Histogram, Kind, Value};
    use crate::store::pack::{add, add_to_frame};

    fn of(millis: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        millis.iter().for_each(|&ms| histogram.record(Duration::from_millis(ms)));
        histogram
    }

    /// What is in a block, made values again.
    fn seen(block: &Block, kind: Kind, parts: Parts) -> Vec<(u32, Value)> {
        let mut seen = Vec::new();
        let shown = each_of_block(block.first, &block.data, parts, |second, kept| {
            let mut value = None;
            add(&mut value, kind, kept)?;
            seen.push((second, value?));
            Some(())
        });
        assert_eq!(shown, Some(()));
        seen
    }

    fn count(value: &Value) -> u64 {
        match value {
            Value::Counter(sum) => *sum,
            Value::Histogram(samples) => samples.count(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn seconds_of_all_series_become_minutes_of_each() {
        let (mut frames, mut scratch) = (Vec::new(), Vec::new());
        for second in [10_u64, 11, 12, 4] {
            let mut frame = Vec::new();
            add_to_frame(&mut frame, 7, &Value::Counter(second), &mut scratch);
            if second > 10 {
                let samples = of(&[second, second, 70]);
                add_to_frame(&mut frame, 2, &Value::Histogram(Box::new(samples)), &mut scratch);
            }
            frames.push((second as u32, frame));
        }
        let blocks = blocks(&frames, |series| series == 2).expect("they are frames");
        let spans: Vec<_> = blocks.iter().map(|one| (one.series, one.first, one.last)).collect();
        assert_eq!(spans, [(2, 11, 12), (7, 4, 12)]);

        let counts = |values: &[(u32, Value)]| -> Vec<(u32, u64)> {
            values.iter().map(|(second, value)| (*second, count(value))).collect()
        };
        let counted = seen(&blocks[1], Kind::Counter, &|_| Some(0));
        assert_eq!(counts(&counted), [(4, 4), (10, 10), (11, 11), (12, 12)]);
        let each = seen(&blocks[0], Kind::Histogram, &Some);
        assert_eq!(counts(&each), [(11, 3), (12, 3)]);
        let last = seen(&blocks[0], Kind::Histogram, &|second| (second > 11).then_some(0));
        assert_eq!(counts(&last), [(12, 3)]);
        let whole = seen(&blocks[0], Kind::Histogram, &|_| Some(0));
        assert_eq!(counts(&whole), [(11, 6)]);
        let Value::Histogram(samples) = &whole[0].1 else { panic!("{whole:?}") };
        assert_eq!(samples.max(), Some(Duration::from_millis(70)));
    }

    #[test]
    fn histograms_of_schema_1_are_read() {
        let (mut first, mut later) = (Vec::new(), Vec::new());
        of(&[3, 900]).write_compact(&mut first);
        of(&[5]).write_compact(&mut later);
        let data = one_by_one(&[(0, &first), (4, &later)]);
        let block = Block { series: 1, first: 60, last: 64, data };
        for parts in [&Some as Parts, &|_| Some(0)] {
            let seen = seen(&block, Kind::Histogram, parts);
            let counts: Vec<_> = seen.iter().map(|(at, value)| (*at, count(value))).collect();
            assert_eq!(counts, [(60, 2), (64, 1)]);
        }
    }

    #[test]
    fn what_is_no_block_is_none() {
        for data in [&b"no zlib"[..], &[], &[SPELL], &[SPELL, 3, 11, 9, 0], &[SPELL, 0, 11, 0]] {
            for parts in [&Some as Parts, &|_| Some(0)] {
                assert_eq!(each_of_block(0, data, parts, |_, _| Some(())), None, "{data:?}");
            }
        }
        assert!(blocks(&[(0, vec![1, 5, 0])], |_| false).is_none());
        assert!(blocks(&[(0, vec![1, 1, 9])], |_| true).is_none());
    }
}
