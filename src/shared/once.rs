//! Values that one user computes while the others wait for it.
//!
//! Each key has a slot with one turn to take. Who takes it computes; when it has, the line is
//! dissolved and all find the value. A turn that is dropped without a value goes to the next in
//! line. A slot whose value has run out is replaced by whoever notices first.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::{Budget, Charge, Fault, Value, lock};

/// Slots by key.
#[derive(Debug, Default)]
pub(super) struct Once(Mutex<FxHashMap<Box<[u8]>, Arc<Slot>>>);

/// What asking for a value comes to.
#[derive(Debug)]
pub enum Taken {
    /// It is there.
    Value(Value),
    /// Who asked is to compute it.
    Turn(Turn),
}

/// The right and the duty to compute a value.
#[derive(Debug)]
pub struct Turn {
    slot: Arc<Slot>,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Slot {
    value: OnceLock<Computed>,
    /// One permit; closed once there is a value.
    turn: Arc<Semaphore>,
    _key: Charge,
}

#[derive(Debug)]
struct Computed {
    value: Value,
    /// When it runs out, if ever.
    until: Option<Instant>,
}

impl Once {
    /// The value of `key`, or the turn to compute it; waits while someone else does.
    pub async fn take(&self, key: &[u8], budget: &Arc<Budget>) -> Result<Taken, Fault> {
        loop {
            let slot = self.slot(key, budget)?;
            if let Some(computed) = slot.value.get() {
                return Ok(Taken::Value(computed.value.clone()));
            }
            if let Ok(permit) = slot.turn.clone().acquire_owned().await {
                return Ok(Taken::Turn(Turn { slot, _permit: permit }));
            }
        }
    }

    /// The slot of a key, new if there was none or its value has run out.
    fn slot(&self, key: &[u8], budget: &Arc<Budget>) -> Result<Arc<Slot>, Fault> {
        let mut slots = lock(&self.0);
        if let Some(slot) = slots.get(key).filter(|slot| slot.is_fresh()) {
            return Ok(slot.clone());
        }
        let slot = Arc::new(Slot {
            value: OnceLock::new(),
            turn: Arc::new(Semaphore::new(1)),
            _key: budget.charge(key.len())?,
        });
        slots.insert(key.into(), slot.clone());
        Ok(slot)
    }
}

impl Slot {
    fn is_fresh(&self) -> bool {
        let until = self.value.get().and_then(|computed| computed.until);
        until.is_none_or(|until| Instant::now() < until)
    }
}

impl Turn {
    /// Gives the value to all who wait and who will ask, for the next `ttl` if there is one.
    pub fn finish(self, value: Value, ttl: Option<Duration>) {
        let until = ttl.and_then(|ttl| Instant::now().checked_add(ttl));
        if self.slot.value.set(Computed { value, until }).is_err() {
            unreachable!("there is one turn, and it ends here");
        }
        self.slot.turn.close();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::super::Objects;
    use super::*;

    /// Asks for the value of `k`, computing `json` if it is to.
    async fn ask(objects: &Objects, json: &str, ttl: Option<Duration>) -> Vec<u8> {
        match objects.once(b"k").await.unwrap() {
            Taken::Value(value) => value.json().to_vec(),
            Taken::Turn(turn) => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                turn.finish(objects.value(json.into()).unwrap(), ttl);
                json.into()
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_computes_and_the_others_get_its_value() {
        let objects = Objects::default();
        let begun = Instant::now();
        let (a, b, c) = tokio::join!(
            ask(&objects, "1", None),
            ask(&objects, "2", None),
            ask(&objects, "3", None)
        );
        assert_eq!([a, b, c], [b"1", b"1", b"1"]);
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_that_has_run_out_is_computed_anew() {
        let objects = Objects::default();
        let ttl = Some(Duration::from_secs(60));
        assert_eq!(ask(&objects, "1", ttl).await, b"1");
        tokio::time::advance(Duration::from_millis(59_999)).await;
        assert_eq!(ask(&objects, "2", ttl).await, b"1");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(ask(&objects, "3", ttl).await, b"3");
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_dropped_goes_to_the_next_in_line() {
        let objects = Objects::default();
        let Taken::Turn(turn) = objects.once(b"k").await.unwrap() else { panic!("it is free") };
        let fails = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            drop(turn);
        };
        let (a, b, ()) = tokio::join!(ask(&objects, "1", None), ask(&objects, "2", None), fails);
        assert_eq!([a, b], [b"1", b"1"]);
    }

    #[test]
    fn of_many_threads_one_computes_and_none_is_left_waiting() {
        let (objects, computed) = (Objects::default(), AtomicUsize::new(0));
        let one = |n: usize| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            runtime.unwrap().block_on(async {
                for round in 0..200 {
                    let key = format!("{round}");
                    match objects.once(key.as_bytes()).await.unwrap() {
                        Taken::Value(value) => assert_eq!(value.json(), key.as_bytes()),
                        // Every third fails, so that turns go on.
                        Taken::Turn(turn) if (n + round).is_multiple_of(3) => drop(turn),
                        Taken::Turn(turn) => {
                            computed.fetch_add(1, SeqCst);
                            turn.finish(objects.value(key.into_bytes()).unwrap(), None);
                        }
                    }
                }
            });
        };
        std::thread::scope(|scope| {
            for n in 0..6 {
                let one = &one;
                scope.spawn(move || one(n));
            }
        });
        assert_eq!(computed.into_inner(), 200);
    }
}
