//! The sum of the last seconds, in two merges a second however long the window.
//!
//! A queue of two stacks: seconds arrive on one, with the sum of all on it; they leave from the
//! other, on which each entry is the sum of itself and all that are younger. When the second is
//! empty, the first is poured over. Values cannot be subtracted (a maximum has no inverse), so
//! there is no running sum to take the oldest from.
//!
//! Memory: a value for each second of the window that had a sample.

use std::cmp::Ordering;

use crate::metrics::Value;

/// Values of the last seconds.
#[derive(Debug)]
pub(super) struct Sliding {
    /// Length of the window.
    seconds: u32,
    /// Seconds with their own values, the latest last.
    younger: Vec<(u32, Value)>,
    /// The sum of `younger`.
    sum: Option<Value>,
    /// Sums from a second up to where `younger` begins, the earliest second last.
    older: Vec<(u32, Value)>,
}

impl Sliding {
    pub(super) fn new(seconds: u32) -> Sliding {
        Sliding { seconds, younger: Vec::new(), sum: None, older: Vec::new() }
    }

    /// The value of a second, later than those before.
    pub(super) fn push(&mut self, second: u32, value: Value) {
        self.expire(second);
        match &mut self.sum {
            Some(sum) => sum.merge(&value, Ordering::Greater),
            none => *none = Some(value.clone()),
        }
        self.younger.push((second, value));
    }

    /// The sum over the window that ends with `second`.
    pub(super) fn value(&mut self, second: u32) -> Option<Value> {
        self.expire(second);
        let Some((_, older)) = self.older.last() else { return self.sum.clone() };
        let mut whole = older.clone();
        if let Some(sum) = &self.sum {
            whole.merge(sum, Ordering::Greater);
        }
        Some(whole)
    }

    /// Drops what is no part of the window that ends with `second`.
    fn expire(&mut self, second: u32) {
        let gone = |(at, _): &(u32, Value)| at + self.seconds <= second;
        if self.older.last().is_some_and(gone) {
            while self.older.pop_if(|entry| gone(entry)).is_some() {}
        }
        if self.older.is_empty() && self.younger.first().is_some_and(gone) {
            self.younger.retain(|entry| !gone(entry));
            self.pour();
        }
    }

    fn pour(&mut self) {
        self.sum = None;
        for (second, mut value) in self.younger.drain(..).rev() {
            if let Some((_, later)) = self.older.last() {
                value.merge(later, Ordering::Greater);
            }
            self.older.push((second, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::metrics::Histogram;

    fn times(ms: u64) -> Value {
        let mut times = Histogram::default();
        times.record(Duration::from_millis(ms));
        Value::Histogram(Box::new(times))
    }

    fn gauge(value: u64) -> Value {
        Value::Gauge { last: value as f64, max: value as f64 }
    }

    /// The sum of the last seconds, the simple way.
    fn plainly(seconds: &[Option<u64>], window: usize, make: fn(u64) -> Value) -> Option<Value> {
        let last = &seconds[seconds.len().saturating_sub(window)..];
        let mut values = last.iter().flatten().map(|value| make(*value));
        let first = values.next()?;
        Some(values.fold(first, |mut sum, value| {
            sum.merge(&value, Ordering::Greater);
            sum
        }))
    }

    proptest! {
        #[test]
        fn it_is_the_sum_of_the_last_seconds(
            seconds in prop::collection::vec(prop::option::of(0..5_000_u64), 1..60),
            window in 1..12_u32,
        ) {
            for make in [times, gauge, Value::Counter] {
                let mut sliding = Sliding::new(window);
                for (second, value) in seconds.iter().enumerate() {
                    if let Some(value) = value {
                        sliding.push(second as u32, make(*value));
                    }
                    let expected = plainly(&seconds[..=second], window as usize, make);
                    prop_assert_eq!(sliding.value(second as u32), expected);
                    prop_assert!(sliding.younger.len() + sliding.older.len() <= window as usize);
                }
            }
        }
    }
}
