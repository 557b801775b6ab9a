//! Values ↔ bytes: what a series has in one second, in a frame of one second of all series, in a
//! block of a minute of one series. `docs/store.md` tells the formats to others.
//!
//! ```text
//! value   counter: SUM   rate: HITS TOTAL   histogram: see metrics/histogram/compact.rs
//!         gauge: 0 LAST MAX, or 1 AT LAST MAX of one that is set (AT in µs); both 8-byte floats
//! frame   { SERIES LENGTH value }
//! block   zlib of { SECOND LENGTH value }, SECOND from the block's first
//! ```
//!
//! Capitals are varints. Nothing that a damaged file says is believed beyond its length.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::metrics::varint::{put, take, take_counted};
use crate::metrics::{Histogram, Kind, Value};

/// A block of a minute stays below 1 MB, whatever is in it.
const LONGEST: u64 = 64 << 20;

const MADE_OF_PARTS: u8 = 0;
const SET: u8 = 1;

/// Appends one value.
pub fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Counter(sum) => put(*sum, out),
        Value::Rate { hits, total } => {
            put(*hits, out);
            put(*total, out);
        }
        Value::Gauge { last, max } => {
            out.push(MADE_OF_PARTS);
            [last, max].iter().for_each(|number| out.extend(number.to_le_bytes()));
        }
        Value::Level { at, last, max } => {
            out.push(SET);
            put(u64::try_from(at.as_micros()).unwrap_or(u64::MAX), out);
            [last, max].iter().for_each(|number| out.extend(number.to_le_bytes()));
        }
        Value::Histogram(samples) => samples.write_compact(out),
    }
}

/// Adds a written value of that kind to `sum`; of two gauges as if they were of one second. `None`
/// if it is none.
pub fn add(sum: &mut Option<Value>, kind: Kind, bytes: &[u8]) -> Option<()> {
    if kind == Kind::Histogram {
        let empty = || Value::Histogram(Box::<Histogram>::default());
        let Value::Histogram(samples) = sum.get_or_insert_with(empty) else { return None };
        return samples.add_compact(bytes);
    }
    let value = read(kind, bytes)?;
    match sum {
        Some(sum) => sum.merge(&value, Ordering::Equal),
        None => *sum = Some(value),
    }
    Some(())
}

fn read(kind: Kind, mut bytes: &[u8]) -> Option<Value> {
    let bytes = &mut bytes;
    let value = match kind {
        Kind::Counter => Value::Counter(take(bytes)?),
        Kind::Rate => Value::Rate { hits: take(bytes)?, total: take(bytes)? },
        Kind::Gauge => {
            let (&sort, rest) = bytes.split_first()?;
            *bytes = rest;
            match sort {
                MADE_OF_PARTS => Value::Gauge { last: float(bytes)?, max: float(bytes)? },
                SET => {
                    let at = Duration::from_micros(take(bytes)?);
                    Value::Level { at, last: float(bytes)?, max: float(bytes)? }
                }
                _ => return None,
            }
        }
        Kind::Histogram => {
            let mut samples = Histogram::default();
            samples.add_compact(bytes)?;
            return Some(Value::Histogram(Box::new(samples)));
        }
    };
    bytes.is_empty().then_some(value)
}

fn float(bytes: &mut &[u8]) -> Option<f64> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(f64::from_le_bytes(*number))
}

/// Appends a series' value to a frame; `scratch` spares allocating.
pub fn add_to_frame(frame: &mut Vec<u8>, series: u32, value: &Value, scratch: &mut Vec<u8>) {
    scratch.clear();
    write(value, scratch);
    put(series.into(), frame);
    put(scratch.len() as u64, frame);
    frame.extend_from_slice(scratch);
}

/// The values of a frame, by series; `None` if it is none.
pub fn frame(mut bytes: &[u8]) -> Option<Vec<(u32, &[u8])>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        let series = u32::try_from(take(&mut bytes)?).ok()?;
        values.push((series, take_counted(&mut bytes)?));
    }
    Some(values)
}

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
pub fn blocks(frames: &[(u32, Vec<u8>)]) -> Option<Vec<Block>> {
    let mut by_series = BTreeMap::<u32, Vec<(u32, &[u8])>>::new();
    for (second, bytes) in frames {
        for (series, value) in frame(bytes)? {
            by_series.entry(series).or_default().push((*second, value));
        }
    }
    Some(by_series.into_iter().map(|(series, values)| block(series, values)).collect())
}

fn block(series: u32, mut values: Vec<(u32, &[u8])>) -> Block {
    values.sort_by_key(|(second, _)| *second);
    let (first, last) = (values[0].0, values[values.len() - 1].0);
    let mut plain = Vec::new();
    for (second, value) in values {
        put(u64::from(second - first), &mut plain);
        put(value.len() as u64, &mut plain);
        plain.extend_from_slice(value);
    }
    Block { series, first, last, data: squeezed(&plain) }
}

/// Shows each value of a block with its second; `None` if it is no block.
pub fn each_of_block(
    first: u32,
    data: &[u8],
    mut visit: impl FnMut(u32, &[u8]) -> Option<()>,
) -> Option<()> {
    let plain = unsqueezed(data)?;
    let mut bytes = plain.as_slice();
    while !bytes.is_empty() {
        let second = first.checked_add(u32::try_from(take(&mut bytes)?).ok()?)?;
        visit(second, take_counted(&mut bytes)?)?;
    }
    Some(())
}

/// A zlib stream of these bytes.
pub fn squeezed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("memory can be written to")
}

/// And back; `None` if it is none, or too long.
pub fn unsqueezed(data: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let read = ZlibDecoder::new(data).take(LONGEST).read_to_end(&mut plain).ok()?;
    ((read as u64) < LONGEST).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<(Kind, Value)> {
        let mut samples = Histogram::default();
        [3, 3, 900].into_iter().for_each(|ms| samples.record(Duration::from_millis(ms)));
        let at = Duration::from_micros(77);
        vec![
            (Kind::Counter, Value::Counter(1 << 40)),
            (Kind::Rate, Value::Rate { hits: 3, total: 300 }),
            (Kind::Gauge, Value::Gauge { last: 0.1, max: 7.0 }),
            (Kind::Gauge, Value::Level { at, last: -3.5, max: 1e300 }),
            (Kind::Histogram, Value::Histogram(Box::new(samples))),
        ]
    }

    #[test]
    fn what_is_written_is_read_and_added() {
        for (kind, value) in values() {
            let mut bytes = Vec::new();
            write(&value, &mut bytes);
            let mut sum = None;
            assert_eq!(add(&mut sum, kind, &bytes), Some(()), "{value:?}");
            match (&sum, &value) {
                (Some(Value::Histogram(read)), Value::Histogram(written)) => {
                    assert_eq!((read.count(), read.max()), (written.count(), written.max()));
                }
                (sum, value) => assert_eq!(sum.as_ref(), Some(value)),
            }
            assert_eq!(add(&mut None, kind, &bytes[..bytes.len() - 1]), None, "{value:?}");
            bytes.push(0);
            assert_eq!(add(&mut None, kind, &bytes), None, "{value:?}");
        }
        assert_eq!(add(&mut Some(Value::Counter(1)), Kind::Histogram, &[0, 0]), None);
    }

    #[test]
    fn seconds_of_all_series_become_minutes_of_each() {
        let (mut frames, mut scratch) = (Vec::new(), Vec::new());
        for second in [10, 11, 12, 4] {
            let mut frame = Vec::new();
            add_to_frame(&mut frame, 7, &Value::Counter(second), &mut scratch);
            if second == 11 {
                add_to_frame(&mut frame, 2, &Value::Rate { hits: 1, total: 2 }, &mut scratch);
            }
            frames.push((second as u32, frame));
        }
        let blocks = blocks(&frames).unwrap();
        let spans: Vec<_> = blocks.iter().map(|one| (one.series, one.first, one.last)).collect();
        assert_eq!(spans, [(2, 11, 11), (7, 4, 12)]);
        let mut seen = Vec::new();
        each_of_block(4, &blocks[1].data, |second, value| {
            seen.push((second, value.to_vec()));
            Some(())
        })
        .unwrap();
        assert_eq!(seen, [(4, vec![4]), (10, vec![10]), (11, vec![11]), (12, vec![12])]);
        assert_eq!(each_of_block(0, b"no zlib", |_, _| Some(())), None);
        assert_eq!(frame(&[1, 5, 0]), None);
    }
}
