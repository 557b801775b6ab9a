//! Where results go, and what they say of the run itself: which it was, of what, by which command.

use std::io;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

use super::controls::Controls;
use super::environment;
use super::prepare::Prepared;
use super::spec::{Progress, RunSpec, SummaryTo};
use super::views::planned;
use crate::compare::origin::{Origin, loads};
use crate::diagnostic::Diagnostic;
use crate::engine::Delivered;
use crate::output::Output;
use crate::output::console::{Console, ConsoleSpec};
use crate::output::json::Json;
use crate::output::live::Latencies;
use crate::output::sink::About;
use crate::plan::{Plan, Scenario};
use crate::results::run_info::together;
use crate::results::{RunInfo, ScenarioInfo, Summary};

/// Where results go; a file that cannot be written is told before anything is sent.
pub(super) fn outputs(
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
        latencies: Latencies::of(plan),
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
pub(super) fn about(prepared: &Prepared, begun: &Begun) -> About {
    let (plan, secrets) = (&prepared.plan, prepared.shared.secrets.clone());
    let shown = |text: &str| secrets.mask(text).into_owned();
    let is_known = |scenario: &&Scenario| scenario.start().after.is_none();
    let load = |scenario: &Scenario| {
        let span = ScenarioInfo::of(scenario).measured();
        (shown(scenario.name()), span.start.as_secs_f64()..span.end.as_secs_f64())
    };
    About {
        run: begun.id.clone(),
        origin: origin(prepared),
        loads: plan.scenarios().iter().filter(is_known).map(load).collect(),
        scenarios: plan.scenarios().iter().map(|scenario| shown(scenario.name())).collect(),
        secrets,
    }
}

/// What a run's numbers will be of.
pub(super) fn origin(prepared: &Prepared) -> Origin {
    let (plan, secrets) = (&prepared.plan, &prepared.shared.secrets);
    let script = plan.script().display().to_string();
    let loads = loads(&secrets.mask(&plan.explain()));
    Origin::new(&secrets.mask(&script), &sha256_hex(prepared.program.text()), loads)
}

/// Which run it is, and since when.
pub(super) struct Begun {
    pub id: String,
    pub at: jiff::Timestamp,
}

impl Begun {
    /// A run that begins now.
    pub fn now() -> Begun {
        Begun { id: uuid::Uuid::now_v7().to_string(), at: jiff::Timestamp::now() }
    }
}

pub(super) fn info(
    prepared: &Prepared,
    begun: Begun,
    duration: Duration,
    loads: &[Delivered],
) -> RunInfo {
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
        plan: plan.explain(),
        source: environment::source(redactor, prepared.program.text()),
        environment: environment::here(),
    }
}

/// Tells every output; whether all could be written.
pub(super) fn tell(summary: &Summary, outputs: Vec<Box<dyn Output>>) -> bool {
    let mut written = true;
    for mut output in outputs {
        if let Err(error) = output.finish(summary) {
            log::error!("{error}");
            written = false;
        }
    }
    written
}

pub(super) fn sha256_hex(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
