//! Rows that are exclusive while they are used.
//!
//! One register holds who has leased what in all pools of the process: a short lock, never held
//! across a wait. A row that is given back goes to whoever has waited longest; with nobody waiting
//! it goes to the end of the free ones, so that rows take turns.
//!
//! **A wait that can never end** is refused. A user is stuck if it waits for a row of a pool whose
//! rows are all held by users that are stuck: they give nothing back before they get something.
//! Who holds nothing blocks nobody, so only a user that holds a row and asks for another can close
//! such a circle, and only then the register looks for one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::share::Share;

/// Who has leased what, in all pools of the process.
#[derive(Debug, Default)]
pub(super) struct Register {
    state: Mutex<State>,
}

/// The rows of one pool that can be leased.
#[derive(Debug)]
pub struct Leases {
    register: Arc<Register>,
    pool: usize,
}

/// A row that is its holder's alone until this is dropped.
#[derive(Debug)]
pub struct Lease {
    leases: Leases,
    user: u64,
    row: usize,
}

/// What asking for a row came to.
#[derive(Debug)]
pub enum Leased {
    /// A row that was free.
    Row(Lease),
    /// None is free.
    Wait(Waiting),
    /// None will ever be.
    Never(Stuck),
}

/// Why a row can never come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    /// There is none in this share of the pool.
    NoRows,
    /// The user that asks holds them all.
    AllMine,
    /// All are held by users that wait for rows themselves.
    Circle,
}

/// A place in the queue; whoever drops it leaves the queue.
#[derive(Debug)]
pub struct Waiting {
    leases: Leases,
    user: u64,
    ticket: u64,
    row: oneshot::Receiver<Lease>,
}

#[derive(Debug, Default)]
struct State {
    stocks: Vec<Stock>,
    /// Users that hold or await something, by number in the run.
    users: HashMap<u64, Holder>,
    tickets: u64,
}

/// The rows of one pool.
#[derive(Debug)]
struct Stock {
    share: Share,
    /// How many are this share's.
    rows: u64,
    /// Of those, how many have ever been leased: the rest is taken in the list's order.
    touched: u64,
    /// Given back, longest ago first.
    free: VecDeque<usize>,
    /// By ticket.
    queue: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    user: u64,
    row: oneshot::Sender<Lease>,
}

/// One user's part, by pool.
#[derive(Debug, Default)]
struct Holder {
    held: Vec<usize>,
    awaited: Vec<usize>,
}

impl Register {
    /// Adds a pool of `rows`, of which `share` is leased here.
    pub(super) fn add(self: &Arc<Self>, rows: usize, share: Share) -> Leases {
        let mut state = self.lock();
        let rows = share.count(rows as u64);
        let (free, queue) = (VecDeque::new(), VecDeque::new());
        state.stocks.push(Stock { share, rows, touched: 0, free, queue });
        Leases { register: self.clone(), pool: state.stocks.len() - 1 }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leases {
    /// A row for `user` (its number in the run), or a place in the queue.
    pub fn lease(&self, user: u64) -> Leased {
        let mut state = self.register.lock();
        if let Some(row) = state.stocks[self.pool].take() {
            state.holder(user).held.push(self.pool);
            drop(state);
            return Leased::Row(self.leased(user, row));
        }
        if let Err(stuck) = state.queue_up(user, self.pool) {
            return Leased::Never(stuck);
        }
        let (sender, row) = oneshot::channel();
        state.tickets += 1;
        let ticket = state.tickets;
        state.stocks[self.pool].queue.push_back(Waiter { ticket, user, row: sender });
        Leased::Wait(Waiting { leases: self.handle(), user, ticket, row })
    }

    fn give_back(&self, user: u64, row: usize) {
        let mut state = self.register.lock();
        state.release(user, self.pool);
        let stock = &mut state.stocks[self.pool];
        let Some(next) = stock.queue.pop_front() else { return stock.free.push_back(row) };
        state.promote(next.user, self.pool);
        drop(state);
        // One who left meanwhile leaves us the lease, which is given back when it is dropped here.
        drop(next.row.send(self.leased(next.user, row)));
    }

    fn leased(&self, user: u64, row: usize) -> Lease {
        Lease { leases: self.handle(), user, row }
    }

    fn handle(&self) -> Leases {
        Leases { register: self.register.clone(), pool: self.pool }
    }
}

impl Lease {
    /// Its number, from 0.
    pub fn row(&self) -> usize {
        self.row
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.give_back(self.user, self.row);
    }
}

impl Waiting {
    /// Waits for the row; first come, first served.
    pub async fn row(mut self) -> Lease {
        (&mut self.row).await.expect("the register outlives its queues and drops no waiter")
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.leases.register.lock();
        let queue = &mut state.stocks[self.leases.pool].queue;
        if let Ok(at) = queue.binary_search_by_key(&self.ticket, |waiter| waiter.ticket) {
            queue.remove(at);
            state.give_up(self.user, self.leases.pool);
        }
        // A row that was sent but not taken drops with the receiver, after the lock is released.
    }
}

impl Stock {
    fn take(&mut self) -> Option<usize> {
        if self.touched < self.rows {
            let row = self.share.nth(self.touched);
            self.touched += 1;
            return Some(row as usize);
        }
        self.free.pop_front()
    }
}

impl State {
    fn holder(&mut self, user: u64) -> &mut Holder {
        self.users.entry(user).or_default()
    }

    /// Notes that `user` waits for a row of `pool`, unless that could never end.
    fn queue_up(&mut self, user: u64, pool: usize) -> Result<(), Stuck> {
        if self.stocks[pool].rows == 0 {
            return Err(Stuck::NoRows);
        }
        let holder = self.holder(user);
        holder.awaited.push(pool);
        if holder.held.is_empty() || !self.stuck(user) {
            return Ok(());
        }
        self.give_up(user, pool);
        let mine = self.users.get(&user).map_or(0, |holder| count(&holder.held, pool));
        Err(if mine == self.stocks[pool].rows { Stuck::AllMine } else { Stuck::Circle })
    }

    /// Whether `user` is one of those who wait for each other: of all who hold and wait, those are
    /// put aside, again and again, who wait for nothing that the others hold entirely.
    fn stuck(&self, user: u64) -> bool {
        let waits = |holder: &Holder| !holder.held.is_empty() && !holder.awaited.is_empty();
        let mut stuck: Vec<(u64, &Holder)> =
            self.users.iter().filter(|(_, h)| waits(h)).map(|(user, h)| (*user, h)).collect();
        loop {
            let mut held: HashMap<usize, u64> = HashMap::new();
            for pool in stuck.iter().flat_map(|(_, holder)| &holder.held) {
                *held.entry(*pool).or_default() += 1;
            }
            let before = stuck.len();
            let gone = |pool: &usize| held.get(pool) == Some(&self.stocks[*pool].rows);
            stuck.retain(|(_, holder)| holder.awaited.iter().any(gone));
            if stuck.len() == before {
                return stuck.iter().any(|(other, _)| *other == user);
            }
        }
    }

    fn promote(&mut self, user: u64, pool: usize) {
        let holder = self.holder(user);
        remove(&mut holder.awaited, pool);
        holder.held.push(pool);
    }

    fn give_up(&mut self, user: u64, pool: usize) {
        remove(&mut self.holder(user).awaited, pool);
        self.forget(user);
    }

    fn release(&mut self, user: u64, pool: usize) {
        remove(&mut self.holder(user).held, pool);
        self.forget(user);
    }

    fn forget(&mut self, user: u64) {
        if self.users.get(&user).is_some_and(Holder::is_idle) {
            self.users.remove(&user);
        }
    }
}

impl Holder {
    fn is_idle(&self) -> bool {
        self.held.is_empty() && self.awaited.is_empty()
    }
}

fn count(pools: &[usize], pool: usize) -> u64 {
    pools.iter().filter(|&&held| held == pool).count() as u64
}

fn remove(pools: &mut Vec<usize>, pool: usize) {
    if let Some(at) = pools.iter().position(|&held| held == pool) {
        pools.swap_remove(at);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures_util::FutureExt;

    use super::*;

    fn pool(register: &Arc<Register>, rows: usize) -> Leases {
        register.add(rows, Share::WHOLE)
    }

    fn row(leases: &Leases, user: u64) -> Lease {
        match leases.lease(user) {
            Leased::Row(lease) => lease,
            other => panic!("{other:?}"),
        }
    }

    fn wait(leases: &Leases, user: u64) -> Waiting {
        match leases.lease(user) {
            Leased::Wait(waiting) => waiting,
            other => panic!("{other:?}"),
        }
    }

    fn never(leases: &Leases, user: u64) -> Stuck {
        match leases.lease(user) {
            Leased::Never(stuck) => stuck,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows_take_turns() {
        let leases = pool(&Arc::default(), 3);
        let mut taken: Vec<usize> = (0..4).map(|_| row(&leases, 1).row()).collect();
        let (a, b) = (row(&leases, 1), row(&leases, 2));
        taken.extend([a.row(), b.row()]);
        drop((b, a));
        taken.extend((0..3).map(|_| row(&leases, 1).row()));
        assert_eq!(taken, [0, 1, 2, 0, 1, 2, 0, 2, 1]);
        assert!(leases.register.lock().users.is_empty());
    }

    #[test]
    fn who_waits_longest_is_served_first_and_who_leaves_is_passed_over() {
        let leases = pool(&Arc::default(), 1);
        let only = row(&leases, 1);
        let (mut second, third) = (Box::pin(wait(&leases, 2).row()), wait(&leases, 3));
        let mut fourth = Box::pin(wait(&leases, 4).row());
        assert!((&mut second).now_or_never().is_none());
        drop(only);
        assert!((&mut fourth).now_or_never().is_none());
        let lease = second.now_or_never().unwrap();
        drop(third);
        drop(lease);
        assert_eq!(fourth.now_or_never().unwrap().row(), 0);
        assert!(leases.register.lock().users.is_empty());
    }

    #[test]
    fn a_row_that_was_sent_to_one_who_left_goes_on_to_the_next() {
        let leases = pool(&Arc::default(), 1);
        let only = row(&leases, 1);
        let (second, third) = (wait(&leases, 2), wait(&leases, 3));
        drop(only); // it is the second's now
        drop(second);
        assert_eq!(third.row().now_or_never().unwrap().row(), 0);
        assert_eq!(row(&leases, 4).row(), 0);
    }

    #[test]
    fn a_wait_that_could_never_end_is_refused() {
        let register = Arc::default();
        let (a, b) = (pool(&register, 2), pool(&register, 1));
        let first = (row(&a, 1), row(&a, 1));
        assert_eq!(never(&a, 1), Stuck::AllMine);
        drop(first);
        let (one, two) = (row(&a, 1), row(&a, 2));
        let waits = wait(&a, 1);
        assert_eq!(never(&a, 2), Stuck::Circle);
        drop(two); // its iteration failed
        let second = waits.row().now_or_never().unwrap();
        drop((one, second));
        // over two pools
        let (one, other, two) = (row(&a, 1), row(&a, 1), row(&b, 2));
        let waits = wait(&b, 1);
        let (idle, more) = (wait(&a, 3), wait(&b, 4)); // who hold nothing and block nobody
        assert_eq!(never(&a, 2), Stuck::Circle);
        drop((waits, idle, more, one, other, two));
        let none = register.add(1, Share::new(1, 2).unwrap());
        assert_eq!(never(&none, 1), Stuck::NoRows);
        assert!(register.lock().users.is_empty());
    }

    #[test]
    fn a_wait_for_one_who_can_go_on_is_no_circle() {
        let register = Arc::default();
        let (a, b) = (pool(&register, 2), pool(&register, 1));
        let (one, two, three) = (row(&a, 1), row(&a, 2), row(&b, 3));
        let waits = wait(&b, 1); // for 3, which waits for nothing
        let circle = wait(&a, 2);
        drop(three);
        let lease = waits.row().now_or_never().unwrap();
        drop((lease, one));
        assert!(circle.row().now_or_never().is_some());
        drop(two);
    }

    #[test]
    fn a_row_comes_back_from_a_thread_that_panics() {
        let leases = pool(&Arc::default(), 1);
        let died = std::thread::scope(|scope| {
            let body = || {
                let _held = row(&leases, 1);
                panic!("on purpose");
            };
            scope.spawn(body).join()
        });
        assert!(died.is_err());
        assert_eq!(row(&leases, 2).row(), 0);
    }

    #[test]
    fn no_row_is_ever_held_twice_and_none_is_lost() {
        const ROWS: usize = 5;
        let leases = pool(&Arc::default(), ROWS);
        let held: Vec<AtomicBool> = (0..ROWS).map(|_| AtomicBool::new(false)).collect();
        let use_row = |lease: &Lease| {
            assert!(!held[lease.row()].swap(true, Ordering::SeqCst), "held twice");
            std::thread::yield_now();
            held[lease.row()].store(false, Ordering::SeqCst);
        };
        let work = |thread: u64| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                for round in 0..500u64 {
                    let user = thread * 1_000 + round % 7;
                    let lease = match leases.lease(user) {
                        Leased::Row(lease) => lease,
                        Leased::Wait(waiting) if (round + thread).is_multiple_of(3) => {
                            drop(waiting); // cut off
                            continue;
                        }
                        Leased::Wait(waiting) => waiting.row().await,
                        Leased::Never(stuck) => panic!("{stuck:?}"),
                    };
                    use_row(&lease);
                }
            });
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..12).map(|n| scope.spawn(move || work(n))).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        let all: Vec<Lease> = (0..ROWS as u64).map(|user| row(&leases, user)).collect();
        assert_eq!(all.len(), ROWS);
        assert!(matches!(leases.lease(99), Leased::Wait(_)));
    }
}
