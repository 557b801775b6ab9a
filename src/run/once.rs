//! `loadtool once`: one iteration of one user, told as it happens, in the control thread's Lua.
//!
//! `setup`, `on_start`, `on_stop` and `teardown` run too. There is no load, so nothing is measured
//! but what each request took; the exit code is the iteration's outcome.

mod story;
mod told;

use std::io;
use std::rc::Rc;

use rand::RngExt;
use tokio::time::{Instant, timeout};

use self::story::{Story, StorySpec};
use self::told::ToldTransport;
use super::RunError;
use super::prepare::{Prepared, ScriptSpec, prepare_for};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::engine::post::running_sums;
use crate::engine::worker::{mix_rng, user_id};
use crate::lua::error::{Ended, Failure, Stopped};
use crate::lua::vm::UserSpec;
use crate::lua::vu::Vu;
use crate::metrics::{Phase, Place};
use crate::plan::Plan;
use crate::stop::cancel::Level;

/// What to run and how to tell of it.
pub struct OnceSpec {
    /// The script and what it is told.
    pub script: ScriptSpec,
    /// Which scenario; needed if there are several.
    pub scenario: Option<String>,
    /// Whether bodies are shown.
    pub bodies: bool,
    /// Whether the story gets colours.
    pub color: bool,
}

/// What it came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The iteration completed, and every check held.
    Passed,
    /// It failed, or a check did.
    Failed,
    /// It was stopped for want of data.
    NoData,
    /// By a signal.
    Interrupted,
    /// `lt.abort`, or a failed `setup`.
    Aborted,
}

impl Outcome {
    /// The exit code of a run that ends so.
    fn exit_code(self) -> u8 {
        match self {
            Outcome::Passed => 0,
            Outcome::Failed => 3,
            Outcome::NoData => 4,
            Outcome::Interrupted => 5,
            Outcome::Aborted => 6,
        }
    }
}

/// Where everything but `teardown` is recorded: nobody reads it.
fn place() -> Place {
    Place { phase: Phase::Setup, ..Place::default() }
}

/// Runs one iteration and tells of it on stdout; gives the exit code.
///
/// # Errors
/// What prevented it altogether.
pub fn once(spec: OnceSpec) -> Result<u8, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, drive(spec))
}

async fn drive(spec: OnceSpec) -> Result<u8, RunError> {
    let story = Rc::new(Story::new(StorySpec {
        out: Box::new(io::stdout()),
        color: spec.color,
        bodies: spec.bodies,
        secrets: spec.script.secrets.clone(),
    }));
    let witness = {
        let story = story.clone();
        Box::new(move |event| story.event(event))
    };
    let prepared = prepare_for(Some(witness), spec.script)?;
    let scenario = pick(&prepared.plan, spec.scenario.as_deref())?;
    let inner = prepared.host.transport();
    let redactor = prepared.shared.redactor.clone();
    prepared.host.use_transport(Rc::new(ToldTransport::new(inner, story.clone(), redactor)));
    story.title(&prepared.plan, scenario);
    let outcome = tokio::select! {
        outcome = live(&prepared, scenario, &story) => outcome?,
        _ = tokio::signal::ctrl_c() => Outcome::Interrupted,
    };
    let outcome = match outcome {
        Outcome::Passed if story.failed_checks() > 0 => Outcome::Failed,
        outcome => outcome,
    };
    story.end(outcome);
    Ok(outcome.exit_code())
}

/// The scenario's index in the plan.
fn pick(plan: &Plan, name: Option<&str>) -> Result<usize, Diagnostic> {
    let names = || plan.scenarios().iter().map(|scenario| &**scenario.name());
    let all = || names().collect::<Vec<_>>().join(", ");
    match name {
        None if plan.scenarios().len() == 1 => Ok(0),
        None => Err(Diagnostic::new(format!("there are several scenarios: {}", all()))
            .hint("pick one with --scenario NAME")),
        Some(name) => names().position(|known| known == name).ok_or_else(|| {
            let hint =
                did_you_mean(name, names()).unwrap_or_else(|| format!("there are: {}", all()));
            Diagnostic::new(format!("--scenario: there is no scenario `{name}`")).hint(hint)
        }),
    }
}

/// From `setup` to `teardown`.
async fn live(prepared: &Prepared, scenario: usize, story: &Story) -> Result<Outcome, RunError> {
    let Prepared { vm, definition, plan, .. } = prepared;
    if definition.has("setup") {
        story.part("setup");
    }
    let ctx = match timeout(plan.setup_timeout(), vm.setup(definition, place(), 0)).await {
        Ok(Ok(ctx)) => ctx,
        Ok(Err(failure)) => {
            story.failure(&failure);
            return Ok(Outcome::Aborted);
        }
        Err(_) => {
            story.line("setup took longer than setup_timeout");
            return Ok(Outcome::Aborted);
        }
    };
    vm.bind(plan, &[ctx.into()])?;
    let _ = prepared.shared.started.set(Instant::now());
    let id = user_id(plan, scenario, 0);
    let vu = vm.user(UserSpec { id, number: 1, scenario, variant: 0, agent: 1 })?;
    vu.cancel().raise(Level::Stopping); // it is alone: there is nobody to wait for
    let outcome = iterate(plan, scenario, &vu, story).await;
    drop(vu);
    if definition.has("teardown") {
        story.part("teardown");
        let end = Place { phase: Phase::Teardown, ..place() };
        if let Err(failure) = vm.teardown(definition, end, 0).await {
            story.failure(&failure);
        }
    }
    Ok(outcome)
}

/// The user's part of it.
async fn iterate(plan: &Plan, scenario: usize, vu: &Vu, story: &Story) -> Outcome {
    if vu.has_on_start() {
        story.part("on_start");
        match judged(&vu.on_start(place()).await, story) {
            Outcome::Passed => {}
            outcome => return outcome,
        }
    }
    let branch = draw(plan, scenario);
    let mix = plan.scenarios()[scenario].mix();
    story.part(&match mix.len() {
        0 | 1 => "iteration".to_owned(),
        n => format!("iteration: `{}`, drawn out of {n}", mix[branch].name),
    });
    let outcome = judged(&vu.iterate(0, branch, place()).await, story);
    if vu.has_on_stop() {
        story.part("on_stop");
        judged(&vu.on_stop(place()).await, story);
    }
    outcome
}

/// The branch that the first user's first iteration draws in a run of this seed.
fn draw(plan: &Plan, scenario: usize) -> usize {
    let sums = running_sums(&plan.scenarios()[scenario]);
    let draw = mix_rng(plan.seed(), scenario, 0).random::<f64>();
    sums.partition_point(|&sum| sum <= draw).min(sums.len().saturating_sub(1))
}

fn judged(ended: &Ended, story: &Story) -> Outcome {
    match ended {
        Ended::Completed => Outcome::Passed,
        Ended::Failed(failure) => {
            story.failure(failure);
            Outcome::Failed
        }
        Ended::Stopped(Stopped::Run(message)) => {
            let failure =
                Failure { category: "aborted", message: message.clone(), ..Failure::default() };
            story.failure(&failure);
            Outcome::Aborted
        }
        Ended::Stopped(Stopped::Vu | Stopped::Scenario) => {
            story.line("no row is left in a data pool: the iteration ends here");
            Outcome::NoData
        }
    }
}
