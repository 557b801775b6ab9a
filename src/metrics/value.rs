//! What a metric's samples of one row add up to, and how two such sums become one.

use std::cmp::Ordering;
use std::time::Duration;

use super::histogram::Histogram;

/// What a metric's samples of one row add up to; its metric's [`Kind`](super::Kind) says which.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A sum.
    Counter(u64),
    /// Hits out of a total.
    Rate {
        /// How many were so.
        hits: u64,
        /// Out of how many.
        total: u64,
    },
    /// The last value, with its extreme.
    Gauge {
        /// Most recent; over workers and rows of one second, the sum.
        last: f64,
        /// Largest; over workers and rows of one second, the sum of theirs.
        max: f64,
    },
    /// A gauge that is not made of parts: the author's, set by any user.
    Level {
        /// When it was set last, since the run began.
        at: Duration,
        /// To what.
        last: f64,
        /// Largest.
        max: f64,
    },
    /// A distribution.
    Histogram(Box<Histogram>),
}

impl Value {
    /// Adds another of the same metric. `age` says whether the other is of an earlier second
    /// (`Less`), the same (`Equal`) or a later one; only gauges care.
    pub fn merge(&mut self, other: &Value, age: Ordering) {
        match (self, other) {
            (Value::Counter(ours), Value::Counter(theirs)) => *ours += theirs,
            (Value::Rate { hits, total }, Value::Rate { hits: more, total: of }) => {
                *hits += more;
                *total += of;
            }
            (Value::Gauge { last, max }, Value::Gauge { last: other, max: most }) => match age {
                Ordering::Equal => (*last, *max) = (*last + other, *max + most),
                Ordering::Greater => (*last, *max) = (*other, max.max(*most)),
                Ordering::Less => *max = max.max(*most),
            },
            (Value::Level { at, last, max }, Value::Level { at: then, last: other, max: most }) => {
                // Of two set at once, the larger: so the order of merging does not matter.
                if (*then, *other) > (*at, *last) {
                    (*at, *last) = (*then, *other);
                }
                *max = max.max(*most);
            }
            (Value::Histogram(ours), Value::Histogram(theirs)) => ours.merge(theirs),
            _ => unreachable!("a metric has one kind"),
        }
    }

    /// The sum of a counter; 0 for other kinds.
    pub fn counter(&self) -> u64 {
        if let Value::Counter(sum) = self { *sum } else { 0 }
    }

    /// The distribution, if it is one.
    pub fn histogram(&self) -> Option<&Histogram> {
        if let Value::Histogram(histogram) = self { Some(histogram) } else { None }
    }
}
