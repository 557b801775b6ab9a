//! `loadtool check`: everything up to the Plan, and what one user costs; nothing is sent.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use super::logging::{self, LogArgs};
use super::script::ScriptArgs;
use crate::lua::vm::UserSpec;
use crate::plan::draft::Flags;
use crate::results::format;
use crate::run::prepare::{Prepared, prepare};

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
    log: LogArgs,
}

impl CheckArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let secrets = Arc::default();
        logging::start(&self.log, &secrets)?;
        let flags = Flags { base_url: self.base_url, ..Flags::default() };
        let prepared = prepare(self.script.spec(flags, secrets.clone())?)?;
        let (bytes, time) = cost(&prepared)?;
        let plan = prepared.plan.explain();
        Ok(super::print(&format!("{}{}", secrets.mask(&plan), told(bytes, time))))
    }
}

fn told(bytes: u64, time: Duration) -> String {
    let size = format::bytes(bytes as f64);
    let warning = if bytes > HEAVY { TOO_HEAVY } else { "" };
    format!("one user: {size}, made in {} µs\n{warning}", time.as_micros())
}

/// Lua memory [bytes] and time of one user of the first scenario.
fn cost(prepared: &Prepared) -> anyhow::Result<(u64, Duration)> {
    let vm = &prepared.vm;
    vm.bind(&prepared.plan, None)?;
    let user = |id| vm.user(UserSpec { id, number: id, scenario: 0, agent: 1 });
    // What the first one brings along, such as modules, is shared by all; garbage costs nobody.
    let first = user(1)?;
    vm.collect();
    let before = vm.used_memory();
    let began = Instant::now();
    let users = vm.bulk(|| (2..SAMPLE + 2).map(user).collect::<Result<Vec<_>, _>>())?;
    let time = began.elapsed() / u32::try_from(SAMPLE).unwrap_or(u32::MAX);
    vm.collect();
    let bytes = vm.used_memory().saturating_sub(before) / SAMPLE;
    drop((first, users));
    Ok((bytes, time))
}
