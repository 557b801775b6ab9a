//! One run on one page: prepare, set up, drive, tear down, judge, tell.

pub mod calibrate;
pub mod ceiling;
pub mod control;
pub mod controls;
mod environment;
pub mod health;
mod hook;
pub mod once;
mod phases;
pub mod pilot;
pub mod preflight;
pub mod prepare;
pub mod rehearsal;
mod script_text;
pub mod signals;
mod spec;
mod steered;
pub mod stored;
mod tell;
mod views;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::aggregator::Aggregator;
use crate::diagnostic::Diagnostic;
use crate::engine::TransportMaker;
use crate::engine::worker::{second_of, workers};
use crate::http::ReqwestTransport;
use crate::http::Transport;
use crate::lua::vm::Contexts;
use crate::output::sink::Sinks;
use crate::output::tty::Terminal;
use crate::plan::Threshold;
use crate::results::build::Sources;
use crate::results::summary::Delivery;
use crate::results::variants::{Sides, Targets};
use crate::results::watch::Timetable;
use crate::results::{RunInfo, Summary, Watch};
use crate::stop::StopSwitch;
use ceiling::{Ceiling, state_folder};
use control::Control;
use controls::Controls;
use prepare::{Prepared, prepare};
use signals::Signals;
use tell::Begun;

pub use spec::{Progress, RunError, RunSpec, SummaryTo};

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
    if spec.explain {
        spec.screen.line(&prepared.plan.explain());
    }
    refuse_open(prepared.plan.thresholds())?;
    if let Some(baseline) = &spec.script.flags.baseline {
        baseline.remarks(&tell::origin(&prepared)).iter().for_each(|remark| log::warn!("{remark}"));
    }
    preflight::preflight(&prepared).await?;
    let begun = Begun::now();
    let mut control = open(&mut spec, &prepared, &begun, &switch)?;
    let board = match spec.progress {
        Progress::Full => Some(views::feed_screen(&mut control, &prepared)?),
        Progress::Quiet | Progress::Line => None,
    };
    control.sinks.log_setup(&mut prepared.recorder.borrow_mut());
    signals.prepared();
    let contexts: Contexts = phases::set_up(&prepared, &switch).await.into();
    control.aggregator.add(prepared.recorder.borrow_mut().flip(0));
    let mut loads = Vec::new();
    let mut duration = Duration::ZERO;
    let set_up = contexts.len();
    if set_up > 0 {
        let seat =
            (spec.progress != Progress::Quiet).then(|| views::sit(board, &control, &terminal));
        let transport = transport(&prepared);
        let loaded = phases::load(&prepared, contexts, transport, &switch, &mut control).await;
        drop(seat);
        // What setup made is there, whatever came of the load.
        phases::tear_down(&prepared, set_up, &switch).await;
        (loads, duration) = loaded?;
    }
    let last = prepared.recorder.borrow_mut().flip(second_of(duration));
    control.close(last, &loads);
    let info = tell::info(&prepared, begun, duration, &loads);
    let summary = judge(&prepared, info, &mut control, &switch);
    let told = tell_all(&spec, &prepared, control, summary, &switch).await;
    drop(signals);
    Ok(told)
}

/// Who follows the run; whatever of that cannot be had is told before anything is sent.
fn open(
    spec: &mut RunSpec,
    prepared: &Prepared,
    begun: &Begun,
    switch: &StopSwitch,
) -> Result<Control, RunError> {
    let plan = &prepared.plan;
    let controls = Controls::new(plan, switch.clone());
    let mut control = Control {
        aggregator: Aggregator::new(plan.scenarios().iter().map(|s| s.name().clone()).collect()),
        outputs: tell::outputs(spec, plan, &controls)?,
        sinks: Sinks::open(&spec.sinks, &tell::about(prepared, begun))?,
        pilot: spec.pilot.take(),
        watch: Watch::new(plan.thresholds(), Timetable::all(plan.scenarios())),
        controls,
        sides: plan.trial().map(|trial| Sides::new(Targets::of(trial))),
        health: health::Reader::default(),
        panicked: 0,
    };
    if let Some(address) = spec.dashboard {
        views::open_dashboard(address, &mut control, prepared, &spec.screen)?;
    }
    if let Some(store) = &spec.store {
        stored::keep(store, prepared, begun, &mut control)?;
    }
    Ok(control)
}

/// All that was recorded, as a summary with its verdict; no secret is in it.
fn judge(
    prepared: &Prepared,
    mut info: RunInfo,
    control: &mut Control,
    switch: &StopSwitch,
) -> Summary {
    control.controls.add_stages(&mut info);
    if control.pilot.is_some() {
        info.scenarios.iter_mut().for_each(|scenario| scenario.steady.clear());
    }
    let stop = switch.watch().borrow().clone();
    let seed = prepared.plan.seed();
    let variants = control.sides.as_mut().map(|sides| sides.conclude(&info.scenarios, seed));
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
        variants: variants.as_ref(),
        ceiling: ceiling(workers(&prepared.plan)),
    });
    control.controls.conclude(&mut summary);
    if let Some(pilot) = &mut control.pilot {
        pilot.conclude(&mut summary);
    }
    summary.mask(&prepared.shared.secrets);
    summary
}

/// Tells everybody who wants to know; gives the exit code.
async fn tell_all(
    spec: &RunSpec,
    prepared: &Prepared,
    control: Control,
    mut summary: Summary,
    switch: &StopSwitch,
) -> u8 {
    summary.deliver(control.sinks.finish(&summary).await);
    let delivered = !summary.outputs.iter().any(Delivery::is_unwritten);
    let told = tell::tell(&summary, control.outputs);
    if spec.progress != Progress::Quiet {
        stored::tell(&summary, &spec.screen);
    }
    let streams = hook::Streams { stdout_is_taken: spec.summary == SummaryTo::Stdout };
    let hooked = hook::tell(prepared, &summary, streams, switch).await;
    summary.verdict.exit_code_after(!(told && hooked && delivered))
}

/// A limit that is a multiple of a baseline, where there is none.
fn refuse_open(thresholds: &[Threshold]) -> Result<(), Diagnostic> {
    let Some(open) = thresholds.iter().find(|one| one.condition.is_open()) else { return Ok(()) };
    let what = format!("threshold `{open}` is relative to a baseline, and there is none");
    Err(Diagnostic::new(what).hint(
        "--baseline RUN names a kept run, or a file of `loadtool runs export` or --summary-json",
    ))
}

/// All workers share TLS settings, names and the turns of local addresses.
fn transport_maker(transport: &ReqwestTransport) -> TransportMaker {
    let transport = transport.clone();
    Arc::new(move || Ok(Rc::new(transport.clone()) as Rc<dyn Transport>))
}

/// Requests per second that so many workers can make on this machine, if it was calibrated.
fn ceiling(workers: usize) -> Option<f64> {
    let folder = state_folder(|name| std::env::var_os(name))?;
    Some(Ceiling::stored(&folder)?.requests_per_s(workers))
}
