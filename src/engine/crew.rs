//! An open load on one worker: a dispatcher that starts whatever is due, and the users it has.
//!
//! ```text
//! arrival due ─▶ an idle user here ─▶ starts
//!             ─▶ a new user, while there may be more ─▶ starts, after `on_start`
//!             ─▶ the backlog of the process ─▶ whichever user is free next, on any worker
//!             ─▶ dropped: `users` (late = "drop") or `queue_full`
//! ```
//!
//! Arrival `n` of W workers belongs to worker `n mod W`, as users do; of variants, each has a crew
//! and a backlog of its own, and it is blocks of arrivals that belong to workers. Each is accounted
//! for: as planned and due when its time has come, then as started or dropped. What still waits
//! when all users have left was dropped by the `end`.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::task::{JoinError, JoinSet};

use super::backlog::Arrival;
use super::board::{Board, Seat};
use super::helm::Settings;
use super::post::Post;
use super::timer::Timer;
use super::user::{Member, Next, Start};
use crate::pace::{Arrivals, RateProfile};
use crate::plan::{Late, OpenLoad};
use crate::share::turns::Portion;
use crate::stop::cancel::{Cancel, Level};

/// Arrivals that are started in one go; then the others of the thread have their turn.
const BURST: u64 = 64;

/// One open scenario on one worker, or one variant of it.
pub struct Crew {
    /// The scenario's.
    pub post: Rc<Post>,
    /// Its load.
    pub load: OpenLoad,
    /// Which arrivals and users are this worker's.
    pub portion: Portion,
    /// Decides Poisson arrivals.
    pub seed: u64,
    /// Waits for what is due.
    pub timer: Timer,
    /// Ends the dispatcher's waits.
    pub cancel: Rc<Cancel>,
    /// Makes user number `n` (from 0) of the scenario; `None` ends the run.
    pub recruit: Box<dyn Fn(u64) -> Option<Member>>,
    /// Users who are at work or rest.
    pub members: JoinSet<()>,
    /// Where they rest.
    pub board: Rc<Board>,
}

/// What the dispatcher follows for a while: the plan, or a setting of whoever steers.
struct Leg {
    from: Duration,
    arrivals: Arrivals,
}

impl Leg {
    fn of_plan(crew: &Crew, origin: Duration) -> Leg {
        let load = &crew.load;
        let most = load.max_iterations;
        let arrivals = Arrivals::new(load.profile(), crew.portion, load.arrivals, most, crew.seed);
        Leg { from: origin, arrivals }
    }

    /// What holds from `from` on, at most until `end`.
    fn steered(crew: &Crew, from: Duration, end: Duration) -> Leg {
        let rate = crew.post.running.helm.at(from).map_or(0.0, |setting| setting.level);
        let profile = RateProfile::constant(rate, end.saturating_sub(from));
        let seed = crew.seed ^ u64::from(from.subsec_nanos()) ^ from.as_secs().rotate_left(40);
        let arrivals = Arrivals::new(profile, crew.portion, crew.load.arrivals, None, seed);
        Leg { from, arrivals }
    }

    /// When its next arrival is due, since the run's start.
    fn next(&mut self) -> Option<Duration> {
        self.arrivals.next().map(|due| self.from + due)
    }
}

/// What a wait came to.
enum Wait {
    Over,
    /// The load was changed meanwhile.
    Steered,
    /// Nothing more may start.
    Stopped,
}

/// What a user of a crew needs to know besides.
struct Shift {
    post: Rc<Post>,
    board: Rc<Board>,
    worker: usize,
    origin: Duration,
    length: Duration,
}

impl Crew {
    /// Runs from the scenario's start until its last user on this worker has left.
    pub async fn run(mut self, beforehand: Vec<Member>) {
        if let Some(origin) = self.post.scenario_start(&self.cancel).await {
            beforehand.into_iter().for_each(|member| self.hire(member, origin, None));
            self.dispatch(origin).await;
        }
        self.board.close();
        while let Some(ended) = self.members.join_next().await {
            pass_on(ended);
        }
        if self.post.running.user_ended(self.post.desk.now()) {
            let left = self.post.running.clear_backlogs();
            self.post.lifecycle(|life| life.dropped.end += left);
        }
    }

    /// Starts what is due when it is, to the end of the load: what the plan says, until somebody
    /// steers.
    async fn dispatch(&mut self, origin: Duration) {
        let end = origin + self.load.length();
        let mut leg = Some(Leg::of_plan(self, origin));
        while let Some(now) = leg {
            leg = self.follow(now, origin, end).await;
        }
    }

    /// Starts what one leg of the load says; the next leg, or `None` if nothing more may start.
    async fn follow(&mut self, mut leg: Leg, origin: Duration, end: Duration) -> Option<Leg> {
        let helm = self.post.running.helm.clone();
        let mut changes = helm.follow();
        let mut handled = 0u64;
        let mut due = leg.next();
        loop {
            changes.mark_unchanged();
            let until = helm.next_after(leg.from).map_or(end, |next| next.min(end));
            let at = due.filter(|due| *due < until || until == end);
            match self.wait_until(at.unwrap_or(until), &mut changes).await {
                Wait::Steered => continue,
                Wait::Stopped => {
                    self.write_off(due.into_iter().chain(std::iter::from_fn(|| leg.next())));
                    return None;
                }
                Wait::Over if at.is_none() && until == end => return None,
                Wait::Over => {}
            }
            let Some(at) = at else { return Some(Leg::steered(self, until, end)) };
            self.take(at, origin);
            due = leg.next();
            if due.is_none() && leg.arrivals.is_capped() {
                return None;
            }
            handled += 1;
            if handled.is_multiple_of(BURST) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Waits until `at`, meanwhile taking over from other workers what idle users here can do.
    async fn wait_until(&mut self, at: Duration, changes: &mut Receiver<Settings>) -> Wait {
        let instant = self.post.desk.instant(at);
        let worker = self.worker();
        loop {
            if self.cancel.level() >= Level::Stopping {
                return Wait::Stopped;
            }
            if self.post.desk.now() >= at {
                return Wait::Over;
            }
            let stop = pin!(std::future::pending::<()>());
            tokio::select! {
                biased;
                _ = self.cancel.race(Level::Stopping, stop) => return Wait::Stopped,
                Ok(()) = changes.changed() => return Wait::Steered,
                () = self.timer.until(instant) => return Wait::Over,
                () = self.post.backlog().rung(worker) => self.relieve(),
                Some(ended) = self.members.join_next() => pass_on(ended),
            }
        }
    }

    /// Gives idle users what waits in the backlog.
    fn relieve(&self) {
        let backlog = self.post.backlog();
        while self.board.resting() > 0
            && let Some(arrival) = backlog.pop()
        {
            self.board.give(arrival);
        }
        backlog.idle(self.worker(), self.board.resting());
    }

    /// Finds a user for an arrival that is due.
    fn take(&mut self, due: Duration, origin: Duration) {
        self.post.lifecycle(|life| {
            life.planned += 1;
            life.due += 1;
        });
        let arrival = Arrival { due, called: self.post.desk.now().max(due) };
        let backlog = self.post.backlog();
        if self.board.give(arrival) {
            backlog.idle(self.worker(), self.board.resting());
            return;
        }
        let made = self.post.made.get();
        let recruit = (made < self.portion.count(self.load.max_vus))
            .then(|| (self.recruit)(self.portion.nth(made)))
            .flatten();
        match (recruit, self.load.late) {
            // Whoever is free first shall have it, be it this one or another.
            (Some(member), Late::Queue { limit }) if member.vu.has_on_start() => {
                self.queue(arrival, limit);
                self.hire(member, origin, None);
            }
            (Some(member), _) => self.hire(member, origin, Some(arrival)),
            (None, Late::Queue { limit }) => self.queue(arrival, limit),
            (None, Late::Drop) => self.post.lifecycle(|life| life.dropped.users += 1),
        }
    }

    fn queue(&self, arrival: Arrival, limit: u64) {
        if !self.post.backlog().push(arrival, limit) {
            self.post.lifecycle(|life| life.dropped.queue_full += 1);
        }
    }

    /// Accounts for arrivals that were due before a stop and could not be handled any more.
    fn write_off(&self, arrivals: impl Iterator<Item = Duration>) {
        let cut = self.post.running.cut_at().unwrap_or_default();
        let missed = arrivals.take_while(|due| *due < cut).count() as u64;
        self.post.lifecycle(|life| {
            life.planned += missed;
            life.due += missed;
            life.dropped.end += missed;
        });
    }

    /// Puts a user to work, on `first` if it is for that one alone.
    fn hire(&mut self, member: Member, origin: Duration, first: Option<Arrival>) {
        self.post.made.set(self.post.made.get() + 1);
        let shift = Shift {
            post: self.post.clone(),
            board: self.board.clone(),
            worker: self.worker(),
            origin,
            length: self.load.length(),
        };
        self.members.spawn_local(member.serve(shift, first));
    }

    fn worker(&self) -> usize {
        usize::try_from(self.portion.share().nth(0)).expect("workers are counted by usize")
    }
}

/// A user that panicked takes the thread along.
fn pass_on(ended: Result<(), JoinError>) {
    if let Err(bug) = ended
        && bug.is_panic()
    {
        std::panic::resume_unwind(bug.into_panic());
    }
}

impl Member {
    /// Takes one arrival after the other, first of all `first`, until the load is over.
    async fn serve(self, shift: Shift, first: Option<Arrival>) {
        let end = shift.origin + shift.length;
        let grace = self.post.graceful_stop;
        self.cancel.closes_at(self.post.desk.instant(end));
        if !self.wake(end, grace).await {
            if first.is_some() {
                self.post.lifecycle(|life| life.dropped.users += 1);
            }
            return;
        }
        let cutoff = tokio::time::sleep_until(self.post.desk.instant(end.saturating_add(grace)));
        let mut cutoff = pin!(cutoff);
        let seat = Rc::new(Seat::default());
        let mut free = self.post.desk.now();
        let mut next = first;
        loop {
            if next.is_none() {
                next = self.rest(&shift, &seat, end.saturating_add(grace)).await;
            }
            let Some(Arrival { due, called }) = next.take() else { break };
            self.post.enter();
            let begun = self.post.desk.now();
            let start = Start { due, called, free: free.min(begun), begun };
            let (now, then) = self.iteration(shift.origin, start, cutoff.as_mut()).await;
            self.post.leave();
            free = now;
            if then != Next::GoOn {
                break;
            }
            if self.vu.is_spent() {
                if !self.wake(end, grace).await {
                    return;
                }
                free = self.post.desk.now();
            }
        }
        if self.vu.has_on_stop() && self.cancel.level() < Level::Now {
            self.part().await;
        }
    }

    /// Waits for an arrival; `None` if there will be none for it before `cutoff`.
    async fn rest(&self, shift: &Shift, seat: &Rc<Seat>, cutoff: Duration) -> Option<Arrival> {
        let Shift { post, board, worker, .. } = shift;
        let backlog = post.backlog();
        loop {
            if self.cancel.level() >= Level::Stopping || post.desk.now() >= cutoff {
                return None;
            }
            if let Some(arrival) = backlog.pop() {
                return Some(arrival);
            }
            if board.is_closed() {
                return None;
            }
            board.rest(seat);
            backlog.idle(*worker, board.resting());
            if !backlog.is_empty() {
                let given = board.leave(seat);
                backlog.idle(*worker, board.resting());
                if given.is_some() {
                    return given;
                }
                continue;
            }
            match self.cancel.race(Level::Stopping, pin!(board.wait(seat))).await {
                Some(Some(arrival)) => return Some(arrival),
                Some(None) => {}
                None => {
                    if board.leave(seat).is_some() {
                        post.lifecycle(|life| life.dropped.end += 1);
                    }
                    return None;
                }
            }
        }
    }
}
