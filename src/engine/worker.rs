//! One worker: a thread's own runtime, Lua state, transport and recorder, and its share of users.
//!
//! Nothing is shared with other workers while the run goes on but a few atomics ([`Running`])
//! and the stop watch. What leaves is a [`Window`] a second.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::course::Course;
use super::crew::Crew;
use super::effort::Effort;
use super::post::{Desk, Post, Station};
use super::running::Running;
use super::timer::{Precision, Timer};
use super::user::Member;
use crate::diagnostic::Diagnostic;
use crate::http::Transport;
use crate::lua::host::{Host, Shared};
use crate::lua::program::Program;
use crate::lua::pulse::Pulse;
use crate::lua::vm::{Contexts, UserSpec, Vm};
use crate::lua::vu::Vu;
use crate::metrics::request_log::RequestLogMaker;
use crate::metrics::window::Busy;
use crate::metrics::{Recorder, Window, metric};
use crate::plan::{Late, Plan, Scenario};
use crate::share::Share;
use crate::share::turns::Portion;
use crate::stop::cancel::Level;
use crate::stop::{Stop, StopSwitch};

/// Distinct tag sets a worker keeps apart.
pub const SERIES_CAP: usize = 10_000;

/// When a load ends so long after a second began, the rest stands for it: how busy it was is told.
const MOST_OF_IT: Duration = Duration::from_millis(500);

/// Everything a worker needs; all of it can be sent to its thread.
#[derive(Clone)]
pub struct WorkerSpec {
    /// What to run.
    pub plan: Arc<Plan>,
    /// The script.
    pub program: Arc<Program>,
    /// Pools, environment, clock.
    pub shared: Arc<Shared>,
    /// What `setup` returned, as JSON, for each variant.
    pub contexts: Contexts,
    /// By scenario.
    pub running: Arc<[Arc<Running>]>,
    /// Ends the run.
    pub switch: StopSwitch,
    /// Where Windows go.
    pub windows: mpsc::Sender<Window>,
    /// Who wants requests one by one, if somebody does.
    pub request_log: Option<RequestLogMaker>,
    /// From 0.
    pub index: usize,
    /// Users a worker has made so far, over all workers: progress for whoever waits.
    pub made: Arc<AtomicU64>,
    /// How exactly arrivals are waited for.
    pub precision: Precision,
}

/// A worker whose users are made and wait for the start.
pub struct Worker {
    spec: Rc<WorkerSpec>,
    vm: Rc<Vm>,
    pulse: Arc<Pulse>,
    recorder: Rc<RefCell<Recorder>>,
    transport: Rc<dyn Transport>,
    /// Each with the number of its post and its own in the scenario.
    users: Vec<(usize, u64, Vu)>,
}

/// How many workers a scenario of `users` users has: those of a block stay together.
pub fn workers_of(plan: &Plan, users: u64) -> u64 {
    plan.turns().blocks(users).min(plan.threads() as u64).max(1)
}

/// How many workers a plan has: a scenario with few users leaves threads without any.
pub fn workers(plan: &Plan) -> usize {
    let of_scenario = |scenario: &Scenario| workers_of(plan, scenario.load().peak_vus());
    let most = plan.scenarios().iter().map(of_scenario).max().unwrap_or(1);
    usize::try_from(most).expect("no more workers than threads")
}

impl Worker {
    /// Loads the script and makes the users of this worker.
    pub fn prepare(spec: WorkerSpec, transport: Rc<dyn Transport>) -> Result<Worker, Diagnostic> {
        let names = spec.plan.scenarios().iter().map(|s| s.name().clone()).collect();
        let mut recorder = Recorder::new(names, SERIES_CAP)
            .masking(spec.shared.secrets.clone())
            .seed(spec.plan.seed() ^ 0x6c65_6467_6572_0000 ^ spec.index as u64);
        if let Some(log) = &spec.request_log {
            recorder.log_requests(log(spec.index));
        }
        let recorder = Rc::new(RefCell::new(recorder));
        let host = Host::new(recorder.clone(), transport.clone(), spec.shared.clone());
        let pulse = host.pulse.clone();
        let vm = Vm::new(spec.program.clone(), host)?;
        vm.bind(&spec.plan, &spec.contexts)?;
        let users = vm.bulk(|| make_users(&vm, &spec))?;
        recorder.borrow_mut().expect_users(most_users(&spec));
        Ok(Worker { spec: Rc::new(spec), vm: Rc::new(vm), pulse, recorder, transport, users })
    }

    /// What the control thread sees of it.
    pub fn pulse(&self) -> Arc<Pulse> {
        self.pulse.clone()
    }

    /// Runs until all users have ended; then the last Window is sent.
    pub async fn run(self, start: Instant) {
        let Worker { spec, vm, pulse, recorder, transport, users } = self;
        let switch = spec.switch.clone();
        let desk = Rc::new(Desk { start, recorder, switch, transport });
        let post = |station| Rc::new(Post::new(desk.clone(), &spec.plan, station, &spec.running));
        let posts: Vec<Rc<Post>> = stations(&spec).map(post).collect();
        tokio::time::sleep_until(start).await;
        let mut crews: Vec<Vec<Member>> = posts.iter().map(|_| Vec::new()).collect();
        let mut members = JoinSet::new();
        for (post, number, vu) in users {
            let member = member(&spec, &posts[post], number, vu);
            if posts[post].course.open.is_some() {
                crews[post].push(member);
            } else {
                posts[post].made.update(|made| made + 1);
                members.spawn_local(member.live());
            }
        }
        for (post, beforehand) in posts.iter().zip(crews) {
            if let Some(crew) = crew(&spec, &vm, post) {
                members.spawn_local(crew.run(beforehand));
            }
        }
        let over = async {
            while let Some(ended) = members.join_next().await {
                if let Err(bug) = ended
                    && bug.is_panic()
                {
                    std::panic::resume_unwind(bug.into_panic());
                }
            }
        };
        let seconds = Seconds::begin(&spec);
        tokio::select! {
            biased; // a second that is over is told by the clock, also when all has ended with it
            () = clock(&seconds, &vm, &pulse, &desk, &posts) => {}
            () = over => {}
            () = heed(&spec, &posts) => {}
        }
        // Not that of now: at the end of a second it may be told after it, and is of it.
        let second = seconds.open.get();
        let mut window = flip(&desk, &posts, second);
        if second == 0 || desk.start.elapsed() >= Duration::from_secs(second.into()) + MOST_OF_IT {
            window.busy.push(seconds.busy());
        }
        window.ledgers = desk.recorder.borrow_mut().close_ledgers();
        // The receiver is gone only if the control thread is, and then nobody wants the Window.
        let _ = spec.windows.send(window).await;
        pulse.end();
    }
}

fn make_users(vm: &Vm, spec: &WorkerSpec) -> Result<Vec<(usize, u64, Vu)>, Diagnostic> {
    let mut users = Vec::new();
    for (post, station) in stations(spec).enumerate() {
        let Some(portion) = portion_of(spec, station) else { continue };
        let course = Course::of(&spec.plan.scenarios()[station.scenario]);
        for k in 0..portion.count(course.made_beforehand()) {
            let number = portion.nth(k);
            users.push((post, number, vm.user(user_spec(spec, station, number))?));
            spec.made.fetch_add(1, Relaxed);
        }
    }
    Ok(users)
}

/// Where this worker has posts: for each scenario one for each variant, in order.
fn stations(spec: &WorkerSpec) -> impl Iterator<Item = Station> {
    let (scenarios, variants) = (spec.plan.scenarios().len(), spec.plan.turns().variants());
    let worker = spec.index;
    (0..scenarios).flat_map(move |scenario| {
        (0..variants).map(move |variant| Station { scenario, variant, worker })
    })
}

/// How many users there may ever be on this worker.
fn most_users(spec: &WorkerSpec) -> usize {
    let of_post = |station: Station| {
        let users = spec.plan.scenarios()[station.scenario].load().peak_vus();
        portion_of(spec, station).map_or(0, |portion| portion.count(users))
    };
    let users: u64 = stations(spec).map(of_post).sum();
    usize::try_from(users).unwrap_or(usize::MAX)
}

/// Which users of a scenario, and which arrivals, are those of a post; `None` if the scenario has
/// none on this worker.
fn portion_of(spec: &WorkerSpec, station: Station) -> Option<Portion> {
    let users = spec.plan.scenarios()[station.scenario].load().peak_vus();
    let share = Share::new(spec.index as u64, workers_of(&spec.plan, users))?;
    Some(Portion::new(share, spec.plan.turns(), station.variant))
}

/// User `number` (from 0) of a scenario.
fn user_spec(spec: &WorkerSpec, station: Station, number: u64) -> UserSpec {
    let Station { scenario, variant, .. } = station;
    let id = user_id(&spec.plan, scenario, number);
    UserSpec { id, number: number + 1, scenario, variant, agent: 1 }
}

/// The number in the run, from 1, of user `number` (from 0) of a scenario.
pub fn user_id(plan: &Plan, scenario: usize, number: u64) -> u64 {
    let before: u64 =
        plan.scenarios()[..scenario].iter().map(|other| other.load().peak_vus()).sum();
    before + number + 1
}

/// This worker's part of an open load, if it has one.
fn crew(spec: &Rc<WorkerSpec>, vm: &Rc<Vm>, post: &Rc<Post>) -> Option<Crew> {
    let scenario = usize::from(post.place.scenario);
    let station = Station { scenario, variant: post.variant, worker: spec.index };
    let mut load = post.course.open.clone()?;
    if let Late::Queue { limit } = &mut load.late {
        *limit = spec.plan.turns().blocks(*limit); // each variant has its part of the queue
    }
    let portion = portion_of(spec, station)?;
    let recruit = {
        let (spec, vm, post) = (spec.clone(), vm.clone(), post.clone());
        move |number| match vm.user(user_spec(&spec, station, number)) {
            Ok(vu) => Some(member(&spec, &post, number, vu)),
            Err(fault) => {
                post.give_up(&format!("no more users can be made: {}", fault.message));
                None
            }
        }
    };
    Some(Crew {
        load,
        portion,
        seed: spec.plan.seed() ^ 0x6172_7269_7661_6c73 ^ ((scenario as u64) << 48),
        timer: Timer::new(spec.precision),
        cancel: post.cancel(),
        recruit: Box::new(recruit),
        members: JoinSet::new(),
        board: Rc::default(),
        post: post.clone(),
    })
}

fn member(spec: &WorkerSpec, post: &Rc<Post>, number: u64, vu: Vu) -> Member {
    post.adopt(vu.cancel());
    Member {
        cancel: vu.cancel().clone(),
        vu,
        number,
        post: post.clone(),
        rng: RefCell::new(mix_rng(spec.plan.seed(), post.place.scenario.into(), number)),
        started: Cell::new(0),
    }
}

/// What user `number` (from 0) of a scenario draws its branches of the mix by: a stream of its own,
/// so that the mix does not disturb what the script draws.
pub fn mix_rng(seed: u64, scenario: usize, number: u64) -> Xoshiro256PlusPlus {
    let seed = seed ^ 0x6d69_7820_6472_6177 ^ ((scenario as u64) << 48);
    Xoshiro256PlusPlus::seed_from_u64(seed ^ number)
}

/// The second of the run that `offset` lies in, from 0.
pub fn second_of(offset: Duration) -> u32 {
    u32::try_from(offset.as_secs()).unwrap_or(u32::MAX)
}

/// The seconds of a worker.
struct Seconds<'w> {
    spec: &'w WorkerSpec,
    /// The one that has not been sent.
    open: Cell<u32>,
    effort: RefCell<Effort>,
}

impl<'w> Seconds<'w> {
    fn begin(spec: &'w WorkerSpec) -> Self {
        Seconds { spec, open: Cell::new(0), effort: RefCell::new(Effort::begin()) }
    }

    /// How busy the thread was in the one that is over now.
    fn busy(&self) -> Busy {
        let worker = u16::try_from(self.spec.index).ok();
        Busy { worker, percent: self.effort.borrow_mut().percent() }
    }
}

/// Sends a Window at the end of each second of the run.
async fn clock(seconds: &Seconds<'_>, vm: &Vm, pulse: &Pulse, desk: &Desk, posts: &[Rc<Post>]) {
    for second in 0u32.. {
        let end = desk.start + Duration::from_secs(u64::from(second) + 1);
        tokio::time::sleep_until(end).await;
        pulse.beat();
        desk.recorder.borrow_mut().time(&metric::LOOP_LAG, end.elapsed());
        let mut window = flip(desk, posts, second);
        seconds.open.set(second + 1);
        window.busy.push(seconds.busy());
        vm.pace();
        if seconds.spec.windows.send(window).await.is_err() {
            return;
        }
    }
}

fn flip(desk: &Desk, posts: &[Rc<Post>], second: u32) -> Window {
    let mut recorder = desk.recorder.borrow_mut();
    for post in posts {
        for users in post.take_levels() {
            recorder.gauge(&post.place, &metric::VUS, users as f64);
        }
        recorder.gauge(&post.place, &metric::VUS_MAX, post.made.get() as f64);
        if post.counts_backlog {
            let waiting = post.backlog().len();
            recorder.gauge(&post.place, &metric::BACKLOG, waiting as f64);
        }
    }
    if let Some(open) = desk.transport.connections_open() {
        recorder.gauge_of_worker(&metric::CONNECTIONS_OPEN, open as f64);
    }
    recorder.flip(second)
}

/// Passes stops on to the users; never ends by itself.
async fn heed(spec: &WorkerSpec, posts: &[Rc<Post>]) {
    let mut stop = spec.switch.watch();
    let tell_scripts = async {
        let _ = stop.wait_for(Stop::is_stopping).await;
        spec.shared.stopping.store(true, Relaxed);
    };
    let scenarios = posts
        .iter()
        .map(|post| heed_scenario(post, spec.switch.watch(), post.running.watch_halt()));
    tokio::join!(tell_scripts, futures_util::future::join_all(scenarios));
    std::future::pending::<()>().await;
}

/// A stop in two strokes: nothing more starts, then, after the grace, what is left is cut off.
async fn heed_scenario(
    post: &Post,
    mut stop: watch::Receiver<Stop>,
    mut halt: watch::Receiver<bool>,
) {
    tokio::select! {
        _ = stop.wait_for(Stop::is_stopping) => {}
        _ = halt.wait_for(|halted| *halted) => {}
    }
    post.running.cut(post.desk.now());
    post.raise(Level::Stopping);
    tokio::select! {
        _ = stop.wait_for(Stop::is_now) => {}
        () = tokio::time::sleep(post.graceful_stop) => {}
    }
    post.raise(Level::Now);
}
