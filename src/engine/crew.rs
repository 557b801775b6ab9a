//! An open load on one worker: a dispatcher that starts whatever is due, and the users it has.
//!
//! ```text
//! arrival due ─▶ an idle user here ─▶ starts
//!             ─▶ a new user, while there may be more ─▶ starts, after `on_start`
//!             ─▶ the backlog of the process ─▶ whichever user is free next, on any worker
//!                (late = "drop": if one is free there now)
//!             ─▶ dropped: `users` (late = "drop"), `queue_full`, or `generator` if we came to it late
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
use super::board::Board;
use super::helm::Settings;
use super::post::Post;
use super::timer::Timer;
use super::user::{Member, Shift};
use crate::metrics::lifecycle::Reason;
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

impl Crew {
    /// Runs from the scenario's start until its last user on this worker has left.
    pub async fn run(mut self, beforehand: Vec<Member>) {
        let began = self.post.scenario_start(&self.cancel).await;
        if let Some(origin) = began {
            beforehand.into_iter().for_each(|member| self.hire(member, origin, None));
            self.dispatch(origin).await;
        }
        self.board.close();
        self.post.backlog().idle(self.worker(), 0);
        while let Some(ended) = self.members.join_next().await {
            pass_on(ended);
        }
        if self.post.running.user_ended(self.post.desk.now())
            && let Some(origin) = began
        {
            self.clear_backlogs(origin);
        }
    }

    /// Nobody will take what waits any more, of whatever variant.
    fn clear_backlogs(&self, origin: Duration) {
        for (variant, backlog) in self.post.running.backlogs.iter().enumerate() {
            let dues = backlog.take().into_iter().map(|arrival| arrival.due);
            self.post.drop_due_of(variant, dues, origin, Reason::End);
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
            match self.wait_until(at.unwrap_or(until), origin, &mut changes).await {
                Wait::Steered => continue,
                Wait::Stopped => {
                    let left = due.into_iter().chain(std::iter::from_fn(|| leg.next()));
                    self.write_off(left, origin);
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
    async fn wait_until(
        &mut self,
        at: Duration,
        origin: Duration,
        changes: &mut Receiver<Settings>,
    ) -> Wait {
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
                () = self.post.backlog().rung(worker) => self.relieve(origin),
                Some(ended) = self.members.join_next() => pass_on(ended),
            }
        }
    }

    /// Gives idle users what waits in the backlog. What is left is for the next worker that has
    /// some, or for nobody: where arrivals do not wait, another has come before.
    fn relieve(&self, origin: Duration) {
        let backlog = self.post.backlog();
        while self.board.resting() > 0
            && let Some(arrival) = backlog.pop()
        {
            self.board.give(arrival);
        }
        backlog.idle(self.worker(), self.board.resting());
        if !backlog.is_empty() && !backlog.ring() && self.load.late == Late::Drop {
            while let Some(arrival) = backlog.pop() {
                self.drop_arrival(arrival, origin, Reason::Users);
            }
        }
    }

    /// Finds a user for an arrival that is due.
    fn take(&mut self, due: Duration, origin: Duration) {
        self.post.plan(1);
        let arrival = Arrival { due, called: self.post.desk.now().max(due) };
        let backlog = self.post.backlog();
        if self.board.resting() > 0 {
            self.board.give(backlog.exchange(arrival));
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
                self.queue(arrival, limit, origin);
                self.hire(member, origin, None);
            }
            (Some(member), _) => self.hire(member, origin, Some(arrival)),
            (None, Late::Queue { limit }) => self.queue(arrival, limit, origin),
            (None, Late::Drop) if backlog.hand_over(arrival) => {}
            (None, Late::Drop) => self.drop_arrival(arrival, origin, Reason::Users),
        }
    }

    fn queue(&self, arrival: Arrival, limit: u64, origin: Duration) {
        if !self.post.backlog().push(arrival, limit) {
            self.drop_arrival(arrival, origin, Reason::QueueFull);
        }
    }

    /// Nobody will have it: by our doing, if we came to it so late that somebody may have been free
    /// when it was due.
    fn drop_arrival(&self, arrival: Arrival, origin: Duration, reason: Reason) {
        let Arrival { due, called } = arrival;
        let ours = called.saturating_sub(due) > self.post.late_after;
        self.post.drop_due([due], origin, if ours { Reason::Generator } else { reason });
    }

    /// Accounts for arrivals that were due before a stop and could not be handled any more.
    fn write_off(&self, arrivals: impl Iterator<Item = Duration>, origin: Duration) {
        let cut = self.post.running.cut_at().unwrap_or_default();
        let missed: Vec<_> = arrivals.take_while(|due| *due < cut).collect();
        self.post.plan(missed.len() as u64);
        self.post.drop_due(missed, origin, Reason::End);
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
