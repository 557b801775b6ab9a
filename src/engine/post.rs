//! What the users of one scenario on one worker share, or those of one variant of it, and the
//! worker's desk they report to.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::backlog::Backlog;
use super::course::Course;
use super::running::Running;
use crate::http::Transport;
use crate::metrics::lifecycle::Reason;
use crate::metrics::tags::VARIANT;
use crate::metrics::window::Lifecycle;
use crate::metrics::{NameId, Place, Recorder};
use crate::plan::open::LATE_AFTER;
use crate::plan::{Connections, Plan, Scenario};
use crate::stop::cancel::{Cancel, Level};
use crate::stop::{StopReason, StopSwitch};

/// One worker's clock, recorder and switch.
pub struct Desk {
    /// The run's start: offsets count from here.
    pub start: Instant,
    /// Where samples go.
    pub recorder: Rc<RefCell<Recorder>>,
    /// Ends the run.
    pub switch: StopSwitch,
    /// Whose connections users have.
    pub transport: Rc<dyn Transport>,
}

impl Desk {
    /// Time since the run's start; zero before.
    pub fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }

    /// The instant of an offset; far offsets are cut to thirty years.
    pub fn instant(&self, offset: Duration) -> Instant {
        self.start + offset.min(Duration::from_secs(86_400 * 365 * 30))
    }
}

/// Which post it is, all counted from 0.
#[derive(Debug, Clone, Copy)]
pub struct Station {
    /// Index of the scenario in the plan.
    pub scenario: usize,
    /// Which variant of the target; 0 where there is one.
    pub variant: usize,
    /// Number of the worker.
    pub worker: usize,
}

/// One scenario's post on one worker, or that of one variant of it.
pub struct Post {
    /// The worker's.
    pub desk: Rc<Desk>,
    /// Shared with the other workers.
    pub running: Arc<Running>,
    /// The scenario whose end this one waits for.
    pub after: Option<Arc<Running>>,
    /// Then, or from the run's start, this long.
    pub offset: Duration,
    /// Who iterates when.
    pub course: Course,
    /// Users of the scenario, over all workers.
    pub users: u64,
    /// The scenario and its tags, that of the variant among them.
    pub place: Place,
    /// The same of each variant, this one among them.
    pub places: Box<[Place]>,
    /// Which variant of the target its users are of, from 0.
    pub variant: usize,
    /// Stage names as ids, in the order of their ends.
    pub stages: RefCell<Vec<(Box<str>, NameId)>>,
    /// Distance of a user's slots.
    pub pace: Option<Duration>,
    /// First starts are spread over this.
    pub spread: Duration,
    /// A generator above this lag has started an iteration late.
    pub late_after: Duration,
    /// How long iterations under way may finish after the end.
    pub graceful_stop: Duration,
    /// Running sums of the mix's weights, ending in 1.
    pub weights: Vec<f64>,
    /// A new jar at each iteration.
    pub fresh_session: bool,
    /// New connections at each iteration.
    pub fresh_connections: bool,
    /// Users of the scenario on this worker.
    pub made: Cell<u64>,
    /// Whether this is the one post of those with this backlog that tells how long it is.
    pub counts_backlog: bool,
    /// What ends the waits of those who are here.
    cancels: RefCell<Vec<Rc<Cancel>>>,
    level: Cell<Level>,
    /// Of the users, those in one of their intervals, or with an arrival, now.
    active: Cell<u64>,
    /// The most of them since the last [`Post::take_levels`].
    most: Cell<u64>,
    name: Arc<str>,
}

impl Post {
    /// The post at a station of `plan`.
    pub fn new(desk: Rc<Desk>, plan: &Plan, station: Station, running: &[Arc<Running>]) -> Post {
        let scenario = &plan.scenarios()[station.scenario];
        let course = Course::of(scenario);
        let places: Box<[_]> = (0..plan.variants().len().max(1))
            .map(|variant| base_place(&desk, plan, Station { variant, ..station }))
            .collect();
        Post {
            running: running[station.scenario].clone(),
            after: scenario.start().after.map(|other| running[other].clone()),
            offset: scenario.start().offset,
            users: course.profile.peak(),
            place: places[station.variant],
            places,
            variant: station.variant,
            stages: RefCell::default(),
            pace: scenario.pace(),
            spread: scenario.spread(),
            late_after: course.open.as_ref().map_or(LATE_AFTER, |open| open.late_after),
            graceful_stop: scenario.graceful_stop(),
            weights: running_sums(scenario),
            fresh_session: scenario.fresh_session(),
            fresh_connections: scenario.connections() == Connections::Fresh,
            made: Cell::new(0),
            counts_backlog: station.worker == 0 && course.open.is_some(),
            cancels: RefCell::default(),
            level: Cell::default(),
            active: Cell::new(0),
            most: Cell::new(0),
            name: scenario.name().clone(),
            course,
            desk,
        }
    }

    /// Arrivals that wait for one of its users, on any worker.
    pub fn backlog(&self) -> &Backlog {
        &self.running.backlogs[self.variant]
    }

    /// A flag for somebody who waits here.
    pub fn cancel(&self) -> Rc<Cancel> {
        let cancel = Rc::default();
        self.adopt(&cancel);
        cancel
    }

    /// Tells this one too whatever those who are here are told.
    pub fn adopt(&self, cancel: &Rc<Cancel>) {
        cancel.raise(self.level.get());
        self.cancels.borrow_mut().push(cancel.clone());
    }

    /// Tells all of them to end at least that far.
    pub fn raise(&self, level: Level) {
        self.level.set(level.max(self.level.get()));
        self.cancels.borrow().iter().for_each(|cancel| cancel.raise(level));
    }

    /// When the scenario starts, as an offset in the run; `None` if the run stops before.
    pub async fn scenario_start(&self, cancel: &Cancel) -> Option<Duration> {
        let mut origin = self.offset;
        if let Some(after) = &self.after {
            let mut end = after.watch_end();
            let ended = cancel.race(Level::Stopping, pin!(end.wait_for(Option::is_some))).await?;
            origin += ended.ok().and_then(|end| *end)?;
        }
        if !self.wait_until(cancel, origin).await {
            return None;
        }
        self.running.begin(origin);
        Some(origin)
    }

    /// Waits until `at`; `false` if nothing more may start.
    pub async fn wait_until(&self, cancel: &Cancel, at: Duration) -> bool {
        if cancel.level() >= Level::Stopping {
            return false;
        }
        if at <= self.desk.now() {
            return true;
        }
        let sleep = pin!(tokio::time::sleep_until(self.desk.instant(at)));
        cancel.race(Level::Stopping, sleep).await.is_some()
    }

    /// A user has begun one of its intervals, or an arrival.
    pub fn enter(&self) {
        self.active.set(self.active.get() + 1);
        self.most.set(self.most.get().max(self.active.get()));
    }

    /// It has ended it.
    pub fn leave(&self) {
        self.active.set(self.active.get() - 1);
    }

    /// The most users at once since the last call, and those now.
    pub fn take_levels(&self) -> [u64; 2] {
        [self.most.replace(self.active.get()), self.active.get()]
    }

    /// How much later than the scenario user `number` (from 0) starts.
    pub fn delay_of(&self, number: u64) -> Duration {
        self.spread.mul_f64(number as f64 / self.users.max(1) as f64)
    }

    /// How long an iteration may outlive the interval it began in.
    pub fn grace(&self, last: bool) -> Duration {
        let ramping = self.course.stage_at(Duration::ZERO).is_some();
        if ramping && !last { self.course.ramp_down } else { self.graceful_stop }
    }

    /// The tags of an iteration that is meant to start at `due`, in a scenario that began at
    /// `origin`, both since the run's start.
    pub fn place_at(&self, due: Duration, origin: Duration) -> Place {
        self.place_of(self.variant, due, origin)
    }

    /// The same of an iteration of another variant.
    fn place_of(&self, variant: usize, due: Duration, origin: Duration) -> Place {
        let t = due.saturating_sub(origin);
        let set = self.running.helm.at(due).and_then(|setting| setting.stage);
        let stage = set.as_deref().or_else(|| self.course.stage_at(t));
        let stage = stage.map_or(NameId::NONE, |name| self.stage_id(name));
        Place { phase: self.course.phase_at(t), stage, ..self.places[variant] }
    }

    /// So many arrivals were planned, and are due.
    pub fn plan(&self, arrivals: u64) {
        self.lifecycle(|life| {
            life.planned += arrivals;
            life.due += arrivals;
        });
    }

    /// Accounts for arrivals that were planned, were due at `dues`, in the order of time, in a
    /// scenario that began at `origin`, and will never start.
    pub fn drop_due(
        &self,
        dues: impl IntoIterator<Item = Duration>,
        origin: Duration,
        reason: Reason,
    ) {
        self.drop_due_of(self.variant, dues, origin, reason);
    }

    /// The same of arrivals of another variant.
    pub fn drop_due_of(
        &self,
        variant: usize,
        dues: impl IntoIterator<Item = Duration>,
        origin: Duration,
        reason: Reason,
    ) {
        let place = |due| self.place_of(variant, due, origin);
        let places: Vec<_> = dues.into_iter().map(place).collect();
        for group in places.chunk_by(|one, other| one == other) {
            self.drop_iterations(&group[0], reason, group.len() as u64);
        }
    }

    /// Accounts for arrivals that were planned at `place` and will never start.
    pub fn drop_iterations(&self, place: &Place, reason: Reason, count: u64) {
        self.desk.recorder.borrow_mut().drop_iterations(place, reason, count);
    }

    fn stage_id(&self, name: &str) -> NameId {
        let known = self.stages.borrow().iter().find(|(known, _)| **known == *name).map(|s| s.1);
        known.unwrap_or_else(|| {
            let id = self.desk.recorder.borrow_mut().intern(name);
            self.stages.borrow_mut().push((name.into(), id));
            id
        })
    }

    /// The branch of the mix at `draw`, uniform in 0..1.
    pub fn branch(&self, draw: f64) -> usize {
        self.weights.partition_point(|&sum| sum <= draw).min(self.weights.len() - 1)
    }

    /// Changes the books of the scenario.
    pub fn lifecycle(&self, change: impl FnOnce(&mut Lifecycle)) {
        change(self.desk.recorder.borrow_mut().lifecycle(self.place.scenario));
    }

    /// Ends the run: this scenario cannot work.
    pub fn give_up(&self, why: &str) {
        self.desk.switch.now(StopReason::Abort(format!("scenario {}: {why}", self.name)));
    }
}

fn base_place(desk: &Desk, plan: &Plan, station: Station) -> Place {
    let tags = plan.tags().iter().chain(plan.scenarios()[station.scenario].tags());
    let variant = plan.variants().get(station.variant);
    let tags: Vec<(&str, &str)> = tags
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .chain(variant.map(|variant| (VARIANT, &*variant.name)))
        .collect();
    let extra = desk.recorder.borrow_mut().intern_tags(&tags);
    let scenario = u16::try_from(station.scenario).expect("a plan has fewer than 65,536 scenarios");
    Place { scenario, extra, ..Place::default() }
}

/// Running sums of the weights of a scenario's mix, ending in 1.
pub fn running_sums(scenario: &Scenario) -> Vec<f64> {
    let total: f64 = scenario.mix().iter().map(|entry| entry.weight).sum();
    let mut sum = 0.0;
    let sums = scenario.mix().iter().map(|entry| {
        sum += entry.weight / total;
        sum
    });
    sums.collect()
}
