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
use crate::metrics::{Phase, Place};
use crate::stop::{Stop, StopReason, StopSwitch};

/// Windows that may wait for the control thread: minutes of them, then workers wait for it.
pub(super) const WINDOWS: usize = 1024;

/// How long `teardown` may take.
const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(60);

/// How long it may take after a second signal.
const HASTY_TEARDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs `setup`; `None` if it failed, which ends the run.
pub(super) async fn set_up(prepared: &Prepared, switch: &StopSwitch) -> Option<Arc<[u8]>> {
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
pub(super) async fn load(
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

/// Runs `teardown`, also after an abort; its failure is recorded and changes no verdict.
pub(super) async fn tear_down(prepared: &Prepared, switch: &StopSwitch) {
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
