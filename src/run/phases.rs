//! What a run consists of: `setup`, the load, `teardown`. Each ends early when the run is to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::control::Control;
use super::prepare::Prepared;
use super::rehearsal;
use super::spec::RunError;
use crate::engine::{self, Delivered, EngineSpec, NotReady, TransportMaker};
use crate::lua::vm::Contexts;
use crate::metrics::tags::VARIANT;
use crate::metrics::{Phase, Place};
use crate::stop::{Stop, StopReason, StopSwitch};

/// Windows that may wait for the control thread: minutes of them, then workers wait for it.
pub(super) const WINDOWS: usize = 1024;

/// How long `teardown` may take.
const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(60);

/// How long it may take after a second signal.
const HASTY_TEARDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// What `setup` gave for each variant of the target, or once where there are none. It is shorter if
/// one failed, which ends the run.
pub(super) async fn set_up(prepared: &Prepared, switch: &StopSwitch) -> Vec<Arc<[u8]>> {
    let mut contexts = Vec::new();
    for variant in 0..prepared.plan.turns().variants() {
        match set_up_one(prepared, variant, switch).await {
            Some(ctx) => contexts.push(ctx),
            None => break,
        }
    }
    contexts
}

async fn set_up_one(prepared: &Prepared, variant: usize, switch: &StopSwitch) -> Option<Arc<[u8]>> {
    let place = place(prepared, Phase::Setup, variant);
    let setup = prepared.vm.setup(&prepared.definition, place, variant);
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

/// Where the samples of a hook belong: to no scenario, and to the variant it runs for.
fn place(prepared: &Prepared, phase: Phase, variant: usize) -> Place {
    let name = prepared.plan.variants().get(variant).map(|variant| &*variant.name);
    let tags: Vec<_> = name.map(|name| (VARIANT, name)).into_iter().collect();
    let extra = prepared.recorder.borrow_mut().intern_tags(&tags);
    Place { phase, extra, ..Place::default() }
}

/// Drives the load to its end, unless a variant is without its `setup`; gives what came of each
/// scenario's, and how long it all took.
pub(super) async fn load(
    prepared: &Prepared,
    contexts: Contexts,
    transport: TransportMaker,
    switch: &StopSwitch,
    control: &mut Control,
) -> Result<(Vec<Delivered>, Duration), RunError> {
    prepared.vm.bind(&prepared.plan, &contexts)?;
    if contexts.len() < prepared.plan.turns().variants() {
        return Ok(Default::default());
    }
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
        contexts,
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

/// Runs `teardown` for the first so many variants, also after an abort; its failure is recorded and
/// changes no verdict.
pub(super) async fn tear_down(prepared: &Prepared, variants: usize, switch: &StopSwitch) {
    for variant in 0..variants {
        tear_down_one(prepared, variant, switch).await;
    }
}

async fn tear_down_one(prepared: &Prepared, variant: usize, switch: &StopSwitch) {
    let place = place(prepared, Phase::Teardown, variant);
    let teardown = prepared.vm.teardown(&prepared.definition, place, variant);
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
