//! Draws the traces that requests carry: one for an iteration, a span for each request.
//!
//! From randomness of its own: two runs with the same seed are two sets of traces, and what scripts
//! draw is the same with and without.

use std::cell::{Cell, RefCell};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::metrics::{Span, SpanId, TraceId};

/// The source of one worker's traces.
pub struct Tracer(RefCell<Xoshiro256PlusPlus>);

impl Default for Tracer {
    fn default() -> Self {
        let seed = RandomState::new().hash_one("traces"); // the standard library's own randomness
        Tracer(RefCell::new(Xoshiro256PlusPlus::seed_from_u64(seed)))
    }
}

impl Tracer {
    /// The next request of an iteration, whose trace begins with its first.
    pub fn span(&self, iteration: &Cell<Option<TraceId>>) -> Span {
        let mut rng = self.0.borrow_mut();
        let trace = iteration.get().unwrap_or_else(|| TraceId(rng.random()));
        iteration.set(Some(trace));
        Span { trace, id: SpanId(rng.random()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_an_iteration_share_a_trace_and_nothing_else() {
        let (one, other) = (Tracer::default(), Tracer::default());
        let iterations = [Cell::new(None), Cell::new(None)];
        let first = one.span(&iterations[0]);
        let second = one.span(&iterations[0]);
        assert!(first.trace == second.trace && first.id != second.id);
        assert_ne!(one.span(&iterations[1]).trace, first.trace);
        assert_ne!(other.span(&Cell::new(None)), one.span(&Cell::new(None)));
    }
}
