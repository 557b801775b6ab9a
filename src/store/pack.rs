//! Values ↔ bytes: what a series has in one second, and a frame of one second of all series; what it
//! has over minutes is in [`block`](super::block). `docs/store.md` tells the formats to others.
//!
//! ```text
//! value   counter: SUM   rate: HITS TOTAL   histogram: see metrics/histogram/compact.rs
//!         gauge: 0 LAST MAX, or 1 AT LAST MAX of one that is set (AT in µs); both 8-byte floats
//! frame   { SERIES LENGTH value }
//! ```
//!
//! Capitals are varints. Nothing that a damaged file says is believed beyond its length.

use std::cmp::Ordering;
use std::io::{Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::metrics::histogram::spell::Buckets;
use crate::metrics::varint::{put, take, take_counted};
use crate::metrics::{Histogram, Kind, Value};

/// A block of some minutes stays below 10 MB, whatever is in it.
const LONGEST: u64 = 64 << 20;

const MADE_OF_PARTS: u8 = 0;
const SET: u8 = 1;

/// What a series had in a second, as it is read.
#[derive(Debug, Clone, Copy)]
pub enum Kept<'k> {
    /// A value that was written.
    Bytes(&'k [u8]),
    /// Samples that were taken out of a spell.
    Samples(&'k Buckets),
}

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

/// Adds a kept value of that kind to `sum`; of two gauges as if they were of one second. `None` if
/// it is none.
pub fn add(sum: &mut Option<Value>, kind: Kind, kept: Kept) -> Option<()> {
    if kind == Kind::Histogram {
        let empty = || Value::Histogram(Box::<Histogram>::default());
        let Value::Histogram(samples) = sum.get_or_insert_with(empty) else { return None };
        return match kept {
            Kept::Bytes(bytes) => samples.add_compact(bytes),
            Kept::Samples(more) => samples.add_buckets(more),
        };
    }
    let Kept::Bytes(bytes) = kept else { return None };
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
            assert_eq!(add(&mut sum, kind, Kept::Bytes(&bytes)), Some(()), "{value:?}");
            match (&sum, &value) {
                (Some(Value::Histogram(read)), Value::Histogram(written)) => {
                    assert_eq!((read.count(), read.max()), (written.count(), written.max()));
                }
                (sum, value) => assert_eq!(sum.as_ref(), Some(value)),
            }
            assert_eq!(
                add(&mut None, kind, Kept::Bytes(&bytes[..bytes.len() - 1])),
                None,
                "{value:?}"
            );
            bytes.push(0);
            assert_eq!(add(&mut None, kind, Kept::Bytes(&bytes)), None, "{value:?}");
        }
        let empty = Kept::Bytes(&[0, 0]);
        assert_eq!(add(&mut Some(Value::Counter(1)), Kind::Histogram, empty), None);
    }

    #[test]
    fn what_is_no_frame_is_none() {
        assert_eq!(frame(&[1, 5, 0]), None);
        assert_eq!(frame(&[]), Some(Vec::new()));
        assert_eq!(unsqueezed(b"no zlib"), None);
    }
}
