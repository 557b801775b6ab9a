//! One run on one page: prepare, set up, drive, tear down, judge, tell.

pub mod calibrate;
pub mod ceiling;
pub mod control;
pub mod controls;
pub mod pilot;
mod environment;
mod hook;
pub mod health;
pub mod once;
pub mod preflight;
pub mod prepare;
pub mod rehearsal;
pub mod signals;
mod steered;
pub mod stored;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::aggregator::Aggregator;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::worker::second_of;
use crate::engine::{self, Delivered, EngineSpec, NotReady, TransportMaker};
use crate::http::Transport;
use crate::http::client::ReqwestTransport;
use crate::metrics::{Phase, Place};
use crate::output::Output;
use crate::output::console::{Console, ConsoleSpec};
use crate::output::dashboard::Dashboard;
use crate::output::full::{Feed, Full, Shared};
use crate::output::json::Json;
use crate::output::keyboard::Keyboard;
use crate::output::screen::Screen;
use crate::output::sink::spec::{Kind, Wanted};
use crate::output::sink::{About, Sinks};
use crate::output::steer::Steer;
use crate::output::tty::Terminal;
use crate::output::view::{self, View};
use crate::plan::{Plan, Threshold};
use crate::results::build::Sources;
use crate::results::run_info::together;
use crate::results::summary::Delivery;
use crate::results::{RunInfo, ScenarioInfo, Summary, Watch};
use crate::stop::{Stop, StopReason, StopSwitch};
use ceiling::{Ceiling, state_folder};
use control::Control;
use controls::{Controls, StopOnly};
use pilot::Pilot;
use prepare::{Prepared, ScriptSpec, prepare};
use signals::Signals;
use stored::StoreSpec;

/// Windows that may wait for the control thread: minutes of them, then workers wait for it.
const WINDOWS: usize = 1024;

/// How long `teardown` may take.
const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(60);

/// How long it may take after a second signal.
const HASTY_TEARDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// What to run and where to tell of it.
pub struct RunSpec {
    /// The script and what it is told.
    pub script: ScriptSpec,
    /// Where the JSON summary goes.
    pub summary: SummaryTo,
    /// Whether the plan is told before it runs.
    pub explain: bool,
    /// What is shown while it goes on.
    pub progress: Progress,
    /// Whether the report gets colours.
    pub color: bool,
    /// Columns of the terminal that the report is for.
    pub columns: usize,
    /// Where talk goes.
    pub screen: Arc<Screen>,
    /// Who else is told of the results.
    pub outputs: Vec<Box<dyn Output>>,
    /// `--out`.
    pub sinks: Vec<Wanted>,
    /// Where the run is to be kept.
    pub store: Option<StoreSpec>,
    /// Where the live dashboard is to be served.
    pub dashboard: Option<SocketAddr>,
    /// Who steers the load, if somebody does.
    pub pilot: Option<Box<dyn Pilot>>,
}

/// What is shown while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing.
    Quiet,
    /// A live line.
    Line,
    /// The whole terminal, if it can be had.
    Full,
}

/// Where the JSON summary goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SummaryTo {
    /// It was not asked for.
    Nowhere,
    /// A file.
    File(PathBuf),
    /// Stdout; the report then goes to stderr.
    Stdout,
}

/// Why there is no result at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The user's mistakes, before any load.
    #[error(transparent)]
    Faults(#[from] Diagnostics),
    /// The operating system refused a runtime, a thread or a signal handler.
    #[error("cannot start the run")]
    System(#[from] io::Error),
}

impl From<Diagnostic> for RunError {
    fn from(fault: Diagnostic) -> Self {
        RunError::Faults(fault.into())
    }
}

/// Runs a script under load and tells what happened; gives the exit code.
///
/// # Errors
/// What prevented the load altogether. Whatever happens under load is in the result.
pub fn run(spec: RunSpec) -> Result<u8, RunError> {
    run_over(spec, |prepared| transport_maker(&prepared.transport))
}

/// The same over connections of another kind, such as simulated ones.
///
/// # Errors
/// See [`run`].
pub fn run_over(
    spec: RunSpec,
    transport: impl Fn(&Prepared) -> TransportMaker,
) -> Result<u8, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(drive(spec, transport))
}

async fn drive(
    mut spec: RunSpec,
    transport: impl Fn(&Prepared) -> TransportMaker,
) -> Result<u8, RunError> {
    let switch = StopSwitch::default();
    let terminal = Terminal::new(spec.screen.clone());
    let signals = Signals::heed(switch.clone(), terminal.clone())?;
    let prepared = prepare(spec.script.clone())?;
    let controls = Controls::new(&prepared.plan, switch.clone());
    if spec.explain {
        spec.screen.line(&prepared.plan.explain());
    }
    refuse_open(prepared.plan.thresholds())?;
    preflight::preflight(&prepared).await?;
    let begun = Begun { id: uuid::Uuid::now_v7().to_string(), at: jiff::Timestamp::now() };
    let mut control = Control {
        aggregator: Aggregator::new(
            prepared.plan.scenarios().iter().map(|s| s.name().clone()).collect(),
        ),
        outputs: outputs(&mut spec, &prepared.plan, &controls)?,
        sinks: Sinks::open(&spec.sinks, &about(&prepared, &begun))?,
        pilot: spec.pilot.take(),
        watch: Watch::new(prepared.plan.thresholds()),
        controls,
        health: health::Reader::default(),
        panicked: 0,
    };
    if let Some(address) = spec.dashboard {
        open_dashboard(address, &mut control, &prepared, &spec.screen)?;
    }
    if let Some(store) = &spec.store {
        stored::keep(store, &prepared, &begun, &mut control)?;
    }
    let board = match spec.progress {
        Progress::Full => Some(feed_screen(&mut control, &prepared)?),
        Progress::Quiet | Progress::Line => None,
    };
    control.sinks.log_setup(&mut prepared.recorder.borrow_mut());
    signals.prepared();
    let ctx = set_up(&prepared, &switch).await;
    control.aggregator.add(prepared.recorder.borrow_mut().flip(0));
    let mut loads = Vec::new();
    let mut duration = Duration::ZERO;
    if let Some(ctx) = ctx {
        let seat = (spec.progress != Progress::Quiet).then(|| sit(board, &control, &terminal));
        let loaded = load(&prepared, ctx, transport(&prepared), &switch, &mut control).await;
        drop(seat);
        tear_down(&prepared, &switch).await; // what setup made is there, whatever came of the load
        (loads, duration) = loaded?;
    }
    let last = prepared.recorder.borrow_mut().flip(second_of(duration));
    control.close(last, &prepared.plan, &loads);
    let mut info = info(&prepared, begun, duration, &loads);
    control.controls.add_stages(&mut info);
    if control.pilot.is_some() {
        info.scenarios.iter_mut().for_each(|scenario| scenario.steady.clear());
    }
    let stop = switch.watch().borrow().clone();
    let mut summary = Summary::of(&Sources {
        run: &info,
        thresholds: prepared.plan.thresholds(),
        watch: Some(&control.watch),
        totals: control.aggregator.totals(),
        timeline: control.aggregator.timeline(),
        courses: control.aggregator.courses(),
        backlogs: control.aggregator.backlogs(),
        busy: control.aggregator.busy(),
        bugs: &control.bugs(),
        breaches: &control.aggregator.breaches(),
        late_windows: control.aggregator.late_windows(),
        lost_windows: control.aggregator.lost_windows(),
        stop: stop.reason(),
        ceiling: ceiling(info.threads),
    });
    control.controls.conclude(&mut summary);
    if let Some(pilot) = &mut control.pilot {
        pilot.conclude(&mut summary);
    }
    summary.mask(&prepared.shared.secrets);
    summary.deliver(control.sinks.finish(&summary).await);
    let delivered = !summary.outputs.iter().any(Delivery::is_unwritten);
    let told = tell(&summary, control.outputs);
    if spec.progress != Progress::Quiet {
        stored::tell(&summary, &spec.screen);
    }
    let streams = hook::Streams { stdout_is_taken: spec.summary == SummaryTo::Stdout };
    let hooked = hook::tell(&prepared, &summary, streams, &switch).await;
    drop(signals);
    Ok(summary.verdict.exit_code_after(!(told && hooked && delivered)))
}

/// The run's length, where its plan has one that says anything: a search ends when it has found.
fn planned(plan: &Plan, pilot: Option<&dyn Pilot>) -> Option<Duration> {
    plan.length().filter(|_| !pilot.is_some_and(Pilot::seeks))
}

/// What live views show of the run.
fn view(control: &Control, prepared: &Prepared) -> View {
    let Prepared { plan, shared, .. } = prepared;
    View::new(
        plan,
        view::About::new(plan, planned(plan, control.pilot.as_deref()), &shared.secrets),
    )
}

/// What whoever looks may do.
fn steer(control: &Control) -> Arc<dyn Steer> {
    let controls = control.controls.clone();
    match control.pilot {
        Some(_) => Arc::new(StopOnly(controls)),
        None => Arc::new(controls),
    }
}

/// A limit that is a multiple of a baseline, where there is none.
fn refuse_open(thresholds: &[Threshold]) -> Result<(), Diagnostic> {
    let Some(open) = thresholds.iter().find(|one| one.condition.is_open()) else { return Ok(()) };
    let what = format!("threshold `{open}` is relative to a baseline, and there is none");
    Err(Diagnostic::new(what).hint(
        "--baseline RUN names a kept run, or a file of `loadtool runs export` or --summary-json",
    ))
}

/// Serves the run as it goes on, to whoever has the address that is told.
fn open_dashboard(
    address: SocketAddr,
    control: &mut Control,
    prepared: &Prepared,
    screen: &Screen,
) -> Result<(), RunError> {
    let steer = steer(control);
    let (view, secrets) = (view(control, prepared), &prepared.shared.secrets);
    let (dashboard, url) = Dashboard::open(address, view, steer, secrets.clone())?;
    let wanted = Wanted { kind: Kind::Dashboard, dest: address.to_string() };
    control.sinks.add(wanted, dashboard, secrets)?;
    screen.line(&format!("dashboard: {url}"));
    Ok(())
}

/// Lets the full screen know of each second; what it draws.
fn feed_screen(control: &mut Control, prepared: &Prepared) -> Result<Shared, RunError> {
    let secrets = &prepared.shared.secrets;
    let (feed, board) = Feed::new(view(control, prepared), secrets.clone());
    let wanted = Wanted { kind: Kind::Screen, dest: "terminal".to_owned() };
    control.sinks.add(wanted, feed, secrets)?;
    Ok(board)
}

/// Requests per second that so many workers can make on this machine, if it was calibrated.
fn ceiling(workers: usize) -> Option<f64> {
    let folder = state_folder(|name| std::env::var_os(name))?;
    Some(Ceiling::stored(&folder)?.requests_per_s(workers))
}

/// Runs `setup`; `None` if it failed, which ends the run.
async fn set_up(prepared: &Prepared, switch: &StopSwitch) -> Option<Arc<[u8]>> {
    let place = Place { phase: Phase::Setup, ..Place::default() };
    let setup = prepared.vm.setup(&prepared.definition, place);
    let mut stop = switch.watch();
    let failed = tokio::select! {
        done = timeout(prepared.plan.setup_timeout(), setup) => match done {
            Ok(Ok(ctx)) => return Some(ctx.into()),
            Ok(Err(failure)) => format!("setup failed: {}", failure.message),
            Err(_) => "setup took longer than setup_timeout".to_owned(),
        },
        _ = stop.wait_for(Stop::is_stopping) => return None,
    };
    switch.now(StopReason::Abort(failed));
    None
}

/// Drives the load to its end; gives what came of each scenario's, and how long it all took.
async fn load(
    prepared: &Prepared,
    ctx: Arc<[u8]>,
    transport: TransportMaker,
    switch: &StopSwitch,
    control: &mut Control,
) -> Result<(Vec<Delivered>, Duration), RunError> {
    prepared.vm.bind(&prepared.plan, Some(&ctx))?;
    let mut stop = switch.watch();
    if let Some(pilot) = control.pilot.as_mut().filter(|pilot| pilot.seeks()) {
        tokio::select! {
            rehearsed = rehearsal::rehearse(prepared) => {
                let rehearsed = rehearsed?;
                if let Some(failure) = &rehearsed.failure {
                    switch.now(StopReason::Abort(failure.clone()));
                    return Ok(Default::default());
                }
                pilot.rehearsed(&prepared.plan, &rehearsed)?;
            }
            _ = stop.wait_for(Stop::is_stopping) => return Ok(Default::default()),
        }
    }
    let (sender, mut windows) = mpsc::channel(WINDOWS);
    let mut starting = engine::prepare(EngineSpec {
        plan: prepared.plan.clone(),
        program: prepared.program.clone(),
        shared: prepared.shared.clone(),
        ctx: Some(ctx),
        switch: switch.clone(),
        windows: sender,
        transport,
        request_log: control.sinks.request_log(),
    })?;
    tokio::select! {
        biased; // a worker that panics also stops the run
        ready = starting.ready() => match ready {
            Ok(()) => {}
            Err(NotReady::Fault(fault)) => return Err(fault.into()),
            Err(NotReady::Panicked) => {
                control.panicked = 1;
                return Ok(Default::default());
            }
        },
        _ = stop.wait_for(Stop::is_stopping) => return Ok(Default::default()),
    }
    if let Some(pilot) = &mut control.pilot {
        pilot.begin(&prepared.plan, starting.helms());
    }
    let helms = starting.helms();
    control.sinks.begin();
    let mut engine = starting.begin();
    control.controls.begin(engine.started, helms);
    control.health.read();
    control.follow(&mut engine, &prepared.plan, switch, &mut windows).await;
    let duration = engine.started.elapsed();
    let (loads, panicked) = engine.join(&prepared.plan);
    control.panicked = panicked;
    Ok((loads, duration))
}

/// Whoever sits at the terminal while the load goes on; it is given back when they rise.
enum Seat {
    Full(#[expect(dead_code, reason = "it lives as long as the seat")] Full),
    Keys(#[expect(dead_code, reason = "it lives as long as the seat")] Keyboard),
    Empty,
}

/// Gives the terminal to whoever sits at it: all of it if that is wanted, else single keys, with
/// which they steer unless a pilot does.
fn sit(board: Option<Shared>, control: &Control, terminal: &Terminal) -> Seat {
    if let Some(board) = board {
        if let Some(full) = Full::open(terminal, board, steer(control)) {
            return Seat::Full(full);
        }
        log::warn!("the terminal cannot be had whole: a line tells how the run goes");
    }
    if control.pilot.is_some() {
        return Seat::Empty;
    }
    let Some(keyboard) = Keyboard::open(terminal, steer(control)) else { return Seat::Empty };
    let closed = !control.controls.wanted().is_empty();
    let keys = if closed { "keys: + - users, p pause, q stop" } else { "keys: q stop" };
    terminal.screen().line(keys);
    Seat::Keys(keyboard)
}

/// All workers share TLS settings, names and the turns of local addresses.
fn transport_maker(transport: &ReqwestTransport) -> TransportMaker {
    let transport = transport.clone();
    Arc::new(move || Ok(Rc::new(transport.clone()) as Rc<dyn Transport>))
}

/// Runs `teardown`, also after an abort; its failure is recorded and changes no verdict.
async fn tear_down(prepared: &Prepared, switch: &StopSwitch) {
    let place = Place { phase: Phase::Teardown, ..Place::default() };
    let teardown = prepared.vm.teardown(&prepared.definition, place);
    let mut stop = switch.watch();
    let hasty = async {
        let _ = stop.wait_for(Stop::is_hurried).await;
        tokio::time::sleep(HASTY_TEARDOWN_TIMEOUT).await;
    };
    tokio::select! {
        done = timeout(TEARDOWN_TIMEOUT, teardown) => match done {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => log::error!("teardown failed: {}", failure.message),
            Err(_) => log::error!("teardown took longer than {} s", TEARDOWN_TIMEOUT.as_secs()),
        },
        () = hasty => log::error!("teardown was cut off"),
    }
}

/// Where results go; a file that cannot be written is told before anything is sent.
fn outputs(
    spec: &mut RunSpec,
    plan: &Plan,
    controls: &Controls,
) -> Result<Vec<Box<dyn Output>>, Diagnostic> {
    let out: Box<dyn io::Write> = match spec.summary {
        SummaryTo::Stdout => Box::new(io::stderr()),
        _ => Box::new(io::stdout()),
    };
    let console = ConsoleSpec {
        screen: spec.screen.clone(),
        live: spec.progress != Progress::Quiet,
        planned: planned(plan, spec.pilot.as_deref()),
        steered: Box::new({
            let controls = controls.clone();
            move || controls.told()
        }),
        out,
        color: spec.color,
        columns: spec.columns,
    };
    let mut outputs: Vec<Box<dyn Output>> = vec![Box::new(Console::new(console))];
    match &spec.summary {
        SummaryTo::Nowhere => {}
        SummaryTo::File(path) => {
            let json = Json::file(path.clone()).map_err(|e| Diagnostic::new(e.to_string()))?;
            outputs.push(Box::new(json));
        }
        SummaryTo::Stdout => outputs.push(Box::new(Json::Stream(Box::new(io::stdout())))),
    }
    outputs.append(&mut spec.outputs);
    Ok(outputs)
}

/// What outputs are told of a run that begins.
fn about(prepared: &Prepared, begun: &Begun) -> About {
    let secrets = prepared.shared.secrets.clone();
    let names = prepared.plan.scenarios().iter().map(|scenario| scenario.name());
    let scenarios = names.map(|name| secrets.mask(name).into_owned()).collect();
    About { run: begun.id.clone(), scenarios, secrets }
}

/// Which run it is, and since when.
struct Begun {
    id: String,
    at: jiff::Timestamp,
}

fn info(prepared: &Prepared, begun: Begun, duration: Duration, loads: &[Delivered]) -> RunInfo {
    let (plan, redactor) = (&prepared.plan, &prepared.shared.redactor);
    let mut scenarios = ScenarioInfo::all(plan);
    let mut spans = Vec::new();
    for (index, (info, scenario)) in scenarios.iter_mut().zip(plan.scenarios()).enumerate() {
        let Some(load) = loads.get(index) else {
            info.load = Duration::ZERO; // the load never began
            continue;
        };
        spans.push(info.deliver(scenario, &load.span, load.unable));
    }
    RunInfo {
        id: begun.id,
        name: plan.name().to_owned(),
        script: plan.script().display().to_string(),
        script_sha256: sha256_hex(prepared.program.text()),
        started_at: begun.at.to_string(),
        duration,
        load: together(spans),
        seed: plan.seed(),
        threads: plan.threads(),
        agents: 1,
        scenarios,
        command: environment::command(redactor, std::env::args().skip(1)),
        source: environment::source(redactor, prepared.program.text()),
        environment: environment::here(),
    }
}

/// Tells every output; whether all could be written.
fn tell(summary: &Summary, outputs: Vec<Box<dyn Output>>) -> bool {
    let mut written = true;
    for mut output in outputs {
        if let Err(error) = output.finish(summary) {
            log::error!("{error}");
            written = false;
        }
    }
    written
}

fn sha256_hex(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
