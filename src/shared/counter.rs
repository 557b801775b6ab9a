//! A number that all add to.

use std::sync::atomic::{AtomicI64, Ordering::AcqRel, Ordering::Acquire};

use super::Fault;

/// A whole number, from 0.
#[derive(Debug)]
pub struct Counter {
    name: String,
    value: AtomicI64,
}

impl Counter {
    pub(super) fn new(name: &str) -> Counter {
        Counter { name: name.to_owned(), value: AtomicI64::new(0) }
    }

    /// Adds `n`, which may be negative; gives the new value, which no other call gave.
    ///
    /// # Errors
    /// [`Fault::Overflow`]; the value then stays.
    pub fn add(&self, n: i64) -> Result<i64, Fault> {
        let before = self.value.fetch_update(AcqRel, Acquire, |value| value.checked_add(n));
        before.map(|before| before + n).map_err(|_| Fault::Overflow(self.name.clone()))
    }

    /// The value of now.
    pub fn get(&self) -> i64 {
        self.value.load(Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_of_many_threads_gets_numbers_of_its_own() {
        let counter = Counter::new("ids");
        let numbers: BTreeSet<i64> = std::thread::scope(|scope| {
            let take = || (0..1_000).map(|_| counter.add(1).unwrap()).collect::<Vec<_>>();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(numbers, (1..=8_000).collect());
    }

    #[test]
    fn a_sum_beyond_64_bits_is_refused_and_changes_nothing() {
        let counter = Counter::new("sum");
        counter.add(i64::MAX).unwrap();
        assert_eq!(counter.add(1), Err(Fault::Overflow("sum".into())));
        assert_eq!(counter.get(), i64::MAX);
    }
}
