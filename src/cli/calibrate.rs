//! `loadtool calibrate`: how much this machine can do at most.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;

use super::load::duration;
use super::logging::{self, LogArgs};
use crate::results::format;
use crate::results::remarks::NEAR;
use crate::run::calibrate::calibrate;
use crate::run::ceiling::{Ceiling, state_folder};

const EXAMPLES: &str = "\
Examples:
  loadtool calibrate                   five seconds, on a machine that does nothing else
  loadtool calibrate --duration 20s

It is kept in $XDG_STATE_HOME/loadtool/calibration.json, or ~/.local/state/loadtool/.

Exit codes: 0 measured and kept, 2 a mistake or no place to keep it, 6 the system refused";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CalibrateArgs {
    /// For how long, after a second to warm up
    #[arg(long, value_name = "D", value_parser = duration, default_value = "5s")]
    duration: Duration,

    #[command(flatten)]
    log: LogArgs,
}

impl CalibrateArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::start(&self.log, &Default::default())?;
        super::allow_descriptors();
        ensure!(
            (1..=600).contains(&self.duration.as_secs()),
            "--duration must be 1s to 10m: a second is what is told apart"
        );
        let folder = state_folder(|name| std::env::var_os(name))
            .context("there is no place to keep it\n  hint: set XDG_STATE_HOME or HOME")?;
        let found = calibrate(&folder, self.duration)?;
        let ceiling = Ceiling::found(found, self.duration.as_secs());
        let kept = ceiling
            .store(&folder)
            .with_context(|| format!("cannot keep it in {}", folder.display()))?;
        Ok(super::print(&format!("{}kept in {}\n", told(&ceiling), kept.display())))
    }
}

fn told(ceiling: &Ceiling) -> String {
    let machine = &ceiling.machine;
    let processor =
        if machine.processor.is_empty() { "unknown processor" } else { &machine.processor };
    let rate = ceiling.requests_per_s_per_core;
    let slow = match ceiling.build.as_str() {
        "debug" => " (a debug build, which is several times slower)",
        _ => "",
    };
    format!(
        "{processor}, {}{slow}\n\
         ceiling: {} requests/s per core, {:.1} µs of CPU each\n\
         a run that comes within {} of it for five seconds says so\n",
        format::counted(machine.cores as u64, "core"),
        format::count(rate as u64),
        1e6 / rate,
        format::percent(1.0 - NEAR),
    )
}
