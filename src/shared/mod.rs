//! What all users of the process share, on whatever worker they live: counters, queues, maps,
//! values computed once, barriers and limiters, each by its name.
//!
//! No Lua in it: a value is JSON text, which each user who takes it reads anew. A wait is a future
//! that any runtime may poll and that gives back, when it is dropped, what it was about to take;
//! whoever waits in line is served in the order of arrival, and nobody polls. No lock is held
//! across an `.await` or a call into a script.
//!
//! Memory is bounded: values and keys are charged to one [`Budget`] for as long as they are held,
//! and the number of objects is capped.

mod barrier;
mod counter;
mod limiter;
mod map;
mod once;
mod queue;
mod value;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use barrier::Barrier;
pub use counter::Counter;
pub use limiter::Limiter;
pub use map::{Map, Read};
use once::Once;
pub use once::{Taken, Turn};
pub use queue::Queue;
pub use value::{Budget, Charge, Value};

/// Most objects of one kind.
const MOST_OBJECTS: usize = 10_000;

/// Why something shared cannot be had; each is a sentence for the author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It was opened with other parameters before.
    #[error("the {kind} `{name}` is there already, with {was} and not {given}")]
    Differs {
        /// `queue`, ….
        kind: &'static str,
        /// Its name.
        name: String,
        /// What it has.
        was: String,
        /// What it was asked for with.
        given: String,
    },
    /// Names without end.
    #[error(
        "there are {MOST_OBJECTS} shared {kind}s already; a map holds what has a name of its own \
         for each user"
    )]
    TooMany {
        /// `queue`, ….
        kind: &'static str,
    },
    /// Values without end.
    #[error("lt.shared holds {} MiB already, which is all that it may", value::MOST_BYTES >> 20)]
    Full,
    /// A sum beyond 64 bits.
    #[error("the counter `{0}` would leave the range of 64-bit integers")]
    Overflow(String),
}

/// Every shared object of the process.
#[derive(Debug, Default)]
pub struct Objects {
    counters: Named<Counter>,
    queues: Named<Queue>,
    maps: Named<Map>,
    barriers: Named<Barrier>,
    limiters: Named<Limiter>,
    once: Once,
    budget: Arc<Budget>,
}

impl Objects {
    /// The counter of that name; made if it is not there, as all that follow.
    ///
    /// # Errors
    /// Too many of the kind, or one of other parameters under the name.
    pub fn counter(&self, name: &str) -> Result<Arc<Counter>, Fault> {
        self.counters.open("counter", name, || Counter::new(name))
    }

    /// A queue of at most `max` values; `None`: as it is, or of 1,000.
    pub fn queue(&self, name: &str, max: Option<usize>) -> Result<Arc<Queue>, Fault> {
        let queue = self.queues.open("queue", name, || Queue::new(max.unwrap_or(1_000)))?;
        let given = max.unwrap_or(queue.max());
        same("queue", name, queue.max(), given, |max| format!("max = {max}"))?;
        Ok(queue)
    }

    /// A map.
    pub fn map(&self, name: &str) -> Result<Arc<Map>, Fault> {
        self.maps.open("map", name, Map::default)
    }

    /// A barrier for `parties` at a time.
    pub fn barrier(&self, name: &str, parties: usize) -> Result<Arc<Barrier>, Fault> {
        let barrier = self.barriers.open("barrier", name, || Barrier::new(parties))?;
        same("barrier", name, barrier.parties(), parties, |n| format!("n = {n}"))?;
        Ok(barrier)
    }

    /// A limiter of so many a second.
    pub fn limiter(&self, name: &str, per_s: f64) -> Result<Arc<Limiter>, Fault> {
        let limiter = self.limiters.open("limiter", name, || Limiter::new(per_s))?;
        same("limiter", name, limiter.per_s(), per_s, |rate| format!("{rate}/s"))?;
        Ok(limiter)
    }

    /// The value of `key` that is computed once, or the turn to compute it; waits while someone
    /// else does.
    ///
    /// # Errors
    /// [`Fault::Full`].
    pub async fn once(&self, key: &[u8]) -> Result<Taken, Fault> {
        self.once.take(key, &self.budget).await
    }

    /// A value of `json` text.
    ///
    /// # Errors
    /// [`Fault::Full`].
    pub fn value(&self, json: Vec<u8>) -> Result<Value, Fault> {
        Value::new(json, &self.budget)
    }

    /// What holds `bytes` of a key.
    ///
    /// # Errors
    /// [`Fault::Full`].
    pub fn charge(&self, bytes: usize) -> Result<Charge, Fault> {
        self.budget.charge(bytes)
    }
}

/// Objects of one kind by name.
#[derive(Debug)]
struct Named<T>(Mutex<BTreeMap<String, Arc<T>>>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named(Mutex::default())
    }
}

impl<T> Named<T> {
    fn open(
        &self,
        kind: &'static str,
        name: &str,
        make: impl FnOnce() -> T,
    ) -> Result<Arc<T>, Fault> {
        let mut objects = lock(&self.0);
        if let Some(known) = objects.get(name) {
            return Ok(known.clone());
        }
        if objects.len() >= MOST_OBJECTS {
            return Err(Fault::TooMany { kind });
        }
        let made = Arc::new(make());
        objects.insert(name.to_owned(), made.clone());
        Ok(made)
    }
}

/// Whether an object has the parameter that it is asked for with.
fn same<P: PartialEq>(
    kind: &'static str,
    name: &str,
    was: P,
    given: P,
    told: impl Fn(P) -> String,
) -> Result<(), Fault> {
    if was == given {
        return Ok(());
    }
    Err(Fault::Differs { kind, name: name.to_owned(), was: told(was), given: told(given) })
}

/// A lock whose holders cannot leave what it guards half done, whatever they panicked of.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_the_same_for_all_who_name_it() {
        let objects = Objects::default();
        objects.counter("orders").unwrap().add(2).unwrap();
        assert_eq!(objects.counter("orders").unwrap().add(3), Ok(5));
        assert_eq!(objects.counter("others").unwrap().get(), 0);
    }

    #[test]
    fn other_parameters_than_before_are_refused() {
        let objects = Objects::default();
        objects.queue("q", Some(5)).unwrap();
        assert_eq!(objects.queue("q", None).unwrap().max(), 5);
        let told = |fault: Fault| fault.to_string();
        assert_eq!(
            objects.queue("q", Some(6)).map_err(told).unwrap_err(),
            "the queue `q` is there already, with max = 5 and not max = 6"
        );
        objects.barrier("b", 2).unwrap();
        assert_eq!(
            objects.barrier("b", 3).map_err(told).unwrap_err(),
            "the barrier `b` is there already, with n = 2 and not n = 3"
        );
        objects.limiter("l", 50.0).unwrap();
        assert!(objects.limiter("l", 50.0).is_ok());
        assert_eq!(
            objects.limiter("l", 2.5).map_err(told).unwrap_err(),
            "the limiter `l` is there already, with 50/s and not 2.5/s"
        );
    }

    #[test]
    fn names_without_end_are_refused() {
        let objects = Objects::default();
        let open = |n: usize| objects.map(&format!("user {n}")).map(drop);
        assert!((0..MOST_OBJECTS).all(|n| open(n).is_ok()));
        assert_eq!(open(MOST_OBJECTS), Err(Fault::TooMany { kind: "map" }));
        assert_eq!(open(0), Ok(()));
    }
}
