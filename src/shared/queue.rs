//! A bounded queue: first in, first out, for values and for those who wait.
//!
//! Two semaphores count places and values, and keep who waits for either in line; the list itself
//! is locked only to put in or take out one.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::Semaphore;

use super::{Value, lock};

/// Values between those who push and those who pop.
#[derive(Debug)]
pub struct Queue {
    max: usize,
    values: Mutex<VecDeque<Value>>,
    /// A permit for each place that is free.
    free: Semaphore,
    /// A permit for each value that is there for the taking.
    filled: Semaphore,
}

impl Queue {
    /// Most values that a queue may be asked to hold.
    pub const MOST: usize = 1_000_000_000;

    pub(super) fn new(max: usize) -> Queue {
        Queue {
            max,
            values: Mutex::default(),
            free: Semaphore::new(max),
            filled: Semaphore::new(0),
        }
    }

    /// Most values that it holds.
    pub fn max(&self) -> usize {
        self.max
    }

    /// How many it holds now.
    pub fn len(&self) -> usize {
        lock(&self.values).len()
    }

    /// Whether it holds none now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a value at the end; waits for a place.
    pub async fn push(&self, value: Value) {
        take(&self.free).await;
        lock(&self.values).push_back(value);
        self.filled.add_permits(1);
    }

    /// Takes the first value; waits for one.
    pub async fn pop(&self) -> Value {
        take(&self.filled).await;
        let value = lock(&self.values).pop_front();
        self.free.add_permits(1);
        value.expect("there is a permit for each value")
    }
}

/// Takes a permit for good.
async fn take(permits: &Semaphore) {
    permits.acquire().await.expect("it is never closed").forget();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::time::timeout;

    use super::super::Objects;
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(future)
    }

    fn value(objects: &Objects, n: usize) -> Value {
        objects.value(n.to_string().into_bytes()).unwrap()
    }

    #[test]
    fn what_many_threads_push_many_take_each_value_once() {
        let objects = Arc::new(Objects::default());
        let queue = objects.queue("jobs", Some(3)).unwrap();
        let taken: BTreeSet<usize> = std::thread::scope(|scope| {
            for producer in 0..4 {
                let (objects, queue) = (objects.clone(), queue.clone());
                scope.spawn(move || {
                    block_on(async {
                        for n in 0..500 {
                            queue.push(value(&objects, producer * 500 + n)).await;
                        }
                    });
                });
            }
            let consume = || {
                block_on(async {
                    let mut taken = Vec::new();
                    for _ in 0..400 {
                        let json = queue.pop().await.json().to_vec();
                        taken.push(String::from_utf8(json).unwrap().parse().unwrap());
                    }
                    taken
                })
            };
            let consumers: Vec<_> = (0..5).map(|_| scope.spawn(consume)).collect();
            consumers.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(taken, (0..2_000).collect());
        assert!(queue.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_makes_wait_and_who_gave_up_takes_nothing() {
        let objects = Objects::default();
        let queue = objects.queue("q", Some(1)).unwrap();
        queue.push(value(&objects, 1)).await;
        let second = queue.push(value(&objects, 2));
        assert!(timeout(Duration::from_secs(9), second).await.is_err());
        assert_eq!((queue.pop().await.json(), queue.len()), (b"1".as_slice(), 0));
        assert!(timeout(Duration::from_secs(9), queue.pop()).await.is_err());
        queue.push(value(&objects, 3)).await;
        assert_eq!(queue.pop().now_or_never().unwrap().json(), b"3");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_first_is_served_first() {
        let objects = Objects::default();
        let queue = objects.queue("q", None).unwrap();
        let served = Mutex::new(Vec::new());
        let pop = async |n: usize| {
            queue.pop().await;
            lock(&served).push(n);
        };
        let push = async {
            for n in 0..3 {
                queue.push(value(&objects, n)).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::join!(pop(0), pop(1), pop(2), push);
        assert_eq!(lock(&served).as_slice(), [0, 1, 2]);
    }
}
