//! How many calls of a second took how long: what heat maps are drawn of.

use crate::metrics::Histogram;

/// Edges of a heat map's cells [ms], three to a decade. A call belongs to the first edge that it is
/// not above.
pub const EDGES_MS: [f64; 19] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4,
    5e4, 1e5,
];

/// A count for each of the [`EDGES_MS`] and one for what is above them all, without the zeros at
/// its end.
pub fn counts(times: &Histogram) -> Vec<u64> {
    if times.is_empty() {
        return Vec::new();
    }
    let below = times.at_most(&EDGES_MS.map(|edge| (edge * 1e3) as u64));
    let mut before = 0;
    let all = below.into_iter().chain([times.count()]).map(|to| {
        let count = to - before;
        before = to;
        count
    });
    let mut counts: Vec<u64> = all.collect();
    while counts.pop_if(|last| *last == 0).is_some() {}
    counts
}

/// Adds one second's counts to another's.
pub fn add(ours: &mut Vec<u64>, theirs: &[u64]) {
    ours.resize(ours.len().max(theirs.len()), 0);
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        *ours = ours.saturating_add(*theirs);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(micros: &[u64]) -> Vec<u64> {
        let mut times = Histogram::default();
        micros.iter().for_each(|&micros| times.record(Duration::from_micros(micros)));
        counts(&times)
    }

    #[test]
    fn every_call_is_in_one_cell_and_zeros_at_the_end_are_left_out() {
        assert_eq!(of(&[]), [0; 0]);
        assert_eq!(of(&[50, 60, 300, 900]), [2, 0, 1, 1]);
        let beyond = of(&[200_000_000]);
        assert_eq!((beyond.len(), beyond.last()), (EDGES_MS.len() + 1, Some(&1)));
    }

    #[test]
    fn counts_of_different_lengths_add_up() {
        let mut ours = vec![1];
        add(&mut ours, &[1, 0, 3]);
        add(&mut ours, &[]);
        assert_eq!(ours, [2, 0, 3]);
    }
}
