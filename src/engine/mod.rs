//! Driving: users, their iterations, and the threads they live on. Knows no output.
//!
//! ```text
//! start ─▶ thread × workers: Worker::prepare ─▶ (all ready) ─▶ Worker::run: Member × users ─▶ Windows
//! ```
//!
//! User `n` of a scenario with W workers lives on worker `n mod W`; W = min(threads, users). Where
//! targets are compared, it is blocks of users that live together, one for each variant
//! ([`turns`](crate::share::turns)).

pub mod timer;
pub mod effort;
pub mod helm;
pub mod course;
pub mod backlog;
pub mod running;
pub mod post;
pub mod user;
pub mod board;
pub mod crew;
pub mod watchdog;
pub mod worker;

use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::LocalOptions;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::diagnostic::Diagnostic;
use crate::http::Transport;
use crate::lua::host::Shared;
use crate::lua::program::Program;
use crate::lua::pulse::Pulse;
use crate::lua::vm::Contexts;
use crate::metrics::Window;
use crate::metrics::request_log::RequestLogMaker;
use crate::plan::Plan;
use crate::stop::{StopReason, StopSwitch};
use course::Course;
use helm::Helm;
use running::Running;
use timer::Precision;
use watchdog::Watchdog;
use worker::{Worker, WorkerSpec, workers_of};

/// Makes a worker's transport, on its thread.
pub type TransportMaker = Arc<dyn Fn() -> Result<Rc<dyn Transport>, Diagnostic> + Send + Sync>;

/// What to run and with what.
pub struct EngineSpec {
    /// What to run.
    pub plan: Arc<Plan>,
    /// The script.
    pub program: Arc<Program>,
    /// Pools, environment, clock.
    pub shared: Arc<Shared>,
    /// What `setup` returned, as JSON, for each variant.
    pub contexts: Contexts,
    /// Ends the run.
    pub switch: StopSwitch,
    /// Where Windows go; it closes when the last worker has ended.
    pub windows: mpsc::Sender<Window>,
    /// Connections.
    pub transport: TransportMaker,
    /// Who wants requests one by one, if somebody does.
    pub request_log: Option<RequestLogMaker>,
}

/// The workers at work.
pub struct Engine {
    /// The run's start.
    pub started: Instant,
    /// Sees which of the workers go on.
    pub watchdog: Watchdog,
    threads: Vec<JoinHandle<()>>,
    running: Arc<[Arc<Running>]>,
}

/// What a scenario's load came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// When it was under load, warm-up included, since the run's start.
    pub span: Range<Duration>,
    /// Users that could not start.
    pub unable: u64,
}

/// What is told of a worker whose thread panicked.
pub const PANICKED: &str = "a worker thread panicked: its last second is lost";

/// Why there are no users.
#[derive(Debug, Clone, PartialEq)]
pub enum NotReady {
    /// The user's mistake.
    Fault(Diagnostic),
    /// Ours: a worker's thread panicked.
    Panicked,
}

/// Threads that make users before the run starts.
pub struct Starting {
    begin: watch::Sender<Option<Instant>>,
    ready: Vec<oneshot::Receiver<Result<Arc<Pulse>, Diagnostic>>>,
    pulses: Vec<Arc<Pulse>>,
    threads: Vec<JoinHandle<()>>,
    running: Arc<[Arc<Running>]>,
    shared: Arc<Shared>,
    made: Arc<AtomicU64>,
}

/// Starts the threads; each loads the script and makes its users.
pub fn prepare(spec: EngineSpec) -> std::io::Result<Starting> {
    let courses: Vec<Course> = spec.plan.scenarios().iter().map(Course::of).collect();
    let variants = spec.plan.turns().variants();
    let workers = |course: &Course| workers_of(&spec.plan, course.profile.peak());
    let running = |course| Arc::new(Running::new(course, workers(course), variants));
    let running: Arc<[_]> = courses.iter().map(running).collect();
    let begin = watch::Sender::new(None);
    let made = Arc::new(AtomicU64::new(0));
    let workers = worker::workers(&spec.plan);
    let base = WorkerSpec {
        plan: spec.plan,
        program: spec.program,
        shared: spec.shared.clone(),
        contexts: spec.contexts,
        running: running.clone(),
        switch: spec.switch,
        windows: spec.windows,
        request_log: spec.request_log,
        index: 0,
        made: made.clone(),
        precision: Precision::Fine,
    };
    let mut starting = Starting {
        begin,
        ready: Vec::new(),
        pulses: Vec::new(),
        threads: Vec::new(),
        running,
        shared: spec.shared,
        made,
    };
    for index in 0..workers {
        let worker = WorkerSpec { index, ..base.clone() };
        let (ready, is_ready) = oneshot::channel();
        let (transport, begin) = (spec.transport.clone(), starting.begin.subscribe());
        let thread =
            std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
                let switch = worker.switch.clone();
                let work = || work(worker, &transport, ready, begin);
                if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(work)) {
                    // Else the others would wait for its users.
                    switch.now(StopReason::Abort(PANICKED.to_owned()));
                    std::panic::resume_unwind(panic);
                }
            })?;
        starting.ready.push(is_ready);
        starting.threads.push(thread);
    }
    Ok(starting)
}

impl Starting {
    /// How many users have been made so far.
    pub fn users_made(&self) -> u64 {
        self.made.load(Relaxed)
    }

    /// Waits until all users are made, or until the first worker could not make its.
    pub async fn ready(&mut self) -> Result<(), NotReady> {
        let workers = self.ready.drain(..).map(async |ready| match ready.await {
            Ok(made) => made.map_err(NotReady::Fault),
            Err(_) => Err(NotReady::Panicked),
        });
        self.pulses = futures_util::future::try_join_all(workers).await?;
        Ok(())
    }

    /// What steers each scenario, by scenario.
    pub fn helms(&self) -> Vec<Helm> {
        self.running.iter().map(|running| running.helm.clone()).collect()
    }

    /// Starts the load, on all workers at one instant.
    pub fn begin(self) -> Engine {
        let started = Instant::now() + Duration::from_millis(1);
        let _ = self.shared.started.set(started);
        self.begin.send_replace(Some(started));
        let watchdog = Watchdog::new(self.pulses);
        Engine { started, watchdog, threads: self.threads, running: self.running }
    }
}

impl Engine {
    /// Nothing more of any scenario counts from now on: a worker is stuck.
    pub fn cut(&self) {
        let now = self.started.elapsed();
        self.running.iter().for_each(|running| running.cut(now));
    }

    /// Waits for the threads; call it when the channel of Windows has closed, or when only stuck
    /// ones are left, which are left alone until the process ends. Gives what the load of each
    /// scenario of `plan` came to, and how many threads panicked: a bug in this tool.
    pub fn join(self, plan: &Plan) -> (Vec<Delivered>, u64) {
        let threads = self.threads.into_iter().enumerate();
        let ended = threads.filter(|(worker, _)| !self.watchdog.is_stuck(*worker));
        let ends: Vec<_> = ended.map(|(_, thread)| thread.join()).collect();
        let panicked = ends.iter().filter(|end| end.is_err()).count() as u64;
        (delivered(&self.running, plan), panicked)
    }

    /// What has come of each scenario's load so far; one that goes on lasts as long as planned.
    pub fn delivered(&self, plan: &Plan) -> Vec<Delivered> {
        delivered(&self.running, plan)
    }
}

fn delivered(running: &[Arc<Running>], plan: &Plan) -> Vec<Delivered> {
    let planned = plan.scenarios().iter().map(|scenario| Course::of(scenario).profile.duration());
    let loads = running.iter().zip(planned).map(|(running, planned)| Delivered {
        span: running.span(planned),
        unable: running.unable(),
    });
    loads.collect()
}

/// A worker's thread, from its first to its last instruction.
fn work(
    spec: WorkerSpec,
    transport: &TransportMaker,
    ready: oneshot::Sender<Result<Arc<Pulse>, Diagnostic>>,
    mut begin: watch::Receiver<Option<Instant>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .expect("a runtime needs only descriptors, and the limit was raised");
    runtime.block_on(async move {
        let prepared = transport().and_then(|transport| Worker::prepare(spec, transport));
        let (worker, outcome) = match prepared {
            Ok(worker) => {
                let pulse = worker.pulse();
                (Some(worker), Ok(pulse))
            }
            Err(fault) => (None, Err(fault)),
        };
        let _ = ready.send(outcome);
        let Some(worker) = worker else { return };
        // An error means that the control thread has given up before the start.
        let Ok(start) = begin.wait_for(Option::is_some).await.map(|start| *start) else { return };
        if let Some(start) = start {
            worker.run(start).await;
        }
    });
}
