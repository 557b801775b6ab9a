//! What the workers of a process share about one scenario while it runs: atomics and watches,
//! touched once an iteration at most.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::watch;

use super::backlog::Backlog;
use super::course::{Course, Quota};
use super::helm::{Helm, Setting};

/// How many first iterations must all end in a script error for the run to be given up.
const HOPELESS: u64 = 20;

/// A time that has not come.
const NEVER: u64 = u64::MAX;

/// One scenario's shared state.
#[derive(Debug)]
pub struct Running {
    /// When its last user ended, since the run's start; `None` before.
    ended: watch::Sender<Option<Duration>>,
    /// Set once its data is used up: nothing more starts.
    halted: watch::Sender<bool>,
    /// When it began and when a stop cut it short [µs since the run's start]; `NEVER` before.
    began: AtomicU64,
    cut: AtomicU64,
    /// Users, or crews of an open load, that have not ended.
    users: AtomicU64,
    /// Of these, those who rest because nobody wants them; told whenever that, or how many users
    /// there are, may have changed.
    standing: AtomicU64,
    stirs: watch::Sender<()>,
    /// Iterations that nobody has taken yet; only for shared ones.
    left: AtomicU64,
    /// Users that gave up: their `on_start` failed to the last try.
    unable: AtomicU64,
    /// Iterations that started while nothing was known of how they end.
    omens: AtomicU64,
    /// Of the first of these, those that ended in a script error.
    broken: AtomicU64,
    /// Whether one of these did not.
    hope: AtomicBool,
    /// Arrivals of an open load that wait for a free user, by variant.
    pub backlogs: Box<[Backlog]>,
    /// Changes the load while it runs.
    pub helm: Helm,
}

impl Running {
    /// Of a scenario with so many variants on so many workers of this process.
    pub fn new(course: &Course, workers: u64, variants: usize) -> Running {
        let ends = course.ends(workers * variants as u64);
        let mut running = Running::of(ends, course.quota);
        let workers = usize::try_from(workers).unwrap_or(usize::MAX);
        running.backlogs = (0..variants).map(|_| Backlog::new(workers)).collect();
        if let Some(users) = course.by_hand {
            running.helm.set(Setting::users(Duration::ZERO, users));
        }
        running
    }

    fn of(ends: u64, quota: Quota) -> Running {
        let left = if let Quota::Shared(iterations) = quota { iterations } else { 0 };
        Running {
            ended: watch::Sender::new(None),
            halted: watch::Sender::new(false),
            began: AtomicU64::new(NEVER),
            cut: AtomicU64::new(NEVER),
            users: AtomicU64::new(ends),
            standing: AtomicU64::new(0),
            stirs: watch::Sender::new(()),
            left: AtomicU64::new(left),
            unable: AtomicU64::new(0),
            omens: AtomicU64::new(0),
            broken: AtomicU64::new(0),
            hope: AtomicBool::new(false),
            helm: Helm::default(),
            backlogs: Box::default(),
        }
    }

    /// Takes one of the shared iterations; `false` if none is left.
    pub fn take(&self) -> bool {
        self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// Takes all shared iterations that nobody has started.
    pub fn take_rest(&self) -> u64 {
        self.left.swap(0, Relaxed)
    }

    /// Nothing more may start: the scenario's data is used up.
    pub fn halt(&self) {
        self.halted.send_replace(true);
    }

    /// Told when nothing more may start.
    pub fn watch_halt(&self) -> watch::Receiver<bool> {
        self.halted.subscribe()
    }

    /// Told when the scenario has ended, and at which offset in the run.
    pub fn watch_end(&self) -> watch::Receiver<Option<Duration>> {
        self.ended.subscribe()
    }

    /// It has begun, `at` after the run's start.
    pub fn begin(&self, at: Duration) {
        self.began.fetch_min(micros(at), Relaxed);
    }

    /// Nothing more starts from `at` on: a stop, or the end of its data.
    pub fn cut(&self, at: Duration) {
        self.cut.fetch_min(micros(at), Relaxed);
    }

    /// From when on nothing more starts, if that is known already.
    pub fn cut_at(&self) -> Option<Duration> {
        let cut = self.cut.load(Relaxed);
        (cut != NEVER).then(|| Duration::from_micros(cut))
    }

    /// When it was under load, once it has ended, since the run's start: from its beginning, at
    /// most as long as `planned`, until a stop cut it short or its last user ended. Empty if it
    /// never began.
    pub fn span(&self, planned: Duration) -> Range<Duration> {
        let began = self.began.load(Relaxed);
        if began == NEVER {
            return Duration::ZERO..Duration::ZERO;
        }
        let ended = self.ended.borrow().map_or(NEVER, micros).min(self.cut.load(Relaxed));
        let ended = ended.min(began.saturating_add(micros(planned))).max(began);
        Duration::from_micros(began)..Duration::from_micros(ended)
    }

    /// How many users gave up: their `on_start` failed to the last try.
    pub fn unable(&self) -> u64 {
        self.unable.load(Relaxed)
    }

    /// One user, or crew, has ended, `now` after the run's start. Gives whether it was the last.
    pub fn user_ended(&self, now: Duration) -> bool {
        let last = self.users.fetch_sub(1, Relaxed) == 1;
        if last {
            self.ended.send_replace(Some(now));
        }
        self.stirs.send_replace(());
        last
    }

    /// A user rests because nobody wants it, as long as what this gives lives.
    pub fn stand(&self) -> Standing<'_> {
        self.standing.fetch_add(1, Relaxed);
        self.stirs.send_replace(());
        Standing(self)
    }

    /// Whether all users that have not ended do so.
    pub fn all_stand(&self) -> bool {
        self.standing.load(Relaxed) == self.users.load(Relaxed)
    }

    /// Told whenever that may have changed.
    pub fn watch_stirs(&self) -> watch::Receiver<()> {
        self.stirs.subscribe()
    }

    /// One user could not start. Gives whether that holds for all `users` of the scenario.
    pub fn user_gave_up(&self, users: u64) -> bool {
        self.unable.fetch_add(1, Relaxed) + 1 == users
    }

    /// An iteration starts. Whether it is one of the first, whose ends are to be told to
    /// [`hopeless`](Self::hopeless): those that end first may be the broken ones alone.
    pub fn is_omen(&self) -> bool {
        !self.hope.load(Relaxed) && self.omens.fetch_add(1, Relaxed) < HOPELESS
    }

    /// Notes how one of the first iterations ended. Gives `true` once, if all were `broken`: they
    /// ended in a script error, and so would the rest.
    pub fn hopeless(&self, broken: bool) -> bool {
        if !broken {
            self.hope.store(true, Relaxed);
            return false;
        }
        self.broken.fetch_add(1, Relaxed) + 1 == HOPELESS
    }
}

fn micros(at: Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(NEVER)
}

/// A user that rests because nobody wants it.
pub struct Standing<'r>(&'r Running);

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        self.0.standing.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_iterations_are_handed_out_once_each() {
        let running = Running::of(2, Quota::Shared(3));
        assert_eq!([(); 4].map(|()| running.take()), [true, true, true, false]);
        assert_eq!(running.take_rest(), 0);
    }

    #[test]
    fn only_twenty_script_errors_from_the_very_first_are_hopeless() {
        let running = Running::of(1, Quota::Time);
        let told: Vec<_> =
            (0..30).filter(|_| running.is_omen() && running.hopeless(true)).collect();
        assert_eq!(told, [19]);
        let running = Running::of(1, Quota::Time);
        assert!(running.is_omen() && !running.hopeless(false));
        assert!(!running.is_omen(), "there is hope");
    }

    #[test]
    fn what_started_first_and_has_not_ended_is_waited_for() {
        let running = Running::of(2, Quota::Time);
        let works = running.is_omen();
        assert!(!(0..30).any(|_| running.is_omen() && running.hopeless(true)));
        assert!(works && !running.hopeless(false));
    }

    #[test]
    fn the_last_user_to_end_ends_the_scenario() {
        let running = Running::of(2, Quota::Time);
        assert!(!running.user_ended(Duration::from_secs(1)));
        assert!(running.user_ended(Duration::from_secs(2)));
        assert_eq!(*running.watch_end().borrow(), Some(Duration::from_secs(2)));
    }
}
