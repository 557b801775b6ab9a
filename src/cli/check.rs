//! `loadtool check`: everything up to the Plan, and what one user costs; nothing is sent.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::load::LoadArgs;
use super::logging::{self, LogArgs};
use super::script::ScriptArgs;
use crate::plan::draft::Flags;
use crate::results::format;
use crate::run::preflight::{Cost, weigh, without_base};
use crate::run::prepare::prepare;

/// Users made to see what one costs.
const SAMPLE: u64 = 64;

/// A user above this many bytes is worth a warning.
const HEAVY: u64 = 256 << 10;

const TOO_HEAVY: &str = "  warning: that is much; what all users need only once belongs into \
                         lt.data, or into functions rather than tables at top level\n";

#[derive(Args, Debug)]
pub struct CheckArgs {
    #[command(flatten)]
    script: ScriptArgs,

    /// Joined with URLs that start with `/`; wins over the script's base_url
    #[arg(long, value_name = "URL", help_heading = "Target")]
    base_url: Option<String>,

    #[command(flatten)]
    load: LoadArgs,

    #[command(flatten)]
    log: LogArgs,
}

impl CheckArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let secrets = Arc::default();
        logging::start(&self.log, &secrets)?;
        let flags = Flags { base_url: self.base_url, ..self.load.into() };
        let prepared = prepare(self.script.spec(flags, secrets.clone())?)?;
        if let Some(fault) = without_base(&prepared) {
            return Err(fault.into());
        }
        let cost = weigh(&prepared, SAMPLE)?;
        let plan = prepared.plan.explain();
        Ok(super::print(&format!("{}{}", secrets.mask(&plan), told(cost))))
    }
}

fn told(Cost { bytes, time }: Cost) -> String {
    let size = format::bytes(bytes as f64);
    let warning = if bytes > HEAVY { TOO_HEAVY } else { "" };
    format!("one user: {size}, made in {} µs\n{warning}", time.as_micros())
}
