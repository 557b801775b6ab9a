//! `loadtool once`: one iteration of one user, step by step.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::connections::ConnectionArgs;
use super::logging::{self, LogArgs};
use super::script::ScriptArgs;
use crate::plan::draft::Flags;
use crate::run::once::{OnceSpec, once};
use crate::run::prepare::ScriptSpec;

const EXAMPLES: &str = "\
Examples:
  loadtool once scripts/shop.lua --demo
  loadtool once shop.lua --base-url http://127.0.0.1:8080 -v
  loadtool once evening.lua --scenario visitors --seed 42

Exit codes: 0 passed, 2 usage or script error before any request, 3 the iteration or a check
failed, 4 no data was left, 5 stopped by a signal, 6 aborted, 70 a bug";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct OnceArgs {
    #[command(flatten)]
    script: ScriptArgs,

    /// The scenario; needed if there are several
    #[arg(long, value_name = "NAME", help_heading = "Script")]
    scenario: Option<String>,

    /// Decides every random choice
    #[arg(long, value_name = "N", value_parser = super::load::seed, help_heading = "Script")]
    seed: Option<u64>,

    /// Start the built-in shop on a free port and use it
    #[arg(long, help_heading = "Target")]
    demo: bool,

    /// Joined with URLs that start with `/`; wins over the script's base_url
    #[arg(long, value_name = "URL", help_heading = "Target", conflicts_with = "demo")]
    base_url: Option<String>,

    #[command(flatten)]
    connections: ConnectionArgs,

    /// Give each request a `traceparent` (W3C), by which a tracing backend finds it
    #[arg(long, help_heading = "Output")]
    trace: bool,

    /// Mask the values of this header or field in what is told (repeatable)
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    redact: Vec<String>,

    #[command(flatten)]
    log: LogArgs,
}

impl OnceArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let secrets = Arc::default();
        logging::start(&self.log, &secrets)?;
        super::allow_descriptors();
        let demo = self.demo.then(|| super::demo::open(([127, 0, 0, 1], 0).into())).transpose()?;
        let base_url = demo.as_ref().map(|demo| demo.url());
        let flags = Flags {
            base_url: base_url.or(self.base_url),
            seed: self.seed,
            trace: self.trace,
            connections: self.connections.into(),
            ..Flags::default()
        };
        let spec = OnceSpec {
            script: ScriptSpec { redact: self.redact, ..self.script.spec(flags, secrets)? },
            scenario: self.scenario,
            bodies: self.log.is_verbose(),
            color: self.log.color.decide(&std::io::stdout()),
        };
        let code = once(spec)?;
        drop(demo);
        Ok(ExitCode::from(code))
    }
}
