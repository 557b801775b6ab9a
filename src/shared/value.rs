//! A shared value, and the memory that all of them may hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::Fault;

/// What values and keys may hold, all together.
pub(super) const MOST_BYTES: usize = 256 << 20;

/// What holding anything costs beside its text: allocations, a place in a table.
const OVERHEAD: usize = 128;

/// JSON text, charged for as long as anyone holds it; an empty one is Lua's `nil`.
#[derive(Debug, Clone)]
pub struct Value(Arc<Held>);

#[derive(Debug)]
struct Held {
    json: Box<[u8]>,
    _charge: Charge,
}

impl Value {
    pub(super) fn new(json: Vec<u8>, budget: &Arc<Budget>) -> Result<Value, Fault> {
        let _charge = budget.charge(json.len())?;
        Ok(Value(Arc::new(Held { json: json.into(), _charge })))
    }

    /// The text.
    pub fn json(&self) -> &[u8] {
        &self.0.json
    }
}

/// Counts what is held.
#[derive(Debug, Default)]
pub struct Budget {
    used: AtomicUsize,
}

impl Budget {
    /// Holds so many bytes, and what they cost beside, until the charge is dropped.
    ///
    /// # Errors
    /// [`Fault::Full`] if that is too much.
    pub fn charge(self: &Arc<Self>, bytes: usize) -> Result<Charge, Fault> {
        let bytes = bytes.saturating_add(OVERHEAD);
        let fits = |used: usize| used.checked_add(bytes).filter(|&sum| sum <= MOST_BYTES);
        match self.used.fetch_update(Relaxed, Relaxed, fits) {
            Ok(_) => Ok(Charge { budget: self.clone(), bytes }),
            Err(_) => Err(Fault::Full),
        }
    }
}

/// Bytes that are held; given back when it is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_given_back() {
        let budget = Arc::new(Budget::default());
        let half = MOST_BYTES / 2;
        let first = budget.charge(half).unwrap();
        let value = Value::new(b"1".to_vec(), &budget).unwrap();
        let copy = value.clone();
        assert_eq!(budget.charge(half).map(drop), Err(Fault::Full));
        drop((first, value));
        assert!(budget.charge(half).is_ok());
        assert_eq!(copy.json(), b"1");
        drop(copy);
        assert_eq!(budget.used.load(Relaxed), 0);
    }

    #[test]
    fn no_size_overflows() {
        let budget = Arc::new(Budget::default());
        assert_eq!(budget.charge(usize::MAX).map(drop), Err(Fault::Full));
    }
}
